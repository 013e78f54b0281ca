//! The Worker's environment. It never changes within an isolate, so it is read and checked once.

use std::cell::RefCell;
use std::rc::Rc;

use super::glue::console_warn;
use crate::config::{Config, ConfigError, Misconfigured};

/// The configuration, or everything that is wrong with it.
pub(super) type Judged = Result<Rc<Config>, Rc<Misconfigured>>;

thread_local! {
    /// The variables that [`log_once`] has logged.
    static LOGGED: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
    static JUDGED: RefCell<Option<Judged>> = const { RefCell::new(None) };
}

/// Returns the configuration of this isolate. Logs each error once, on one line.
pub(super) fn config(env: &worker::Env) -> Judged {
    JUDGED.with_borrow_mut(|judged| judged.get_or_insert_with(|| judge(env)).clone())
}

/// Returns the value of a variable or secret.
fn variable(env: &worker::Env, name: &str) -> Option<String> {
    let value = js_sys::Reflect::get(env, &wasm_bindgen::JsValue::from_str(name)).ok()?;
    value.as_string()
}

fn judge(env: &worker::Env) -> Judged {
    let has_key_store = super::kv::namespace(env).is_some();
    let wrong = match Config::read(|name| variable(env, name)) {
        Ok(config) if has_key_store => return Ok(Rc::new(config)),
        Ok(config) => config.misconfigured(ConfigError::missing_key_store()),
        Err(mut wrong) => {
            if !has_key_store {
                wrong.errors.push(ConfigError::missing_key_store());
            }
            wrong
        }
    };
    for error in &wrong.errors {
        console_warn(&log_line(error));
    }
    Err(Rc::new(wrong))
}

/// Logs an error that concerns only some requests, once per isolate and not for each of these requests.
pub(super) fn log_once(error: &ConfigError) {
    LOGGED.with_borrow_mut(|logged| {
        if !logged.contains(&error.variable) {
            logged.push(error.variable);
            console_warn(&log_line(error));
        }
    });
}

/// Returns `{"event":"config_error",…}` as one line of JSON, like all lines of our log.
fn log_line(error: &ConfigError) -> String {
    serde_json::json!({ "event": "config_error", "variable": error.variable, "error": error.to_string() })
        .to_string()
}
