//! The rules of a client: which request comes next, given what came back.
//!
//! 1. Ask for the media config, with the access token: it names the edge. Without it, do not opt in.
//! 2. Ask for the media, opted in, with the access token. Only the answer header makes an answer;
//!    without it the body is the media, whatever it looks like.
//! 3. Check the answer. If its link leads to another edge, read the media config again, once. Refuse any
//!    other wrong answer and ask without opting in.
//! 4. Follow the answer's link, to the advertised edge only, without the access token.
//! 5. On 404 or 409 never retry the link: ask for a new answer, once; then ask without opting in. On 502
//!    or 504 ask without opting in.
//!
//! Plain redirects (307 without the answer header) are followed for at most [`MAX_REDIRECTS`](super::MAX_REDIRECTS) hops;
//! the access token stays on the homeserver's web origin.

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue, StatusCode};
use zeroize::Zeroizing;

use super::request::Trail;
use super::{Advertised, Body, BodyError, ClientError, HomeserverUrl, NotAdvertised, Party};
use super::{RangeRequest, Reason, Refusal, Request};
use crate::protocol::{Algorithm, Answer, AnswerError, Delivery, Object, ObjectInfo, OptIn, Protection};
use crate::protocol::{WebOrigin, decimal, field_text, header};

/// How many answers a client follows before it asks without opting in.
const MAX_ANSWERS: u8 = 2;

/// How often a client reads the media config: again once, if an answer leads to another edge.
const MAX_CONFIGS: u8 = 2;

const CONFIG_PATH: &str = "/_matrix/client/v1/media/config";

/// What a user wants.
#[derive(Clone, Debug)]
pub struct DownloadRequest {
    /// Which media.
    pub object: Object,
    /// How to opt in; `None` for plain media. With `verbatim`, a link without a key is accepted.
    pub opt_in: Option<OptIn>,
    /// Only this part of it.
    pub range: Option<RangeRequest>,
}

/// The first request of a download.
pub fn start(homeserver: HomeserverUrl, download: DownloadRequest) -> Exchange {
    let opt_in = download.opt_in;
    let plan = Plan { homeserver, download, answers: 0, configs: 0 };
    match opt_in {
        Some(opt_in) => plan.ask_for_config(opt_in, Reason::Start),
        None => plan.ask(None, Reason::PlainRequested),
    }
}

/// What comes after the head of a response.
#[derive(Debug)]
pub enum NextStep {
    /// Leave this response; send the next request.
    Send(Exchange),
    /// Read this response's body as a document.
    Read(Document),
    /// This response's body is the media.
    Save(Box<Media>),
}

/// One request, and what to make of the head of its response.
#[derive(Debug)]
pub struct Exchange {
    plan: Plan,
    asked: Asked,
    request: Request,
    reason: Reason,
}

/// A body to read whole, at most [`Document::MAX_BYTES`] of it.
#[derive(Debug)]
pub struct Document {
    plan: Plan,
    kind: DocumentKind,
}

#[derive(Debug)]
enum DocumentKind {
    Config(OptIn),
    Answer(OptedIn),
    Refusal { status: StatusCode, retry_after_secs: Option<u64> },
}

/// The media are coming.
#[derive(Debug)]
pub struct Media {
    /// Turns the response's body into the bytes that were asked for.
    pub body: Body,
    /// The media type.
    pub content_type: String,
    /// Disposition and file name.
    pub content_disposition: Option<String>,
    /// How it travels.
    pub delivered_by: DeliveredBy,
    /// Why the origin serves plainly what was asked for encrypted, if it says so: a word like
    /// `too_small`. It comes from outside: show it by [`safe_text`](super::safe_text).
    pub plain_reason: Option<String>,
}

/// How media reach the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveredBy {
    /// By a link, encrypted.
    Encrypted(Algorithm),
    /// By a link, as stored: the media are ciphertext already.
    Verbatim,
    /// As from any homeserver.
    Plain,
}

/// What stays the same over a download, and the numbers of answers and of media configs so far.
#[derive(Debug)]
struct Plan {
    homeserver: HomeserverUrl,
    download: DownloadRequest,
    answers: u8,
    configs: u8,
}

/// How the client opts in, and the only edge whose links it follows: a client that knows no edge
/// does not opt in.
#[derive(Clone, Debug)]
struct OptedIn {
    opt_in: OptIn,
    edge: WebOrigin,
}

/// What a request was, so that its response can be understood.
#[derive(Debug)]
enum Asked {
    Config(OptIn),
    Media { opted_in: Option<OptedIn>, origin: WebOrigin, hops: u8 },
    Link { answer: Box<Answer>, opted_in: OptedIn },
}

