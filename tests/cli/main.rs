//! The command line client, as a user has it: the real program against scripted servers.
//!
//! `world` is a homeserver, an edge and a folder; every run is searched for secrets. The real Worker
//! and a real homeserver are tested elsewhere.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails: helpers are tests too"
)]

mod encrypted;
mod files;
mod help;
mod interrupted;
mod link;
mod plain;
mod proxy;
mod server;
mod shown;
mod world;
