//! The origin: in front of the homeserver. A request goes through these steps:
//!
//! 0. the operator's policy ([`crate::policy`]) and, for remote media, its homeserver's ([`remote`])
//!    may refuse; they only ever narrow;
//! 1. [`authorise`]: the homeserver decides, for this user and this object, on every request;
//! 2. [`plain`]: who did not opt in gets the plaintext, from the cache where it is cached; or
//! 3. [`mint`]: a key, a token, a grant; then `inject`: the grant into the key store, awaited;
//! 4. [`redirect`]: the answer.
//!
//! In scope: the media endpoints, authenticated and legacy, and the documents that advertise us. Out
//! of scope: links ([`crate::edge`]), and everything else that is routed here, which `platform`
//! passes through untouched.

pub mod advertise;
pub mod authorise;
pub mod mint;
pub mod plain;
pub mod redirect;
pub mod remote;

use authorise::{bad_gateway, relay};
use http::header::{AUTHORIZATION, IF_NONE_MATCH, IF_RANGE, RANGE};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use zeroize::Zeroizing;

use crate::config::Config;
use crate::objects::{self, Answer};
use crate::policy::{Asked, Decision, Locality, Token};
use crate::ports::{
    Account, BackgroundTask, Body as _, Event, Platform, Reply, UpstreamError, UpstreamRequest,
    UpstreamResponse,
};
use crate::protocol::{
    AccessToken, Endpoint, MatrixError, MediaPath, MediaRequest, ObjectInfo, OptIn, Passed, PlainReason,
    Query, header,
};

/// The header in which Cloudflare says who the client is.
pub const CLIENT_ADDRESS: HeaderName = HeaderName::from_static("cf-connecting-ip");

/// The headers of a request that the origin looks at.
pub static READ_HEADERS: [HeaderName; 5] = [AUTHORIZATION, RANGE, IF_RANGE, IF_NONE_MATCH, CLIENT_ADDRESS];

/// A client's request, as far as the origin looks at it.
#[expect(missing_debug_implementations, reason = "headers and query hold access tokens")]
pub struct ClientRequest {
    /// `GET` or `HEAD`; other methods pass through.
    pub method: Method,
    /// The decoded query.
    pub query: Query,
    /// At least those of [`READ_HEADERS`] that are there.
    pub headers: HeaderMap,
    /// The client's address, as the platform saw it.
    pub client_ip: Option<String>,
}

/// One media request on its way through the steps.
pub(crate) struct Visit<'a, P> {
    pub platform: &'a P,
    pub config: &'a Config,
    pub client: &'a ClientRequest,
    pub request: MediaRequest,
    /// The token, if it came in the header; one in the query travels in `request.passed`.
    token: Option<AccessToken>,
    /// Whether a token was presented, in the header or in the query.
    presented: Token,
    /// Whether the homeserver is known to have no authenticated media endpoint. Only for requests with a token
    /// on a legacy endpoint: those are upgraded to the authenticated one where there is one.
    legacy_only: bool,
}

/// Why a client gets no media.
pub(crate) enum Denied<B> {
    /// This is the reply.
    Reply(Reply<B>),
    /// This is the reply, unless the other generation of endpoints has the media.
    OtherEndpoint(Reply<B>),
}

impl<B> From<Reply<B>> for Denied<B> {
    fn from(reply: Reply<B>) -> Self {
        Self::Reply(reply)
    }
}

