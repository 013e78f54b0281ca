//! Tables of plans.

use super::*;
use crate::protocol::ByteRange;

const MIB: u64 = 1024 * 1024;

fn range(start: u64, end: u64) -> Option<ByteRange> {
    ByteRange::new(start, end)
}

fn need(size: u64, range: Option<ByteRange>, purpose: Purpose) -> Need {
    Need { size, range, cacheable: true, purpose }
}

#[test]
fn plans_for_a_whole_body() {
    use Caching::{Fill, None as Nothing, ThisBody};
    use Purpose::{EncryptedLink, Link, Plain};
    let far = range(64 * MIB + 1, 64 * MIB + 9);
    let near = range(64 * MIB, 64 * MIB + 9);
    for (size, cacheable, wanted, purpose, plan) in [
        // Small enough to buffer, and then cached from memory.
        (MIB, true, None, Plain, Plan::Buffer { range: None, cache: ThisBody }),
        (MIB, true, range(5, 9), Link, Plan::Buffer { range: range(5, 9), cache: ThisBody }),
        (MIB, false, None, Plain, Plan::Stream { range: None, cache: Nothing }),
        (256 * 1024, false, range(5, 9), EncryptedLink, Plan::Buffer { range: range(5, 9), cache: Nothing }),
        (256 * 1024 + 1, false, None, EncryptedLink, Plan::Stream { range: None, cache: Nothing }),
        // Larger objects are streamed, and a separate request fills the cache.
        (MIB + 1, true, None, Plain, Plan::Stream { range: None, cache: Fill }),
        (99 * MIB, true, near, Plain, Plan::Stream { range: near, cache: Fill }),
        (99 * MIB, true, near, EncryptedLink, Plan::Stream { range: near, cache: Fill }),
        // The range starts too far into the object to be reached by reading and discarding.
        (99 * MIB, true, far, Plain, Plan::Stream { range: None, cache: Fill }),
        (99 * MIB, false, far, Plain, Plan::Stream { range: None, cache: Nothing }),
        (99 * MIB, true, far, Link, Plan::FillFirst),
        (99 * MIB, true, far, EncryptedLink, Plan::FillFirst),
        (99 * MIB, false, far, EncryptedLink, Plan::Stream { range: None, cache: Nothing }),
    ] {
        let need = Need { size, range: wanted, cacheable, purpose };
        assert_eq!(need.plan(Given::Whole), plan, "{need:?}");
        // A part that covers the whole object counts as the whole, even if no part was requested.
        if let Some(everything) = range(0, size) {
            assert_eq!(need.plan(Given::Part(everything)), plan, "{need:?}");
        }
    }
}

#[test]
fn plans_for_a_part() {
    use Purpose::{EncryptedLink, Link, Plain};
    let fill = |range| Plan::Stream { range, cache: Caching::Fill };
    let size = 20_000_000;
    for (wanted, given, purpose, plan) in [
        (range(10, 20), (10, 20), Plain, fill(range(10, 20))),
        (range(10, 20), (10, 20), Link, fill(range(10, 20))),
        (range(10, 20), (10, 20), EncryptedLink, Plan::Buffer { range: range(10, 20), cache: Caching::Fill }),
        // The part is larger than requested.
        (range(10, 20), (0, 900_000), Link, fill(range(10, 20))),
        (range(10, 20), (0, 900_000), Plain, fill(range(10, 20))),
        // The part is shorter than requested, as matrix-media-repo sends it for an open range. Plain delivery
        // may pass it on, but a link may not.
        (range(0, size), (0, 10_485_760), Plain, fill(range(0, 10_485_760))),
        (range(0, size), (0, 10_485_760), Link, Plan::AskWhole),
        (range(0, size), (0, 10_485_760), EncryptedLink, Plan::AskWhole),
        (range(10, 20), (0, 15), Plain, fill(range(10, 15))),
        // The part does not fit.
        (range(10, 20), (11, 20), Plain, Plan::AskWhole),
        (range(10, 20), (20, 30), Plain, Plan::AskWhole),
        (range(10, 20), (0, 10), EncryptedLink, Plan::AskWhole),
        (None, (0, 10), Plain, Plan::AskWhole),
    ] {
        let given = ByteRange::new(given.0, given.1).unwrap();
        assert_eq!(
            need(size, wanted, purpose).plan(Given::Part(given)),
            plan,
            "{wanted:?} {given:?} {purpose:?}"
        );
    }
}

#[test]
fn an_empty_object_is_served_like_any_other() {
    for purpose in [Purpose::Plain, Purpose::Link, Purpose::EncryptedLink] {
        let plan = need(0, None, purpose).plan(Given::Whole);
        assert_eq!(plan, Plan::Buffer { range: None, cache: Caching::ThisBody });
    }
}
