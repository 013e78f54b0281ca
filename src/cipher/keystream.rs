//! A position in the keystream of one key.

use std::fmt;

use super::{Key, backend};

/// The length of the keystream in bytes, 2^36 (64 GiB): every offset is below it.
///
/// RFC 8439's 32-bit block counter would reach 2^38; the specification of this protocol stops at
/// 2^36 so that `a256ctr` (16-byte blocks, 32-bit counter) has the same limit.
pub const KEYSTREAM_BYTES: u64 = 1 << 36;

/// The body's nonce. A key is used for one object once, so nonces can be constants.
const BODY_NONCE: [u8; 12] = [0; 12];
/// The metadata's nonce: under the same key, a keystream of its own.
const METADATA_NONCE: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// The data would end beyond the keystream (at byte 2^36). Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bytes {offset}..{} lie beyond the end of the keystream at {KEYSTREAM_BYTES}", .offset.saturating_add(*.length))]
pub struct KeystreamEnd {
    /// Where the data starts, in bytes.
    pub offset: u64,
    /// How long it is, in bytes.
    pub length: u64,
}

/// The keystream of one key, at a position. **Confidential only, not authenticated.**
///
/// `apply` both encrypts and decrypts. The key is wiped on drop.
///
/// ```
/// use cloakroom::cipher::{Key, Keystream, KeystreamEnd};
///
/// let key = Key::from_bytes([7; 32]);
/// let mut object = *b"holiday pictures";
/// Keystream::body(&key).apply(&mut object)?;
///
/// // A client that has only the last 8 bytes decrypts those.
/// let mut keystream = Keystream::body(&key);
/// keystream.seek(8)?;
/// keystream.apply(&mut object[8..])?;
/// assert_eq!(&object[8..], b"pictures");
/// assert_eq!(keystream.position(), 16);
/// # Ok::<(), KeystreamEnd>(())
/// ```
pub struct Keystream {
    key: Key,
    nonce: [u8; 12],
    position: u64,
}

impl Keystream {
    /// The keystream of an object's bytes, at byte 0.
    pub fn body(key: &Key) -> Self {
        Self { key: key.clone(), nonce: BODY_NONCE, position: 0 }
    }

    /// The keystream of an object's sealed metadata, at byte 0.
    pub fn metadata(key: &Key) -> Self {
        Self { key: key.clone(), nonce: METADATA_NONCE, position: 0 }
    }

    /// The offset in bytes of the next keystream byte.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Moves to byte `offset`. Its end, 2^36, is a position at which nothing can be applied.
    ///
    /// # Errors
    /// `KeystreamEnd` if `offset` is beyond the end; the position stays.
    pub fn seek(&mut self, offset: u64) -> Result<(), KeystreamEnd> {
        if offset > KEYSTREAM_BYTES {
            return Err(KeystreamEnd { offset, length: 0 });
        }
        self.position = offset;
        Ok(())
    }

    /// XORs `data` in place and advances by its length. Any chunking gives the same bytes.
    ///
    /// # Errors
    /// `KeystreamEnd` if the data would end beyond the keystream; data and position stay.
    pub fn apply(&mut self, data: &mut [u8]) -> Result<(), KeystreamEnd> {
        let length = data.len() as u64;
        let end = self.position.checked_add(length).filter(|end| *end <= KEYSTREAM_BYTES);
        let end = end.ok_or(KeystreamEnd { offset: self.position, length })?;
        backend::xor(self.key.as_bytes(), &self.nonce, self.position, data);
        self.position = end;
        Ok(())
    }
}

