//! Tasks: futures of ours that JavaScript drives.
//!
//! A request waits for one promise of the runtime at a time. So a task needs no queue, no wakers and no
//! closures, which all cost more than the code between two waits: [`settled`] leaves the promise with
//! [`Task::resume`], whose caller, `drive` in `js/drive.js`, waits for it and brings what came of it.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use js_sys::Promise;
use wasm_bindgen::prelude::*;

use super::glue;

/// What passes between the task that runs and the loop that drives it.
enum Exchange {
    /// The promise that the task waits for, and for how long.
    Awaited(Promise, f64),
    /// What came of it.
    Settled(Outcome),
}

thread_local! {
    static EXCHANGE: Cell<Option<Exchange>> = const { Cell::new(None) };
}

/// A future, as the loop that drives it sees it. The runtime's garbage collector frees those of requests that
/// were cancelled; one that is done serves another request.
#[wasm_bindgen]
#[expect(missing_debug_implementations, reason = "a future has nothing to show")]
pub struct Task {
    future: Option<Pin<Box<dyn Future<Output = Outcome>>>>,
    limit_ms: Option<f64>,
}

/// What a task, or a promise, comes to.
type Outcome = Result<JsValue, JsValue>;

impl Task {
    pub(super) fn begin(&mut self, future: impl Future<Output = Outcome> + 'static) {
        self.future = Some(Box::pin(future));
    }
}

#[wasm_bindgen]
impl Task {
    /// A task that has nothing to do yet.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self { future: None, limit_ms: None }
    }

    /// Goes on with what came of the last promise; the first time, with anything. Returns the next promise
    /// to wait for, or the outcome: [`Self::limit_ms`] tells which.
    ///
    /// # Errors
    /// The task's own.
    pub fn resume(&mut self, fulfilled: bool, value: JsValue) -> Outcome {
        EXCHANGE.set(Some(Exchange::Settled(if fulfilled { Ok(value) } else { Err(value) })));
        let Some(future) = &mut self.future else {
            return Err(JsError::new("a task was resumed that has nothing to do").into());
        };
        let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        match (polled, EXCHANGE.take()) {
            (Poll::Ready(outcome), _) => {
                self.future = None;
                self.limit_ms = None;
                outcome
            }
            (Poll::Pending, Some(Exchange::Awaited(promise, limit_ms))) => {
                self.limit_ms = Some(limit_ms);
                Ok(promise.into())
            }
            (Poll::Pending, _) => Err(JsError::new("a task waits for something that is no promise").into()),
        }
    }

    /// For how many milliseconds the task waits for the promise that it returned, possibly infinite;
    /// `None` once it is done.
    #[wasm_bindgen(getter)]
    pub fn limit_ms(&self) -> Option<f64> {
        self.limit_ms
    }
}

/// Starts a task. The promise is that of its outcome.
pub(super) fn start(future: impl Future<Output = Outcome> + 'static) -> Promise {
    let mut task = Task::new();
    task.begin(future);
    glue::drive_later(task)
}

/// Waits for a promise, if there is one, as long as it takes. Only within a task.
///
/// # Errors
/// Why there is none, or what it was rejected with.
pub(super) async fn settled(promise: Result<Promise, JsValue>) -> Outcome {
    settled_within(f64::INFINITY, promise).await
}

/// The same for at most `limit_ms`.
///
/// # Errors
/// Also the text that [`is_timeout`] knows.
pub(super) async fn settled_within(limit_ms: f64, promise: Result<Promise, JsValue>) -> Outcome {
    let mut promise = Some(promise?);
    poll_fn(move |_| match promise.take() {
        Some(promise) => {
            EXCHANGE.set(Some(Exchange::Awaited(promise, limit_ms)));
            Poll::Pending
        }
        None => match EXCHANGE.take() {
            Some(Exchange::Settled(outcome)) => Poll::Ready(outcome),
            _ => Poll::Ready(Err(JsError::new("a task was resumed without an outcome").into())),
        },
    })
    .await
}

/// Whether a wait ended because its time was over.
pub(super) fn is_timeout(error: &JsValue) -> bool {
    error.as_string().is_some_and(|error| error == "timed out")
}
