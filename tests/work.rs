//! Checks that a text from outside causes work that is linear in its length at most.
//!
//! The tests do not measure time. They count the bytes that are allocated: code that serialises, copies or
//! decodes a long text repeatedly also allocates repeatedly.
#![expect(unsafe_code, reason = "a global allocator that counts")]
#![expect(clippy::unwrap_used, reason = "a test may fail so in its helpers too")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use cloakroom::client::safe_text;
use cloakroom::config::Config;
use cloakroom::dispatch::{Url, decide};
use cloakroom::protocol::{
    AccessToken, Algorithm, Answer, Delivery, Disposition, FileName, Grant, MediaRequest, Metadata, MxcUri,
    ObjectInfo, OptIn, OptInKind, Query, Requested, Route, ServerName, WebOrigin,
};
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

struct Counting;

thread_local! {
    static ALLOCATED_BYTES: Cell<usize> = const { Cell::new(0) };
}

fn count(bytes: usize) {
    // The cell does not exist while a thread ends. No test depends on that time.
    let _ = ALLOCATED_BYTES.try_with(|sum| sum.set(sum.get() + bytes));
}

// SAFETY: every call goes to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps to the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps to the contract of `dealloc`.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size);
        // SAFETY: the caller keeps to the contract of `realloc`.
        unsafe { System.realloc(memory, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Returns the number of bytes that are allocated while `work` runs.
fn steps<T>(work: impl FnOnce() -> T) -> usize {
    let before = ALLOCATED_BYTES.get();
    black_box(work());
    ALLOCATED_BYTES.get() - before
}

const SHORT_BYTES: usize = 4 * 1024;
const GROWTH: usize = 16;

/// Returns repetitions of `piece`, about `bytes` long.
fn grown(piece: &str, bytes: usize) -> String {
    piece.repeat(bytes / piece.len())
}

/// Checks that a text of sixteen times the length causes about sixteen times the work. Because buffers
/// double, twice as much is allowed. Quadratic work would be 256 times as much.
fn assert_linear(name: &str, piece: &str, work: impl Fn(&str)) {
    let (short, long) = (grown(piece, SHORT_BYTES), grown(piece, SHORT_BYTES * GROWTH));
    let (few, many) = (steps(|| work(&short)), steps(|| work(&long)));
    let most = few * GROWTH * 2 + long.len() * 4;
    assert!(
        many <= most,
        "{name}: {few} bytes for {SHORT_BYTES} of {piece:?}, {many} for {GROWTH} times that"
    );
}

fn info(disposition: &str) -> ObjectInfo {
    let headers = [
        (http::header::CONTENT_LENGTH, HeaderValue::from_static("5")),
        (http::header::CONTENT_TYPE, HeaderValue::from_static("image/png")),
        (http::header::CONTENT_DISPOSITION, HeaderValue::from_bytes(disposition.as_bytes()).unwrap()),
    ];
    ObjectInfo::from_headers(&HeaderMap::from_iter(headers))
}

fn media_request(path: &str, query: &str) {
    if let Route::Media(path) = Route::of(path) {
        let _ = black_box(MediaRequest::parse(path, &Query::parse(query)));
    }
}

fn opt_in() -> OptIn {
    OptIn { delivery: Delivery::Json, alg: Algorithm::ChaCha20, verbatim: false }
}

fn edge() -> WebOrigin {
    WebOrigin::parse("https://media.example.net").unwrap()
}

fn config() -> Config {
    let variables = [
        ("HOMESERVER_URL", "https://synapse.example.org"),
        ("SERVER_NAME", "example.org"),
        ("EDGE_URL", "https://media.example.net"),
        ("HOMESERVER_TOKEN", "syt_service"),
    ];
    let variable = |name: &str| variables.iter().find(|(known, _)| *known == name);
    Config::read(|name| variable(name).map(|(_, value)| (*value).to_owned())).unwrap()
}

type Reader = (&'static str, fn(&str));

/// All functions that read a text from outside.
const READERS: [Reader; 17] = [
    ("a file name in the path, minted", |text| {
        let metadata = Metadata::new(5, &info("inline"), FileName::new(text).as_ref());
        black_box(metadata.to_json());
    }),
    ("a stored filename, minted", |text| {
        let stored = info(&format!("inline; filename=\"{text}\""));
        black_box(Metadata::new(5, &stored, None).to_json());
    }),
    ("a stored filename*, minted", |text| {
        let stored = info(&format!("inline; filename*=utf-8''{text}"));
        black_box(Metadata::new(5, &stored, None).to_json());
    }),
    ("a media type, minted", |text| {
        let stored = ObjectInfo { content_type: text.to_owned(), ..info("inline") };
        black_box(Metadata::new(5, &stored, None).to_json());
    }),
    ("a disposition", |text| {
        black_box(Disposition::parse(text).to_string());
    }),
    ("a file name", |text| {
        black_box(FileName::new(text).map(|name| name.shortened(200)));
    }),
    ("a path", |text| media_request(&format!("/_matrix/client/v1/media/download/{text}"), "")),
    ("the end of a path", |text| {
        media_request(&format!("/_matrix/client/v1/media/download/a.org/b/{text}"), "");
    }),
    ("a query", |text| media_request("/_matrix/media/v3/thumbnail/a.org/b", text)),
    ("an opt-in", |text| {
        let _ = black_box(OptInKind::from_query(&Query::parse(&format!(
            "org.matrix.msc4097.delivery=json&{text}"
        ))));
    }),
    ("a range", |text| {
        let value = HeaderValue::from_bytes(format!("bytes={text}").as_bytes()).unwrap();
        black_box(Requested::from_headers(&HeaderMap::from_iter([(http::header::RANGE, value)]), 1000));
    }),
    ("a server name and an mxc URI", |text| {
        let _ = black_box((ServerName::parse(text), MxcUri::parse(&format!("mxc://a.org/{text}"))));
    }),
    ("who serves a URL", |text| {
        let config = config();
        let url = format!("https://matrix.example.org/{text}");
        black_box(decide(Ok(&config), &http::Method::GET, &Url::split(&url)));
    }),
    ("a web origin", |text| {
        let (origin, url) = (format!("https://{text}"), format!("https://a.org/{text}"));
        black_box((WebOrigin::parse(&origin), WebOrigin::of(&url)));
    }),
    ("a text to be shown", |text| {
        black_box(safe_text(text, AccessToken::new("syt_abcdefghijklmnopqrst").as_ref(), 200));
    }),
    ("an answer", |text| {
        let _ = black_box(Answer::from_json(text.as_bytes(), &edge(), &opt_in()));
    }),
    ("a grant", |text| {
        let _ = black_box(Grant::from_json(text));
    }),
];

#[test]
fn typical_texts_cause_linear_work() {
    for piece in ["\"", "\\", "%22", "\u{2603}", "%e2%98%83", ".", ";", "a"] {
        for (name, reader) in READERS {
            assert_linear(name, piece, reader);
        }
    }
}

#[test]
fn metadata_read_only_the_part_of_a_name_that_fits() {
    for piece in ["\"", "a", "\u{2603}", "\u{2603}\"", ".tar"] {
        let work = |bytes| {
            let name = FileName::new(&grown(piece, bytes)).unwrap();
            let stored = info("inline");
            let copied = 2 * name.as_str().len();
            steps(|| Metadata::new(5, &stored, Some(&name))).saturating_sub(copied)
        };
        let (few, many) = (work(2_000), work(64_000));
        assert!(many <= few + 1024, "{piece:?}: {few} bytes beside the name, then {many}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_repeated_text_causes_linear_work(piece in "[a-z0-9\"\\\\%;=&*'+,./{}\\[\\]: \u{e9}\u{2603}-]{1,12}") {
        for (name, reader) in READERS {
            assert_linear(name, &piece, reader);
        }
    }
}
