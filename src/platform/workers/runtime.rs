//! The adapter for the runtime: time, randomness, memory, background tasks, and the log.

use std::cell::RefCell;
use std::collections::HashMap;

use js_sys::Promise;

use super::Workers;
use super::body::WorkerBody;
use super::glue::console_warn;
use super::task;
use crate::objects;
use crate::ports::{BackgroundTask, Event, FILL_WAIT_MS, Memory, Runtime, STALL_MS, UpstreamRequest};
use crate::protocol::Object;

/// After this time without progress, a fill counts as cut off with its request: twice the time that it may
/// stall.
const FORGOTTEN_MS: u64 = 2 * STALL_MS as u64;

thread_local! {
    static MEMORY: RefCell<Memory> = RefCell::default();
    /// The objects that this isolate is putting into the cache, each with the time of its last progress in
    /// milliseconds since 1970. These are plain data, because a request must not wait for another one's
    /// promise.
    static FILLING: RefCell<HashMap<String, u64>> = RefCell::default();
}

impl Runtime<WorkerBody> for Workers {
    fn now_ms(&self) -> u64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a date after 1970")]
        let now = js_sys::Date::now() as u64;
        now
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        if getrandom::fill(bytes).is_err() {
            // WebCrypto is part of the runtime, so this cannot happen. If it does, we must stop: keys need
            // randomness.
            wasm_bindgen::throw_str("no randomness");
        }
    }

    fn run_in_background(&self, task: BackgroundTask<WorkerBody>) {
        match task {
            BackgroundTask::Fill(object, request) => drop(self.fill(&object, request)),
            BackgroundTask::Put(..) | BackgroundTask::PutInfo(..) => drop(self.run(task, None)),
        }
    }

    fn fill(&self, object: &Object, request: UpstreamRequest) -> Option<impl Future<Output = bool>> {
        let name = begin_fill(object, self.now_ms())?;
        let cached = self.run(BackgroundTask::Fill(object.clone(), request), Some(name));
        Some(async move {
            let cached = task::settled_within(FILL_WAIT_MS.into(), Ok(cached)).await;
            cached.is_ok_and(|cached| cached.is_truthy())
        })
    }

    fn memory<T>(&self, with: impl FnOnce(&mut Memory) -> T) -> T {
        MEMORY.with_borrow_mut(with)
    }

    fn log(&self, event: Event) {
        let label = event.label();
        console_warn(&match event.reason() {
            Some(reason) => format!("{{\"event\":\"{label}\",\"reason\":\"{reason}\"}}"),
            None => format!("{{\"event\":\"{label}\"}}"),
        });
    }
}

impl Workers {
    /// Begins a task that goes on after the response. Returns a promise that tells whether the object is
    /// cached then. Both the platform and a client may wait for it.
    fn run(&self, task: BackgroundTask<WorkerBody>, filling: Option<String>) -> Promise {
        let platform = self.clone();
        let cached = task::start(async move {
            let cached = objects::run(&platform, task).await;
            if let Some(name) = filling {
                FILLING.with_borrow_mut(|filling| filling.remove(&name));
            }
            Ok(cached.into())
        });
        // This fails only long after the response, when we start no tasks any more.
        let _ = self.context.wait_until(&cached);
        cached
    }

    /// Records that a fill makes progress.
    pub(super) fn note_progress(&self, object_name: &str) {
        let now_ms = self.now_ms();
        FILLING.with_borrow_mut(|filling| filling.get_mut(object_name).map(|since_ms| *since_ms = now_ms));
    }
}

/// Marks an object as being filled and returns its name. Returns `None` if it is marked already.
fn begin_fill(object: &Object, now_ms: u64) -> Option<String> {
    let name = object.cache_name();
    FILLING.with_borrow_mut(|filling| {
        filling.retain(|_, progress_ms| now_ms.saturating_sub(*progress_ms) < FORGOTTEN_MS);
        if filling.contains_key(&name) {
            return None;
        }
        filling.insert(name.clone(), now_ms);
        Some(name)
    })
}
