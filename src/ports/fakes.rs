//! Fakes for the ports. They produce faults that the real things do not produce on demand: they fail, fail
//! but persist, and cut a body short.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use http::{HeaderMap, StatusCode};
use zeroize::Zeroizing;

use super::{
    BackgroundTask, Body, BodyError, Cached, Event, Homeserver, KeyStore, KeyStoreError, Memory, ObjectCache,
    Platform, RemoteAnswer, RemoteHomeservers, Reply, ReplyBody, Runtime, UpstreamError, UpstreamRequest,
    UpstreamResponse,
};
use crate::cipher::WindowError;
use crate::config::Config;
use crate::objects;
use crate::policy::TargetUrl;
use crate::protocol::{AccessToken, ByteRange, Object, ObjectInfo};

/// A body that may be shorter than promised, and whether it was cancelled.
#[derive(Clone, Debug)]
pub struct FakeBody {
    bytes: Rc<Vec<u8>>,
    buffered: bool,
    pub cancelled: Rc<Cell<bool>>,
}

impl FakeBody {
    fn new(bytes: Vec<u8>) -> Self {
        Self { bytes: Rc::new(bytes), buffered: false, cancelled: Rc::default() }
    }
}

impl Body for FakeBody {
    async fn buffer(self, size: u64) -> Result<Self, BodyError> {
        if self.bytes.len() as u64 == size {
            Ok(Self { buffered: true, ..self })
        } else {
            Err(BodyError::Broken)
        }
    }

    fn try_clone(&self) -> Option<Self> {
        self.buffered.then(|| self.clone())
    }

    async fn bytes(self, limit: usize) -> Result<Vec<u8>, BodyError> {
        if self.bytes.len() > limit { Err(BodyError::TooLong { limit }) } else { Ok(self.bytes.to_vec()) }
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        Self { buffered: true, ..Self::new(bytes.to_vec()) }
    }

    fn cancel(self) {
        self.cancelled.set(true);
    }
}

/// A request as the homeserver saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub token: Option<String>,
    pub condition: Option<String>,
    pub range: Option<String>,
    pub client_ip: Option<String>,
}

type Answering = dyn Fn(&Seen) -> Result<UpstreamResponse<FakeBody>, UpstreamError>;

/// How the key store fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreFault {
    None,
    Fails,
    FailsButPersists,
}

type RemoteScript = dyn Fn(&str) -> Option<RemoteAnswer>;

/// Fakes for all ports of a request.
pub struct Fakes {
    pub remotes: Box<RemoteScript>,
    pub asked_remotes: RefCell<Vec<String>>,
    memory: RefCell<Memory>,
    /// What other requests do while this one sleeps.
    pub while_asleep: Box<dyn Fn(&Self)>,
    answer: Box<Answering>,
    pub seen: RefCell<Vec<Seen>>,
    pub records: RefCell<HashMap<String, (String, u64)>>,
    /// The names of all records that were read.
    pub read_names: RefCell<Vec<String>>,
    pub store_fault: Cell<StoreFault>,
    pub info: RefCell<HashMap<String, ObjectInfo>>,
    pub objects: RefCell<HashMap<String, (ObjectInfo, Vec<u8>)>>,
    pub now_ms: Cell<u64>,
    pub events: RefCell<Vec<Event>>,
    pub background_tasks: RefCell<Vec<BackgroundTask<FakeBody>>>,
    /// Whether another request is filling the cache.
    pub filling: Cell<bool>,
    random: Cell<u8>,
}

impl Fakes {
    /// Creates a homeserver that responds with `answer`, an empty cache, and a key store that works.
    pub fn new(
        answer: impl Fn(&Seen) -> Result<UpstreamResponse<FakeBody>, UpstreamError> + 'static,
    ) -> Self {
        Self {
            answer: Box::new(answer),
            remotes: Box::new(|_| None),
            asked_remotes: RefCell::default(),
            memory: RefCell::default(),
            while_asleep: Box::new(|_| ()),
            seen: RefCell::default(),
            records: RefCell::default(),
            read_names: RefCell::default(),
            store_fault: Cell::new(StoreFault::None),
            info: RefCell::default(),
            objects: RefCell::default(),
            now_ms: Cell::new(1_000_000),
            events: RefCell::default(),
            background_tasks: RefCell::default(),
            filling: Cell::new(false),
            random: Cell::new(0),
        }
    }

