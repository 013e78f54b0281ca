//! The WebAssembly backend: `ChaCha20` (RFC 8439) in 128-bit vectors, sixteen blocks at a time.
//!
//! A vector holds one word of four consecutive blocks, one block per lane, so that the rounds move nothing
//! between lanes. These four blocks are a group. The code computes four groups in turn: a column round of
//! each, then a diagonal round of each. Measurements in V8 on x86-64 led to this form:
//!
//! - A single group waits for its own results. With vector latencies of two cycles, a column or diagonal
//!   round is a dependency chain of 28 cycles for 64 instructions, and the processor could start four
//!   instructions per cycle. Computing four groups in turn fills the gaps and is 1.5 times as fast.
//! - The 16 words of a group, the temporaries and the masks do not fit into 16 registers. A column or
//!   diagonal round touches each word once. So the words stay in memory between these rounds: one load and
//!   one store each, and no spills. [`black_box`] forces the compiler to do so.
//! - Rotations by whole bytes are byte shuffles with the mask in a register. [`black_box`] hides the mask
//!   from LLVM, which would otherwise emit an `i8x16.shuffle`. For that, V8 builds the mask anew each time,
//!   in four instructions. The *relaxed* swizzle (WebAssembly 3.0) compiles to the machine instruction alone.
//!   It differs from `i8x16.swizzle` only for mask bytes of 16 and above, and the masks here have none.
//!
//! Each function enables the target feature itself, so that the build needs no compiler flags. A module with
//! these functions loads only in engines with relaxed SIMD.

#![cfg(target_arch = "wasm32")]

use core::arch::wasm32::{
    i8x16, i8x16_relaxed_swizzle, i32x4_add, i32x4_shl, i32x4_shuffle, i64x2_shuffle, u32x4, u32x4_shr,
    u32x4_splat, v128, v128_load, v128_or, v128_store, v128_xor,
};
use core::hint::black_box;

/// Bytes per block (RFC 8439 section 2.3).
const BLOCK_BYTES: u64 = 64;
/// Blocks per group: one per lane.
const GROUP_BLOCKS: u32 = 4;
/// Bytes per group: 4 blocks of 64.
const GROUP_BYTES: usize = 256;
/// Groups that are computed in turn.
const GROUPS: usize = 4;

/// The words of a group: vector *i* holds word *i* of its four blocks, one block per lane.
type Words = [v128; 16];
/// The bytes of a group: four blocks of four rows of four words.
type Group = [[[u8; 16]; 4]; 4];

const ZERO: Words = [u32x4(0, 0, 0, 0); 16];

/// XORs `data` with the keystream from byte `offset` on. The caller has checked that the data ends within the
/// first 2^36 bytes.
pub fn xor(key: &[u8; 32], nonce: &[u8; 12], offset: u64, data: &mut [u8]) {
    #[expect(clippy::cast_possible_truncation, reason = "there are 2^30 blocks, and 64 bytes in each")]
    let (counter, skip) = ((offset / BLOCK_BYTES) as u32, (offset % BLOCK_BYTES) as usize);
    let mut cipher = Cipher::new(key, nonce, counter);
    cipher.xor(skip, data);
    wipe(&mut cipher.next, ZERO);
}

/// The initial state of the next group, and the masks for the rotations.
struct Cipher {
    /// The words before the rounds (RFC 8439 section 2.3): constants, key, counters, nonce.
    next: Words,
    rotate: Rotate,
}

impl Cipher {
    /// Creates a cipher whose next block has the number `counter`.
    #[target_feature(enable = "relaxed-simd")]
    fn new(key: &[u8; 32], nonce: &[u8; 12], counter: u32) -> Self {
        let [c0, c1, c2, c3] = words(b"expand 32-byte k");
        let [k0, k1, k2, k3, k4, k5, k6, k7] = words(key);
        let [n0, n1, n2] = words(nonce);
        let mut next = [c0, c1, c2, c3, k0, k1, k2, k3, k4, k5, k6, k7, counter, n0, n1, n2]
            .map(|word| u32x4_splat(word));
        next[12] = i32x4_add(next[12], u32x4(0, 1, 2, 3));
        Self { next, rotate: Rotate::new() }
    }

