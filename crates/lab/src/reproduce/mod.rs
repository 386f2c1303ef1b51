//! The paper's tables and figures, measured on the workshop world or on models and texts from files.
//!
//! [`measure`](fn@measure) makes one seed's numbers, training what the store does not have; [`report`](fn@report) turns the numbers of several seeds into
//! tables, figures and sentences beside the paper's own. [`wanted`] is all that one seed trains.

mod bench;
mod brief;
mod estimates;
mod figures;
mod findings;
mod kinds;
mod measure;
mod published;
mod results;
mod rows;
mod runs;
mod study;
mod tables;
mod tuned;

pub use brief::Brief;
pub use measure::{Measured, Numbers, Row, Tables, measure};
pub use results::{Measures, Results, report};
pub use runs::wanted;
pub use study::{Agreement, LayerPair};
pub use tuned::{Choices, Chosen, Tuned};
