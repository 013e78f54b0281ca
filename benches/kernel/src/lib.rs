//! Cloakroom's two `ChaCha20` backends without the rest of the product, compiled in the same way.

#[path = "../../../src/cipher/portable.rs"]
mod portable;

use std::cell::RefCell;

const BUFFER_BYTES: usize = 64 * 1024;
const KEY: [u8; 32] = [7; 32];
const NONCE: [u8; 12] = [0; 12];

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; BUFFER_BYTES]);
}

/// Returns the address of the buffer, which has 64 KiB.
#[unsafe(no_mangle)]
pub extern "C" fn buffer() -> *const u8 {
    BUFFER.with_borrow(|buffer| buffer.as_ptr())
}

/// XORs the buffer with the keystream `times` times, with the Worker's backend (`simd128`).
#[unsafe(no_mangle)]
pub extern "C" fn simd128(times: u32) {
    BUFFER.with_borrow_mut(|buffer| (0..times).for_each(|_| cloakroom_simd128::xor(&KEY, &NONCE, 0, buffer)));
}

/// XORs the buffer with the keystream `times` times, with the portable backend (the `chacha20` crate).
#[unsafe(no_mangle)]
pub extern "C" fn portable(times: u32) {
    BUFFER.with_borrow_mut(|buffer| (0..times).for_each(|_| portable::xor(&KEY, &NONCE, 0, buffer)));
}

/// XORs the first `length` bytes of the buffer with the keystream from byte `offset` on, with the Worker's
/// backend.
#[unsafe(no_mangle)]
pub extern "C" fn encrypt(offset: u32, length: usize) {
    BUFFER.with_borrow_mut(|buffer| {
        let length = length.min(buffer.len());
        cloakroom_simd128::xor(&KEY, &NONCE, offset.into(), &mut buffer[..length]);
    });
}
