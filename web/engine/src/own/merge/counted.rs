//! A model whose reads are counted.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use maec_checkpoint::{Error, TensorInfo, Weights};

/// Bytes that were read of some models together.
#[derive(Debug, Clone, Default)]
pub struct Count(Arc<AtomicU64>);

impl Count {
    /// So far.
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// The same model, with every byte that is read of it counted here.
    pub fn of(&self, weights: Arc<dyn Weights>) -> Arc<dyn Weights> {
        Arc::new(Counted { weights, count: self.clone() })
    }
}

struct Counted {
    weights: Arc<dyn Weights>,
    count: Count,
}

impl Weights for Counted {
    fn tensors(&self) -> &[TensorInfo] {
        self.weights.tensors()
    }

    fn name(&self) -> &str {
        self.weights.name()
    }

    fn read_stored(&self, name: &str, elements: Range<usize>, out: &mut [u8]) -> Result<(), Error> {
        self.weights.read_stored(name, elements, out)?;
        self.count.0.fetch_add(out.len() as u64, Ordering::Relaxed);
        Ok(())
    }
}
