//! Cloakroom's two `ChaCha20` backends by themselves, as the product compiles them.

#[path = "../../../src/cipher/portable.rs"]
mod portable;

use std::cell::RefCell;

const BUFFER_BYTES: usize = 64 * 1024;
const KEY: [u8; 32] = [7; 32];
const NONCE: [u8; 12] = [0; 12];

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; BUFFER_BYTES]);
}

/// Where the buffer of 64 KiB lies in memory.
#[unsafe(no_mangle)]
pub extern "C" fn buffer() -> *const u8 {
    BUFFER.with_borrow(|buffer| buffer.as_ptr())
}

/// XORs the buffer with the keystream `times` times, with the Worker's backend.
#[unsafe(no_mangle)]
pub extern "C" fn simd128(times: u32) {
    BUFFER.with_borrow_mut(|buffer| (0..times).for_each(|_| cloakroom_simd128::xor(&KEY, &NONCE, 0, buffer)));
}

/// The same with the `chacha20` crate.
#[unsafe(no_mangle)]
pub extern "C" fn portable(times: u32) {
    BUFFER.with_borrow_mut(|buffer| (0..times).for_each(|_| portable::xor(&KEY, &NONCE, 0, buffer)));
}

/// XORs the buffer's first `length` bytes with the keystream from byte `offset` on, with the Worker's
/// backend.
#[unsafe(no_mangle)]
pub extern "C" fn encrypt(offset: u32, length: usize) {
    BUFFER.with_borrow_mut(|buffer| {
        let length = length.min(buffer.len());
        cloakroom_simd128::xor(&KEY, &NONCE, offset.into(), &mut buffer[..length]);
    });
}
