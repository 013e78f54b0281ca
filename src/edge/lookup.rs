//! Step 1: the grant under the token.

use super::respond::EdgeError;
use crate::ports::Platform;
use crate::protocol::{Grant, RedirectToken};

/// Reads `/<token>` and looks its grant up. What is malformed, unknown, expired or of another
/// version is not found, and nothing outside tells these apart.
///
/// # Errors
/// `NotFound`, or `KeyStore` if the key store cannot be reached.
pub(crate) async fn grant<P: Platform>(platform: &P, path: &str) -> Result<Grant, EdgeError> {
    let token = path.strip_prefix('/').ok_or(EdgeError::NotFound)?;
    let token = RedirectToken::parse(token).map_err(|_| EdgeError::NotFound)?;
    // The form decides where a grant is read: never in the key store for a sealed one.
    let name = token.record_name().ok_or(EdgeError::NotFound)?;
    let record = platform.get(&name).await.map_err(|_| EdgeError::KeyStore)?;
    let grant = Grant::from_json(&record.ok_or(EdgeError::NotFound)?).map_err(|_| EdgeError::NotFound)?;
    if grant.is_expired(platform.now_ms()) { Err(EdgeError::NotFound) } else { Ok(grant) }
}
