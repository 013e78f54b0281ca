//! `a256ctr`: the `aes` and `ctr` crates.
//!
//! On the Worker only the sealed metadata passes through here: `WebCrypto` encrypts bodies, several times faster.

use aes::Aes256;
use ctr::Ctr32BE;
use ctr::cipher::KeyIvInit;

use super::xor_at;

/// The length of a block of AES in bytes.
pub const BLOCK_BYTES: u64 = 16;

/// Returns the counter block of the keystream's block at byte `offset`: the nonce, then the index of the block.
pub(super) fn counter_block(nonce: &[u8; 12], offset: u64) -> [u8; 16] {
    let mut block = [0; 16];
    let (head, tail) = block.split_at_mut(nonce.len());
    head.copy_from_slice(nonce);
    #[expect(clippy::cast_possible_truncation, reason = "offsets are below 2^36")]
    tail.copy_from_slice(&((offset / BLOCK_BYTES) as u32).to_be_bytes());
    block
}

/// XORs `data` with the keystream from byte `offset` on. The caller has checked that the data ends within
/// `KEYSTREAM_BYTES`.
///
/// The crate counts from the block that it is given and refuses its own block 2^32 - 1. Because it is given the
/// block of `offset`, it can produce the last block of the keystream all the same.
pub(super) fn xor(key: &[u8; 32], nonce: &[u8; 12], offset: u64, data: &mut [u8]) {
    let cipher = Ctr32BE::<Aes256>::new(key.into(), &counter_block(nonce, offset).into());
    xor_at(cipher, offset % BLOCK_BYTES, data);
}
