//! What `cargo xtask` does, as a library: the browser tests share its static server and its paths.
#![allow(clippy::print_stdout, reason = "a program's library: what it does is told on the terminal")]

pub mod bench;
pub mod check;
pub mod kernels;
pub mod merging;
pub mod parity;
pub mod paths;
pub mod peers;
pub mod serve;
pub mod setup;
pub mod system;
pub mod table_exports;
pub mod tally;
pub mod tiles;
pub mod tools;
pub mod training;
pub mod wasm_opt;
pub mod web;
mod webgpu_tiles;
