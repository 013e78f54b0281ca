//! The rules of a client (`spec/msc4097.md`, section 9), without I/O.
//!
//! **Confidential only, not authenticated.** Decryption does not prove who wrote the bytes; TLS provides
//! integrity. Before the client releases a byte, it checks that the answer's key opens the sealed metadata,
//! and that the metadata equals the answer's. It also checks the length of the body.
//!
//! - [`follow`] decides which request comes next, and reads the status and headers of each response.
//! - [`Body`] decrypts the body of the media in place, chunk by chunk.
//! - [`public_link::assess`] decides whether media has a link that works without an account.
//! - [`safe_text()`] makes text from outside safe to show.
//!
//! The command line client (`src/bin/cloakroom/`) adds sockets, files and the terminal. End-to-end encrypted
//! attachments stay encrypted: their keys are in the event, and this protocol treats them as any other bytes.
//!
//! ```
//! use cloakroom::client::{Credential, DownloadRequest, HomeserverUrl, follow};
//! use cloakroom::protocol::{Algorithm, Delivery, MxcUri, Object, OptIn, Variant};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let MxcUri { server_name, media_id } = MxcUri::parse("mxc://example.org/AbC")?;
//! let download = DownloadRequest {
//!     object: Object { server_name, media_id, variant: Variant::Original },
//!     opt_in: Some(OptIn { delivery: Delivery::Json, alg: Algorithm::ChaCha20, verbatim: false }.into()),
//!     range: None,
//!     size_bytes: None,
//! };
//! let exchange = follow::start(HomeserverUrl::parse("https://matrix.example.org")?, download);
//! // The first request asks for the media config, which names the edge.
//! assert_eq!(exchange.request().url(), "https://matrix.example.org/_matrix/client/v1/media/config");
//! assert_eq!(exchange.request().credential(), Credential::AccessToken);
//! # Ok(())
//! # }
//! ```

mod address;
mod advertised;
mod decrypt;
mod error;
mod file_name;
pub mod follow;
mod opt_in;
pub mod public_link;
mod range_request;
mod reason;
mod request;
mod response;
mod safe_text;

pub use address::{HomeserverUrl, HomeserverUrlError};
pub use advertised::{Advertised, NotAdvertised};
pub use decrypt::{Body, BodyError};
pub use error::{Class, ClientError, Refusal};
pub use file_name::safe_file_name;
pub use follow::{DeliveredBy, Document, DownloadRequest, Exchange, Media, NextStep};
pub use opt_in::ClientOptIn;
pub use range_request::{RangeRequest, RangeRequestError};
pub use reason::Reason;
pub use request::{Credential, MAX_REDIRECTS, Party, Request};
pub use safe_text::safe_text;
