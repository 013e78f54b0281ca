//! The portable backend: the `chacha20` crate, which selects AVX2, SSE2 or NEON itself.

use chacha20::ChaCha20;
use chacha20::cipher::KeyIvInit;

use super::xor_at;

/// XORs `data` with the keystream from byte `offset` on.
///
/// The caller has checked that the data ends within `KEYSTREAM_BYTES`. That is far from the last block of the
/// 32-bit counter, which the crate cannot generate.
pub(super) fn xor(key: &[u8; 32], nonce: &[u8; 12], offset: u64, data: &mut [u8]) {
    xor_at(ChaCha20::new(key.into(), nonce.into()), offset, data);
}
