//! The cipher: `ChaCha20` (RFC 8439) or AES-256 in counter mode as a seekable keystream.
//!
//! Ciphertext byte *i* is plaintext byte *i* XOR keystream byte *i*: lengths and ranges are those
//! of the plaintext, and encrypting and decrypting are the same call.
//!
//! **Confidential only, not authenticated**: whoever can change the ciphertext changes the
//! plaintext, bit by bit and unnoticed. TLS carries integrity. And a key must be used for one
//! plaintext only: two plaintexts under one key give each other away.
//!
//! In scope: keys, bytes and offsets. Out of scope: where keys come from (`origin::mint`) and how bytes
//! travel (`platform`).

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

/// Which `ChaCha20` this build runs: for health and benchmarks.
pub const BACKEND: &str = if cfg!(target_arch = "wasm32") { "simd128" } else { "chacha20 crate" };
