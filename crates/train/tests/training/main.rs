//! Training small models: everything that one program can test.

mod accumulation;
mod bf16;
mod checkpointing;
mod common;
mod lora;
mod memory;
mod parallel;
mod resume;
mod run;
