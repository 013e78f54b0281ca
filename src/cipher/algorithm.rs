//! The algorithms, and their names on the wire.

/// The algorithm of a key (specification, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RFC 8439 `ChaCha20`.
    ChaCha20,
    /// AES-256 in counter mode with a 32-bit block counter, which every browser has built in.
    A256Ctr,
}

impl Algorithm {
    /// All algorithms, in the order in which the origin advertises them.
    pub const ALL: [Self; 2] = [Self::ChaCha20, Self::A256Ctr];

    /// Returns the name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ChaCha20 => "chacha20",
            Self::A256Ctr => "a256ctr",
        }
    }

    /// Parses a name on the wire: the inverse of [`Algorithm::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|alg| alg.as_str() == text)
    }
}
