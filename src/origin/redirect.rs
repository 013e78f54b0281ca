//! Step 4: builds the answer for a client that opted in, or a plain redirect for one that did not.

use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use zeroize::Zeroizing;

use super::mint::Minted;
use crate::config::Config;
use crate::ports::Reply;
use crate::protocol::{Answer, Content, Delivery, Protection, header};

/// Returns a 307 (`redirect`) or a 200 (`json`) with the answer as its body, marked by the answer header
/// (specification section 4). `now_ms` is the present time, after the grant was stored: a client's clock may be wrong, so
/// the answer says how long its link still works.
pub(crate) fn answer<B>(config: &Config, delivery: Delivery, minted: &Minted, now_ms: u64) -> Reply<B> {
    let protection = match &minted.grant.content {
        Content::Encrypted(key) => Protection::Encrypted(key.clone()),
        Content::Verbatim | Content::Plain => Protection::None,
    };
    let answer = Answer {
        url: link(config, minted),
        protection,
        expires_ts: minted.grant.expires_ts,
        expires_in_ms: Some(minted.grant.expires_ts.saturating_sub(now_ms)),
        metadata: minted.metadata.clone(),
    };
    let status = match delivery {
        Delivery::Redirect => StatusCode::TEMPORARY_REDIRECT,
        Delivery::Json => StatusCode::OK,
    };
    let mut reply = Reply::json(status, Zeroizing::new(answer.to_json().as_bytes().to_vec()));
    reply.headers.insert(header::ANSWER, HeaderValue::from_static(delivery.as_str()));
    if delivery == Delivery::Redirect {
        insert_location(&mut reply.headers, &answer.url);
    }
    reply
}

/// Returns a 307 without a body and without the answer header. Any client can follow it: to plaintext, or with a session
/// to ciphertext whose key the client derives.
pub(crate) fn without_answer<B>(config: &Config, minted: &Minted) -> Reply<B> {
    let mut reply = Reply::empty(StatusCode::TEMPORARY_REDIRECT);
    header::insert_media_safety(&mut reply.headers);
    reply.headers.insert(http::header::CACHE_CONTROL, header::NO_STORE);
    insert_location(&mut reply.headers, &link(config, minted));
    reply
}

fn link(config: &Config, minted: &Minted) -> Zeroizing<String> {
    Zeroizing::new(format!("{}/{}", config.edge.as_str(), minted.token.as_str()))
}

fn insert_location(headers: &mut HeaderMap, url: &str) {
    if let Ok(mut value) = HeaderValue::from_str(url) {
        value.set_sensitive(true);
        headers.insert(LOCATION, value);
    }
}
