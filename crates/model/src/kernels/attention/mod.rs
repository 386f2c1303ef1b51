//! Grouped-query attention over the segments of a ragged batch, perhaps soft-capped, perhaps in a sliding window.

mod composed;
mod fused;
mod tiled;
mod trained;

use std::sync::Arc;

use burn::tensor::{Device, Tensor};

use super::flex::{apply, is_flex};
use crate::layout::Segment;

pub use composed::composed;
pub(crate) use fused::cached;

/// The constants of a layer's attention.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// Width of a head.
    pub head_dim: usize,
    /// Scores are multiplied by this.
    pub scale: f32,
    /// Scores become cap · tanh(score / cap).
    pub softcap: Option<f32>,
    /// Tokens, itself included, that a token sees.
    pub window: Option<usize>,
}

impl Shape {
    /// Plain attention: scores divided by √head_dim.
    pub fn plain(head_dim: usize) -> Self {
        Self { head_dim, scale: 1.0 / (head_dim as f32).sqrt(), softcap: None, window: None }
    }
}

/// A batch's segments, with what other devices than the CPU need of them: made once, used by every layer.
#[derive(Debug, Clone)]
pub struct Attending {
    /// In the order of the query rows.
    pub segments: Arc<[Segment]>,
    padded: Option<Arc<composed::Padded>>,
}

impl Attending {
    /// For layers with these windows.
    pub fn new(
        segments: &[Segment],
        windows: impl IntoIterator<Item = Option<usize>>,
        device: &Device,
    ) -> Self {
        let padded = (!is_flex(device)).then(|| Arc::new(composed::Padded::new(segments, windows, device)));
        Self { segments: segments.into(), padded }
    }
}

/// softmax(q·kᵀ · scale)·v within every segment.
///
/// `q` is `[query rows, heads · head_dim]`; `k` and `v` are `[key rows, kv_heads · head_dim]`; the result is shaped as
/// `q`. Segments cover the query rows in order. Gradients need each segment's queries and keys to be the same rows.
pub fn attention(
    q: Tensor<2>,
    k: Tensor<2>,
    v: Tensor<2>,
    shape: &Shape,
    attending: &Attending,
) -> Tensor<2> {
    if is_flex(&q.device()) {
        let op = fused::Attention { shape: *shape, segments: attending.segments.clone() };
        apply(op, [q.into(), k.into(), v.into()])
    } else {
        composed(q, k, v, shape, attending)
    }
}
