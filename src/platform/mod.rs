//! Platforms: the only folder that names a runtime, JavaScript or the clock. Each subfolder implements the
//! ports ([`crate::ports`]) for one platform.

#[cfg(any(test, all(feature = "worker", target_arch = "wasm32")))]
mod exchange;
#[cfg(all(feature = "worker", target_arch = "wasm32"))]
mod workers;