    /// Creates a homeserver that has one object, supports conditional requests and ignores ranges, as Synapse
    /// does.
    pub fn with_object(bytes: &[u8]) -> Self {
        let bytes = bytes.to_vec();
        Self::new(move |seen| {
            if seen.condition.as_deref() == Some("1") {
                return response(304, &[("etag", "1")], b"");
            }
            let length = bytes.len().to_string();
            let headers = [("content-length", length.as_str()), ("content-type", "image/png"), ("etag", "1")];
            response(200, &headers, if seen.method == "HEAD" { b"" } else { &bytes })
        })
    }

    /// Runs the background tasks.
    pub fn run_background_tasks(&self) {
        let background_tasks = self.background_tasks.take();
        for task in background_tasks {
            futures_executor::block_on(objects::run(self, task));
        }
    }

    /// Returns the requests so far, each as `METHOD[?condition]`, and forgets them.
    pub fn methods(&self) -> String {
        let seen = self.seen.take();
        let words = seen.iter().map(|seen| match &seen.condition {
            Some(condition) => format!("{}?{condition}", seen.method),
            None => seen.method.clone(),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// Returns the token and the record of the only grant in the key store.
    pub fn only_grant(&self) -> Option<(String, String)> {
        let records = self.records.borrow();
        let mut grants = records
            .iter()
            .filter_map(|(name, (json, _))| Some((name.strip_prefix("grant:")?.to_owned(), json.clone())));
        let grant = grants.next();
        assert!(grants.next().is_none(), "more than one grant");
        grant
    }
}

/// Builds a homeserver's response.
#[expect(clippy::unnecessary_wraps, reason = "what a homeserver's closure returns")]
pub fn response(
    status: u16,
    headers: &[(&'static str, &str)],
    body: &[u8],
) -> Result<UpstreamResponse<FakeBody>, UpstreamError> {
    let headers: HeaderMap =
        headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    Ok(UpstreamResponse {
        status: StatusCode::from_u16(status).unwrap(),
        headers,
        body: FakeBody::new(body.to_vec()),
    })
}

/// Reads a configuration with a few variables changed.
pub fn config(changes: &[(&str, &str)]) -> Config {
    let base = [
        ("HOMESERVER_URL", "https://synapse.example.org"),
        ("SERVER_NAME", "example.org"),
        ("EDGE_URL", "https://media.example.net"),
        ("HOMESERVER_TOKEN", "service"),
        ("REDIRECT_MIN_BYTES", "10"),
    ];
    let find = |name: &str| {
        let found = changes.iter().chain(&base).find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    Config::read(find).unwrap()
}

/// Returns what a client reads of a reply, or why the reply was aborted. The upstream body arrives in small
/// chunks.
pub fn read(reply: Reply<FakeBody>) -> Result<Vec<u8>, WindowError> {
    match reply.body {
        ReplyBody::Empty => Ok(Vec::new()),
        ReplyBody::Bytes(bytes) => Ok(bytes.to_vec()),
        ReplyBody::Relay(body) => Ok(body.bytes.to_vec()),
        ReplyBody::Media(body, mut window) => {
            let mut sent = Vec::new();
            for chunk in body.bytes.to_vec().chunks_mut(7) {
                let range = window.push(chunk)?;
                sent.extend_from_slice(&chunk[range]);
            }
            window.finish()?;
            Ok(sent)
        }
    }
}

/// Returns a reply's header as text.
pub fn header<'a, B>(reply: &'a Reply<B>, name: &str) -> Option<&'a str> {
    reply.headers.get(name).map(|value| value.to_str().unwrap())
}

impl Platform for Fakes {
    type Body = FakeBody;
}

impl Homeserver<FakeBody> for Fakes {
    async fn send(&self, request: &UpstreamRequest) -> Result<UpstreamResponse<FakeBody>, UpstreamError> {
        let header = |name| request.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        let seen = Seen {
            method: request.method.to_string(),
            path: request.path.to_string(),
            token: request.account.token().map(AccessToken::expose).map(str::to_owned),
            condition: header(http::header::IF_NONE_MATCH),
            range: header(http::header::RANGE),
            client_ip: request.client_ip.clone(),
        };
        self.seen.borrow_mut().push(seen.clone());
        (self.answer)(&seen)
    }
}

impl ObjectCache<FakeBody> for Fakes {
    async fn get_info(&self, object: &Object) -> Option<ObjectInfo> {
        self.info.borrow().get(&object.cache_name()).cloned()
    }

    async fn open(&self, object: &Object, range: Option<ByteRange>) -> Option<Cached<FakeBody>> {
        let (info, mut bytes) = self.objects.borrow().get(&object.cache_name()).cloned()?;
        if let Some(range) = range {
            let (start, end) = (usize::try_from(range.start()).ok()?, usize::try_from(range.end()).ok()?);
            bytes = bytes.get(start..end)?.to_vec();
        }
        Some(Cached { info, body: FakeBody::new(bytes), range })
    }

    async fn put_object(&self, object: &Object, info: &ObjectInfo, body: FakeBody) -> bool {
        if Some(body.bytes.len() as u64) != info.size {
            return false;
        }
        self.objects.borrow_mut().insert(object.cache_name(), (info.clone(), body.bytes.to_vec()));
        self.put_info(object, info).await
    }

    async fn put_info(&self, object: &Object, info: &ObjectInfo) -> bool {
        self.info.borrow_mut().insert(object.cache_name(), info.clone());
        true
    }
}

impl KeyStore for Fakes {
    async fn put(&self, name: &str, record: &str, ttl_secs: u64) -> Result<(), KeyStoreError> {
        let fault = self.store_fault.get();
        if fault != StoreFault::Fails {
            self.records.borrow_mut().insert(name.to_owned(), (record.to_owned(), ttl_secs));
        }
        if fault == StoreFault::None { Ok(()) } else { Err(KeyStoreError) }
    }

    async fn get(&self, name: &str) -> Result<Option<Zeroizing<String>>, KeyStoreError> {
        self.read_names.borrow_mut().push(name.to_owned());
        if self.store_fault.get() == StoreFault::Fails {
            return Err(KeyStoreError);
        }
        Ok(self.records.borrow().get(name).map(|(record, _)| Zeroizing::new(record.clone())))
    }
}

impl RemoteHomeservers for Fakes {
    async fn fetch(&self, url: &TargetUrl) -> Option<RemoteAnswer> {
        self.asked_remotes.borrow_mut().push(url.to_string());
        (self.remotes)(&url.to_string())
    }

    async fn sleep(&self, ms: u32) {
        self.now_ms.set(self.now_ms.get() + u64::from(ms));
        (self.while_asleep)(self);
    }
}

impl Runtime<FakeBody> for Fakes {
    fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        self.random.set(self.random.get() + 1);
        bytes.fill(self.random.get());
    }

    fn run_in_background(&self, task: BackgroundTask<FakeBody>) {
        self.background_tasks.borrow_mut().push(task);
    }

    fn fill(&self, object: &Object, request: UpstreamRequest) -> Option<impl Future<Output = bool>> {
        let task = BackgroundTask::Fill(object.clone(), request);
        (!self.filling.get()).then(|| objects::run(self, task))
    }

    fn memory<T>(&self, with: impl FnOnce(&mut Memory) -> T) -> T {
        with(&mut self.memory.borrow_mut())
    }

    fn log(&self, event: Event) {
        self.events.borrow_mut().push(event);
    }
}
