//! The tokenizer piece: `tokenizer.js` and `tokenizer_bg.wasm`, which the engine's worker imports where a model needs them.

#[cfg(target_arch = "wasm32")]
mod piece;

#[cfg(target_arch = "wasm32")]
fn main() {
    console_error_panic_hook::set_once();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() -> Result<(), &'static str> {
    Err("the tokenizer piece runs in a browser; `cargo xtask studio` builds and serves it")
}
