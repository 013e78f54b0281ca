//! Before step 1, for remote media: does the media's own homeserver allow that it is fetched?
//!
//! The order protects remote homeservers from us: first what is remembered, then the homeserver vouches for the
//! client's token, and only then may a request cause a lookup. Whoever has no good token causes none,
//! and reads the homeserver's own 401, also where a rejection is remembered.

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

/// How often a request looks whether another one has found its remote homeserver's policy.
const LOOK_AGAIN_MS: u32 = 100;

const WHOAMI: &str = "/_matrix/client/v3/account/whoami";

/// Lets a request for remote media go on, or not.
///
/// # Errors
/// 404 if the remote homeserver rejects access; the homeserver's own error if it does not know the client.
pub(crate) async fn check<P: Platform>(visit: &Visit<'_, P>) -> Result<(), Denied<P::Body>> {
    if !visit.request.allow_remote {
        // The remote homeserver is not to be asked for anything. The homeserver will be asked where it looks at no
        // token, so a bad one must be found out here: with it any policy could be got around.
        return whoami(visit).await;
    }
    if visit.config.remote_policy == RemotePolicy::Off {
        return Ok(());
    }
    let server = &visit.request.object.server_name;
    let verdict = match known(visit, server).await {
        Some(Verdict::Rejected) => {
            // Nobody else will look at the token: without this question a user who is logged out would
            // read 404, and never learn it.
            whoami(visit).await?;
            Verdict::Rejected
        }
        Some(Verdict::Proceed) => Verdict::Proceed,
        None => find_out(visit, server).await?,
    };
    verdict.error().map_or(Ok(()), |error| Err(Reply::error(&error).into()))
}

/// What this isolate remembers, or the key store holds.
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

/// The homeserver vouches for the client's token.
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

/// Looks the remote homeserver up, once the homeserver has vouched for the client, and remembers the outcome. A key
/// store that fails costs a lookup more, no media. A remote homeserver that may not be asked costs nothing at all.
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
        // First here, where others wait for it.
        platform.memory(|memory| memory.policies.put(key.clone(), record.clone(), now_ms));
        let _ = platform.put(&key, &record.to_json(), record.kv_ttl_secs()).await;
    }
    Ok(finding.verdict)
}

/// Begins a lookup. `Err` is the verdict without one: what another request has found meanwhile, or
/// "proceed", as for all that cannot be found out, because this isolate has begun enough of them.
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
