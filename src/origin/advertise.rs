//! The documents that advertise us to clients and remote homeservers: `/_matrix/client/versions` and the
//! media config. We add a few members to what the homeserver sends.
//!
//! While a policy is set, anybody can read the media config without a token, because remote homeservers learn
//! the policy there and have no token. The homeserver would refuse such a request, so we ask with the service
//! account.

use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, VARY};
use http::{HeaderMap, Method, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::authorise::bad_gateway;
use super::{ClientRequest, access_token, bearer_token, has_query_token, upstream_error};
use crate::config::{Config, REDIRECT_LIMIT_BYTES};
use crate::encoding::to_wiped_json;
use crate::ports::{
    Account, Body as _, Event, Platform, Reply, ReplyBody, UpstreamRequest, UpstreamResponse,
};
use crate::protocol::{
    Algorithm, Delivery, MatrixError, ObjectInfo, PREFIX, SESSION_DELIVERY, SESSION_PARAMETER, Session,
    ascii_reference, header, is_encoded, without_ours,
};

/// The longest document that is read: 256 KiB. In practice, both have a few hundred bytes.
const DOCUMENT_BYTES: usize = 256 * 1024;

/// The path of the media config, for requests with the service account.
const CONFIG_PATH: &str = "/_matrix/client/v1/media/config";
/// The member of the media config that tells the policy (MSC2461, revision 1).
const POLICY_MEMBER: &str = "m.media.unauthenticated";

/// A document that advertises us, with the members that we add.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// `unstable_features["org.matrix.msc4097"] = true`.
    Versions,
    /// `org.matrix.msc4097` with [`about_us`]; `m.media.unauthenticated` if a policy is set.
    MediaConfig,
}

/// Asks the homeserver for the document, with the client's own token, and adds our members. Relays the
/// homeserver's body unchanged if it is not a JSON object with a 200, or if its `Content-Length` is too
/// large.
pub async fn document<P: Platform>(
    platform: &P,
    config: &Config,
    client: &ClientRequest,
    (path, query): (&str, &str),
    document: Document,
) -> Reply<P::Body> {
    let is_v1 = path == CONFIG_PATH;
    let anonymous = bearer_token(&client.headers).is_none() && !has_query_token(&client.query);
    let is_public =
        anonymous && document == Document::MediaConfig && config.unauthenticated.advertised().is_some();
    let service_account = config.role.service_account().filter(|_| is_public);
    let (path, account, client_ip) = if let Some(token) = service_account {
        // We send nothing of an anonymous request along with the service account's token: the homeserver
        // would take a stranger's address for one of the account's own.
        (CONFIG_PATH.to_owned(), Account::Service(token.clone()), None)
    } else {
        let query = without_ours(query);
        let path = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
        (path, Account::Client(bearer_token(&client.headers)), client.client_ip.clone())
    };
    let request = UpstreamRequest {
        method: Method::GET,
        path: Zeroizing::new(path),
        account,
        headers: HeaderMap::new(),
        client_ip,
    };
    let response = match platform.send(&request).await {
        Ok(response) => response,
        Err(error) => {
            platform.log(Event::HomeserverUnreachable);
            return Reply::error(&upstream_error(error));
        }
    };
    if service_account.is_some()
        && matches!(response.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
    {
        // The error is about the service account's token. The remote homeserver sent none.
        response.body.cancel();
        platform.log(Event::ServiceAccountRefused);
        return Reply::error(&MatrixError::missing_token());
    }
    if is_encoded(&response.headers) {
        // The platform has decoded the codings that it knows. We cannot read the others, and did not ask for
        // them.
        response.body.cancel();
        return bad_gateway("the homeserver sent its document in a content coding that was not asked for");
    }
    let (status, mut headers) = (response.status, relayed_headers(&response));
    if ObjectInfo::from_headers(&response.headers).size.is_some_and(|size| size > DOCUMENT_BYTES as u64) {
        return Reply { status, headers, body: ReplyBody::Relay(response.body) };
    }
    let Ok(mut body) = response.body.bytes(DOCUMENT_BYTES).await else {
        let message = "the homeserver's document ended early, stalled or is too long";
        return Reply::error(&MatrixError::new(StatusCode::BAD_GATEWAY, "M_UNKNOWN", message));
    };
    if status == StatusCode::OK
        && let Ok(Value::Object(mut members)) = serde_json::from_slice(&body)
    {
        extend(&mut members, config, document);
        let session = (document == Document::MediaConfig && is_v1)
            .then(|| begin_session(platform, config, client))
            .flatten();
        if let Some(session) = session {
            headers.insert(CACHE_CONTROL, header::NO_STORE);
            return bytes(status, headers, with_session(members, &session, platform.now_ms()));
        }
        body = serde_json::to_vec(&members).unwrap_or(body);
    }
    bytes(status, headers, Zeroizing::new(body))
}

fn bytes<B>(status: StatusCode, mut headers: HeaderMap, body: Zeroizing<Vec<u8>>) -> Reply<B> {
    headers.insert(CONTENT_LENGTH, body.len().into());
    Reply { status, headers, body: ReplyBody::Bytes(body) }
}

/// Begins a session for a client that asks for one. The homeserver has just accepted its access token.
fn begin_session<P: Platform>(platform: &P, config: &Config, client: &ClientRequest) -> Option<Session> {
    let sessions = config.sessions.as_ref()?;
    let wants_session = client.query.get(SESSION_PARAMETER) == Ok(Some("true"));
    let token = access_token(client).filter(|_| wants_session)?;
    let mut random = [0; 16];
    platform.fill_random(&mut random);
    let expires_ts = platform.now_ms().saturating_add(sessions.ttl_secs * 1000);
    sessions.masters.begin(&token, expires_ts, random)
}

/// Returns the JSON of the media config with a session. It is wiped on drop.
fn with_session(mut members: Map<String, Value>, session: &Session, now_ms: u64) -> Zeroizing<Vec<u8>> {
    #[derive(Serialize)]
    struct Record<'a> {
        #[serde(flatten)]
        members: &'a Map<String, Value>,
        #[serde(rename = "org.matrix.msc4097")]
        about: About<'a>,
    }
    #[derive(Serialize)]
    struct About<'a> {
        #[serde(flatten)]
        members: &'a Value,
        session: SessionRecord,
    }
    #[derive(Serialize)]
    struct SessionRecord {
        id: String,
        secret: Zeroizing<String>,
        expires_ts: u64,
        expires_in_ms: u64,
    }
    let about = members.remove(PREFIX).unwrap_or_default();
    let session = SessionRecord {
        id: session.id.to_text(),
        secret: session.secret.to_base64url(),
        expires_ts: session.expires_ts,
        expires_in_ms: session.expires_ts.saturating_sub(now_ms),
    };
    let record = Record { members: &members, about: About { members: &about, session } };
    let rest_bytes = serde_json::to_string(&members).map_or(0, |text| text.len());
    Zeroizing::new(to_wiped_json(&record, rest_bytes + 512).as_bytes().to_vec())
}

