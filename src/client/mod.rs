//! The client: asks the homeserver, follows the link, decrypts.
//!
//! **Confidential only, not authenticated.** Decrypting proves nothing about who wrote the bytes:
//! TLS carries integrity. What is checked is the length, and that the sealed metadata opens with
//! the answer's key and says what the answer said; no byte is released before that.
//!
//! In scope: the rules of a client, as values that do no I/O. [`follow`] says which request comes
//! next and what to make of a response's head, [`Body`] turns the body that then arrives into
//! plaintext, chunk by chunk and in place; [`public_link::assess`] says whether media have a URL that works
//! without an account; [`safe_text`] makes text from outside fit to be shown. Out of scope: sockets, files, terminals (the command line client,
//! `src/bin/cloakroom/`), and the decryption of end-to-end encrypted attachments, whose keys are in
//! the event: to this protocol they are bytes like any others.
//!
//! ```
//! use cloakroom::client::{Credential, DownloadRequest, HomeserverUrl, follow};
//! use cloakroom::protocol::{Algorithm, Delivery, MxcUri, Object, OptIn, Variant};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let MxcUri { server_name, media_id } = MxcUri::parse("mxc://example.org/AbC")?;
//! let download = DownloadRequest {
//!     object: Object { server_name, media_id, variant: Variant::Original },
//!     opt_in: Some(OptIn { delivery: Delivery::Json, alg: Algorithm::ChaCha20, verbatim: false }),
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
pub use range_request::{RangeRequest, RangeRequestError};
pub use reason::Reason;
pub use request::{Credential, MAX_REDIRECTS, Party, Request};
pub use safe_text::safe_text;
