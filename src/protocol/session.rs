//! Sessions: the delivery `session` derives the key of each link from a secret that the client already has
//! (specification, section 4.1). Nothing of a session is stored.

use std::fmt;

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::AccessToken;
use crate::cipher::{Algorithm, Key};
use crate::encoding::{from_base64url, to_base64url};

/// The version of a session id.
const VERSION: u8 = 1;

/// Makes and checks session ids. A secret of the operator's, from which the secrets of all sessions derive.
///
/// `Debug` prints no byte of it, and its bytes are wiped on drop.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SessionMaster {
    id: [u8; 4],
    tag_key: Box<[u8; 32]>,
    secret: Box<[u8; 32]>,
}

/// The masters of an origin: sessions begin with the present one, and those that began with the previous one go on.
#[derive(Clone, Debug)]
pub struct SessionMasters {
    /// `SESSION_SECRET`.
    pub present: SessionMaster,
    /// `SESSION_SECRET_PREVIOUS`.
    pub previous: Option<SessionMaster>,
}

/// Names a session, to be sent with each request. Worthless without the access token that it was made for, but
/// kept out of `Debug` all the same.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SessionId([u8; SessionId::BYTES]);

/// The secret of one session: 32 bytes.
///
/// Like those of a [`Key`], the bytes lie in one place on the heap and are wiped on drop.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SessionSecret(Box<[u8; 32]>);

/// A session that has just begun.
#[derive(Debug)]
pub struct Session {
    /// Its name.
    pub id: SessionId,
    /// Its secret.
    pub secret: SessionSecret,
    /// When it ends, in milliseconds since 1970.
    pub expires_ts: u64,
}

/// The session has ended, or belongs to another access token, or is unknown. The request is served as not opted in,
/// and the client reads the media config again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session has ended, or is not one of this access token's")]
pub struct StaleSession;

impl SessionMaster {
    /// Reads a master as operators write it: 64 hexadecimal digits, which are 32 bytes of a cryptographic random source.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let mut bytes = Zeroizing::new([0; 32]);
        if pairs.len() != bytes.len() || !rest.is_empty() {
            return None;
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Some(Self::from_bytes(&bytes))
    }

    /// Makes a master from 32 bytes of a cryptographic random source.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self {
            id: *derive(bytes, None, "org.matrix.msc4097/session-master", b""),
            tag_key: Box::new(*derive(bytes, None, "org.matrix.msc4097/session-tag", b"")),
            secret: Box::new(*bytes),
        }
    }

    /// Returns the tag of an id for an access token.
    fn mac(&self, head: &[u8], token: &AccessToken) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.tag_key).ok()?;
        mac.update(head);
        mac.update(&Sha256::digest(token.expose()));
        Some(mac)
    }

    fn session_secret(&self, id: &SessionId) -> SessionSecret {
        SessionSecret(Box::new(*derive(&self.secret, None, "org.matrix.msc4097/session", &id.0)))
    }
}

impl fmt::Debug for SessionMaster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionMaster(..)")
    }
}

impl PartialEq for SessionMaster {
    /// Compares the operator's own secrets. No client chooses either of them.
    fn eq(&self, other: &Self) -> bool {
        *self.secret == *other.secret
    }
}

impl SessionMasters {
    /// Begins a session of the user with this access token.
    pub fn begin(&self, token: &AccessToken, expires_ts: u64, random: [u8; 16]) -> Option<Session> {
        let master = &self.present;
        let mut id = [0; SessionId::BYTES];
        let head = [&[VERSION][..], &master.id, &expires_ts.to_be_bytes(), &random].concat();
        let tag = master.mac(&head, token)?.finalize().into_bytes();
        for (byte, value) in id.iter_mut().zip(head.iter().chain(&tag)) {
            *byte = *value;
        }
        let id = SessionId(id);
        Some(Session { id, secret: master.session_secret(&id), expires_ts })
    }

    /// Returns the secret of a session.
    ///
    /// # Errors
    /// `StaleSession` unless the id was made with one of the masters, for this access token, and has not ended.
    pub fn open(
        &self,
        id: SessionId,
        token: &AccessToken,
        now_ms: u64,
    ) -> Result<SessionSecret, StaleSession> {
        let (head, tag) = id.0.split_at(SessionId::HEAD_BYTES);
        let (named, rest) = head.split_first_chunk::<5>().ok_or(StaleSession)?;
        let expires_ts =
            rest.first_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes)).ok_or(StaleSession)?;
        let [version, master_id @ ..] = named;
        let masters = [Some(&self.present), self.previous.as_ref()];
        let master =
            masters.into_iter().flatten().find(|master| master.id == *master_id).ok_or(StaleSession)?;
        let mac = master.mac(head, token).ok_or(StaleSession)?;
        // In constant time.
        mac.verify_truncated_left(tag).map_err(|_| StaleSession)?;
        if *version != VERSION || now_ms >= expires_ts {
            return Err(StaleSession);
        }
        Ok(master.session_secret(&id))
    }
}

