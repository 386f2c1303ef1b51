//! The worker program `engine-own`.

#[cfg(target_arch = "wasm32")]
fn main() {
    maec_engine::worker::cpu::run();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() -> Result<(), &'static str> {
    Err("engine-own runs in a browser's worker; `cargo xtask studio` builds and serves it")
}
