//! The origin: stands in front of the homeserver. A request for media goes through these steps:
//!
//! 0. The operator's policy ([`crate::policy`]) may refuse the request and, for remote media, so may the
//!    policy of the media's homeserver ([`remote`]). Policies only narrow what the homeserver allows.
//! 1. [`authorise`]: the homeserver decides about this user and this object, on every request.
//! 2. [`plain`]: a client that did not opt in gets the plaintext, from the cache if it is there. Steps 3 and
//!    4 are for a client that did.
//! 3. [`mint`]: the origin makes a key, a token and a grant, injects the grant into the key store, and waits
//!    until it is stored.
//! 4. [`redirect`]: the client gets the answer.
//!
//! The origin serves the media endpoints, authenticated and legacy, and the documents that advertise us.
//! [`crate::edge`] serves links, and `platform` passes everything else through untouched.

pub mod advertise;
pub mod authorise;
pub mod mint;
pub mod plain;
pub mod redirect;
pub mod remote;

use authorise::{bad_gateway, relay};
use http::header::{AUTHORIZATION, IF_NONE_MATCH, IF_RANGE, RANGE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use zeroize::Zeroizing;

use crate::config::Config;
use crate::objects::{self, Answer};
use crate::policy::{Asked, Decision, Locality, Token};
use crate::ports::{
    Account, BackgroundTask, Body as _, Event, Platform, Reply, UpstreamError, UpstreamRequest,
    UpstreamResponse,
};
use crate::protocol::{
    AccessToken, Algorithm, Endpoint, MatrixError, MediaPath, MediaRequest, ObjectInfo, OptIn, OptInKind,
    Passed, PlainReason, Query, SessionId, SessionSecret, StaleSession, header,
};

/// The header in which Cloudflare sends the client's address.
pub const CLIENT_ADDRESS: HeaderName = HeaderName::from_static("cf-connecting-ip");

/// The request headers that the origin reads.
pub static READ_HEADERS: [HeaderName; 5] = [AUTHORIZATION, RANGE, IF_RANGE, IF_NONE_MATCH, CLIENT_ADDRESS];

/// A client's request: the parts that the origin reads.
#[expect(missing_debug_implementations, reason = "headers and query hold access tokens")]
pub struct ClientRequest {
    /// `GET` or `HEAD`. Requests with other methods pass through to the homeserver.
    pub method: Method,
    /// The decoded query.
    pub query: Query,
    /// The request's headers, at least those of [`READ_HEADERS`].
    pub headers: HeaderMap,
    /// The client's address, as the platform saw it.
    pub client_ip: Option<String>,
}

/// A media request on its way through the steps.
pub(crate) struct Visit<'a, P> {
    pub platform: &'a P,
    pub config: &'a Config,
    pub client: &'a ClientRequest,
    pub request: MediaRequest,
    /// The token from the header. A token from the query is in `request.passed`.
    token: Option<AccessToken>,
    /// Whether the client presented a token, in the header or in the query.
    presented: Token,
    /// Whether we ask on the legacy endpoint because the homeserver has no authenticated one. Only for
    /// requests with a token on a legacy endpoint, which we otherwise upgrade to the authenticated one.
    legacy_only: bool,
}

