# shellcheck shell=bash
# Ring lint of scripts/test: checks of dependencies, shell scripts, JavaScript and spelling.

# Each check is a function lint_NAME; all of them run, and the ring fails if any does.
lints=(lock_files rust_versions dependencies shellcheck javascript types spelling)

ring_lint() {
  local name status=0
  for name in "${lints[@]}"; do
    if "lint_$name"; then
      ok "${name//_/ }"
    else
      say "lint failed: ${name//_/ }"
      status=1
    fi
  done
  return "$status"
}

# The packages of the benchmark have a Cargo.lock, which no other ring reads.
lint_lock_files() { cargo metadata --locked --format-version 1 --manifest-path benches/Cargo.toml >/dev/null; }

# No dependency needs a newer Rust than the one that Cargo.toml promises to work with.
lint_rust_versions() {
  local metadata
  metadata=$(cargo metadata --locked --format-version 1) && node scripts/check-rust-versions.mjs <<<"$metadata"
}

# The rules are in deny.toml.
lint_dependencies() { cargo_deny check licenses bans sources; }

lint_shellcheck() {
  local scripts=() file
  while read -r file; do scripts+=("$file"); done < <(grep -rlE '^(#!/usr/bin/env bash|# shellcheck shell=bash)$' .ci benches docs scripts spec tests)
  "$LINT_VENV/bin/shellcheck" "${scripts[@]}"
}

# The rules are in biome.json.
lint_javascript() { biome lint --error-on-warnings; }

# Our own words are in typos.toml.
lint_spelling() { "$LINT_VENV/bin/typos"; }

lint_types() { node scripts/check-types.mjs; }