impl Exchange {
    /// The request to send.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Why.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// Understands the head of the response.
    ///
    /// # Errors
    /// Whatever ends the download here; an error of the homeserver comes from [`Document::read`].
    pub fn receive(self, status: StatusCode, headers: &HeaderMap) -> Result<NextStep, ClientError> {
        let Self { plan, asked, request, .. } = self;
        match asked {
            Asked::Config(opt_in) => Ok(plan.config_came(opt_in, status)),
            Asked::Media { opted_in, origin, hops } => {
                let trail = Trail { url: request.url, party: request.party, origin, hops };
                plan.media_came(opted_in, trail, status, headers)
            }
            Asked::Link { answer, opted_in } => plan.link_came(answer, opted_in, status, headers),
        }
    }
}

impl Document {
    /// How much of the body to read; what is longer is no document of this protocol. The longest
    /// real ones are about 3 KiB.
    pub const MAX_BYTES: usize = 64 * 1024;

    /// Understands the body.
    ///
    /// # Errors
    /// The homeserver's error.
    pub fn read(self, body: &[u8]) -> Result<Exchange, ClientError> {
        let Self { mut plan, kind } = self;
        match kind {
            DocumentKind::Config(opt_in) => {
                match Advertised::from_config(body).and_then(|about| about.edge_for(opt_in)) {
                    Ok(edge) => Ok(plan.ask(Some(OptedIn { opt_in, edge }), Reason::Advertised)),
                    Err(reason) => Ok(plan.ask(None, Reason::NotAdvertised(reason))),
                }
            }
            DocumentKind::Answer(opted_in) => {
                plan.answers += 1;
                match Answer::from_json(body, &opted_in.edge, opted_in.opt_in.verbatim) {
                    Ok(answer) => Ok(plan.follow(Box::new(answer), opted_in, Reason::Answered)),
                    Err(AnswerError::ForeignUrl) if plan.configs < MAX_CONFIGS => {
                        Ok(plan.ask_for_config(opted_in.opt_in, Reason::OtherEdge))
                    }
                    Err(error) => Ok(plan.ask(None, Reason::AnswerRefused(error))),
                }
            }
            DocumentKind::Refusal { status, retry_after_secs } => {
                Err(ClientError::Homeserver(Refusal::read(status, retry_after_secs, body)))
            }
        }
    }
}

impl Plan {
    fn ask_for_config(mut self, opt_in: OptIn, reason: Reason) -> Exchange {
        self.configs += 1;
        let url = Zeroizing::new(self.homeserver.join(CONFIG_PATH));
        let request = Request { url, party: Party::Homeserver, range: None };
        Exchange { plan: self, asked: Asked::Config(opt_in), request, reason }
    }

    fn config_came(self, opt_in: OptIn, status: StatusCode) -> NextStep {
        if status == StatusCode::OK {
            return NextStep::Read(Document { plan: self, kind: DocumentKind::Config(opt_in) });
        }
        NextStep::Send(self.ask(None, Reason::NotAdvertised(NotAdvertised::Status(status))))
    }

    fn ask(self, opted_in: Option<OptedIn>, reason: Reason) -> Exchange {
        let mut url = self.homeserver.join(&self.download.object.client_path());
        if let Some(OptedIn { opt_in, .. }) = &opted_in {
            url.push(if url.contains('?') { '&' } else { '?' });
            let query =
                form_urlencoded::Serializer::new(String::new()).extend_pairs(opt_in.to_query()).finish();
            url.push_str(&query);
        }
        let origin = self.homeserver.origin().clone();
        let trail = Trail { url: Zeroizing::new(url), party: Party::Homeserver, origin, hops: 0 };
        self.get(opted_in, trail, reason)
    }

    fn get(self, opted_in: Option<OptedIn>, trail: Trail, reason: Reason) -> Exchange {
        let Trail { url, party, origin, hops } = trail;
        let request = Request { url, party, range: self.range_header() };
        Exchange { plan: self, asked: Asked::Media { opted_in, origin, hops }, request, reason }
    }

    fn follow(self, answer: Box<Answer>, opted_in: OptedIn, reason: Reason) -> Exchange {
        let request = Request { url: answer.url.clone(), party: Party::Edge, range: self.range_header() };
        let asked = Asked::Link { answer, opted_in };
        Exchange { plan: self, asked, request, reason }
    }

    /// Wants the whole object from now on. Servers may refuse every range of an empty one with 416
    /// (RFC 9110 section 15.5.17); to its user it is an object like any other.
    fn whole(mut self) -> Self {
        self.download.range = None;
        self
    }

    fn range_header(&self) -> Option<HeaderValue> {
        self.download.range.as_ref().and_then(RangeRequest::to_header)
    }