impl SessionId {
    /// Version, master, expiry, random bytes and tag.
    const BYTES: usize = Self::HEAD_BYTES + 16;
    /// All of it but the tag.
    const HEAD_BYTES: usize = 1 + 4 + 8 + 16;

    /// Reads the wire form: 60 characters of base64url. Says nothing about whether the session exists.
    pub fn parse(text: &str) -> Option<Self> {
        from_base64url(text)?.try_into().ok().map(Self)
    }

    /// Returns the wire form.
    pub fn to_text(self) -> String {
        to_base64url(&self.0)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(..)")
    }
}

impl SessionSecret {
    /// Reads the wire form: 43 characters of base64url.
    pub fn from_base64url(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(from_base64url(text)?);
        Some(Self(Box::new(bytes.as_slice().try_into().ok()?)))
    }

    /// Returns the bytes themselves.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the wire form, wiped on drop.
    pub fn to_base64url(&self) -> Zeroizing<String> {
        Zeroizing::new(to_base64url(&*self.0))
    }

    /// Derives the key of the link whose redirect token has this name.
    pub fn key(&self, alg: Algorithm, name: &str) -> Key {
        let bytes: Zeroizing<[u8; 32]> =
            derive(&self.0, Some(name.as_bytes()), "org.matrix.msc4097/object/", alg.as_str().as_bytes());
        Key::new(alg, *bytes)
    }
}

impl fmt::Debug for SessionSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionSecret(..)")
    }
}

/// HKDF-SHA256 (RFC 5869). The info is `info` followed by `suffix`.
fn derive<const BYTES: usize>(
    secret: &[u8; 32],
    salt: Option<&[u8]>,
    info: &str,
    suffix: &[u8],
) -> Zeroizing<[u8; BYTES]> {
    let mut derived = Zeroizing::new([0; BYTES]);
    let expanded =
        Hkdf::<Sha256>::new(salt, secret).expand_multi_info(&[info.as_bytes(), suffix], &mut *derived);
    debug_assert!(expanded.is_ok(), "HKDF gives up to 8,160 bytes");
    derived
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_790_000_000_000;

    fn token(text: &str) -> AccessToken {
        AccessToken::new(text).unwrap()
    }

    fn masters(present: u8, previous: Option<u8>) -> SessionMasters {
        let master = |byte| SessionMaster::from_bytes(&[byte; 32]);
        SessionMasters { present: master(present), previous: previous.map(master) }
    }

    #[test]
    fn a_session_opens_for_its_access_token_until_it_ends() {
        let masters = masters(1, None);
        let session = masters.begin(&token("syt_a"), NOW_MS + 1, [7; 16]).unwrap();
        let open = |text, now_ms| masters.open(session.id, &token(text), now_ms);
        let secret = open("syt_a", NOW_MS).unwrap();
        assert_eq!(secret.as_bytes(), session.secret.as_bytes());
        assert_eq!(open("syt_a", NOW_MS + 1).unwrap_err(), StaleSession);
        assert_eq!(open("syt_b", NOW_MS).unwrap_err(), StaleSession);
    }

    #[test]
    fn every_bit_of_an_id_counts() {
        let masters = masters(1, None);
        let SessionId(id) = masters.begin(&token("syt_a"), NOW_MS + 1, [7; 16]).unwrap().id;
        for bit in 0..id.len() * 8 {
            let mut flipped = id;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(masters.open(SessionId(flipped), &token("syt_a"), 0).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_replaced_master_goes_on_as_the_previous_one() {
        let session = masters(1, None).begin(&token("syt_a"), NOW_MS + 1, [7; 16]).unwrap();
        let open = |masters: SessionMasters| masters.open(session.id, &token("syt_a"), NOW_MS).is_ok();
        assert!(open(masters(2, Some(1))));
        assert!(open(masters(1, Some(2))));
        assert!(!open(masters(2, None)));
    }

    #[test]
    fn a_master_is_64_hexadecimal_digits() {
        assert_eq!(SessionMaster::from_hex(&"aB".repeat(32)), Some(SessionMaster::from_bytes(&[0xab; 32])));
        for wrong in
            ["", "ab", &"ab".repeat(31), &"ab".repeat(33), &"a".repeat(63), &"zz".repeat(32), &"é".repeat(32)]
        {
            assert_eq!(SessionMaster::from_hex(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn debug_shows_no_byte() {
        let session = masters(1, Some(2)).begin(&token("syt_a"), NOW_MS, [7; 16]).unwrap();
        insta::assert_snapshot!(
            format!("{session:?} {:?}", masters(1, Some(2))),
            @"Session { id: SessionId(..), secret: SessionSecret(..), expires_ts: 1790000000000 } SessionMasters { present: SessionMaster(..), previous: Some(SessionMaster(..)) }"
        );
    }
}
