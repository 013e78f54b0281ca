//! What a client makes of what a homeserver says: the media config, and responses to a request for media
//! (`cases-homeserver.mjs`). Both are asked of the client itself, by the exchanges of a download.

use cloakroom::client::{
    Advertised, BodyError, ClientError, ClientOptIn, Credential, DownloadRequest, Exchange, HomeserverUrl,
    NextStep, NotAdvertised, Reason, follow,
};
use cloakroom::protocol::{Algorithm, Delivery, MxcUri, Object, OptIn, Variant};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Outcome, header_map, with_some};

const CONFIG: &[u8] = br#"{"org.matrix.msc4097":{"edge":"https://media.example.net"}}"#;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MediaConfigInput {
    status: u16,
    config: String,
    delivery: String,
    size: Option<u64>,
}

pub fn media_config(input: &MediaConfigInput) -> Result<Outcome, String> {
    let opt_in = opt_in(&input.delivery)?;
    let download = DownloadRequest { size_bytes: input.size, ..download(Some(opt_in), None)? };
    let asked = follow::start(homeserver("https://matrix.example.org")?, download);
    let asked = match asked.receive(status(input.status)?, &HeaderMap::new()) {
        Ok(NextStep::Send(asked)) => asked,
        Ok(NextStep::Read(document)) => document.read(input.config.as_bytes()).map_err(|e| e.to_string())?,
        other => return Err(format!("the client goes on with {other:?}")),
    };
    let opted_in = asked.request().url().contains("org.matrix.msc4097.delivery=");
    if opted_in != matches!(asked.reason(), Reason::Advertised) {
        return Err(format!("the client says: {}", asked.reason()));
    }
    let word = match asked.reason() {
        Reason::Advertised => {
            let edge = Advertised::from_config(input.config.as_bytes())
                .and_then(|about| about.edge_for(opt_in.into(), input.size).cloned())
                .map_err(|error| error.to_string())?;
            return Ok(("opt_in", json!({ "edge": edge.as_str() })));
        }
        Reason::NotAdvertised(reason) => match reason {
            NotAdvertised::Status(_) => "status",
            NotAdvertised::Malformed => "malformed",
            NotAdvertised::Absent => "absent",
            NotAdvertised::Edge => "edge",
            NotAdvertised::InsecureEdge => "insecure_edge",
            NotAdvertised::Delivery => "delivery",
            NotAdvertised::Algorithm => "algorithm",
            NotAdvertised::Session => "session",
            NotAdvertised::TooSmall { .. } => "too_small",
            NotAdvertised::TooLarge { .. } => "too_large",
        },
        other => return Err(format!("the client says: {other}")),
    };
    Ok((word, Value::Null))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResponseInput {
    homeserver: String,
    url: String,
    delivery: Option<String>,
    range: Option<String>,
    redirects: Vec<String>,
    status: u16,
    headers: Map<String, Value>,
}

pub fn response(input: &ResponseInput) -> Result<Outcome, String> {
    let opt_in = input.delivery.as_deref().map(opt_in).transpose()?;
    let mut asked = follow::start(homeserver(&input.homeserver)?, download(opt_in, input.range.as_deref())?);
    if opt_in.is_some() {
        let Ok(NextStep::Read(config)) = asked.receive(StatusCode::OK, &HeaderMap::new()) else {
            return Err("the client does not read the media config".to_owned());
        };
        asked = config.read(CONFIG).map_err(|error| error.to_string())?;
    }
    if asked.request().url().split('?').next() != Some(&input.url) {
        return Err("the client's first request for the media has another URL".to_owned());
    }
    for location in &input.redirects {
        let location = HeaderValue::from_str(location).map_err(|error| error.to_string())?;
        let headers = [(http::header::LOCATION, location)].into_iter().collect();
        asked = match asked.receive(StatusCode::TEMPORARY_REDIRECT, &headers) {
            Ok(NextStep::Send(next)) => next,
            other => return Err(format!("after a redirect the client goes on with {other:?}")),
        };
    }
    understood(asked, status(input.status)?, &header_map(&input.headers)?)
}

/// The word for what a client makes of the head of a response.
fn understood(asked: Exchange, status: StatusCode, headers: &HeaderMap) -> Result<Outcome, String> {
    match asked.receive(status, headers) {
        Ok(NextStep::Save(media)) => Ok(("media", output("plain", media.plain_reason.map(Value::String)))),
        Ok(NextStep::Send(next)) => match next.reason() {
            Reason::Redirected => {
                let access_token = next.request().credential() == Credential::AccessToken;
                Ok(("redirect", json!({ "url": next.request().url(), "access_token": access_token })))
            }
            Reason::Empty if next.request().range().is_none() => Ok(("empty", Value::Null)),
            other => Err(format!("the client says: {other}")),
        },
        Ok(NextStep::Read(document)) => match document.read(b"") {
            Err(ClientError::Homeserver(refusal)) => {
                Ok(("fails", output("retry_after_secs", refusal.retry_after_secs.map(Value::from))))
            }
            // An empty body is a malformed answer, after which the client asks for plain media.
            Ok(next) if matches!(next.reason(), Reason::AnswerRefused(_)) => Ok(("answer", Value::Null)),
            other => Err(format!("the client goes on with {other:?}")),
        },
        Err(ClientError::Body(BodyError::BeyondEnd { .. })) => Ok(("unsatisfiable", Value::Null)),
        Err(_) => Ok(("fails", Value::Null)),
    }
}

/// An object with one member, or nothing without it.
fn output(name: &str, value: Option<Value>) -> Value {
    value.map_or(Value::Null, |value| with_some(json!({}), [(name, Some(value))]))
}

fn homeserver(url: &str) -> Result<HomeserverUrl, String> {
    HomeserverUrl::parse(url).map_err(|error| error.to_string())
}

fn status(code: u16) -> Result<StatusCode, String> {
    StatusCode::from_u16(code).map_err(|error| error.to_string())
}

fn opt_in(delivery: &str) -> Result<OptIn, String> {
    let delivery = Delivery::parse(delivery).ok_or("its delivery is unknown to this test")?;
    Ok(OptIn { delivery, alg: Algorithm::ChaCha20, verbatim: false })
}

fn download(opt_in: Option<OptIn>, range: Option<&str>) -> Result<DownloadRequest, String> {
    let uri = MxcUri::parse("mxc://example.org/AbCdEf").map_err(|error| error.to_string())?;
    let object = Object { server_name: uri.server_name, media_id: uri.media_id, variant: Variant::Original };
    let range = range.map(|range| range.trim_start_matches("bytes=").parse()).transpose();
    let range = range.map_err(|error: cloakroom::client::RangeRequestError| error.to_string())?;
    Ok(DownloadRequest { object, opt_in: opt_in.map(ClientOptIn::from), range, size_bytes: None })
}
