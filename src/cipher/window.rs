//! Which bytes of an upstream body go to the client, and whether all of them came.

use std::ops::Range;

use super::{Keystream, KeystreamEnd};

/// Why a body had to be cut off. The response is aborted: a short body never looks complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// The upstream ended before the promised length.
    #[error("the upstream sent {got} bytes of the {promised} it promised")]
    Truncated {
        /// Bytes received.
        got: u64,
        /// Bytes promised.
        promised: u64,
    },
    /// The upstream sent more than it promised.
    #[error("the upstream sent more than the {promised} bytes it promised")]
    Surplus {
        /// Bytes promised.
        promised: u64,
    },
    /// The object is longer than the keystream; such objects are never minted.
    #[error(transparent)]
    Keystream(#[from] KeystreamEnd),
}

/// A window onto an upstream body: the part of it that a client sees. Counts every byte.
///
/// With a keystream the bytes are encrypted in place: **confidential only, not authenticated**.
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
    skip: u64,
    take: u64,
    /// Bytes the upstream body has in all; more or fewer is an error.
    promised: u64,
    got: u64,
}

impl Window {
    /// A window onto `wanted`, through a body that has the bytes `covers`; both are offsets in the object.
    /// What lies outside of `covers` is cut off. The keystream is that of the object.
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

    /// How many bytes the client is promised.
    pub fn length(&self) -> u64 {
        self.take
    }

    /// Whether the body may be handed on as it is: every byte of it, unencrypted.
    pub fn is_transparent(&self) -> bool {
        self.keystream.is_none() && self.skip == 0 && self.take == self.promised
    }

    /// How many bytes the upstream has still to send before the window is complete.
    pub fn remaining(&self) -> u64 {
        (self.skip + self.take).saturating_sub(self.got)
    }

    /// Takes the next chunk of the upstream body, encrypts in place what lies in the window, and
    /// returns the range of `chunk` to hand on (empty while skipping).
    ///
    /// # Errors
    /// `Surplus` if the body is longer than promised; the chunk must not be handed on.
    pub fn push(&mut self, chunk: &mut [u8]) -> Result<Range<usize>, WindowError> {
        let before = self.got;
        let after = before.saturating_add(chunk.len() as u64);
        if after > self.promised {
            return Err(WindowError::Surplus { promised: self.promised });
        }
        self.got = after;
        let start = clamp(self.skip.saturating_sub(before), chunk.len());
        let end = clamp((self.skip + self.take).saturating_sub(before), chunk.len());
        if let (Some(keystream), Some(bytes)) = (&mut self.keystream, chunk.get_mut(start..end)) {
            keystream.apply(bytes)?;
        }
        Ok(start..end)
    }

    /// The upstream ended, or the window is full.
    ///
    /// # Errors
    /// `Truncated` if bytes of the window are missing: the response must be aborted.
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
    fn more_than_promised_is_refused_before_it_is_handed_on() {
        let mut window = Window::onto(0..10, 0..10, None).unwrap();
        assert_eq!(window.push(&mut [0; 8]), Ok(0..8));
        assert_eq!(window.push(&mut [0; 3]), Err(WindowError::Surplus { promised: 10 }));
    }

    #[test]
    fn less_than_promised_never_finishes() {
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
        let keystream = Keystream::body(&Key::from_bytes([0; 32]));
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
            let key = Key::from_bytes([3; 32]);
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
