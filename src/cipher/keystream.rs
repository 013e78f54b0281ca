//! The keystream of one key, and a position in it.

use std::fmt;

use super::{Algorithm, Key, aes256ctr, backend};

/// The length of the keystream: 2^36 bytes (64 GiB).
///
/// RFC 8439's 32-bit block counter would reach 2^38 bytes. This protocol stops at 2^36 (specification
/// section 6), so that `a256ctr` (16-byte blocks, 32-bit counter) can have the same limit.
pub const KEYSTREAM_BYTES: u64 = 1 << 36;

/// The nonce for an object's bytes (specification section 6). Nonces can be constants, because a key encrypts
/// one object only.
const BODY_NONCE: [u8; 12] = [0; 12];
/// The nonce for the sealed metadata. It gives another keystream under the same key.
const METADATA_NONCE: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// The error for data that would end beyond the keystream (at byte 2^36). The data is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bytes {offset}..{} lie beyond the end of the keystream at {KEYSTREAM_BYTES}", .offset.saturating_add(*.length))]
pub struct KeystreamEnd {
    /// The offset of the data's first byte.
    pub offset: u64,
    /// The length of the data in bytes.
    pub length: u64,
}

/// The keystream of one key, and a position in it. **Confidential only, not authenticated.**
///
/// [`Keystream::apply`] both encrypts and decrypts. The key is wiped on drop.
///
/// ```
/// use cloakroom::cipher::{Key, Keystream, KeystreamEnd};
///
/// let key = Key::chacha20([7; 32]);
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
    /// Returns the keystream for an object's bytes, at byte 0.
    pub fn body(key: &Key) -> Self {
        Self { key: key.clone(), nonce: BODY_NONCE, position: 0 }
    }

    /// Returns the keystream for an object's sealed metadata, at byte 0.
    pub fn metadata(key: &Key) -> Self {
        Self { key: key.clone(), nonce: METADATA_NONCE, position: 0 }
    }

    /// Returns the algorithm.
    pub fn alg(&self) -> Algorithm {
        self.key.alg()
    }

    /// Returns the key, for a platform that has its own implementation of the algorithm.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Returns the counter block of `a256ctr` for the block that holds the next keystream byte.
    pub fn counter_block(&self) -> [u8; 16] {
        aes256ctr::counter_block(&self.nonce, self.position)
    }

    /// Checks that `length` more bytes lie within the keystream.
    ///
    /// # Errors
    /// `KeystreamEnd` if they do not.
    pub(super) fn check(&self, length: u64) -> Result<u64, KeystreamEnd> {
        let end = self.position.checked_add(length).filter(|end| *end <= KEYSTREAM_BYTES);
        end.ok_or(KeystreamEnd { offset: self.position, length })
    }

    /// Returns the offset of the next keystream byte.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Moves to byte `offset`. The end itself, 2^36, is a valid position, but no byte can be encrypted there.
    ///
    /// # Errors
    /// `KeystreamEnd` if `offset` lies beyond the end. The position does not change then.
    pub fn seek(&mut self, offset: u64) -> Result<(), KeystreamEnd> {
        if offset > KEYSTREAM_BYTES {
            return Err(KeystreamEnd { offset, length: 0 });
        }
        self.position = offset;
        Ok(())
    }

    /// XORs `data` in place with the keystream and advances by its length. The result does not depend on how
    /// a caller splits the data into chunks.
    ///
    /// # Errors
    /// `KeystreamEnd` if the data would end beyond the keystream. Data and position do not change then.
    pub fn apply(&mut self, data: &mut [u8]) -> Result<(), KeystreamEnd> {
        let end = self.check(data.len() as u64)?;
        let xor = match self.key.alg() {
            Algorithm::ChaCha20 => backend::xor,
            Algorithm::A256Ctr => aes256ctr::xor,
        };
        xor(self.key.as_bytes(), &self.nonce, self.position, data);
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

    /// `Keystream` has fixed nonces, so it is tested with the RFC's vectors for the zero nonce (appendix A.1
    /// and A.2). The backend is tested with a vector for another nonce (section 2.4.2).
    #[test]
    fn rfc_8439_a_2_vector_1_the_zero_key() {
        let mut data = [0; 64];
        Keystream::body(&Key::chacha20([0; 32])).apply(&mut data).unwrap();
        assert_eq!(hex(&data[..16]), "76b8e0ada0f13d90405d6ae55386bd28");
        assert_eq!(hex(&data[48..]), "6a43b8f41518a11cc387b669b2ee6586");
    }

    #[test]
    fn rfc_8439_a_1_vector_2_the_second_block() {
        let mut stream = Keystream::body(&Key::chacha20([0; 32]));
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
        let key = Key::chacha20([7; 32]);
        let (mut body, mut metadata) = ([0; 64], [0; 64]);
        Keystream::body(&key).apply(&mut body).unwrap();
        Keystream::metadata(&key).apply(&mut metadata).unwrap();
        assert_ne!(body, metadata);
    }

    #[test]
    fn data_beyond_the_end_is_an_error_and_stays_unchanged() {
        let mut stream = Keystream::body(&Key::chacha20([1; 32]));
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
        let stream = Keystream::body(&Key::chacha20([0xab; 32]));
        insta::assert_snapshot!(format!("{stream:?}"), @"Keystream { position: 0, .. }");
    }

    proptest! {
        #[test]
        fn any_seek_and_any_chunking_give_a_slice_of_the_whole(
            key in any::<[u8; 32]>(),
            start in prop_oneof![0..1_000u64, KEYSTREAM_BYTES - 9_000..KEYSTREAM_BYTES - 8_000, (1u64 << 32) - 500..(1u64 << 32) + 500],
            length in 0..4_000usize,
            cuts in proptest::collection::vec(0..700usize, 0..30),
        ) {
            let key = Key::chacha20(key);
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

            // Applying the keystream a second time at the same place undoes the first time.
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
