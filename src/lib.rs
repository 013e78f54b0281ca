//! Cloakroom: a Matrix media edge.
//!
//! It stands in front of a homeserver's media endpoints. The homeserver authenticates every
//! download; Cloakroom mints a key, injects it into the CDN under a redirect token and redirects
//! the client; the CDN edge looks the key up, fetches the object and encrypts it while streaming;
//! the client decrypts. Whoever is handed only the link gets ciphertext.
//!
//! # The data's way
//!
//! 1. [`protocol`] gives the things that travel their types: [`protocol::Object`] (which media),
//!    [`protocol::RedirectToken`], [`protocol::Grant`], [`protocol::Answer`].
//! 2. [`policy`] says who may read without a token, and whether a remote server lets its media be
//!    asked for. It only ever narrows what the homeserver allows.
//! 3. [`origin`] takes the client's request: *authorise* (the homeserver decides) → *mint* (a key,
//!    a token, a grant) → *inject* (into the key store) → *redirect* (the answer). A client that did
//!    not opt in gets *plain* delivery.
//! 4. [`edge`] takes the request for the link: *lookup* (the grant) → *fetch* (the object, from the
//!    cache or the homeserver) → *encrypt* → *respond*.
//! 5. [`client`] follows the link and decrypts.
//!
//! [`cipher`] is the keystream that 4 and 5 share, [`config`] what an operator may set, and
//! [`ports`] the small traits through which 3 and 4 reach the homeserver, the cache and the key store. All of
//! these are pure: they name no platform and no clock, and are tested natively. `platform` (feature `worker`)
//! is the only folder that names the Cloudflare runtime.
//!
//! # What it does not do
//!
//! The cipher is confidential only, not authenticated; TLS carries integrity. The CDN itself sees
//! plaintext, and so does whoever a client gives its key to. The length of an object is visible.

pub mod cipher;
pub mod client;
pub mod config;
pub mod dispatch;
pub mod edge;
pub mod objects;
pub mod origin;
mod platform;
pub mod policy;
pub mod ports;
pub mod protocol;
