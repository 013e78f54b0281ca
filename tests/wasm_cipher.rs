//! Tests the cipher in WebAssembly: the `simd128` backend against the vectors of RFC 8439 and against the
//! `chacha20` crate. Most tests call the backend directly, because `Keystream` has other nonces than the RFC.
//!
//! ```sh
//! CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER=wasm-bindgen-test-runner \
//!   cargo test --target wasm32-unknown-unknown --features getrandom/wasm_js --test wasm_cipher
//! ```

#![cfg(target_arch = "wasm32")]

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};
use cloakroom::cipher::{KEYSTREAM_BYTES, Key, Keystream};
use proptest::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

/// The number of bytes before and after the data, which must not change.
const MARGIN: usize = 48;

#[wasm_bindgen_test]
fn rfc_8439_2_4_2_the_sunscreen_text() {
    let text = b"Ladies and Gentlemen of the class of '99: If I could offer you only one \
        tip for the future, sunscreen would be it.";
    let key = std::array::from_fn(|i| u8::try_from(i).unwrap_or_default());
    let nonce = [0, 0, 0, 0, 0, 0, 0, 0x4a, 0, 0, 0, 0];
    assert_eq!(
        encrypted(&key, &nonce, 1, text),
        "6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0bf91b65c5524733ab8f593dabcd62b357\
         1639d624e65152ab8f530c359f0861d807ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab7793736\
         5af90bbf74a35be6b40b8eedf2785e42874d"
    );
}

#[wasm_bindgen_test]
fn rfc_8439_a_2_vector_1_the_zero_key() {
    assert_eq!(
        encrypted(&[0; 32], &[0; 12], 0, &[0; 64]),
        "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7da41597c5157488d7724e03fb8d84a37\
         6a43b8f41518a11cc387b669b2ee6586"
    );
}

#[wasm_bindgen_test]
fn rfc_8439_a_2_vector_2_the_ietf_text() {
    let text = b"Any submission to the IETF intended by the Contributor for publication as all or \
        part of an IETF Internet-Draft or RFC and any statement made within the context of an IETF \
        activity is considered an \"IETF Contribution\". Such statements include oral statements in \
        IETF sessions, as well as written and electronic communications made at any time or place, \
        which are addressed to";
    let mut key = [0; 32];
    key[31] = 1;
    assert_eq!(
        encrypted(&key, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2], 1, text),
        "a3fbf07df3fa2fde4f376ca23e82737041605d9f4f4f57bd8cff2c1d4b7955ec2a97948bd3722915c8f3d337f7d37005\
         0e9e96d647b7c39f56e031ca5eb6250d4042e02785ececfa4b4bb5e8ead0440e20b6e8db09d881a7c6132f420e527950\
         42bdfa7773d8a9051447b3291ce1411c680465552aa6c405b7764d5e87bea85ad00f8449ed8f72d0d662ab052691ca66\
         424bc86d2df80ea41f43abf937d3259dc4b2d0dfb48a6c9139ddd7f76966e928e635553ba76c5c879d7b35d49eb2e62b\
         0871cdac638939e25e8a1e0ef9d5280fa8ca328b351c3c765989cbcf3daa8b6ccc3aaf9f3979c92b3720fc88dc95ed84\
         a1be059c6499b9fda236e7e818b04b0bc39c1e876b193bfe5569753f88128cc08aaa9b63d1a16f80ef2554d7189c411f\
         5869ca52c5b83fa36ff216b9c1d30062bebcfd2dc5bce0911934fda79a86f6e698ced759c3ff9b6477338f3da4f9cd85\
         14ea9982ccafb341b2384dd902f3d1ab7ac61dd29c6f21ba5b862f3730e37cfdc4fd806c22f221"
    );
}

#[wasm_bindgen_test]
fn rfc_8439_a_2_vector_3_jabberwocky() {
    let text = b"'Twas brillig, and the slithy toves\nDid gyre and gimble in the wabe:\n\
        All mimsy were the borogoves,\nAnd the mome raths outgrabe.";
    let key = [
        0x1c, 0x92, 0x40, 0xa5, 0xeb, 0x55, 0xd3, 0x8a, 0xf3, 0x33, 0x88, 0x86, 0x04, 0xf6, 0xb5, 0xf0, 0x47,
        0x39, 0x17, 0xc1, 0x40, 0x2b, 0x80, 0x09, 0x9d, 0xca, 0x5c, 0xbc, 0x20, 0x70, 0x75, 0xc0,
    ];
    assert_eq!(
        encrypted(&key, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2], 42, text),
        "62e6347f95ed87a45ffae7426f27a1df5fb69110044c0d73118effa95b01e5cf166d3df2d721caf9b21e5fb14c616871\
         fd84c54f9d65b283196c7fe4f60553ebf39c6402c42234e32a356b3e764312a61a5532055716ead6962568f87d3f3f77\
         04c6a8d1bcd1bf4d50d6154b6da731b187b58dfd728afa36757a797ac188d1"
    );
}

