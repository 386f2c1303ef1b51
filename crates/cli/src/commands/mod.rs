//! The commands, one file each: its arguments, and what it does with them.

pub mod adapters;
pub mod bench;
pub mod corpus;
pub mod delta;
pub mod eval;
pub mod explain_dialect;
pub mod extract;
pub mod forward;
pub mod generate;
pub mod inspect;
pub mod merge;
pub mod methods;
pub mod neurons;
pub mod pack;
pub mod plan;
pub mod reproduce;
pub mod train;
pub mod tune;
pub mod verify;
pub mod world;
