//! The commands, one file each: its arguments, and what it does with them.

pub mod bench;
pub mod delta;
pub mod eval;
pub mod forward;
pub mod generate;
pub mod merge;
pub mod neurons;
pub mod pack;
pub mod plan;
pub mod train;
pub mod verify;
pub mod world;
