// scripts/check-source.mjs finds forbidden uses in each folder of src/, with file and line.

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { violations } from "../../scripts/check-source.mjs";

const FORBIDDEN = {
  "src/cipher/window.rs": ["use crate::protocol::Key;", "    let key = super::super::protocol::Key::from_bytes(bytes);"],
  "src/edge/open.rs": ["use crate::origin::authorise::relay;", "pub use super::origin;"],
  "src/objects/plan.rs": ["use crate::edge::respond;", "let x = crate::origin::y();"],
  "src/edge/tests.rs": ["use crate::origin;"],
  "src/policy/lookup.rs": [
    "use worker::Fetch;",
    "#[wasm_bindgen]",
    'let url = "http://x"; js_sys::Date::now();',
    "use tokio::time;",
    "use reqwest::Client;",
  ],
  "src/lib.rs": ["use crate::{edge, origin};"],
  "src/client/request.rs": ["let size: u64 = text.parse().ok()?;", "text.parse::<u16>()", "text.parse::<std::primitive::u8>()"],
  "src/bin/cloakroom/args.rs": ["text.parse::<usize>()"],
};

const ALLOWED = {
  "src/cipher/window.rs": ["use crate::cipher::Key;", "// `crate::protocol` has the ranges", "//! [`crate::protocol`]"],
  "src/edge/open.rs": ["use crate::objects::open;", 'let message = "crate::origin::x";', "let original = super::original();"],
  "src/origin/plain.rs": ["use crate::objects::open;", "let worker = 1;", "etag.parse::<ETag>()"],
  "src/platform/workers/kv.rs": ["use worker::Env;", "use wasm_bindgen::JsValue;"],
  "src/bin/cloakroom/main.rs": ["use tokio::signal;"],
  "src/protocol/number.rs": ["text.parse::<u64>()"],
  "src/origin/tests.rs": ['"5".parse().unwrap()'],
  "src/protocol/range.rs": ["#[cfg(test)]", "mod tests {", '    "5".parse::<u64>().unwrap()'],
};

describe("the source check", () => {
  for (const [path, lines] of Object.entries(FORBIDDEN)) {
    it(`finds forbidden uses in ${path}, with their line`, () => {
      for (const line of lines) {
        const found = violations(path, `//! A file.\n\n${line}\n`);
        assert.equal(found.length, 1, line);
        assert.ok(found[0].startsWith(`${path}:3: `), found[0]);
      }
    });
  }

  it("accepts everything else", () => {
    for (const [path, lines] of Object.entries(ALLOWED)) assert.deepEqual(violations(path, lines.join("\n")), [], path);
  });
});