impl fmt::Debug for Keystream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keystream").field("position", &self.position).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 8439 section 2.4.2's key is 00..1f; our nonces are fixed, so the vectors with the zero
    /// nonce are those of appendix A.1 and A.2. Vectors with other nonces go to the backend.
    #[test]
    fn rfc_8439_a_2_vector_1_the_zero_key() {
        let mut data = [0; 64];
        Keystream::body(&Key::from_bytes([0; 32])).apply(&mut data).unwrap();
        assert_eq!(hex(&data[..16]), "76b8e0ada0f13d90405d6ae55386bd28");
        assert_eq!(hex(&data[48..]), "6a43b8f41518a11cc387b669b2ee6586");
    }

    #[test]
    fn rfc_8439_a_1_vector_2_the_second_block() {
        let mut stream = Keystream::body(&Key::from_bytes([0; 32]));
        stream.seek(64).unwrap();
        let mut data = [0; 64];
        stream.apply(&mut data).unwrap();
        assert_eq!(hex(&data[..16]), "9f07e7be5551387a98ba977c732d080d");
    }

    #[test]
    fn rfc_8439_2_4_2_the_sunscreen_text() {
        let mut text = *b"Ladies and Gentlemen of the class of '99: If I could offer you only one \
tip for the future, sunscreen would be it.";
        let key: [u8; 32] = std::array::from_fn(|i| u8::try_from(i).unwrap());
        let nonce = [0, 0, 0, 0, 0, 0, 0, 0x4a, 0, 0, 0, 0];
        backend::xor(&key, &nonce, 64, &mut text);
        assert_eq!(hex(&text[..16]), "6e2e359a2568f98041ba0728dd0d6981");
        assert_eq!(hex(&text[text.len() - 10..]), "b40b8eedf2785e42874d");
    }

    #[test]
    fn body_and_metadata_have_different_keystreams() {
        let key = Key::from_bytes([7; 32]);
        let (mut body, mut metadata) = ([0; 64], [0; 64]);
        Keystream::body(&key).apply(&mut body).unwrap();
        Keystream::metadata(&key).apply(&mut metadata).unwrap();
        assert_ne!(body, metadata);
    }

    #[test]
    fn the_end_is_a_typed_error_and_changes_nothing() {
        let mut stream = Keystream::body(&Key::from_bytes([1; 32]));
        stream.seek(KEYSTREAM_BYTES - 3).unwrap();
        let mut data = [9; 4];
        let end = stream.apply(&mut data).unwrap_err();
        assert_eq!(end, KeystreamEnd { offset: KEYSTREAM_BYTES - 3, length: 4 });
        assert_eq!(
            end.to_string(),
            "bytes 68719476733..68719476737 lie beyond the end of the keystream at 68719476736"
        );
        assert_eq!((data, stream.position()), ([9; 4], KEYSTREAM_BYTES - 3));
        stream.apply(&mut data[..3]).unwrap();
        assert_ne!(data[..3], [9; 3]);
        stream.apply(&mut []).unwrap();
        assert!(stream.apply(&mut data[..1]).is_err());
        assert!(stream.seek(KEYSTREAM_BYTES + 1).is_err());
    }

    #[test]
    fn debug_shows_the_position_and_no_key() {
        let stream = Keystream::body(&Key::from_bytes([0xab; 32]));
        insta::assert_snapshot!(format!("{stream:?}"), @"Keystream { position: 0, .. }");
    }

    proptest! {
        #[test]
        fn any_chunking_and_any_seek_give_the_slice_of_the_whole(
            key in any::<[u8; 32]>(),
            start in prop_oneof![0..1_000u64, KEYSTREAM_BYTES - 9_000..KEYSTREAM_BYTES - 8_000, (1u64 << 32) - 500..(1u64 << 32) + 500],
            length in 0..4_000usize,
            cuts in proptest::collection::vec(0..700usize, 0..30),
        ) {
            let key = Key::from_bytes(key);
            let mut whole = vec![0x5a; length];
            let mut stream = Keystream::body(&key);
            stream.seek(start).unwrap();
            stream.apply(&mut whole).unwrap();

            let mut pieces = vec![0x5a; length];
            let mut rest = pieces.as_mut_slice();
            let mut stream = Keystream::body(&key);
            stream.seek(start).unwrap();
            for cut in cuts {
                let (piece, tail) = rest.split_at_mut(cut.min(rest.len()));
                stream.apply(piece).unwrap();
                rest = tail;
            }
            stream.apply(rest).unwrap();
            prop_assert_eq!(&whole, &pieces);

            // A second application at the same place undoes the first.
            let middle = length / 3;
            stream.seek(start + middle as u64).unwrap();
            stream.apply(&mut pieces[middle..]).unwrap();
            prop_assert!(pieces[middle..].iter().all(|byte| *byte == 0x5a));
        }
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }
}
