//! Step 1: looks up the grant under the token.

use super::respond::EdgeError;
use crate::ports::Platform;
use crate::protocol::{Grant, RedirectToken};

/// Parses the path `/<token>` and looks up the token's grant. Malformed, unknown and expired tokens, and
/// records of another version, all give the same `NotFound`, so that a client cannot tell them apart.
///
/// # Errors
/// `NotFound`, or `KeyStore` if the key store cannot be reached.
pub(crate) async fn grant<P: Platform>(platform: &P, path: &str) -> Result<Grant, EdgeError> {
    let token = path.strip_prefix('/').ok_or(EdgeError::NotFound)?;
    let token = RedirectToken::parse(token).map_err(|_| EdgeError::NotFound)?;
    // The token's form decides where its grant is. The key store has none for a sealed token.
    let name = token.record_name().ok_or(EdgeError::NotFound)?;
    let record = platform.get(&name).await.map_err(|_| EdgeError::KeyStore)?;
    let grant = Grant::from_json(&record.ok_or(EdgeError::NotFound)?).map_err(|_| EdgeError::NotFound)?;
    if grant.is_expired(platform.now_ms()) { Err(EdgeError::NotFound) } else { Ok(grant) }
}
