//! Tasks: our futures, driven by JavaScript.
//!
//! A request waits for one promise of the runtime at a time. So a task needs no queue, no wakers and no
//! closures, which together cost more than the code between two waits.
//!
//! # Sequence
//!
//! In order, for a request whose code says `settled(promise).await` once:
//!
//! 1. `js/serve.js` takes an idle driver, and with it a [`Task`], and calls [`Task::serve`]. The task
//!    stores the future and issues the first ticket. Nothing runs yet.
//! 2. `js/drive.js` calls [`Task::resume`] with that ticket, which polls the future.
//! 3. The future reaches [`settled`]. The wait takes a ticket and hands its promise and its time limit over
//!    to the [exchange](super::super::exchange), and the future is pending.
//! 4. `resume` returns the promise; [`Task::ticket`] and [`Task::limit_ms`] belong to it. The driver waits for
//!    the promise, but no longer than the limit. Meanwhile other tasks do all this.
//! 5. The promise settles, or its time is over. The driver calls `resume` with the ticket, and with the value,
//!    the error, or the text "timed out". Whatever the same promise comes to later has an old ticket, and
//!    is ignored.
//! 6. `resume` polls the future with the value in the exchange. The wait claims the value, because it carries
//!    its ticket, and the code goes on: to the next wait (3), or to its end.
//! 7. At the end `resume` returns the outcome, the ticket is 0, and [`Task::failed`] says how the driver settles
//!    its own promise. The driver serves another request.
//!
//! If an exception leaves `resume`, the program has trapped: `js/instance.js` says what follows.

use js_sys::Promise;
use std::pin::Pin;
use wasm_bindgen::prelude::*;

use super::super::exchange::{Exchange, Step, Ticket, wait};
use super::glue;

/// The outcome of a task, or what a promise settles to.
type Outcome = Result<JsValue, JsValue>;

thread_local! {
    static EXCHANGE: Exchange<Promise, Outcome> = const { Exchange::new() };
}

/// A future, as its driver sees it. The runtime's garbage collector frees the tasks of requests that were
/// cancelled.
#[wasm_bindgen]
#[expect(missing_debug_implementations, reason = "a future has nothing to show")]
pub struct Task {
    future: Option<Pin<Box<dyn Future<Output = Outcome>>>>,
    ticket: Option<Ticket>,
    started: bool,
    limit_ms: f64,
    failed: bool,
}

impl Task {
    /// Stores a future, which the next [`Self::resume`] begins.
    pub(super) fn begin(&mut self, future: impl Future<Output = Outcome> + 'static) {
        let ticket = EXCHANGE.with(Exchange::issue);
        *self = Self { future: Some(Box::pin(future)), ticket: Some(ticket), ..Self::new() };
    }

    fn finish(&mut self, outcome: Outcome) -> JsValue {
        *self = Self { failed: outcome.is_err(), ..Self::new() };
        outcome.unwrap_or_else(|error| error)
    }
}

#[wasm_bindgen]
impl Task {
    /// A task that has nothing to do yet.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self { future: None, ticket: None, started: false, limit_ms: f64::INFINITY, failed: false }
    }

    /// Resumes the wait that has this ticket with what its promise settled to. The value is ignored the first
    /// time, when the task begins. Returns the next promise to wait for; or, if [`Self::ticket`] is 0 then, the
    /// outcome. Ignores any other ticket.
    pub fn resume(&mut self, ticket: u32, fulfilled: bool, value: JsValue) -> JsValue {
        let (Some(future), Some(current)) = (&mut self.future, self.ticket) else {
            return JsValue::UNDEFINED;
        };
        if current.number() != ticket {
            return JsValue::UNDEFINED;
        }
        let settled = self.started.then(|| (current, if fulfilled { Ok(value) } else { Err(value) }));
        self.started = true;
        match EXCHANGE.with(|exchange| exchange.poll(future.as_mut(), settled)) {
            Step::Waits(awaited) => {
                self.ticket = Some(awaited.ticket);
                self.limit_ms = awaited.limit_ms;
                awaited.promise.into()
            }
            Step::Done(outcome) => self.finish(outcome),
            Step::Stuck => {
                self.finish(Err(JsError::new("a task waits for something that is not a promise").into()))
            }
        }
    }

    /// The ticket of the wait that the task is in; 0 once it is done.
    #[wasm_bindgen(getter)]
    pub fn ticket(&self) -> u32 {
        self.ticket.map_or(0, Ticket::number)
    }

    /// How many milliseconds that wait may take; possibly infinite.
    #[wasm_bindgen(getter, js_name = limitMs)]
    pub fn limit_ms(&self) -> f64 {
        self.limit_ms
    }

    /// Whether the outcome is an error.
    #[wasm_bindgen(getter)]
    pub fn failed(&self) -> bool {
        self.failed
    }
}

/// Starts a task and returns the promise of its outcome.
pub(super) fn start(future: impl Future<Output = Outcome> + 'static) -> Promise {
    let mut task = Task::new();
    task.begin(future);
    glue::drive_later(task)
}

/// Waits for a promise, if there is one, however long it takes. Only within a task.
///
/// # Errors
/// Why there is no promise, or the reason of its rejection.
pub(super) async fn settled(promise: Result<Promise, JsValue>) -> Outcome {
    settled_within(f64::INFINITY, promise).await
}

/// Waits for a promise for at most `limit_ms`. Only within a task.
///
/// # Errors
/// As [`settled`]; or the text that [`is_timeout`] knows.
pub(super) async fn settled_within(limit_ms: f64, promise: Result<Promise, JsValue>) -> Outcome {
    let settled = wait(&EXCHANGE, promise?, limit_ms).await;
    settled.unwrap_or_else(|error| Err(JsError::new(&error.to_string()).into()))
}

/// Whether a wait ended because its time was over.
pub(super) fn is_timeout(error: &JsValue) -> bool {
    error.as_string().is_some_and(|error| error == "timed out")
}
