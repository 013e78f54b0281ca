//! The port to the runtime: time, randomness, work after the response, and the log.

use std::cell::RefCell;
use std::collections::HashMap;

use js_sys::Promise;

use super::Workers;
use super::body::WorkerBody;
use super::glue::console_warn;
use super::task;
use crate::ports::{BackgroundTask, Event, Host, UpstreamRequest, run_background_task};
use crate::protocol::Object;

/// A fill that has not ended after this long was cut off with its request.
const FILL_FORGOTTEN_MS: u64 = 10 * 60 * 1000;

thread_local! {
    /// Objects that this isolate is putting into the cache, and since when. Plain data: a request must
    /// not wait for another one's promise.
    static FILLING: RefCell<HashMap<String, u64>> = RefCell::new(HashMap::new());
}

impl Host<WorkerBody> for Workers {
    fn now_ms(&self) -> u64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a date after 1970")]
        let now = js_sys::Date::now() as u64;
        now
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        if getrandom::fill(bytes).is_err() {
            // Never a key that is not random. WebCrypto is part of the runtime: this cannot happen.
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
        Some(async move { task::settled(Ok(cached)).await.is_ok_and(|cached| cached.is_truthy()) })
    }

    fn log(&self, event: Event) {
        console_warn(&format!("{{\"event\":\"{}\"}}", event.label()));
    }
}

impl Workers {
    /// Begins a task that goes on after the response, and says whether the object is cached then. A
    /// promise, because two may wait for it: the platform, and a client.
    fn run(&self, task: BackgroundTask<WorkerBody>, filling: Option<String>) -> Promise {
        let platform = self.clone();
        let cached = task::start(async move {
            let cached = run_background_task(&platform, task).await;
            if let Some(name) = filling {
                FILLING.with_borrow_mut(|filling| filling.remove(&name));
            }
            Ok(cached.into())
        });
        // It fails only once the response is long sent, when nothing is started any more.
        let _ = self.context.wait_until(&cached);
        cached
    }
}

/// `None` if the object is being filled already.
fn begin_fill(object: &Object, now_ms: u64) -> Option<String> {
    let name = object.cache_name();
    FILLING.with_borrow_mut(|filling| {
        filling.retain(|_, since| now_ms.saturating_sub(*since) < FILL_FORGOTTEN_MS);
        if filling.contains_key(&name) {
            return None;
        }
        filling.insert(name.clone(), now_ms);
        Some(name)
    })
}