    fn media_came(
        self,
        opted_in: Option<OptedIn>,
        trail: Trail,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Result<NextStep, ClientError> {
        // Elsewhere the header means nothing: only the homeserver gives answers.
        if headers.contains_key(header::ANSWER) && trail.party == Party::Homeserver {
            let fits = |opted_in: &OptedIn| {
                let delivery = opted_in.opt_in.delivery;
                // Once: of two values nobody can say which one counts.
                headers.get_all(header::ANSWER).iter().eq([delivery.as_str()])
                    && status == answer_status(delivery)
            };
            let opted_in = opted_in.filter(fits).ok_or(ClientError::UnaskedAnswer)?;
            return Ok(NextStep::Read(Document { plan: self, kind: DocumentKind::Answer(opted_in) }));
        }
        match status {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT => {
                let body = Body::plain(status, headers, self.download.range.as_ref())?;
                let from_origin = opted_in.is_some() && trail.party == Party::Homeserver;
                let said = headers.get(header::PLAIN).filter(|_| from_origin);
                let ObjectInfo { content_type, content_disposition, .. } = ObjectInfo::from_headers(headers);
                Ok(NextStep::Save(Box::new(Media {
                    body,
                    content_type,
                    content_disposition,
                    delivered_by: DeliveredBy::Plain,
                    plain_reason: said.map(|said| field_text(said).into_owned()),
                })))
            }
            StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT => {
                let next = trail.hop(headers)?;
                Ok(NextStep::Send(self.get(opted_in, next, Reason::Redirected)))
            }
            StatusCode::RANGE_NOT_SATISFIABLE if self.download.range.is_some() => {
                match size_of_unsatisfied(headers) {
                    Some(0) => Ok(NextStep::Send(self.whole().get(opted_in, trail, Reason::Empty))),
                    size_bytes => Err(BodyError::BeyondEnd { size_bytes }.into()),
                }
            }
            _ if trail.party == Party::Homeserver => {
                let retry_after_secs = number(headers, &RETRY_AFTER);
                let kind = DocumentKind::Refusal { status, retry_after_secs };
                Ok(NextStep::Read(Document { plan: self, kind }))
            }
            _ => Err(ClientError::Elsewhere { origin: trail.origin, status }),
        }
    }

    fn link_came(
        self,
        answer: Box<Answer>,
        opted_in: OptedIn,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Result<NextStep, ClientError> {
        let Answer { protection, metadata, .. } = &*answer;
        match status {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT => {
                let range = self.download.range.as_ref();
                let (body, delivered_by) = match protection {
                    Protection::Encrypted { alg, key } => (
                        Body::encrypted(status, headers, key, metadata, range)?,
                        DeliveredBy::Encrypted(*alg),
                    ),
                    Protection::None => {
                        (Body::verbatim(status, headers, metadata, range)?, DeliveredBy::Verbatim)
                    }
                };
                let content_type = metadata.content_type.clone();
                let content_disposition = metadata.content_disposition.clone();
                Ok(NextStep::Save(Box::new(Media {
                    body,
                    content_type,
                    content_disposition,
                    delivered_by,
                    plain_reason: None,
                })))
            }
            StatusCode::NOT_FOUND | StatusCode::CONFLICT if self.answers < MAX_ANSWERS => {
                Ok(NextStep::Send(self.ask(Some(opted_in), Reason::LinkGone(status))))
            }
            StatusCode::NOT_FOUND | StatusCode::CONFLICT => {
                Ok(NextStep::Send(self.ask(None, Reason::LinkGoneAgain(status))))
            }
            StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => {
                Ok(NextStep::Send(self.ask(None, Reason::EdgeFailed(status))))
            }
            StatusCode::RANGE_NOT_SATISFIABLE if self.download.range.is_some() => match metadata.size {
                0 => Ok(NextStep::Send(self.whole().follow(answer, opted_in, Reason::Empty))),
                size => Err(BodyError::BeyondEnd { size_bytes: Some(size) }.into()),
            },
            status => Err(ClientError::Edge(status)),
        }
    }
}

/// The status under which each delivery's answer comes.
fn answer_status(delivery: Delivery) -> StatusCode {
    match delivery {
        Delivery::Redirect => StatusCode::TEMPORARY_REDIRECT,
        Delivery::Json => StatusCode::OK,
    }
}

/// Returns the object's length as a 416 tells it: `Content-Range: bytes */1234`.
fn size_of_unsatisfied(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(http::header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
    range.and_then(|range| range.rsplit_once('/')).and_then(|(_, size)| decimal(size))
}

fn number(headers: &HeaderMap, name: &http::HeaderName) -> Option<u64> {
    decimal(headers.get(name)?.to_str().ok()?.trim())
}

#[cfg(test)]
mod tests;
