//! Opens an object at a range, from the cache or from the homeserver's response.

use http::header::CONTENT_LENGTH;
use http::{HeaderMap, StatusCode};

use super::answer::{Answer, Asked};
use super::ask::ask;
use super::plan::{Caching, Given, Need, Plan, Purpose};
use super::source::{Opened, Source};
use crate::ports::{BackgroundTask, Body, Event, Platform, UpstreamError, UpstreamRequest, UpstreamResponse};
use crate::protocol::{ByteRange, Change, Object, ObjectInfo, Pins, Requested, decimal};

/// An object to open, and how to open it.
#[expect(missing_debug_implementations, reason = "requests hold tokens")]
pub struct Opening<'a> {
    /// The object.
    pub object: &'a Object,
    /// Builds the `GET` request for the whole object, with the account that asks.
    pub whole: &'a dyn Fn() -> UpstreamRequest,
    /// What the object must match, if a grant pins it.
    pub pins: Option<&'a Pins>,
    /// What the bytes are for.
    pub purpose: Purpose,
    /// The length of the largest object that is cached, in bytes.
    pub cache_max_bytes: u64,
}

/// An object that the homeserver sends, opened.
#[derive(Debug)]
pub enum Sent<B> {
    /// An object of known length, at the requested range.
    Opened(Opened<B>),
    /// An object of unknown length. It can only be served whole, as it arrives.
    Unsized(ObjectInfo, B),
    /// An object that ends before the requested range, with its length in bytes.
    BeyondEnd(ObjectInfo, u64),
}

/// Why an object cannot be opened.
#[derive(Debug)]
pub enum OpenError<B> {
    /// The homeserver sent no usable response.
    Unreachable(UpstreamError),
    /// The homeserver's response is not the object.
    Refused(Answer, UpstreamResponse<B>),
    /// The object is not the granted one.
    Changed(Change),
    /// A body that must be read whole broke off, stalled or had another length than promised. Or the
    /// homeserver sent an unusable part in response to a request for the whole object.
    Broken,
}

/// What follows a response.
enum Step<B> {
    /// Serve this.
    Done(Sent<B>),
    /// Ask again, for the whole object.
    AskWhole,
    /// The fill of the cache has ended, or the wait for it has. Open this range from the cache.
    Filled(Option<ByteRange>),
}

/// Returns what a 200 or 206 sends. Returns `None` for a 206 without a usable `Content-Range` or
/// `Content-Length`: without a `Content-Length`, the runtime cannot tell a truncated part from a complete one
/// if the connection closes in an orderly way.
fn given(status: StatusCode, headers: &HeaderMap) -> Option<Given> {
    if status != StatusCode::PARTIAL_CONTENT {
        return Some(Given::Whole);
    }
    let (part, _) = ByteRange::from_content_range(headers)?;
    let length: u64 = decimal(headers.get(CONTENT_LENGTH)?.to_str().ok()?)?;
    (length == part.length()).then_some(Given::Part(part))
}

