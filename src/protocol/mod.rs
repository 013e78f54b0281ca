//! The data that client, homeserver, origin and edge exchange, and the rules for reading it.
//!
//! Each type checks its input when it is built, and nothing here does I/O. `spec/msc4097.md` describes
//! the same formats in prose.
//!
//! `origin`, `edge` and `client` decide who sends what, and when.

mod answer;
mod disposition;
mod error;
mod field;
mod grant;
pub mod header;
mod identifiers;
mod media_request;
mod metadata;
mod number;
mod object;
mod object_info;
mod opt_in;
mod plain_reason;
mod query;
mod range;
mod redirect_token;
mod secret_text;
mod session;
mod web_origin;

pub use crate::cipher::Algorithm;
pub use answer::{Answer, AnswerError, Protection};
pub use disposition::{Disposition, FileName};
pub use error::MatrixError;
pub use field::{ascii_reference, field_text, is_encoded};
pub use grant::{Change, Content, Grant, GrantError, Pins};
pub use identifiers::{IdentifierError, MediaId, MxcUri, ServerName};
pub use media_request::{Endpoint, MediaPath, MediaRequest, Passed, RequestError, Route};
pub use metadata::{Metadata, MetadataError, SEALED_METADATA_BYTES};
pub use number::decimal;
pub use object::{Object, Thumbnail, ThumbnailMethod, Variant};
pub use object_info::ObjectInfo;
pub use opt_in::{
    Delivery, OptIn, OptInKind, PREFIX, SESSION_DELIVERY, SESSION_PARAMETER, SessionOptIn, session_parameters,
};
pub use plain_reason::PlainReason;
pub use query::{Query, QueryError, without_ours};
pub use range::{ByteRange, Requested};
pub use redirect_token::{RedirectToken, RedirectTokenError};
pub use secret_text::AccessToken;
pub use session::{Session, SessionId, SessionMaster, SessionMasters, SessionSecret, StaleSession};
pub use web_origin::WebOrigin;
pub(crate) use web_origin::{WebOriginError, split_authority};
