//! Step 3: mints a key, a token and a grant, and injects the grant into the key store.

use super::Visit;
use crate::cipher::{KEYSTREAM_BYTES, Key};
use crate::config::{Config, EncryptedMedia};
use crate::encoding::to_base64url;
use crate::ports::{Event, Platform};
use crate::protocol::{
    Algorithm, Content, Grant, Metadata, ObjectInfo, OptIn, Pins, PlainReason, RedirectToken, SessionSecret,
};

/// How many seconds the key store keeps a grant after its expiry, so that a download that began in time finds
/// the grant from another data centre too.
const STORE_SLACK_SECS: u64 = 60;

/// A grant and its token, before the grant is in the key store.
#[derive(Debug)]
pub struct Minted {
    /// The token that names the grant.
    pub token: RedirectToken,
    /// The grant.
    pub grant: Grant,
    /// The metadata, which the grant holds as JSON.
    pub metadata: Metadata,
}

/// Mints a grant for a client that opted in.
///
/// # Errors
/// The reason why the client is served plainly.
pub(crate) fn for_opt_in<P: Platform>(
    visit: &Visit<'_, P>,
    opt_in: OptIn,
    info: &ObjectInfo,
) -> Result<Minted, PlainReason> {
    let stored_as_ciphertext = info.content_type == "application/octet-stream";
    let verbatim =
        visit.config.encrypted_media == EncryptedMedia::Verbatim && opt_in.verbatim && stored_as_ciphertext;
    mint(visit, info, |_token| {
        if verbatim {
            Content::Verbatim
        } else {
            Content::Encrypted(Key::new(opt_in.alg, random(visit.platform)))
        }
    })
}

/// Mints for a client with a session: the key derives from the session's secret and the token's name. Objects that are
/// ciphertext already are encrypted again, because no answer could tell the client their type and name.
///
/// # Errors
/// The reason why the client is served plainly.
pub(crate) fn for_session<P: Platform>(
    visit: &Visit<'_, P>,
    secret: &SessionSecret,
    alg: Algorithm,
    info: &ObjectInfo,
) -> Result<Minted, PlainReason> {
    mint(visit, info, |token| Content::Encrypted(secret.key(alg, token.name())))
}

/// Mints a grant for a time-limited plain link, for a client that did not opt in.
///
/// # Errors
/// The reason why there is no link. The limits are the same as for other links.
pub(crate) fn plain_link<P: Platform>(
    visit: &Visit<'_, P>,
    info: &ObjectInfo,
) -> Result<Minted, PlainReason> {
    mint(visit, info, |_token| Content::Plain)
}

/// Returns the object's length in bytes, if it is known and within the limits for links. A grant must pin the
/// length, so there is no grant without one.
///
/// # Errors
/// The reason why there is no link.
pub(crate) fn linkable_size(config: &Config, size: Option<u64>) -> Result<u64, PlainReason> {
    match size {
        None => Err(PlainReason::UnknownLength),
        Some(size) if size >= KEYSTREAM_BYTES || size > config.redirect_max_bytes => {
            Err(PlainReason::TooLarge)
        }
        Some(size) if size < config.redirect_min_bytes => Err(PlainReason::TooSmall),
        Some(size) => Ok(size),
    }
}

/// Mints a grant under a new token. `content` says what the link holds, and may derive the key from the token.
///
/// # Errors
/// The reason why there is no link.
fn mint<P: Platform>(
    visit: &Visit<'_, P>,
    info: &ObjectInfo,
    content: impl FnOnce(&RedirectToken) -> Content,
) -> Result<Minted, PlainReason> {
    let platform = visit.platform;
    let size = linkable_size(visit.config, info.size)?;
    let token = RedirectToken::from_bytes(random(platform));
    let metadata = Metadata::new(size, info, visit.request.file_name.as_ref());
    let grant = Grant {
        content: content(&token),
        object: visit.request.object.clone(),
        pins: Pins::new(size, info),
        metadata: metadata.to_json(),
        etag: format!("\"{}\"", to_base64url(&random::<16, _>(platform))),
        expires_ts: platform.now_ms().saturating_add(visit.config.grant_ttl_secs * 1000),
    };
    Ok(Minted { token, grant, metadata })
}

/// Injects the grant into the key store and waits until it is stored: a link must work as soon as the client
/// has it.
///
/// # Errors
/// `NotAvailable` if the key store fails, or if the edge could not serve the object a short time ago.
pub(crate) async fn inject<P: Platform>(visit: &Visit<'_, P>, minted: &Minted) -> Result<(), PlainReason> {
    let refused = minted.grant.object.refusal_name();
    if matches!(visit.platform.get(&refused).await, Ok(Some(_))) {
        return Err(PlainReason::NotAvailable);
    }
    let ttl_secs = (visit.config.grant_ttl_secs + STORE_SLACK_SECS).max(60);
    let name = minted.token.record_name().ok_or(PlainReason::NotAvailable)?;
    let put = visit.platform.put(&name, &minted.grant.to_json(), ttl_secs).await;
    if put.is_err() {
        visit.platform.log(Event::KeyStorePutFailed);
    }
    put.map_err(|_| PlainReason::NotAvailable)
}

fn random<const BYTES: usize, P: Platform>(platform: &P) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    platform.fill_random(&mut bytes);
    bytes
}
