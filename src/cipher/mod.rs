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

pub use aes256ctr::BLOCK_BYTES;
pub use algorithm::Algorithm;
pub use key::Key;
pub use keystream::{KEYSTREAM_BYTES, Keystream, KeystreamEnd};
pub use window::{Window, WindowError};

/// The `ChaCha20` implementation of this build, as the health page names it.
pub const BACKEND: &str = if cfg!(target_arch = "wasm32") { "simd128" } else { "chacha20 crate" };
