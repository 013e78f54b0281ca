//! The order of a client's requests (`spec/msc4097.md`, sections 9.1 to 9.6).
//!
//! 1. Ask for the media config, with the access token. It names the edge. Without an edge, do not opt in.
//! 2. Ask for the media, opted in, with the access token. Only the answer header makes a response an answer;
//!    any other body is the media.
//! 3. Check the answer. If its link does not lead to the advertised edge, read the media config again, once.
//!    If the answer is wrong in another way, ask without opting in.
//! 4. Follow the link, without the access token.
//! 5. On 404 or 409 ask for a new answer, once; after that ask without opting in. Never try the same link
//!    again. On 502 or 504 ask without opting in.
//!
//! The client follows at most [`MAX_REDIRECTS`](super::MAX_REDIRECTS) plain redirects in a row (3xx without
//! the answer header). The access token stays on the homeserver's web origin.

use http::{HeaderMap, HeaderValue, StatusCode};
use zeroize::Zeroizing;

use super::opt_in::{ClientOptIn, How, OptedIn};
use super::request::Trail;
use super::response::{self, Meaning};
use super::{Advertised, Body, BodyError, ClientError, HomeserverUrl, NotAdvertised, Party};
use super::{RangeRequest, Reason, Refusal, Request};
use crate::cipher::Key;
use crate::protocol::{
    Algorithm, Answer, AnswerError, Metadata, Object, ObjectInfo, OptIn, Protection, SESSION_PARAMETER,
    WebOrigin,
};

/// The maximum number of answers in a download. After that the client asks without opting in.
const MAX_ANSWERS: u8 = 2;

/// The maximum number of media configs in a download. The second one follows an answer with another edge.
const MAX_CONFIGS: u8 = 2;

const CONFIG_PATH: &str = "/_matrix/client/v1/media/config";

/// The media that a user wants.
#[derive(Clone, Debug)]
pub struct DownloadRequest {
    /// The media.
    pub object: Object,
    /// The opt-in; `None` for plain media. With `verbatim`, the client accepts a link without a key.
    pub opt_in: Option<ClientOptIn>,
    /// The part of the media; `None` for the whole.
    pub range: Option<RangeRequest>,
    /// The object's length, if the client knows it: from an event, for one. The client does not opt in if the
    /// homeserver says that it gives no links to objects of this length.
    pub size_bytes: Option<u64>,
}

/// Begins a download. Returns its first request.
pub fn start(homeserver: HomeserverUrl, download: DownloadRequest) -> Exchange {
    let opt_in = download.opt_in;
    let plan = Plan { homeserver, download, answers: 0, configs: 0 };
    match opt_in {
        Some(opt_in) => plan.ask_for_config(opt_in, Reason::Start),
        None => plan.ask(None, Reason::PlainRequested),
    }
}

/// The step after the head of a response.
#[derive(Debug)]
pub enum NextStep {
    /// Drop this response and send the next request.
    Send(Exchange),
    /// Read the body of this response as a document.
    Read(Document),
    /// Save the body of this response: it is the media.
    Save(Box<Media>),
}

/// A request whose response is still to come.
#[derive(Debug)]
pub struct Exchange {
    plan: Plan,
    asked: Asked,
    request: Request,
    reason: Reason,
}

/// A response whose whole body must be read, up to [`Document::MAX_BYTES`].
#[derive(Debug)]
pub struct Document {
    plan: Plan,
    kind: DocumentKind,
}

#[derive(Debug)]
enum DocumentKind {
    Config(ClientOptIn),
    Answer { opt_in: OptIn, opted_in: OptedIn },
    Refusal { status: StatusCode, retry_after_secs: Option<u64> },
}

/// A response whose body is the media.
#[derive(Debug)]
pub struct Media {
    /// Checks and decrypts the body.
    pub body: Body,
    /// The media type.
    pub content_type: String,
    /// The disposition and file name, as in the header `Content-Disposition`.
    pub content_disposition: Option<String>,
    /// The way in which the media travels.
    pub delivered_by: DeliveredBy,
    /// The origin's reason for serving the media plainly although the client opted in, such as `too-small`.
    /// The text comes from outside: pass it through [`safe_text()`](super::safe_text()) before you show it.
    pub plain_reason: Option<String>,
}

/// The way in which media reach the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveredBy {
    /// Through a link, encrypted.
    Encrypted(Algorithm),
    /// Through a link, as stored, because the media is ciphertext already.
    Verbatim,
    /// As any homeserver serves them.
    Plain,
}

