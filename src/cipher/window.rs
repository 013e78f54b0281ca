//! Selects the bytes of an upstream body that go to the client, and checks that all of them arrived.

use std::ops::Range;

use super::{Algorithm, Keystream, KeystreamEnd};

/// The reason for cutting a body off. The response is aborted, so that a short body never looks complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// The upstream body ended before its promised length.
    #[error("the upstream sent only {got} of the {promised} bytes that it promised")]
    Truncated {
        /// Bytes received.
        got: u64,
        /// Bytes promised.
        promised: u64,
    },
    /// The upstream sent more bytes than it promised.
    #[error("the upstream sent more than the {promised} bytes that it promised")]
    Surplus {
        /// Bytes promised.
        promised: u64,
    },
    /// The object is longer than the keystream. The origin grants no such object.
    #[error(transparent)]
    Keystream(#[from] KeystreamEnd),
}

/// A window onto an upstream body: the part that a client gets. It counts every byte of the body.
///
/// With a keystream it encrypts the bytes in place: **confidential only, not authenticated**.
///
/// ```
/// use cloakroom::cipher::{Window, WindowError};
///
/// // A client asks for bytes 6..14 of an object, and the homeserver sends bytes 0..18 in two chunks.
/// let mut window = Window::onto(0..18, 6..14, None)?;
/// assert_eq!(window.length(), 8);
///
/// let mut chunks = [b"bytes of ".to_vec(), b"a picture".to_vec()];
/// let mut shown = Vec::new();
/// for chunk in &mut chunks {
///     let part = window.push(chunk)?;
///     shown.extend_from_slice(&chunk[part]);
/// }
/// assert_eq!(shown, b"of a pic");
///
/// // All 18 bytes came. A body that ends early is an error instead.
/// window.finish()?;
/// assert!(matches!(Window::onto(0..18, 6..14, None)?.finish(), Err(WindowError::Truncated { got: 0, promised: 18 })));
/// # Ok::<(), WindowError>(())
/// ```
#[derive(Debug)]
pub struct Window {
    keystream: Option<Keystream>,
    /// Bytes of the body before the window.
    skip: u64,
    /// Bytes in the window.
    take: u64,
    /// Length of the whole upstream body in bytes. More or fewer bytes are an error.
    promised: u64,
    /// Bytes of the body received so far.
    got: u64,
}

impl Window {
    /// Creates a window onto the bytes `wanted` of an object, for a body that has the bytes `covers` of it.
    /// Both ranges are offsets in the object, in bytes. The window leaves out any wanted byte that lies
    /// outside of `covers`. `keystream` is the one for the object's bytes, at any position.
    ///
    /// # Errors
    /// `KeystreamEnd` if the window begins beyond the end of the keystream.
    pub fn onto(
        covers: Range<u64>,
        wanted: Range<u64>,
        keystream: Option<Keystream>,
    ) -> Result<Self, KeystreamEnd> {
        let end = wanted.end.min(covers.end).max(covers.start);
        let start = wanted.start.max(covers.start).min(end);
        let keystream =
            keystream.map(|mut keystream| keystream.seek(start).map(|()| keystream)).transpose()?;
        let promised = covers.end.saturating_sub(covers.start);
        Ok(Self { keystream, skip: start - covers.start, take: end - start, promised, got: 0 })
    }

    /// Returns the length of the window in bytes, which the client is promised.
    pub fn length(&self) -> u64 {
        self.take
    }

    /// Returns whether the window passes the whole body on unencrypted, so that the caller may pass it on as
    /// it is.
    pub fn is_transparent(&self) -> bool {
        self.keystream.is_none() && self.skip == 0 && self.take == self.promised
    }

    /// Returns how many bytes the upstream still has to send until the window is complete.
    pub fn remaining(&self) -> u64 {
        (self.skip + self.take).saturating_sub(self.got)
    }

    /// Returns the algorithm that encrypts the window's bytes, if one does.
    pub fn alg(&self) -> Option<Algorithm> {
        self.keystream.as_ref().map(Keystream::alg)
    }

    /// Takes the keystream out of the window, for a platform that encrypts with it what [`Window::advance`] shows.
    /// Returns it with the offset in the object of the first byte that the upstream body sends. `None` if the window's
    /// bytes are not encrypted.
    ///
    /// # Errors
    /// `KeystreamEnd` if the window ends beyond the end of the keystream.
    pub fn detach_keystream(&mut self) -> Result<Option<(Keystream, u64)>, KeystreamEnd> {
        let Some(keystream) = self.keystream.take() else { return Ok(None) };
        keystream.check(self.take)?;
        let begins_at = keystream.position().saturating_sub(self.skip);
        Ok(Some((keystream, begins_at)))
    }