    /// XORs `data` with the keystream from byte `skip` of the next block on.
    #[target_feature(enable = "relaxed-simd")]
    fn xor(&mut self, skip: usize, data: &mut [u8]) {
        let head_bytes = if skip == 0 { 0 } else { data.len().min(GROUP_BYTES - skip) };
        let (head, data) = data.split_at_mut(head_bytes);
        let (whole, tail) = data.split_at_mut(data.len() - data.len() % GROUP_BYTES);
        self.xor_part(skip, head);
        let (rows, _) = whole.as_chunks_mut();
        let (blocks, _) = rows.as_chunks_mut();
        let (groups, _) = blocks.as_chunks_mut();
        self.xor_groups(groups);
        self.xor_part(0, tail);
    }

    /// XORs `data`, which is at most a group long, with the next group's keystream from its byte `skip` on.
    #[target_feature(enable = "relaxed-simd")]
    fn xor_part(&mut self, skip: usize, data: &mut [u8]) {
        if data.is_empty() {
            return;
        }
        let mut keystream = [[[[0; 16]; 4]; 4]];
        self.xor_groups(&mut keystream);
        let bytes = keystream.as_flattened().as_flattened().as_flattened();
        for (byte, key) in data.iter_mut().zip(bytes.iter().skip(skip)) {
            *byte ^= key;
        }
        wipe(&mut keystream, [[[[0; 16]; 4]; 4]]);
    }

    /// XORs whole groups with the keystream of the next groups.
    #[target_feature(enable = "relaxed-simd")]
    fn xor_groups(&mut self, data: &mut [Group]) {
        let Self { mut next, rotate } = *self;
        let mut states = [ZERO; GROUPS];
        for data in data.chunks_mut(GROUPS) {
            let (states, _) = states.split_at_mut(data.len());
            let mut ahead = next;
            for words in &mut *states {
                *words = ahead;
                advance(&mut ahead);
            }
            // Ten double rounds.
            for _ in 0..10 {
                for words in &mut *states {
                    rotate.column_round(words);
                }
                for words in &mut *states {
                    rotate.diagonal_round(words);
                }
            }
            for (words, group) in states.iter().zip(data) {
                xor_group(words, &next, group);
                advance(&mut next);
            }
        }
        self.next = next;
        wipe(&mut states, [ZERO; GROUPS]);
    }
}

/// Masks of the byte shuffles that rotate each 32-bit lane to the left.
#[derive(Clone, Copy)]
struct Rotate {
    by_16: v128,
    by_8: v128,
}

impl Rotate {
    #[target_feature(enable = "relaxed-simd")]
    fn new() -> Self {
        Self {
            by_16: black_box(i8x16(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13)),
            by_8: black_box(i8x16(3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14)),
        }
    }

    /// Computes a column round, the first half of a double round (RFC 8439 section 2.3), on four blocks.
    #[target_feature(enable = "relaxed-simd")]
    fn column_round(self, words: &mut Words) {
        let [a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3] = black_box(words);
        self.quarter_round(a0, b0, c0, d0);
        self.quarter_round(a1, b1, c1, d1);
        self.quarter_round(a2, b2, c2, d2);
        self.quarter_round(a3, b3, c3, d3);
    }

    /// Computes a diagonal round, the second half of a double round, on four blocks.
    #[target_feature(enable = "relaxed-simd")]
    fn diagonal_round(self, words: &mut Words) {
        let [a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3] = black_box(words);
        self.quarter_round(a0, b1, c2, d3);
        self.quarter_round(a1, b2, c3, d0);
        self.quarter_round(a2, b3, c0, d1);
        self.quarter_round(a3, b0, c1, d2);
    }