impl Opening<'_> {
    fn is_cacheable(&self, size: u64) -> bool {
        size <= self.cache_max_bytes
    }

    /// Opens the object at a range, or whole, from the cache. Returns `None` if the cache does not have the
    /// object that `pins` describes.
    pub async fn from_cache<P: Platform>(
        &self,
        platform: &P,
        pins: &Pins,
        range: Option<ByteRange>,
    ) -> Option<Opened<P::Body>> {
        let size = pins.size;
        if !self.is_cacheable(size) {
            return None;
        }
        let cached = platform.open(self.object, range).await?;
        if pins.check(&cached.info).is_err() {
            // The homeserver decides which copy is current.
            cached.body.cancel();
            return None;
        }
        let covers = cached.range.map_or(0..size, Into::into);
        let length = covers.end - covers.start;
        let need = Need { size, range, cacheable: true, purpose: self.purpose };
        let body = if need.is_small(length) { cached.body.buffer(length).await.ok()? } else { cached.body };
        Some(Opened { info: cached.info, source: Source { body, covers }, size, range })
    }

    /// Opens the object from a 200 or 206 of the homeserver. `resolve` tells the requested range, once the
    /// object's info is known. If the response is a part that does not fit, asks once more, for the whole
    /// object.
    ///
    /// # Errors
    /// [`OpenError`], with the response if it is not the object.
    pub async fn from_homeserver<P: Platform>(
        &self,
        platform: &P,
        first: UpstreamResponse<P::Body>,
        resolve: &dyn Fn(&ObjectInfo) -> Requested,
    ) -> Result<Sent<P::Body>, OpenError<P::Body>> {
        let again = match self.open(platform, first, resolve).await? {
            Step::Done(sent) => return Ok(sent),
            Step::AskWhole => {
                let response = self.ask_whole(platform).await?;
                self.open(platform, response, resolve).await?
            }
            Step::Filled(range) => {
                if let Some(pins) = self.pins
                    && let Some(opened) = self.from_cache(platform, pins, range).await
                {
                    return Ok(Sent::Opened(opened));
                }
                // The fill failed or took too long. Open the whole object, which every client must accept.
                let response = self.ask_whole(platform).await?;
                self.open(platform, response, &|_| Requested::Whole).await?
            }
        };
        match again {
            Step::Done(sent) => Ok(sent),
            Step::AskWhole | Step::Filled(_) => Err(OpenError::Broken),
        }
    }

    /// Carries out the plan for one response.
    async fn open<P: Platform>(
        &self,
        platform: &P,
        response: UpstreamResponse<P::Body>,
        resolve: &dyn Fn(&ObjectInfo) -> Requested,
    ) -> Result<Step<P::Body>, OpenError<P::Body>> {
        let UpstreamResponse { status, headers, body } = response;
        let info = ObjectInfo::from_headers(&headers);
        let Some(given) = given(status, &headers) else {
            // The pins are not checked: a part that does not describe itself does not describe the object
            // either.
            body.cancel();
            return Ok(Step::AskWhole);
        };
        if let Some(Err(change)) = self.pins.map(|pins| pins.check(&info)) {
            body.cancel();
            return Err(OpenError::Changed(change));
        }
        let Some(size) = info.size else { return Ok(Step::Done(Sent::Unsized(info, body))) };
        let range = match resolve(&info) {
            Requested::Whole => None,
            Requested::Part(range) => Some(range),
            Requested::Unsatisfiable => {
                body.cancel();
                return Ok(Step::Done(Sent::BeyondEnd(info, size)));
            }
        };
        let need = Need { size, range, cacheable: self.is_cacheable(size), purpose: self.purpose };
        let covers = match given {
            Given::Part(part) => part.into(),
            Given::Whole => 0..size,
        };
        let (body, range, cache) = match need.plan(given) {
            Plan::Stream { range, cache } => (body, range, cache),
            Plan::Buffer { range, cache } => {
                let Ok(body) = body.buffer(covers.end - covers.start).await else {
                    platform.log(Event::BodyBroken);
                    return Err(OpenError::Broken);
                };
                (body, range, cache)
            }
            Plan::FillFirst => match platform.fill(self.object, (self.whole)()) {
                // Another request is filling the cache. Open the whole object from this response.
                None => (body, None, Caching::None),
                Some(filled) => {
                    body.cancel();
                    filled.await;
                    return Ok(Step::Filled(range));
                }
            },
            Plan::AskWhole => {
                body.cancel();
                return Ok(Step::AskWhole);
            }
        };
        self.cache(platform, cache, &info, &body);
        let source = Source { body, covers };
        Ok(Step::Done(Sent::Opened(Opened { info, source, size, range })))
    }

    async fn ask_whole<P: Platform>(
        &self,
        platform: &P,
    ) -> Result<UpstreamResponse<P::Body>, OpenError<P::Body>> {
        let asked = ask(platform, self.object, &(self.whole)(), Asked::Get).await;
        match asked.map_err(OpenError::Unreachable)? {
            (Answer::Whole | Answer::Part, response) => Ok(response),
            (answer, response) => Err(OpenError::Refused(answer, response)),
        }
    }

    fn cache<P: Platform>(&self, platform: &P, cache: Caching, info: &ObjectInfo, body: &P::Body) {
        match cache {
            Caching::None => {}
            Caching::ThisBody => {
                if let Some(copy) = body.try_clone() {
                    let task = BackgroundTask::Put(self.object.clone(), info.clone(), copy);
                    platform.run_in_background(task);
                }
            }
            Caching::Fill => {
                let task = BackgroundTask::Fill(self.object.clone(), (self.whole)());
                platform.run_in_background(task);
            }
        }
    }
}