/// Why a client gets no media.
pub(crate) enum Denied<B> {
    /// The reply to send.
    Reply(Reply<B>),
    /// The reply to send, unless the other kind of endpoint, authenticated or legacy, has the media.
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
    // A missing token comes before all other errors, even if path and parameters are wrong.
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
        // The homeserver may have been upgraded, or our memory may be wrong.
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

/// What a client gets, if the object allows it.
enum Wanted {
    /// The media, with the reason if the client opted in.
    Plain(Option<PlainReason>),
    /// The headers of the media, for a client whose `GET` would get an answer if the object's length allows.
    HeadOfOptedIn,
    /// An answer.
    Answer(OptIn),
    /// A redirect to a link whose key the client derives.
    SessionRedirect(SessionSecret, Algorithm),
    /// A redirect to a plain link.
    PlainRedirect,
}

impl Wanted {
    /// Returns why an opted-in client gets the homeserver's own redirect.
    fn reason_for_redirect(&self) -> Option<PlainReason> {
        match self {
            Self::Plain(reason) => *reason,
            Self::HeadOfOptedIn | Self::Answer(_) | Self::SessionRedirect(..) => {
                Some(PlainReason::NotAvailable)
            }
            Self::PlainRedirect => None,
        }
    }
}

/// Adds the header that says why an opted-in client is served plainly. Errors do not get it, because they say
/// themselves what is wrong (specification section 3.2).
fn explain<B>(mut reply: Reply<B>, reason: Option<PlainReason>) -> Reply<B> {
    let serves = matches!(
        reply.status,
        StatusCode::OK
            | StatusCode::PARTIAL_CONTENT
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    if let Some(reason) = reason.filter(|_| serves) {
        reply.headers.insert(header::PLAIN, reason.header_value());
        if reason == PlainReason::StaleSession {
            reply.headers.insert(header::SESSION, HeaderValue::from_static("stale"));
        }
    }
    reply
}

impl<P: Platform> Visit<'_, P> {
    /// Applies the policies, then serves. The homeserver is not asked about requests that a policy refuses.
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
            // The legacy endpoint ignores tokens, so we check the token here. Otherwise a made-up token would
            // get around every policy.
            remote::whoami(self).await?;
        }
        self.serve().await
    }

    fn locality(&self) -> Locality {
        let local = self.request.object.server_name == self.config.server_name;
        if local { Locality::Local } else { Locality::Remote }
    }

    /// Returns whether the cache has all of the object's bytes.
    async fn is_cached(&self) -> bool {
        match self.platform.open(&self.request.object, None).await {
            Some(cached) => {
                cached.body.cancel();
                true
            }
            None => false,
        }
    }

    /// Lets the homeserver authorise the request, then serves it. The `Err` is the reply to a client that
    /// gets no media.
    async fn serve(&self) -> Result<Reply<P::Body>, Denied<P::Body>> {
        let known = self.platform.get_info(&self.request.object).await;
        let wanted = self.wanted();
        if matches!(wanted, Wanted::Plain(_) | Wanted::HeadOfOptedIn) && known.is_none() {
            return match plain::from_homeserver(self).await {
                Ok(reply) => {
                    let reason = self.reason_for(&wanted, ObjectInfo::from_headers(&reply.headers).size);
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
            // With the info, the next `HEAD` can be conditional, even if the bytes are never cached here.
            self.platform
                .run_in_background(BackgroundTask::PutInfo(self.request.object.clone(), info.clone()));
        }
        let reason = match wanted {
            Wanted::Plain(_) | Wanted::HeadOfOptedIn => self.reason_for(&wanted, info.size),
            Wanted::SessionRedirect(secret, alg) => match self.session_redirect(&secret, alg, &info).await {
                Ok(reply) => return Ok(reply),
                Err(reason) => Some(reason),
            },
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

    /// Returns why media of `size` bytes is served plainly. A `HEAD` gets the reason that its `GET` would
    /// get, as far as we can tell without minting.
    fn reason_for(&self, wanted: &Wanted, size: Option<u64>) -> Option<PlainReason> {
        match wanted {
            Wanted::Plain(reason) => *reason,
            Wanted::HeadOfOptedIn => mint::linkable_size(self.config, size).err(),
            Wanted::Answer(_) | Wanted::SessionRedirect(..) | Wanted::PlainRedirect => None,
        }
    }

    /// Decides what the client gets.
    ///
    /// Only a `GET` can get a link. A `HEAD` asks for the media's headers, and minting for it would cost a
    /// write. A client that opted in never gets a plain redirect of ours, even if we cannot honour what it
    /// asks for: a script in a browser could not see what it got.
    fn wanted(&self) -> Wanted {
        let is_get = self.client.method == Method::GET;
        match self.request.opt_in {
            Err(reason) => Wanted::Plain(Some(reason)),
            Ok(Some(_)) if self.presented == Token::Absent => Wanted::Plain(Some(PlainReason::NoToken)),
            Ok(Some(OptInKind::Answer(opt_in))) if is_get => Wanted::Answer(opt_in),
            Ok(Some(OptInKind::Answer(_))) => Wanted::HeadOfOptedIn,
            Ok(Some(OptInKind::Session(opt_in))) => match self.session_secret(opt_in.session) {
                Ok(secret) if is_get => Wanted::SessionRedirect(secret, opt_in.alg),
                Ok(_) => Wanted::HeadOfOptedIn,
                Err(reason) => Wanted::Plain(Some(reason)),
            },
            Ok(None) if is_get && self.config.plain_redirect && self.request.allow_redirect => {
                Wanted::PlainRedirect
            }
            Ok(None) => Wanted::Plain(None),
        }
    }

    async fn answer(&self, opt_in: OptIn, info: &ObjectInfo) -> Result<Reply<P::Body>, PlainReason> {
        let minted = mint::for_opt_in(self, opt_in, info)?;
        mint::inject(self, &minted).await?;
        Ok(redirect::answer(self.config, opt_in.delivery, &minted, self.platform.now_ms()))
    }

    /// Returns the secret of the session that the request names.
    ///
    /// # Errors
    /// The reason why the client is served plainly.
    fn session_secret(&self, id: Option<SessionId>) -> Result<SessionSecret, PlainReason> {
        let sessions = self.config.sessions.as_ref().ok_or(PlainReason::NotSupported)?;
        let token = access_token(self.client);
        let opened = id
            .zip(token.as_ref())
            .ok_or(StaleSession)
            .and_then(|(id, token)| sessions.masters.open(id, token, self.platform.now_ms()));
        opened.map_err(|StaleSession| PlainReason::StaleSession)
    }

    async fn session_redirect(
        &self,
        secret: &SessionSecret,
        alg: Algorithm,
        info: &ObjectInfo,
    ) -> Result<Reply<P::Body>, PlainReason> {
        let minted = mint::for_session(self, secret, alg, info)?;
        mint::inject(self, &minted).await?;
        Ok(redirect::without_answer(self.config, &minted))
    }

    async fn plain_redirect(&self, info: &ObjectInfo) -> Result<Reply<P::Body>, PlainReason> {
        let minted = mint::plain_link(self, info)?;
        mint::inject(self, &minted).await?;
        Ok(redirect::without_answer(self.config, &minted))
    }

    /// Builds a request to the homeserver for this object, with the client's own token.
    ///
    /// A request with a token goes to the authenticated endpoint, so that clients of the legacy endpoints get
    /// all media. A request goes to the legacy endpoint if it has no token, if the homeserver has no
    /// authenticated endpoint, or for remote media with `allow_remote=false`, which only the legacy endpoint
    /// knows. The legacy endpoint ignores tokens: see [`remote::check`].
    pub(crate) fn upstream(&self, method: Method) -> UpstreamRequest {
        self.upstream_with(method, &self.request.passed)
    }

    /// Builds the same request with other query parameters.
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

    /// Sends a request to the homeserver and classifies the response.
    pub(crate) async fn ask(
        &self,
        request: UpstreamRequest,
        asked: objects::Asked,
    ) -> Result<(Answer, UpstreamResponse<P::Body>), Denied<P::Body>> {
        objects::ask(self.platform, &self.request.object, &request, asked)
            .await
            .map_err(|error| self.unreachable(error).into())
    }

    /// Returns the reply for a response that is not the media. Errors and redirects are relayed, and
    /// everything else is a 502.
    pub(crate) async fn denied(
        &self,
        answer: Answer,
        response: UpstreamResponse<P::Body>,
    ) -> Denied<P::Body> {
        match answer {
            Answer::Error if response.status == StatusCode::NOT_FOUND && self.is_upgraded() => {
                let (is_unrecognized, response) = objects::unrecognized(response).await;
                // An error in response to a `HEAD` has no body, and so no error code.
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

    /// Returns whether the client asked on a legacy endpoint and we ask on the authenticated one.
    fn is_upgraded(&self) -> bool {
        let is_legacy = self.request.endpoint == Endpoint::Legacy && self.presented == Token::Presented;
        is_legacy && !self.wants_no_fetch() && !self.legacy_only
    }

    /// Returns whether the homeserver must not fetch the media from a remote homeserver. Only the legacy
    /// endpoints know `allow_remote=false`.
    fn wants_no_fetch(&self) -> bool {
        !self.request.allow_remote && self.locality() == Locality::Remote
    }

    /// Logs that the homeserver sent no usable response, and returns the error for the client.
    pub(crate) fn unreachable(&self, error: UpstreamError) -> Reply<P::Body> {
        self.platform.log(Event::HomeserverUnreachable);
        Reply::error(&upstream_error(error))
    }
}

/// Returns a 502 or 504 that says what went wrong.
pub fn upstream_error(error: UpstreamError) -> MatrixError {
    let status = match error {
        UpstreamError::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        UpstreamError::Unreachable | UpstreamError::OddStatus(_) => StatusCode::BAD_GATEWAY,
    };
    MatrixError::new(status, "M_UNKNOWN", error.to_string())
}

/// Returns the token of `Authorization: Bearer <token>` (RFC 6750).
pub fn bearer_token(headers: &HeaderMap) -> Option<AccessToken> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") { AccessToken::new(token.trim()) } else { None }
}

/// Returns the access token of a request: that of the header, or else of the query.
pub(crate) fn access_token(client: &ClientRequest) -> Option<AccessToken> {
    let in_query = || client.query.get("access_token").ok().flatten().and_then(AccessToken::new);
    bearer_token(&client.headers).or_else(in_query)
}

/// Returns whether the query has an `access_token`. A repeated one counts too, and is refused later with a
/// 400.
fn has_query_token(query: &Query) -> bool {
    !matches!(query.get("access_token"), Ok(None | Some("")))
}

#[cfg(test)]
mod tests;
