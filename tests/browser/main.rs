//! The studio in real Chromium: with WebGPU off, and on the software adapter.
//!
//! What the page shows is held against what this program computes natively from the same pack ([`truth`]). Nothing
//! is measured in seconds: waits are for states that the page declares, and long enough for a busy machine.

mod adapters;
mod brought;
mod exporting;
mod files;
mod gpu;
mod inside;
mod large;
mod links;
mod merging;
mod opening;
mod own;
mod page;
mod selecting;
mod sharing;
mod truth;
mod tuning;