#[wasm_bindgen_test]
fn every_length_up_to_more_than_four_groups() {
    let (key, nonce) = ([0xa7; 32], [0x31; 12]);
    for offset in [0, 1, 63, 64, 200, 256, 1000, (1 << 32) - 700, KEYSTREAM_BYTES - 1100] {
        for length in 0..=1100 {
            assert_eq!(agrees(&key, &nonce, offset, length), Ok(()));
        }
    }
}

#[wasm_bindgen_test]
fn metadata_and_body_have_the_nonces_of_the_specification() {
    let key = [0x5c; 32];
    let mut nonce = [0; 12];
    for (mut keystream, last) in
        [(Keystream::body(&Key::chacha20(key)), 0), (Keystream::metadata(&Key::chacha20(key)), 1)]
    {
        nonce[11] = last;
        for offset in [0, 77, KEYSTREAM_BYTES - 3000] {
            let mut data = pattern(3000);
            let mut expected = data.clone();
            reference(&key, &nonce, offset, &mut expected);
            assert_eq!(keystream.seek(offset), Ok(()));
            for piece in data.chunks_mut(1025) {
                assert_eq!(keystream.apply(piece), Ok(()));
            }
            assert!(data == expected, "nonce ending in {last}, offset {offset}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[wasm_bindgen_test]
    fn equals_the_chacha20_crate_at_any_place(
        key in any::<[u8; 32]>(), nonce in any::<[u8; 12]>(), (offset, length) in place(6000),
    ) {
        agrees(&key, &nonce, offset, length).map_err(TestCaseError::fail)?;
    }

    #[wasm_bindgen_test]
    fn any_chunking_gives_the_same_bytes(
        key in any::<[u8; 32]>(), nonce in any::<[u8; 12]>(), (offset, length) in place(12_000),
        cuts in proptest::collection::vec(0..1500_usize, 0..40),
    ) {
        let mut expected = pattern(length);
        let mut data = expected.clone();
        reference(&key, &nonce, offset, &mut expected);
        let (mut rest, mut position) = (data.as_mut_slice(), offset);
        for cut in cuts.into_iter().chain([usize::MAX]) {
            let (piece, after) = rest.split_at_mut(cut.min(rest.len()));
            cloakroom_simd128::xor(&key, &nonce, position, piece);
            position += piece.len() as u64;
            rest = after;
        }
        prop_assert!(data == expected, "chunks from {offset} on, {length} bytes");
    }
}

/// Offsets near borders (the start, 2^20, 2^32 and 2^36 bytes) and anywhere else, with lengths of at most
/// `longest` that end within the keystream.
fn place(longest: usize) -> impl Strategy<Value = (u64, usize)> {
    let near = |border: u64| border.saturating_sub(1500)..=(border + 1500).min(KEYSTREAM_BYTES);
    let offsets =
        prop_oneof![near(0), near(1 << 20), near(1 << 32), near(KEYSTREAM_BYTES), 0..=KEYSTREAM_BYTES];
    (offsets, 0..=longest).prop_map(|(offset, length)| {
        let left = usize::try_from(KEYSTREAM_BYTES - offset).unwrap_or(usize::MAX);
        (offset, length.min(left))
    })
}

/// Compares the backend with the crate on `length` bytes. The alignment in memory varies with the length.
/// Also checks that the bytes around the data have not changed.
fn agrees(key: &[u8; 32], nonce: &[u8; 12], offset: u64, length: usize) -> Result<(), String> {
    let start = MARGIN + length % 16;
    let mut expected = pattern(start + length + MARGIN);
    let mut memory = expected.clone();
    let data = start..start + length;
    expected.get_mut(data.clone()).into_iter().for_each(|data| reference(key, nonce, offset, data));
    memory.get_mut(data).into_iter().for_each(|data| cloakroom_simd128::xor(key, nonce, offset, data));
    match memory.iter().zip(&expected).position(|(byte, expected)| byte != expected) {
        None => Ok(()),
        Some(at) if at < start => Err(format!("{offset}+{length}: byte {} before the data", start - at)),
        Some(at) => Err(format!("{offset}+{length}: byte {} differs", at - start)),
    }
}

/// Encrypts `data` with the `chacha20` crate.
fn reference(key: &[u8; 32], nonce: &[u8; 12], offset: u64, data: &mut [u8]) {
    let mut cipher = ChaCha20::new(key.into(), nonce.into());
    assert!(cipher.try_seek(offset).is_ok() && cipher.try_apply_keystream(data).is_ok(), "{offset}");
}

/// Encrypts `text` with the backend, from block `counter` on. Returns it in hexadecimal.
fn encrypted(key: &[u8; 32], nonce: &[u8; 12], counter: u64, text: &[u8]) -> String {
    let mut data = text.to_vec();
    cloakroom_simd128::xor(key, nonce, 64 * counter, &mut data);
    data.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Returns bytes with a period of 251.
fn pattern(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}