/// The parameters of a download, and the numbers of answers and media configs so far.
#[derive(Debug)]
struct Plan {
    homeserver: HomeserverUrl,
    download: DownloadRequest,
    answers: u8,
    configs: u8,
}

/// A link, and what the client needs to read it.
#[derive(Debug)]
enum Link {
    /// The link of an answer.
    Answered(Box<Answer>),
    /// The link to which the homeserver redirected a client with a session.
    Session { url: Zeroizing<String>, key: Key },
}

/// The kind of a request, which decides how its response is read.
#[derive(Debug)]
enum Asked {
    Config(ClientOptIn),
    Media { opted_in: Option<OptedIn>, origin: WebOrigin, hops: u8 },
    Link { link: Link, opted_in: OptedIn },
}

impl Exchange {
    /// Returns the request to send.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Returns the reason for the request.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// Reads the head of the response.
    ///
    /// # Errors
    /// The error that ends the download. An error of the homeserver comes from [`Document::read`].
    pub fn receive(self, status: StatusCode, headers: &HeaderMap) -> Result<NextStep, ClientError> {
        let Self { plan, asked, request, .. } = self;
        match asked {
            Asked::Config(opt_in) => Ok(plan.config_came(opt_in, status)),
            Asked::Media { opted_in, origin, hops } => {
                let trail = Trail { url: request.url, party: request.party, origin, hops };
                plan.media_came(opted_in, trail, status, headers)
            }
            Asked::Link { link, opted_in } => plan.link_came(link, opted_in, status, headers),
        }
    }
}

impl Document {
    /// The number of bytes of the body to read: one more than the longest document may have, so that a longer one is noticed. The
    /// longest real documents have about 3 KiB.
    pub const MAX_BYTES: usize = Advertised::MAX_CONFIG_BYTES + 1;

