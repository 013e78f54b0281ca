# shellcheck shell=bash
# Ring lint of scripts/test: what guards the text of the repository, beside rustfmt and clippy.

# Each check is a function lint_NAME; all of them run, and the ring fails if any does.
lints=(rust_versions)

ring_lint() {
  local name status=0
  for name in "${lints[@]}"; do
    if "lint_$name"; then
      ok "${name//_/ }"
    else
      printf '%sfailed:%s %s\n' "$red" "$plain" "${name//_/ }"
      status=1
    fi
  done
  return "$status"
}

# No dependency needs a newer Rust than the one that Cargo.toml promises to work with.
lint_rust_versions() { cargo metadata --locked --format-version 1 | node scripts/check-rust-versions.mjs; }
