//! The Worker's environment: read and judged once per isolate, whose environment never changes.

use std::cell::RefCell;
use std::rc::Rc;

use super::glue::console_warn;
use crate::config::{Config, ConfigError, Misconfigured};

/// The configuration, or everything that is wrong with it.
pub(super) type Judged = Result<Rc<Config>, Rc<Misconfigured>>;

thread_local! {
    /// Variables that [`log_once`] has named.
    static LOGGED: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
    static JUDGED: RefCell<Option<Judged>> = const { RefCell::new(None) };
}

/// The configuration of this isolate. What is wrong is logged once, one line a variable.
pub(super) fn config(env: &worker::Env) -> Judged {
    JUDGED.with_borrow_mut(|judged| judged.get_or_insert_with(|| judge(env)).clone())
}

/// One variable or secret.
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

/// Logs what is wrong for some requests only: once per isolate, not with each of them.
pub(super) fn log_once(error: &ConfigError) {
    LOGGED.with_borrow_mut(|logged| {
        if !logged.contains(&error.variable) {
            logged.push(error.variable);
            console_warn(&log_line(error));
        }
    });
}

/// `{"event":"config_error",…}`: one line of JSON, as every line of our log is.
fn log_line(error: &ConfigError) -> String {
    serde_json::json!({ "event": "config_error", "variable": error.variable, "error": error.to_string() })
        .to_string()
}
