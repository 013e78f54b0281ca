//! Tests the command line client as users run it: the real program against scripted servers.
//!
//! `world` is a homeserver, an edge and a folder. It searches the output of every run for secrets.
//! `tests/e2e` tests the client with the real Worker and a real homeserver.

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
