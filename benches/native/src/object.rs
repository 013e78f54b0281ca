//! The objects. They have any size and are not stored. No part repeats within a mebibyte, so the check
//! detects a contestant that drops, repeats or swaps bytes.

use std::sync::LazyLock;

/// The length of the pattern in bytes: a prime above 2^20, so that it is not a multiple of any buffer size.
const PERIOD: usize = 1_048_583;

static PATTERN: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = std::iter::repeat_with(|| {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(PERIOD).collect()
});

/// Returns bytes of the object from `offset` on: at most `length`, and no more than are contiguous in the
/// pattern.
pub fn piece(offset: u64, length: u64) -> &'static [u8] {
    let start = (offset % PERIOD as u64) as usize;
    let end = usize::try_from(length).map_or(PERIOD, |length| PERIOD.min(start.saturating_add(length)));
    &PATTERN[start..end]
}