    /// Reads the body.
    ///
    /// # Errors
    /// The homeserver's error, if the document is one.
    pub fn read(self, body: &[u8]) -> Result<Exchange, ClientError> {
        let Self { mut plan, kind } = self;
        match kind {
            DocumentKind::Config(opt_in) => {
                let size_bytes = plan.download.size_bytes;
                match Advertised::from_config(body).and_then(|about| about.opted_in(opt_in, size_bytes)) {
                    Ok(opted_in) => Ok(plan.ask(Some(opted_in), Reason::Advertised)),
                    Err(reason) => Ok(plan.ask(None, Reason::NotAdvertised(reason))),
                }
            }
            DocumentKind::Answer { opt_in, opted_in } => {
                plan.answers += 1;
                match Answer::from_json(body, &opted_in.edge, &opt_in) {
                    Ok(answer) => {
                        Ok(plan.follow(Link::Answered(Box::new(answer)), opted_in, Reason::Answered))
                    }
                    Err(AnswerError::ForeignUrl)
                        if plan.configs < MAX_CONFIGS && plan.answers < MAX_ANSWERS =>
                    {
                        Ok(plan.ask_for_config(opt_in.into(), Reason::OtherEdge))
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
    fn ask_for_config(mut self, opt_in: ClientOptIn, reason: Reason) -> Exchange {
        self.configs += 1;
        let mut url = Zeroizing::new(self.homeserver.join(CONFIG_PATH));
        if matches!(opt_in, ClientOptIn::Session(_)) {
            url.extend(["?", SESSION_PARAMETER, "=true"]);
        }
        let request = Request { url, party: Party::Homeserver, range: None };
        Exchange { plan: self, asked: Asked::Config(opt_in), request, reason }
    }

    fn config_came(self, opt_in: ClientOptIn, status: StatusCode) -> NextStep {
        if status == StatusCode::OK {
            return NextStep::Read(Document { plan: self, kind: DocumentKind::Config(opt_in) });
        }
        NextStep::Send(self.ask(None, Reason::NotAdvertised(NotAdvertised::Status(status))))
    }

    fn ask(self, opted_in: Option<OptedIn>, reason: Reason) -> Exchange {
        let mut url = self.homeserver.join(&self.download.object.client_path());
        if let Some(OptedIn { how, .. }) = &opted_in {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(&how.to_query());
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

    fn follow(self, link: Link, opted_in: OptedIn, reason: Reason) -> Exchange {
        let url = match &link {
            Link::Answered(answer) => answer.url.clone(),
            Link::Session { url, .. } => url.clone(),
        };
        let request = Request { url, party: Party::Edge, range: self.range_header() };
        let asked = Asked::Link { link, opted_in };
        Exchange { plan: self, asked, request, reason }
    }

    /// Drops the range, for an empty object. Servers may refuse every range of it with 416 (RFC 9110 section
    /// 15.5.17), but an empty object is not an error to the user.
    fn whole(mut self) -> Self {
        self.download.range = None;
        self
    }

    fn range_header(&self) -> Option<HeaderValue> {
        self.download.range.as_ref().and_then(RangeRequest::to_header)
    }

    fn media_came(
        mut self,
        opted_in: Option<OptedIn>,
        trail: Trail,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Result<NextStep, ClientError> {
        let answer = opted_in.as_ref().and_then(|opted_in| match opted_in.how {
            How::Answer(opt_in) => Some(opt_in),
            How::Session(..) => None,
        });
        let asked = response::Asked {
            opted_in: opted_in.is_some(),
            delivery: answer.map(|opt_in| opt_in.delivery),
            range: self.download.range.as_ref(),
        };
        let is_homeserver = trail.party == Party::Homeserver;
        match response::understand(asked, trail, status, headers)? {
            Meaning::Answer => {
                let (opt_in, opted_in) = answer.zip(opted_in).ok_or(ClientError::UnaskedAnswer)?;
                let kind = DocumentKind::Answer { opt_in, opted_in };
                Ok(NextStep::Read(Document { plan: self, kind }))
            }
            Meaning::Media { body, plain_reason } => {
                let ObjectInfo { content_type, content_disposition, .. } = ObjectInfo::from_headers(headers);
                Ok(NextStep::Save(Box::new(Media {
                    body,
                    content_type,
                    content_disposition,
                    delivered_by: DeliveredBy::Plain,
                    plain_reason,
                })))
            }
            Meaning::Redirect(next) => {
                let key = opted_in
                    .as_ref()
                    .filter(|_| is_homeserver)
                    .and_then(|opted_in| opted_in.key_of(&next.url));
                if let Some((key, opted_in)) = key.zip(opted_in.clone()) {
                    self.answers += 1;
                    let link = Link::Session { url: next.url, key };
                    return Ok(NextStep::Send(self.follow(link, opted_in, Reason::SessionRedirect)));
                }
                Ok(NextStep::Send(self.get(opted_in, next, Reason::Redirected)))
            }
            Meaning::Empty(trail) => Ok(NextStep::Send(self.whole().get(opted_in, trail, Reason::Empty))),
            Meaning::Error { retry_after_secs } => {
                let kind = DocumentKind::Refusal { status, retry_after_secs };
                Ok(NextStep::Read(Document { plan: self, kind }))
            }
        }
    }

    fn link_came(
        self,
        link: Link,
        opted_in: OptedIn,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Result<NextStep, ClientError> {
        match status {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT => {
                let range = self.download.range.as_ref();
                let (body, metadata, delivered_by) = match link {
                    Link::Answered(answer) => {
                        let Answer { protection, metadata, .. } = *answer;
                        let (body, delivered_by) = match &protection {
                            Protection::Encrypted(key) => (
                                Body::encrypted(status, headers, key, &metadata, range)?,
                                DeliveredBy::Encrypted(key.alg()),
                            ),
                            Protection::None => {
                                (Body::verbatim(status, headers, &metadata, range)?, DeliveredBy::Verbatim)
                            }
                        };
                        (body, metadata, delivered_by)
                    }
                    Link::Session { key, .. } => {
                        let (body, metadata) = Body::of_session(status, headers, &key, range)?;
                        (body, metadata, DeliveredBy::Encrypted(key.alg()))
                    }
                };
                let Metadata { content_type, content_disposition, .. } = metadata;
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
            StatusCode::RANGE_NOT_SATISFIABLE if self.download.range.is_some() => {
                let size_bytes = match &link {
                    Link::Answered(answer) => Some(answer.metadata.size),
                    Link::Session { .. } => response::size_of_unsatisfied(headers),
                };
                match size_bytes {
                    Some(0) => Ok(NextStep::Send(self.whole().follow(link, opted_in, Reason::Empty))),
                    size_bytes => Err(BodyError::BeyondEnd { size_bytes }.into()),
                }
            }
            status => Err(ClientError::Edge(status)),
        }
    }
}

#[cfg(test)]
mod session_tests;
#[cfg(test)]
mod tests;
