// Reads `cargo metadata` and fails if a package needs a newer Rust than the workspace's own `rust-version`.
//
// A package that declares nothing passes: only a build with that Rust would tell.

import { text } from "node:stream/consumers";

const { packages } = JSON.parse(await text(process.stdin));
const numbers = (version) => version.split(".").map(Number);
const difference = (one, other) => {
  const [[major = 0, minor = 0, patch = 0], [wantedMajor = 0, wantedMinor = 0, wantedPatch = 0]] = [numbers(one), numbers(other)];
  return major - wantedMajor || minor - wantedMinor || patch - wantedPatch;
};

const own = packages.find(({ name }) => name === "cloakroom").rust_version;
const tooNew = packages.filter(({ rust_version: version }) => version !== null && difference(version, own) > 0);
for (const { name, version, rust_version: rust } of tooNew) {
  console.error(`${name} ${version} needs Rust ${rust}, but Cargo.toml promises ${own}: choose an older ${name}, or raise rust-version`);
}
process.exitCode = tooNew.length > 0 ? 1 : 0;
