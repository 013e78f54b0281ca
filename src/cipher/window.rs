//! Which bytes of an upstream body go to the client, and whether all of them came.

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

/// A window onto an upstream body: skip `skip` bytes, hand on `take`, and count them all.
///
/// `skip` is 0 unless the upstream ignored a range. With a keystream, positioned at the object's
/// byte that is first handed on, the bytes are encrypted in place: **confidential only, not
/// authenticated**.
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
    /// A window of `take` bytes after the first `skip` of an upstream body of `promised` bytes.
    ///
    /// `take` is cut to what the body holds.
    pub fn new(promised: u64, skip: u64, take: u64, keystream: Option<Keystream>) -> Self {
        let skip = skip.min(promised);
        Self { keystream, skip, take: take.min(promised - skip), promised, got: 0 }
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
    pub fn push(&mut self, chunk: &mut [u8]) -> Result<std::ops::Range<usize>, WindowError> {
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
    use crate::protocol::Key;
    use proptest::prelude::*;

    #[test]
    fn more_than_promised_is_refused_before_it_is_handed_on() {
        let mut window = Window::new(10, 0, 10, None);
        assert_eq!(window.push(&mut [0; 8]), Ok(0..8));
        assert_eq!(window.push(&mut [0; 3]), Err(WindowError::Surplus { promised: 10 }));
    }

    #[test]
    fn less_than_promised_never_finishes() {
        let mut window = Window::new(10, 0, 10, None);
        window.push(&mut [0; 9]).unwrap();
        assert_eq!(window.finish(), Err(WindowError::Truncated { got: 9, promised: 10 }));
        window.push(&mut [0; 1]).unwrap();
        assert_eq!(window.finish(), Ok(()));
    }

    #[test]
    fn a_window_beyond_the_body_is_cut() {
        assert_eq!(Window::new(10, 4, 100, None).length(), 6);
        assert_eq!(Window::new(10, 40, 100, None).length(), 0);
    }

    #[test]
    fn only_a_whole_unencrypted_body_is_transparent() {
        let keystream = Keystream::body(&Key::from_bytes([0; 32]));
        assert!(Window::new(10, 0, 10, None).is_transparent());
        assert!(!Window::new(10, 1, 9, None).is_transparent());
        assert!(!Window::new(10, 0, 9, None).is_transparent());
        assert!(!Window::new(10, 0, 10, Some(keystream)).is_transparent());
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_encrypted_slice(
            body in proptest::collection::vec(any::<u8>(), 0..2_000),
            skip in 0..2_500u64, take in 0..2_500u64,
            chunk in 1..700usize,
        ) {
            let key = Key::from_bytes([3; 32]);
            let mut whole = body.clone();
            Keystream::body(&key).apply(&mut whole).unwrap();
            let start = usize::try_from(skip).unwrap().min(body.len());
            let end = (start + usize::try_from(take).unwrap()).min(body.len());

            let mut keystream = Keystream::body(&key);
            keystream.seek(start as u64).unwrap();
            let mut window = Window::new(body.len() as u64, skip, take, Some(keystream));
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
