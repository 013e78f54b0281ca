//! The cipher: `ChaCha20` (RFC 8439) or AES-256 in counter mode as a seekable keystream.
//!
//! Ciphertext byte *i* is plaintext byte *i* XOR keystream byte *i*. So lengths and ranges are those of the
//! plaintext, and one operation both encrypts and decrypts.
//!
//! **Confidential only, not authenticated**: an attacker who can change the ciphertext changes the same bits
//! of the plaintext, unnoticed. TLS provides integrity. And a key must encrypt one plaintext only: two
//! ciphertexts under one key reveal the XOR of their plaintexts.
//!
//! This module knows keys, bytes and offsets. `origin::mint` makes the keys, and `platform` moves the bytes.

#[cfg(not(target_arch = "wasm32"))]
mod portable;
#[cfg(not(target_arch = "wasm32"))]
use portable as backend;

#[cfg(target_arch = "wasm32")]
use cloakroom_simd128 as backend;

mod aes256ctr;
mod algorithm;
mod key;
mod keystream;
mod window;

use ctr::cipher::{StreamCipher, StreamCipherSeek};

pub use aes256ctr::BLOCK_BYTES;
pub use algorithm::Algorithm;
pub use key::Key;
pub use keystream::{KEYSTREAM_BYTES, Keystream, KeystreamEnd};
pub use window::{Window, WindowError};

/// The `ChaCha20` implementation of this build, as the health page names it.
pub const BACKEND: &str = if cfg!(target_arch = "wasm32") { "simd128" } else { "chacha20 crate" };

/// XORs `data` with a crate's keystream from byte `offset` on. The caller has checked that the keystream reaches
/// the end of the data.
fn xor_at(mut cipher: impl StreamCipher + StreamCipherSeek, offset: u64, data: &mut [u8]) {
    let sought = cipher.try_seek(offset);
    let applied = sought.is_ok() && cipher.try_apply_keystream(data).is_ok();
    if !applied {
        // The precondition makes this unreachable. If it is reached all the same, nothing readable leaves.
        data.fill(0);
    }
}