/// Serves `GET` and `HEAD` of `download` and `thumbnail`, authenticated and legacy.
pub async fn media<P: Platform>(
    platform: &P,
    config: &Config,
    client: &ClientRequest,
    path: MediaPath<'_>,
) -> Reply<P::Body> {
    // Before anything else, even where path and parameters are wrong.
    let token = bearer_token(&client.headers);
    let presented =
        if token.is_some() || has_query_token(&client.query) { Token::Presented } else { Token::Absent };
    if (path.endpoint, presented) == (Endpoint::Authenticated, Token::Absent) {
        return Reply::error(&MatrixError::missing_token());
    }
    let request = match MediaRequest::parse(path, &client.query) {
        Ok(request) => request,
        Err(error) => {
            let error = MatrixError::new(StatusCode::BAD_REQUEST, error.errcode(), error.to_string());
            return Reply::error(&error);
        }
    };
    let is_upgraded = request.endpoint == Endpoint::Legacy && presented == Token::Presented;
    let legacy_only = is_upgraded && objects::lacks_authenticated_media(platform);
    let mut visit = Visit { platform, config, client, request, token, presented, legacy_only };
    let reply = match visit.admit_and_serve().await {
        Ok(reply) | Err(Denied::Reply(reply)) => return reply,
        Err(Denied::OtherEndpoint(reply)) => reply,
    };
    if visit.legacy_only {
        // Perhaps the homeserver was upgraded, or what we remember was a mistake.
        objects::forget_missing_authenticated_media(platform);
    } else if !objects::find_missing_authenticated_media(platform).await {
        return reply;
    }
    visit.legacy_only = !visit.legacy_only;
    match visit.admit_and_serve().await {
        Ok(other) | Err(Denied::Reply(other)) => other,
        Err(Denied::OtherEndpoint(_)) => reply,
    }
}

/// What a client gets: the table of deliveries.
#[derive(Clone, Copy)]
enum Wanted {
    /// The media. The reason is there if the client opted in.
    Plain(Option<PlainReason>),
    /// The headers of the media, to a client whose `GET` would be given an answer if the object's length allows.
    HeadOfOptedIn,
    Answer(OptIn),
    PlainRedirect,
}

impl Wanted {
    /// Why the client is sent to where the homeserver redirects it.
    fn reason_for_redirect(self) -> Option<PlainReason> {
        match self {
            Self::Plain(reason) => reason,
            Self::HeadOfOptedIn | Self::Answer(_) => Some(PlainReason::NotAvailable),
            Self::PlainRedirect => None,
        }
    }
}