    /// Computes a quarter round (RFC 8439 section 2.1) on four blocks.
    #[target_feature(enable = "relaxed-simd")]
    fn quarter_round(self, a: &mut v128, b: &mut v128, c: &mut v128, d: &mut v128) {
        *a = i32x4_add(*a, *b);
        *d = i8x16_relaxed_swizzle(v128_xor(*d, *a), self.by_16);
        *c = i32x4_add(*c, *d);
        *b = rotate_left::<12>(v128_xor(*b, *c));
        *a = i32x4_add(*a, *b);
        *d = i8x16_relaxed_swizzle(v128_xor(*d, *a), self.by_8);
        *c = i32x4_add(*c, *d);
        *b = rotate_left::<7>(v128_xor(*b, *c));
    }
}

#[target_feature(enable = "relaxed-simd")]
fn rotate_left<const BITS: u32>(lanes: v128) -> v128 {
    v128_or(i32x4_shl(lanes, BITS), u32x4_shr(lanes, 32 - BITS))
}

/// Advances the block counters to the next group.
#[target_feature(enable = "relaxed-simd")]
fn advance(words: &mut Words) {
    words[12] = i32x4_add(words[12], u32x4_splat(GROUP_BLOCKS));
}

/// Adds the words before the rounds to those after them (RFC 8439 section 2.3). XORs the sums, which are the
/// keystream, into a group's bytes.
#[target_feature(enable = "relaxed-simd")]
fn xor_group(after: &Words, before: &Words, [block0, block1, block2, block3]: &mut Group) {
    let mut sums = *after;
    for (sum, before) in sums.iter_mut().zip(before) {
        *sum = i32x4_add(*sum, *before);
    }
    let [a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3] = sums;
    xor_row([a0, a1, a2, a3], [&mut block0[0], &mut block1[0], &mut block2[0], &mut block3[0]]);
    xor_row([b0, b1, b2, b3], [&mut block0[1], &mut block1[1], &mut block2[1], &mut block3[1]]);
    xor_row([c0, c1, c2, c3], [&mut block0[2], &mut block1[2], &mut block2[2], &mut block3[2]]);
    xor_row([d0, d1, d2, d3], [&mut block0[3], &mut block1[3], &mut block2[3], &mut block3[3]]);
}

/// Transposes four words of four blocks (a 4 x 4 matrix) and XORs each block's four words into its row.
#[target_feature(enable = "relaxed-simd")]
fn xor_row([w0, w1, w2, w3]: [v128; 4], [row0, row1, row2, row3]: [&mut [u8; 16]; 4]) {
    let low01 = i32x4_shuffle::<0, 4, 1, 5>(w0, w1);
    let low23 = i32x4_shuffle::<0, 4, 1, 5>(w2, w3);
    let high01 = i32x4_shuffle::<2, 6, 3, 7>(w0, w1);
    let high23 = i32x4_shuffle::<2, 6, 3, 7>(w2, w3);
    xor_16(row0, i64x2_shuffle::<0, 2>(low01, low23));
    xor_16(row1, i64x2_shuffle::<1, 3>(low01, low23));
    xor_16(row2, i64x2_shuffle::<0, 2>(high01, high23));
    xor_16(row3, i64x2_shuffle::<1, 3>(high01, high23));
}

#[target_feature(enable = "relaxed-simd")]
#[expect(unsafe_code, clippy::cast_ptr_alignment, reason = "the intrinsics take pointers, of any alignment")]
fn xor_16(bytes: &mut [u8; 16], keystream: v128) {
    let vector = bytes.as_mut_ptr().cast::<v128>();
    // SAFETY: the pointer comes from an exclusive borrow of 16 bytes, and the intrinsics, which
    // read and write 16 bytes, need no alignment.
    unsafe { v128_store(vector, v128_xor(v128_load(vector), keystream)) }
}

/// Splits `bytes` into little-endian words of four bytes.
fn words<const BYTES: usize, const WORDS: usize>(bytes: &[u8; BYTES]) -> [u32; WORDS] {
    const { assert!(BYTES == 4 * WORDS) }
    let mut words = [0; WORDS];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    words
}

/// Overwrites data that would reveal the key.
fn wipe<T>(secret: &mut T, zero: T) {
    *secret = zero;
    black_box(secret);
}
