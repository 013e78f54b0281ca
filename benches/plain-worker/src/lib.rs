//! Encrypts a stream in the usual way of a Rust Worker: the byte stream of the `worker` crate, the `chacha20`
//! crate and `Response::from_stream`.

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit as _, StreamCipher as _};
use futures_util::StreamExt as _;
use worker::{Context, Env, Fetch, Request, Response, Result, event};

#[event(fetch)]
async fn fetch(request: Request, _env: Env, _context: Context) -> Result<Response> {
    let url = format!("http://localhost:8008{}", request.path());
    let mut upstream = Fetch::Url(url.parse()?).send().await?;
    let mut cipher = ChaCha20::new(&[7; 32].into(), &[0; 12].into());
    let body = upstream.stream()?.map(move |chunk| {
        chunk.map(|mut bytes| {
            cipher.apply_keystream(&mut bytes);
            bytes
        })
    });
    Response::from_stream(body)
}