fn extend(members: &mut Map<String, Value>, config: &Config, document: Document) {
    match document {
        Document::Versions => {
            let features = members.entry("unstable_features").or_insert_with(|| json!({}));
            if let Value::Object(features) = features {
                features.insert(PREFIX.to_owned(), Value::Bool(true));
            }
        }
        Document::MediaConfig => {
            members.insert(PREFIX.to_owned(), about_us(config));
            if let Some(policy) = config.unauthenticated.advertised() {
                members.insert(POLICY_MEMBER.to_owned(), policy.into());
            }
        }
    }
}

/// Returns our member of the media config: `deliveries`, `algs`, `edge`, `min_size`, and `max_size` if there
/// is such a limit (specification section 2).
pub fn about_us(config: &Config) -> Value {
    let with_answer = Delivery::ALL.map(Delivery::as_str).into_iter();
    let deliveries: Vec<_> = with_answer.chain(config.sessions.as_ref().map(|_| SESSION_DELIVERY)).collect();
    let mut about = json!({
        "deliveries": deliveries,
        "algs": Algorithm::ALL.map(Algorithm::as_str),
        "edge": config.edge.as_str(),
        // The specification wants sizes below 2^36.
        "min_size": config.redirect_min_bytes.min(REDIRECT_LIMIT_BYTES),
    });
    if let (Value::Object(about), true) = (&mut about, config.redirect_max_bytes < REDIRECT_LIMIT_BYTES) {
        about.insert("max_size".to_owned(), config.redirect_max_bytes.into());
    }
    about
}

fn relayed_headers<B>(response: &UpstreamResponse<B>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    header::insert_cors(&mut headers);
    for name in [CONTENT_TYPE, CACHE_CONTROL, VARY, http::header::RETRY_AFTER, http::header::WWW_AUTHENTICATE]
    {
        headers.extend(response.headers.get(&name).map(|value| (name, value.clone())));
    }
    if response.status.is_redirection() {
        let location = response.headers.get(LOCATION).and_then(ascii_reference);
        headers.extend(location.map(|location| (LOCATION, location)));
    }
    headers
}
