//! Checks that freed memory contains no key material: no key, no text of a key, and no record or answer that
//! contains one. The allocator searches each block that is freed.
//!
//! We do not claim this for access tokens and redirect tokens, because header maps, URLs and queries contain
//! them too, and no library can wipe those.
#![expect(unsafe_code, reason = "a global allocator that looks at freed memory")]
#![expect(clippy::unwrap_used, reason = "a test may fail so in its helpers too")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use cloakroom::cipher::{Key, Keystream, Window};
use cloakroom::protocol::{
    AccessToken, Algorithm, Answer, Content, Delivery, Grant, MediaId, Metadata, Object, ObjectInfo, OptIn,
    Pins, Protection, RedirectToken, ServerName, SessionMaster, SessionMasters, SessionSecret, Variant,
    WebOrigin,
};
use http::HeaderMap;
use zeroize::Zeroizing;

/// The key of all tests, and its text.
const KEY: [u8; 32] =
    *b"\xf1\xe2\xd3\xc4\xb5\xa6\x97\x88key material\x79\x6a\x5b\x4c\x3d\x2e\x1f\x10\x99\x88\x77\x66";
const KEY_TEXT: &[u8; 43] = b"8eLTxLWml4hrZXkgbWF0ZXJpYWx5altMPS4fEJmId2Y";
/// The number of consecutive bytes of the key or its text that count as a trace.
const TRACE_BYTES: usize = 12;

struct Watching;

thread_local! {
    static WATCHING: Cell<bool> = const { Cell::new(false) };
    static TRACES: Cell<usize> = const { Cell::new(0) };
}

fn holds(memory: &[u8], secret: &[u8]) -> bool {
    secret.windows(TRACE_BYTES).any(|part| memory.windows(TRACE_BYTES).any(|bytes| bytes == part))
}

/// Counts a freed block that contains a part of the key.
fn look_at(memory: &[u8]) {
    // The cells do not exist while a thread ends. No test depends on that time.
    if WATCHING.try_with(Cell::get).unwrap_or(false) && (holds(memory, &KEY) || holds(memory, KEY_TEXT)) {
        TRACES.set(TRACES.get() + 1);
    }
}

// SAFETY: the system allocates all memory, and every byte of it is initialised. The default `realloc`
// allocates, copies and frees, so that the old block is searched too.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps to the contract of `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the block has this size, and every byte of it was written when it was allocated.
        look_at(unsafe { std::slice::from_raw_parts(memory, layout.size()) });
        // SAFETY: the caller keeps to the contract of `dealloc`.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watching = Watching;

/// Runs `work` and drops its result. Returns the number of freed blocks that contained a part of the key.
fn traces<T>(work: impl FnOnce() -> T) -> usize {
    TRACES.set(0);
    WATCHING.set(true);
    drop(black_box(work()));
    WATCHING.set(false);
    TRACES.get()
}

fn key() -> Key {
    Key::chacha20(KEY)
}

fn info() -> ObjectInfo {
    ObjectInfo::from_headers(&HeaderMap::from_iter([
        (http::header::CONTENT_LENGTH, "5".parse().unwrap()),
        (http::header::CONTENT_DISPOSITION, format!("inline; filename={}", "x".repeat(600)).parse().unwrap()),
    ]))
}

fn grant() -> Grant {
    let object = Object {
        server_name: ServerName::parse("example.org").unwrap(),
        media_id: MediaId::parse("AbC").unwrap(),
        variant: Variant::Original,
    };
    let metadata = Metadata::new(5, &info(), None).to_json();
    let content = Content::Encrypted(key());
    let etag = "\"abc\"".to_owned();
    Grant { content, object, pins: Pins::new(5, &info()), metadata, etag, expires_ts: 1_790_000_000_000 }
}

fn opt_in() -> OptIn {
    OptIn { delivery: Delivery::Json, alg: Algorithm::ChaCha20, verbatim: false }
}

fn edge() -> WebOrigin {
    WebOrigin::parse("https://media.example.net").unwrap()
}

fn answer() -> Answer {
    let token = RedirectToken::from_bytes([7; 32]);
    Answer {
        url: Zeroizing::new(format!("{}/{}", edge().as_str(), token.as_str())),
        protection: Protection::Encrypted(key()),
        expires_ts: 1_790_000_000_000,
        expires_in_ms: Some(300_000),
        metadata: Metadata::new(5, &info(), None),
    }
}