    /// Takes the next chunk of the upstream body and encrypts in place the bytes that lie in the window.
    /// Returns their range in `chunk`, which is empty if none of them do.
    ///
    /// # Errors
    /// `Surplus` if the body is longer than promised, `Keystream` if the window ends beyond the keystream.
    /// The caller must not pass the chunk on then.
    pub fn push(&mut self, chunk: &mut [u8]) -> Result<Range<usize>, WindowError> {
        let shown = self.advance(chunk.len())?;
        if let (Some(keystream), Some(bytes)) = (&mut self.keystream, chunk.get_mut(shown.clone())) {
            keystream.apply(bytes)?;
        }
        Ok(shown)
    }

    /// Counts the next chunk of the upstream body, of `length` bytes, without encrypting it. Returns the range of it to
    /// hand on (empty while skipping).
    ///
    /// # Errors
    /// `Surplus` if the body is longer than promised; the chunk must not be handed on.
    pub fn advance(&mut self, length: usize) -> Result<Range<usize>, WindowError> {
        let before = self.got;
        let after = before.saturating_add(length as u64);
        if after > self.promised {
            return Err(WindowError::Surplus { promised: self.promised });
        }
        self.got = after;
        let start = clamp(self.skip.saturating_sub(before), length);
        let end = clamp((self.skip + self.take).saturating_sub(before), length);
        Ok(start..end)
    }

    /// Checks that the window is complete, when the upstream has ended or the window is full.
    ///
    /// # Errors
    /// `Truncated` if bytes of the window are missing. The caller must abort the response then.
    pub fn finish(&self) -> Result<(), WindowError> {
        if self.remaining() > 0 {
            return Err(WindowError::Truncated { got: self.got, promised: self.promised });
        }
        Ok(())
    }
}

fn clamp(value: u64, max: usize) -> usize {
    usize::try_from(value).map_or(max, |value| value.min(max))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cipher::Key;
    use proptest::prelude::*;

    #[test]
    fn a_surplus_is_refused_before_it_is_passed_on() {
        let mut window = Window::onto(0..10, 0..10, None).unwrap();
        assert_eq!(window.push(&mut [0; 8]), Ok(0..8));
        assert_eq!(window.push(&mut [0; 3]), Err(WindowError::Surplus { promised: 10 }));
    }

    #[test]
    fn a_truncated_body_never_finishes() {
        let mut window = Window::onto(5..15, 0..20, None).unwrap();
        window.push(&mut [0; 9]).unwrap();
        assert_eq!(window.finish(), Err(WindowError::Truncated { got: 9, promised: 10 }));
        window.push(&mut [0; 1]).unwrap();
        assert_eq!(window.finish(), Ok(()));
    }

    #[test]
    fn a_window_beyond_the_body_is_cut() {
        let length = |covers, wanted| Window::onto(covers, wanted, None).unwrap().length();
        assert_eq!(length(0..10, 4..104), 6);
        assert_eq!(length(0..10, 40..140), 0);
        assert_eq!(length(5..10, 0..3), 0);
        assert_eq!(length(5..10, 0..7), 2);
        assert_eq!(length(0..0, 0..0), 0);
    }

    #[test]
    fn only_a_whole_unencrypted_body_is_transparent() {
        let keystream = Keystream::body(&Key::chacha20([0; 32]));
        let transparent =
            |covers, wanted, keystream| Window::onto(covers, wanted, keystream).unwrap().is_transparent();
        assert!(transparent(0..10, 0..10, None));
        assert!(transparent(5..10, 5..10, None));
        assert!(!transparent(0..10, 1..10, None));
        assert!(!transparent(0..10, 0..9, None));
        assert!(!transparent(0..10, 0..10, Some(keystream)));
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_encrypted_slice(
            body in proptest::collection::vec(any::<u8>(), 0..2_000),
            offset in 0..3_000u64, skip in 0..2_500u64, take in 0..2_500u64,
            chunk in 1..700usize,
        ) {
            let key = Key::chacha20([3; 32]);
            let mut keystream = Keystream::body(&key);
            keystream.seek(offset).unwrap();
            let mut whole = body.clone();
            keystream.apply(&mut whole).unwrap();
            let start = usize::try_from(skip).unwrap().min(body.len());
            let end = (start + usize::try_from(take).unwrap()).min(body.len());

            let covers = offset..offset + body.len() as u64;
            let wanted = offset + skip..offset + skip + take;
            let mut window = Window::onto(covers, wanted, Some(Keystream::body(&key))).unwrap();
            let mut sent = Vec::new();
            for piece in body.clone().chunks_mut(chunk) {
                let range = window.push(piece).unwrap();
                sent.extend_from_slice(&piece[range]);
            }
            window.finish().unwrap();
            prop_assert_eq!(window.length(), sent.len() as u64);
            prop_assert_eq!(&sent, &whole[start..end]);
        }
    }
}