/// Says in a response why a client that opted in is served plainly. Errors have their own reason.
fn explain<B>(mut reply: Reply<B>, reason: Option<PlainReason>) -> Reply<B> {
    let serves = matches!(
        reply.status,
        StatusCode::OK
            | StatusCode::PARTIAL_CONTENT
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    let value = reason.filter(|_| serves).map(PlainReason::header_value);
    reply.headers.extend(value.map(|value| (header::PLAIN, value)));
    reply
}

impl<P: Platform> Visit<'_, P> {
    /// Policies first: what they refuse, the homeserver is not asked for.
    async fn admit_and_serve(&self) -> Result<Reply<P::Body>, Denied<P::Body>> {
        let locality = self.locality();
        let mut asked =
            Asked { endpoint: self.request.endpoint, token: self.presented, locality, cached: false };
        if self.config.unauthenticated.depends_on_cache(asked) {
            asked.cached = self.is_cached().await;
        }
        match self.config.unauthenticated.decide(asked) {
            Decision::Refuse(error) => return Err(Reply::error(&error).into()),
            Decision::Authorise if locality == Locality::Remote => remote::check(self).await?,
            Decision::Authorise | Decision::Pass => {}
        }
        if self.legacy_only {
            // The legacy endpoint looks at no token, so a bad one must be found out here: with it any policy
            // could be got around.
            remote::whoami(self).await?;
        }
        self.serve().await
    }

    fn locality(&self) -> Locality {
        let local = self.request.object.server_name == self.config.server_name;
        if local { Locality::Local } else { Locality::Remote }
    }

    /// Whether the cache holds the object's bytes, all of them.
    async fn is_cached(&self) -> bool {
        match self.platform.open(&self.request.object, None).await {
            Some(cached) => {
                cached.body.cancel();
                true
            }
            None => false,
        }
    }

    /// `Err` is the reply to somebody who was not authorised, whatever the reason.
    async fn serve(&self) -> Result<Reply<P::Body>, Denied<P::Body>> {
        let known = self.platform.get_info(&self.request.object).await;
        let wanted = self.wanted();
        if matches!(wanted, Wanted::Plain(_) | Wanted::HeadOfOptedIn) && known.is_none() {
            return match plain::from_homeserver(self).await {
                Ok(reply) => {
                    let reason = self.reason_for(wanted, ObjectInfo::from_headers(&reply.headers).size);
                    Ok(explain(reply, reason))
                }
                Err(Denied::Reply(reply)) => Err(Denied::Reply(explain(reply, wanted.reason_for_redirect()))),
                Err(other) => Err(other),
            };
        }
        let info = match authorise::head(self, known.as_ref()).await? {
            authorise::Allowed::Info(info) => info,
            authorise::Allowed::Redirected(reply) => {
                return Ok(explain(reply, wanted.reason_for_redirect()));
            }
        };
        if known.as_ref() != Some(&info) && info.size.is_some() {
            // The next question can be conditional, even if the bytes are never cached here.
            self.platform
                .run_in_background(BackgroundTask::PutInfo(self.request.object.clone(), info.clone()));
        }
        let reason = match wanted {
            Wanted::Plain(_) | Wanted::HeadOfOptedIn => self.reason_for(wanted, info.size),
            Wanted::Answer(opt_in) => match self.answer(opt_in, &info).await {
                Ok(reply) => return Ok(reply),
                Err(reason) => Some(reason),
            },
            Wanted::PlainRedirect => match self.plain_redirect(&info).await {
                Ok(reply) => return Ok(reply),
                Err(_) => None,
            },
        };
        match plain::from_cache(self, &info).await {
            Ok(reply) => Ok(explain(reply, reason)),
            Err(Denied::Reply(reply)) => Err(Denied::Reply(explain(reply, reason))),
            Err(other) => Err(other),
        }
    }

    /// Returns why the media, of the length `size`, are served plainly. A `HEAD` is told what its `GET` would be
    /// told, as far as that can be seen without minting.
    fn reason_for(&self, wanted: Wanted, size: Option<u64>) -> Option<PlainReason> {
        match wanted {
            Wanted::Plain(reason) => reason,
            Wanted::HeadOfOptedIn => mint::linkable_size(self.config, size).err(),
            Wanted::Answer(_) | Wanted::PlainRedirect => None,
        }
    }

    /// Only a `GET` can be given a link: a `HEAD` asks for the media's headers, and minting for it
    /// would cost a write. A client that opted in never gets a plain redirect, whether or not it can be
    /// honoured: in a browser it could not see what it got.
    fn wanted(&self) -> Wanted {
        let is_get = self.client.method == Method::GET;
        match self.request.opt_in {
            Err(reason) => Wanted::Plain(Some(reason)),
            Ok(Some(_)) if self.presented == Token::Absent => Wanted::Plain(Some(PlainReason::NoToken)),
            Ok(Some(opt_in)) if is_get => Wanted::Answer(opt_in),
            Ok(Some(_)) => Wanted::HeadOfOptedIn,
            Ok(None) if is_get && self.config.plain_redirect && self.request.allow_redirect => {
                Wanted::PlainRedirect
            }
            Ok(None) => Wanted::Plain(None),
        }
    }

    async fn answer(&self, opt_in: OptIn, info: &ObjectInfo) -> Result<Reply<P::Body>, PlainReason> {
        let minted = mint::for_opt_in(self, opt_in, info)?;
        mint::inject(self, &minted).await?;
        Ok(redirect::answer(self.config, opt_in.delivery, &minted))
    }

    async fn plain_redirect(&self, info: &ObjectInfo) -> Result<Reply<P::Body>, PlainReason> {
        let minted = mint::plain_link(self, info)?;
        mint::inject(self, &minted).await?;
        Ok(redirect::plain(self.config, &minted))
    }

    /// A request to the homeserver for this object, with the client's own token: on the authenticated
    /// endpoint if there is one, so that legacy clients with a token get what is only there; on the
    /// legacy one without, and where only that knows what was asked (remote media with
    /// `allow_remote=false`). The legacy endpoint looks at no token: see [`remote::check`].
    pub(crate) fn upstream(&self, method: Method) -> UpstreamRequest {
        self.upstream_with(method, &self.request.passed)
    }

    pub(crate) fn upstream_with(&self, method: Method, passed: &Passed) -> UpstreamRequest {
        let object = &self.request.object;
        let legacy = self.presented == Token::Absent || self.wants_no_fetch() || self.legacy_only;
        let path = if legacy { object.legacy_path() } else { object.client_path() };
        UpstreamRequest {
            method,
            path: Zeroizing::new(passed.append_to(&path)),
            account: Account::Client(self.token.clone()),
            headers: HeaderMap::new(),
            client_ip: self.client.client_ip.clone(),
        }
    }

    /// Asks the homeserver, and judges its answer.
    pub(crate) async fn ask(
        &self,
        request: UpstreamRequest,
        asked: objects::Asked,
    ) -> Result<(Answer, UpstreamResponse<P::Body>), Denied<P::Body>> {
        objects::ask(self.platform, &self.request.object, &request, asked)
            .await
            .map_err(|error| self.unreachable(error).into())
    }

    /// Returns what becomes of an answer that is not the media: errors and redirects are relayed, everything
    /// else is a 502.
    pub(crate) async fn denied(
        &self,
        answer: Answer,
        response: UpstreamResponse<P::Body>,
    ) -> Denied<P::Body> {
        match answer {
            Answer::Error if response.status == StatusCode::NOT_FOUND && self.is_upgraded() => {
                let (is_unrecognized, response) = objects::unrecognized(response).await;
                // The error of a HEAD has no body that could say it.
                let may_be_elsewhere = is_unrecognized || self.client.method == Method::HEAD;
                if may_be_elsewhere { Denied::OtherEndpoint(relay(response)) } else { relay(response).into() }
            }
            Answer::Error if response.status == StatusCode::NOT_FOUND && self.legacy_only => {
                Denied::OtherEndpoint(relay(response))
            }
            Answer::Error | Answer::Elsewhere => relay(response).into(),
            Answer::Encoded => {
                response.body.cancel();
                bad_gateway("the homeserver sent media in a content coding that was not asked for").into()
            }
            Answer::Whole | Answer::Part | Answer::NotModified | Answer::Nonsense => {
                response.body.cancel();
                let status = response.status.as_u16();
                bad_gateway(&format!("the homeserver returned the unexpected status {status} for media"))
                    .into()
            }
        }
    }

    /// Whether the client asked on a legacy endpoint and the homeserver is asked on the authenticated one.
    fn is_upgraded(&self) -> bool {
        let is_legacy = self.request.endpoint == Endpoint::Legacy && self.presented == Token::Presented;
        is_legacy && !self.wants_no_fetch() && !self.legacy_only
    }

    /// Whether the homeserver must not fetch the media from its own server: only the legacy endpoints know
    /// `allow_remote=false`.
    fn wants_no_fetch(&self) -> bool {
        !self.request.allow_remote && self.locality() == Locality::Remote
    }

    /// The homeserver gave no answer that can be used.
    pub(crate) fn unreachable(&self, error: UpstreamError) -> Reply<P::Body> {
        self.platform.log(Event::HomeserverUnreachable);
        Reply::error(&upstream_error(error))
    }
}

/// 502 or 504 that says what is wrong.
pub fn upstream_error(error: UpstreamError) -> MatrixError {
    let status = match error {
        UpstreamError::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        UpstreamError::Unreachable | UpstreamError::OddStatus(_) => StatusCode::BAD_GATEWAY,
    };
    MatrixError::new(status, "M_UNKNOWN", error.to_string())
}

/// `Authorization: Bearer <token>` (RFC 6750).
pub fn bearer_token(headers: &HeaderMap) -> Option<AccessToken> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") { AccessToken::new(token.trim()) } else { None }
}

/// `?access_token=`, also if it is given twice (which is refused later, as 400).
fn has_query_token(query: &Query) -> bool {
    !matches!(query.get("access_token"), Ok(None | Some("")))
}

#[cfg(test)]
mod tests;
