//! Extraction: masks, deltas and vectors as the equations have them, and nothing trained twice.

mod exam;
mod files;
mod kept;
mod room;
mod two_term;
mod world;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use maec_checkpoint::{FileSource, SparseDelta, Weights};
use maec_lab::{News, Watch};

/// Counts steps, and breaks off after so many.
#[derive(Default)]
struct Counting {
    steps: Cell<u32>,
    most: Option<u32>,
    /// Runs that did a step.
    trained: RefCell<BTreeSet<String>>,
}

impl Counting {
    fn up_to(most: u32) -> Self {
        Self { most: Some(most), ..Self::default() }
    }

    fn trained(&self) -> Vec<String> {
        self.trained.borrow().iter().cloned().collect()
    }
}

impl Watch for Counting {
    fn step(&self, news: News<'_>) -> ControlFlow<()> {
        self.steps.set(self.steps.get() + 1);
        self.trained.borrow_mut().insert(news.name.to_owned());
        match self.most {
            Some(most) if self.steps.get() >= most => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// A sparse delta put onto its base.
fn applied(file: &Path, base: &Arc<dyn Weights>) -> impl Weights + use<> {
    SparseDelta::open(Arc::new(FileSource::open(file).unwrap())).unwrap().apply(base.clone()).unwrap()
}

/// The positions that a delta holds of a tensor.
fn positions(file: &Path, tensor: &str) -> Vec<u64> {
    let delta = SparseDelta::open(Arc::new(FileSource::open(file).unwrap())).unwrap();
    delta.entries(tensor).unwrap().map_or(Vec::new(), |entries| entries.positions)
}
