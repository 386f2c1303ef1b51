//! The worker program `engine-gpu`.

#[cfg(target_arch = "wasm32")]
fn main() {
    maec_engine::worker::gpu::run();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() -> Result<(), &'static str> {
    Err("engine-gpu runs in a browser's worker; `cargo xtask studio` builds and serves it")
}
