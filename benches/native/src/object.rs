//! The objects: any size, nothing stored, and no two stretches alike within a mebibyte, so that a
//! contestant that drops, repeats or swaps bytes is found out.

use std::sync::LazyLock;

/// The pattern's length: a prime above 2^20, so that it fits no buffer size.
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

/// The bytes of every object from `offset` on, at most `length`: as many as lie in one piece.
pub fn piece(offset: u64, length: u64) -> &'static [u8] {
    let start = (offset % PERIOD as u64) as usize;
    let end = usize::try_from(length).map_or(PERIOD, |length| PERIOD.min(start.saturating_add(length)));
    &PATTERN[start..end]
}
