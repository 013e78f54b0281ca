//! Cloakroom: serves Matrix media from a CDN through encrypted links.
//!
//! Cloakroom stands in front of a homeserver's media endpoints. The homeserver authorises every download.
//! Cloakroom mints a key, injects it into the CDN under a redirect token, and redirects the client. The CDN
//! edge looks the key up, fetches the object and encrypts it while streaming. The client decrypts. A leaked
//! link yields only ciphertext.
//!
//! # A download, from module to module
//!
//! 1. A request enters through `platform` (`platform/workers/js/main.js`, then `entry`), the only folder that
//!    names a runtime, JavaScript or the clock.
//! 2. [`dispatch`] decides by host, path and method who serves the request: the origin, the edge, or the
//!    homeserver itself. Every reply of ours leaves through [`dispatch::finish()`].
//! 3. [`policy`] may refuse a request without a token, or a request for media of a remote homeserver that
//!    withholds it from everybody else. Policies only narrow what the homeserver allows.
//! 4. [`origin`] serves the request for media: *authorise* (the homeserver decides) → *mint* (a key, a token
//!    and a grant) → *inject* (the grant into the key store) → *redirect* (by an answer, or for a client with a session without one). A client that did not
//!    opt in gets *plain* delivery.
//! 5. [`edge`] serves the request for the link: *look up* (the grant) → *open* (the object) → *encrypt* →
//!    *respond*.
//! 6. [`objects`] opens an object at a range for both, from the cache or from the homeserver, and fills the
//!    cache after the response.
//! 7. [`client`] checks the answer, follows the link and decrypts.
//!
//! These modules build on:
//!
//! - [`protocol`]: what travels, from identifiers and ranges to grants and answers.
//! - [`cipher`]: keys, the keystream, and the window onto a body.
//! - [`ports`]: the small traits through which steps 3 to 6 reach the homeserver, remote homeservers, the
//!   cache, the key store and the runtime. `platform` has an adapter for each port, and tests have fakes.
//! - [`config`]: what an operator may set.
//!
//! All modules except `platform` are pure and are tested natively. `cipher` does not use `protocol`, `edge`
//! does not use `origin`, and `objects` uses neither `origin` nor `edge`.
//!
//! # Example
//!
//! Encryption and decryption are the same operation, which can begin at any byte:
//!
//! ```
//! use cloakroom::cipher::{Key, Keystream, Window};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key = Key::chacha20([7; 32]);
//! // The edge: a client asks for bytes 4..9 of an object, and the homeserver sends all 18.
//! let mut body = *b"bytes of a picture";
//! let mut window = Window::onto(0..18, 4..9, Some(Keystream::body(&key)))?;
//! let shown = window.push(&mut body)?;
//! window.finish()?;
//! assert_ne!(&body[shown.clone()], b"s of ");
//! // The client.
//! let mut keystream = Keystream::body(&key);
//! keystream.seek(4)?;
//! keystream.apply(&mut body[shown.clone()])?;
//! assert_eq!(&body[shown], b"s of ");
//! # Ok(())
//! # }
//! ```
//!
//! # Limits
//!
//! The cipher provides confidentiality only; TLS provides integrity. The CDN sees plaintext, and so
//! does everybody to whom a client gives its key. The length of an object is visible.

pub mod cipher;
pub mod client;
pub mod config;
pub mod dispatch;
pub mod edge;
mod encoding;
pub mod objects;
pub mod origin;
mod platform;
pub mod policy;
pub mod ports;
pub mod protocol;