#[test]
fn unwiped_memory_is_found() {
    assert_eq!(traces(|| KEY.to_vec()), 1);
    assert_eq!(traces(|| String::from_utf8(KEY_TEXT.to_vec())), 1);
    let mut text = String::from_utf8(KEY_TEXT.to_vec()).unwrap();
    assert_eq!(traces(|| text.push_str("more than fits")), 1, "the block that was too small");
}

#[test]
fn a_key_and_its_text() {
    assert_eq!(key().to_base64url().as_bytes(), KEY_TEXT);
    assert_eq!(traces(key), 0);
    assert_eq!(traces(|| (key().clone(), key().to_base64url())), 0);
    assert_eq!(
        traces(|| Key::from_base64url(Algorithm::ChaCha20, std::str::from_utf8(KEY_TEXT).unwrap())),
        0
    );
    let refused = format!("{}A", std::str::from_utf8(KEY_TEXT).unwrap());
    assert_eq!(traces(|| Key::from_base64url(Algorithm::ChaCha20, &refused)), 0);
}

#[test]
fn a_key_that_was_taken_out_of_a_box() {
    let mut place = Box::new(Some(key()));
    assert_eq!(traces(move || drop(place.take())), 0);
}

#[test]
fn a_keystream_and_its_window() {
    let work = || {
        let mut window = Window::onto(0..5, 0..5, Some(Keystream::body(&key()))).unwrap();
        window.push(&mut [0; 5]).unwrap();
        window
    };
    assert_eq!(traces(work), 0);
    // At the end of a stream, the window is taken out of a shared cell.
    let place = std::rc::Rc::new(std::cell::RefCell::new(Some(work())));
    assert_eq!(traces(move || drop(place.take())), 0);
}

#[test]
fn a_session() {
    let master = || SessionMaster::from_bytes(&KEY);
    let masters = || SessionMasters { present: master(), previous: Some(master()) };
    assert_eq!(traces(masters), 0);
    let token = AccessToken::new("syt_x").unwrap();
    let begun = masters().begin(&token, 2, [7; 16]).unwrap();
    assert_eq!(traces(|| (masters().begin(&token, 2, [7; 16]), masters().open(begun.id, &token, 1))), 0);
    let secret = || SessionSecret::from_base64url(std::str::from_utf8(KEY_TEXT).unwrap()).unwrap();
    assert_eq!(secret().as_bytes(), &KEY);
    assert_eq!(traces(|| (secret().clone(), secret().to_base64url())), 0);
    assert_eq!(traces(|| secret().key(Algorithm::A256Ctr, "name")), 0);
    let mut place = Box::new(Some(secret()));
    assert_eq!(traces(move || drop(place.take())), 0);
}

#[test]
fn sealed_metadata() {
    let json = Metadata::new(5, &info(), None).to_json();
    assert_eq!(traces(|| Metadata::seal(&json, &key())), 0);
    let sealed = Metadata::seal(&json, &key()).unwrap();
    assert_eq!(traces(|| Metadata::unseal(sealed.to_str().unwrap(), &key())), 0);
}

#[test]
fn a_grant_and_its_record() {
    assert_eq!(traces(grant), 0);
    let grant = grant();
    assert_eq!(traces(|| grant.to_json()), 0);
    let record = grant.to_json();
    assert_eq!(traces(|| Grant::from_json(&record)), 0);
    // With long texts, of characters that JSON escapes or encodes in several bytes.
    for text in ["\"", "\u{1}", "\u{2603}"] {
        let mut grant = self::grant();
        (grant.metadata, grant.etag) = (text.repeat(3000), text.repeat(3000));
        grant.pins.etag = Some(text.repeat(20_000));
        assert_eq!(traces(|| grant.to_json()), 0, "{text:?}");
    }
    assert_eq!(
        traces(|| Grant::from_json(&record.replace("\"v\":1", "\"v\":2")).is_err()),
        1,
        "the test's own copy"
    );
}

#[test]
fn an_answer_and_its_json() {
    assert_eq!(traces(answer), 0);
    let answer = answer();
    assert_eq!(traces(|| answer.to_json()), 0);
    for text in ["\"", "\u{1}", "\u{2603}"] {
        let mut answer = self::answer();
        answer.url = Zeroizing::new(text.repeat(3000));
        answer.metadata.content_type = text.repeat(3000);
        answer.metadata.content_disposition = Some(text.repeat(3000));
        assert_eq!(traces(|| answer.to_json()), 0, "{text:?}");
    }
    let json = answer.to_json();
    assert_eq!(traces(|| Answer::from_json(json.as_bytes(), &edge(), &opt_in())), 0);
    assert_eq!(traces(|| Answer::from_json(b"{}", &edge(), &opt_in())), 0);
}
