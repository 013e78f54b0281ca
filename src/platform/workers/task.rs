//! Tasks: futures that JavaScript drives.
//!
//! A request waits for one promise of the runtime at a time. So a task needs no queue, no wakers and no
//! closures, which together would cost more than the code between two waits.
//!
//! # Sequence
//!
//! This is what happens for a request whose code says `settled(promise).await` once:
//!
//! 1. `js/serve.js` takes an idle driver with its [`Task`], and calls [`Task::serve`]. The task stores the
//!    future and issues the first ticket. The future does not run yet.
//! 2. `js/drive.js` calls [`Task::resume`] with that ticket, which polls the future.
//! 3. The future reaches [`settled`]. The wait takes a ticket and hands over its promise and its time limit
//!    to the [exchange](super::super::exchange). The future is pending then.
//! 4. `resume` returns the promise, and [`Task::ticket`] and [`Task::limit_ms`] return its ticket and limit.
//!    The driver waits for the promise, but no longer than the limit. Meanwhile other tasks may run.
//! 5. The promise settles, or its time is over. The driver calls `resume` with the ticket, and with the
//!    value, the error, or the text "timed out". If the promise settles after that, its ticket is old, and
//!    the value is ignored.
//! 6. `resume` polls the future with the value in the exchange. The wait claims the value, because it has the
//!    wait's ticket. The code runs on to its next wait (step 3) or to its end.
//! 7. At the end, `resume` returns the outcome, the ticket is 0, and [`Task::failed`] tells the driver how to
//!    settle its own promise. The driver is idle again.
//!
//! If an exception leaves `resume`, the program has trapped. `js/instance.js` describes what happens then.

use js_sys::Promise;
use std::pin::Pin;
use wasm_bindgen::prelude::*;

use super::super::exchange::{Exchange, Step, Ticket, wait};
use super::glue;

/// The outcome of a task, or of a promise.
type Outcome = Result<JsValue, JsValue>;

thread_local! {
    static EXCHANGE: Exchange<Promise, Outcome> = const { Exchange::new() };
}

/// A future, as its driver sees it. If a request is cancelled, the runtime's garbage collector frees its
/// task.
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
    /// Stores a future. The next [`Self::resume`] starts it.
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
    /// Creates a task without a future.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self { future: None, ticket: None, started: false, limit_ms: f64::INFINITY, failed: false }
    }

    /// Resumes the task with the previous promise's result, `value`. The value is ignored on the first call,
    /// which starts the task. Returns the next promise to wait for or, if [`Self::ticket`] is 0 then, the
    /// outcome. Does nothing if `ticket` is not the task's current one.
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

    /// Returns the ticket of the task's current wait; 0 if the task has ended.
    #[wasm_bindgen(getter)]
    pub fn ticket(&self) -> u32 {
        self.ticket.map_or(0, Ticket::number)
    }

    /// Returns how many milliseconds that wait may take; possibly infinite.
    #[wasm_bindgen(getter, js_name = limitMs)]
    pub fn limit_ms(&self) -> f64 {
        self.limit_ms
    }

    /// Returns whether the outcome is an error.
    #[wasm_bindgen(getter)]
    pub fn failed(&self) -> bool {
        self.failed
    }
}

/// Starts a task and returns a promise of its outcome.
pub(super) fn start(future: impl Future<Output = Outcome> + 'static) -> Promise {
    let mut task = Task::new();
    task.begin(future);
    glue::drive_later(task)
}

/// Waits for a promise without a time limit. May be called only within a task.
///
/// # Errors
/// The given error if there is no promise, or the reason for its rejection.
pub(super) async fn settled(promise: Result<Promise, JsValue>) -> Outcome {
    settled_within(f64::INFINITY, promise).await
}

/// Waits for a promise for at most `limit_ms`. May be called only within a task.
///
/// # Errors
/// The errors of [`settled`], or the text that [`is_timeout`] recognises.
pub(super) async fn settled_within(limit_ms: f64, promise: Result<Promise, JsValue>) -> Outcome {
    let settled = wait(&EXCHANGE, promise?, limit_ms).await;
    settled.unwrap_or_else(|error| Err(JsError::new(&error.to_string()).into()))
}

/// Returns whether a wait failed because its time was over.
pub(super) fn is_timeout(error: &JsValue) -> bool {
    error.as_string().is_some_and(|error| error == "timed out")
}
