//! The plan, as a table.

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
fn from_the_whole() {
    use Caching::{Fill, None as Nothing, ThisBody};
    use Purpose::{EncryptedLink, Link, Plain};
    let far = range(64 * MIB + 1, 64 * MIB + 9);
    let near = range(64 * MIB, 64 * MIB + 9);
    for (size, cacheable, wanted, purpose, plan) in [
        // Small enough for memory: cached from there.
        (MIB, true, None, Plain, Plan::Buffer { range: None, cache: ThisBody }),
        (MIB, true, range(5, 9), Link, Plan::Buffer { range: range(5, 9), cache: ThisBody }),
        (MIB, false, None, Plain, Plan::Stream { range: None, cache: Nothing }),
        (256 * 1024, false, range(5, 9), EncryptedLink, Plan::Buffer { range: range(5, 9), cache: Nothing }),
        (256 * 1024 + 1, false, None, EncryptedLink, Plan::Stream { range: None, cache: Nothing }),
        // Larger: streamed, and the cache is filled by another request.
        (MIB + 1, true, None, Plain, Plan::Stream { range: None, cache: Fill }),
        (99 * MIB, true, near, Plain, Plan::Stream { range: near, cache: Fill }),
        (99 * MIB, true, near, EncryptedLink, Plan::Stream { range: near, cache: Fill }),
        // Too far in to read and discard.
        (99 * MIB, true, far, Plain, Plan::Stream { range: None, cache: Fill }),
        (99 * MIB, false, far, Plain, Plan::Stream { range: None, cache: Nothing }),
        (99 * MIB, true, far, Link, Plan::FillFirst),
        (99 * MIB, true, far, EncryptedLink, Plan::FillFirst),
        (99 * MIB, false, far, EncryptedLink, Plan::Stream { range: None, cache: Nothing }),
    ] {
        let need = Need { size, range: wanted, cacheable, purpose };
        assert_eq!(need.plan(Given::Whole), plan, "{need:?}");
        // A part that is everything is everything, whether or not a part was asked for.
        if let Some(everything) = range(0, size) {
            assert_eq!(need.plan(Given::Part(everything)), plan, "{need:?}");
        }
    }
}

#[test]
fn from_a_part() {
    use Purpose::{EncryptedLink, Link, Plain};
    let fill = |range| Plan::Stream { range, cache: Caching::Fill };
    let size = 20_000_000;
    for (wanted, given, purpose, plan) in [
        (range(10, 20), (10, 20), Plain, fill(range(10, 20))),
        (range(10, 20), (10, 20), Link, fill(range(10, 20))),
        (range(10, 20), (10, 20), EncryptedLink, Plan::Buffer { range: range(10, 20), cache: Caching::Fill }),
        // More than was asked for.
        (range(10, 20), (0, 900_000), Link, fill(range(10, 20))),
        (range(10, 20), (0, 900_000), Plain, fill(range(10, 20))),
        // Less, as matrix-media-repo answers open ranges: a client of plain media takes it, a link promised more.
        (range(0, size), (0, 10_485_760), Plain, fill(range(0, 10_485_760))),
        (range(0, size), (0, 10_485_760), Link, Plan::AskWhole),
        (range(0, size), (0, 10_485_760), EncryptedLink, Plan::AskWhole),
        (range(10, 20), (0, 15), Plain, fill(range(10, 15))),
        // Something else.
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
