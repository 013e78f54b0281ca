//! Step 0, for remote media: checks whether the policy of the media's own homeserver lets us fetch it.
//!
//! The order of the steps protects remote homeservers from us. First we look at what we remember. Then the
//! homeserver vouches for the client's token. Only then may the request cause a lookup. A request with a bad
//! token causes no lookup and gets the homeserver's own 401, even if we remember a rejection.

use http::{HeaderMap, Method, StatusCode};
use zeroize::Zeroizing;

use super::authorise::{bad_gateway, relay};
use super::{Denied, Visit};
use crate::policy::{
    Fetched, Finding, LOOKUP_TIMEOUT_MS, Lookup, Permit, Progress, Record, RemotePolicy, TargetRules,
    Verdict, record_key,
};
use crate::ports::{Account, Body as _, Event, Platform, Reply, UpstreamRequest};
use crate::protocol::ServerName;

/// How long a request waits before it looks again whether another request has found the policy, in
/// milliseconds.
const LOOK_AGAIN_MS: u32 = 100;

const WHOAMI: &str = "/_matrix/client/v3/account/whoami";

/// Checks whether a request for remote media may go on.
///
/// # Errors
/// 404 if the remote homeserver's policy rejects access. The homeserver's own error if it does not accept the
/// client's token.
pub(crate) async fn check<P: Platform>(visit: &Visit<'_, P>) -> Result<(), Denied<P::Body>> {
    if !visit.request.allow_remote {
        // We must not ask the remote homeserver for anything. The legacy endpoint will serve the request and
        // ignores tokens, so we check the token here. Otherwise a made-up token would get around every
        // policy.
        return whoami(visit).await;
    }
    if visit.config.remote_policy == RemotePolicy::Off {
        return Ok(());
    }
    let server = &visit.request.object.server_name;
    let verdict = match known(visit, server).await {
        Some(Verdict::Rejected) => {
            // Nothing else checks the token. Without this request, a logged-out user would get a 404 and
            // never learn of the logout.
            whoami(visit).await?;
            Verdict::Rejected
        }
        Some(Verdict::Proceed) => Verdict::Proceed,
        None => find_out(visit, server).await?,
    };
    verdict.error().map_or(Ok(()), |error| Err(Reply::error(&error).into()))
}

/// Returns the verdict that this isolate remembers, or that the key store has.
async fn known<P: Platform>(visit: &Visit<'_, P>, server: &ServerName) -> Option<Verdict> {
    let (key, policy) = (record_key(server), visit.config.remote_policy);
    if let Some(verdict) = remembered(visit, &key) {
        return Some(verdict);
    }
    let record = Record::from_json(&visit.platform.get(&key).await.ok()??)?;
    let now_ms = visit.platform.now_ms();
    let verdict = record.verdict(policy, now_ms)?;
    visit.platform.memory(|memory| memory.policies.put(key, record, now_ms));
    Some(verdict)
}

fn remembered<P: Platform>(visit: &Visit<'_, P>, key: &str) -> Option<Verdict> {
    let (policy, now_ms) = (visit.config.remote_policy, visit.platform.now_ms());
    visit.platform.memory(|memory| memory.policies.verdict(key, policy, now_ms))
}

/// Asks the homeserver to vouch for the client's token.
///
/// # Errors
/// The homeserver's own error if it does not accept the token. 502 or 504 if it sends no usable response.
pub(crate) async fn whoami<P: Platform>(visit: &Visit<'_, P>) -> Result<(), Denied<P::Body>> {
    let request = UpstreamRequest {
        method: Method::GET,
        path: Zeroizing::new(visit.request.passed.append_to(WHOAMI)),
        account: Account::Client(visit.token.clone()),
        headers: HeaderMap::new(),
        client_ip: visit.client.client_ip.clone(),
    };
    let response = visit.platform.send(&request).await.map_err(|error| visit.unreachable(error))?;
    match response.status {
        StatusCode::OK => {
            response.body.cancel();
            Ok(())
        }
        status if status.is_client_error() || status.is_server_error() => Err(relay(response).into()),
        _ => {
            response.body.cancel();
            Err(bad_gateway("the homeserver did not name the owner of the access token").into())
        }
    }
}

/// Looks up the remote homeserver's policy, after the homeserver has vouched for the client, and remembers
/// the verdict. If the key store fails, there will be another lookup, but the media is served. If we may not
/// ask the remote homeserver, this sends no request at all.
async fn find_out<P: Platform>(
    visit: &Visit<'_, P>,
    server: &ServerName,
) -> Result<Verdict, Denied<P::Body>> {
    let (platform, policy) = (visit.platform, visit.config.remote_policy);
    let rules = visit.config.target_rules();
    let first = match Lookup::start(policy, server, &rules) {
        Progress::Done(finding) => return Ok(finding.verdict),
        Progress::Fetch(lookup) => lookup,
    };
    whoami(visit).await?;
    let key = record_key(server);
    if let Err(verdict) = begin(visit, &key).await {
        return Ok(verdict);
    }
    let finding = lookup(visit, first, &rules).await;
    let now_ms = platform.now_ms();
    if let Some(record) = Record::of(finding, policy, visit.config.remote_policy_times, now_ms) {
        // The memory comes first, because other requests wait for it.
        platform.memory(|memory| memory.policies.put(key.clone(), record.clone(), now_ms));
        let _ = platform.put(&key, &record.to_json(), record.kv_ttl_secs()).await;
    }
    Ok(finding.verdict)
}

/// Begins a lookup. The `Err` is the verdict without a lookup: the one that another request has found
/// meanwhile, or `Proceed` if this isolate has begun too many lookups in this minute.
async fn begin<P: Platform>(visit: &Visit<'_, P>, key: &str) -> Result<(), Verdict> {
    let platform = visit.platform;
    loop {
        if let Some(verdict) = remembered(visit, key) {
            return Err(verdict);
        }
        let now_ms = platform.now_ms();
        match platform.memory(|memory| memory.policies.begin_lookup(key, now_ms)) {
            Permit::Begun => return Ok(()),
            Permit::UnderWay => platform.sleep(LOOK_AGAIN_MS).await,
            Permit::TooMany => {
                platform.log(Event::PolicyLookupSkipped);
                return Err(Verdict::Proceed);
            }
        }
    }
}

/// Carries out a lookup. It fails if it needs another request after [`LOOKUP_TIMEOUT_MS`].
async fn lookup<P: Platform>(visit: &Visit<'_, P>, first: Lookup, rules: &TargetRules) -> Finding {
    let give_up_ms = visit.platform.now_ms().saturating_add(LOOKUP_TIMEOUT_MS.into());
    let mut progress = Progress::Fetch(first);
    loop {
        let lookup = match progress {
            Progress::Done(finding) => return finding,
            Progress::Fetch(_) if visit.platform.now_ms() >= give_up_ms => return Finding::FAILED,
            Progress::Fetch(lookup) => lookup,
        };
        let answer = visit.platform.fetch(lookup.url()).await;
        let fetched = answer.as_ref().map_or(Fetched::Failed, |answer| Fetched::Response {
            status: answer.status,
            location: answer.location.as_deref(),
            body: &answer.body,
        });
        progress = lookup.answered(fetched, rules);
    }
}
