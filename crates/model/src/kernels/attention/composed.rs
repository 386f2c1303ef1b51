//! Attention in burn's operations: the segments are padded to one length and masked.

use burn::tensor::{Bool, Device, Int, Tensor, TensorData, activation::softmax};

use super::{Attending, Shape};
use crate::layout::Segment;

/// Row numbers and masks of the padded layout `[segments, queries, …]`.
#[derive(Debug)]
pub(super) struct Padded {
    queries: usize,
    keys: Keys,
    /// Rows of the padded queries, and the way back; none where no segment is padded.
    rows: Option<(Tensor<1, Int>, Tensor<1, Int>)>,
    /// `[segments, 1, queries, keys]`, true where a query must not see; none where every query sees every key.
    hide: Vec<(Option<usize>, Option<Tensor<4, Bool>>)>,
}

/// Where the segments' keys are.
#[allow(clippy::large_enum_variant, reason = "there is one for a forward pass")]
#[derive(Debug)]
enum Keys {
    /// `count` columns at the start of every equal share of the key rows.
    Even { count: usize },
    /// These rows, `count` a segment.
    Rows { count: usize, rows: Tensor<1, Int> },
}

impl Padded {
    pub fn new(
        segments: &[Segment],
        windows: impl IntoIterator<Item = Option<usize>>,
        device: &Device,
    ) -> Self {
        let queries = segments.iter().map(|s| s.queries.len()).max().unwrap_or(0);
        let count = segments.iter().map(|s| s.keys.len()).max().unwrap_or(0);
        let index = |rows: Vec<i32>| {
            let length = rows.len();
            Tensor::<1, Int>::from_data(TensorData::new(rows, [length]), device)
        };
        // Padding points at the segment's first row and is masked or dropped.
        let pad = |range: &std::ops::Range<usize>, i: usize| {
            (if i < range.len() { range.start + i } else { range.start }) as i32
        };
        let ragged = segments.iter().any(|s| s.queries.len() != queries);
        let rows = ragged.then(|| {
            let there = segments.iter().flat_map(|s| (0..queries).map(|i| pad(&s.queries, i))).collect();
            let back = segments
                .iter()
                .enumerate()
                .flat_map(|(s, segment)| (0..segment.queries.len()).map(move |i| (s * queries + i) as i32))
                .collect();
            (index(there), index(back))
        });
        let keys = if even(segments, count) {
            Keys::Even { count }
        } else {
            let rows = segments.iter().flat_map(|s| (0..count).map(|j| pad(&s.keys, j))).collect();
            Keys::Rows { count, rows: index(rows) }
        };
        let mut hide: Vec<(Option<usize>, Option<Tensor<4, Bool>>)> = Vec::new();
        for window in windows {
            if hide.iter().any(|(known, _)| *known == window) {
                continue;
            }
            let mask: Vec<bool> = segments
                .iter()
                .flat_map(|s| {
                    (0..queries).flat_map(move |i| {
                        // A padding query looks at key 0, so that its softmax stays finite.
                        (0..count)
                            .map(move |j| if i < s.queries.len() { !s.sees(i, j, window) } else { j != 0 })
                    })
                })
                .collect();
            let shape = [segments.len(), 1, queries, count];
            let mask = mask
                .contains(&true)
                .then(|| Tensor::<4, Bool>::from_data(TensorData::new(mask, shape), device));
            hide.push((window, mask));
        }
        Self { queries, keys, rows, hide }
    }
}

/// Whether every segment's keys are the first `count` rows of an equal share.
fn even(segments: &[Segment], count: usize) -> bool {
    let stride = segments.get(1).map_or(usize::MAX, |second| second.keys.start);
    let at = |(i, s): (usize, &Segment)| i.checked_mul(stride) == Some(s.keys.start) && s.keys.len() == count;
    stride >= count && segments.iter().enumerate().all(at)
}

/// [`attention`](super::attention) in burn's operations.
pub fn composed(q: Tensor<2>, k: Tensor<2>, v: Tensor<2>, shape: &Shape, attending: &Attending) -> Tensor<2> {
    let made;
    let padded = match &attending.padded {
        Some(padded) => padded.as_ref(),
        None => {
            made = Padded::new(&attending.segments, [shape.window], &q.device());
            &made
        }
    };
    let (hd, count) = (shape.head_dim, attending.segments.len());
    let (width, kv_width) = (q.dims()[1], k.dims()[1]);
    let (kv_heads, group, queries) = (kv_width / hd, width / kv_width, padded.queries);
    let q = match &padded.rows {
        Some((there, _)) => q.select(0, there.clone()),
        None => q,
    };
    // Heads that share keys stand together: [segments, kv_heads, group · queries, head_dim].
    let q = q.reshape([count, queries, width / hd, hd]).swap_dims(1, 2).reshape([
        count,
        kv_heads,
        group * queries,
        hd,
    ]);
    let by_head = |x: Tensor<2>| {
        let (x, keys) = match &padded.keys {
            Keys::Even { count: keys } => {
                let stride = x.dims()[0] / count;
                let x = x.reshape([count, stride, kv_width]);
                (if *keys < stride { x.narrow(1, 0, *keys) } else { x }, *keys)
            }
            Keys::Rows { count: keys, rows } => {
                (x.select(0, rows.clone()).reshape([count, *keys, kv_width]), *keys)
            }
        };
        (x.reshape([count, keys, kv_heads, hd]).swap_dims(1, 2), keys)
    };
    let ((k, keys), (v, _)) = (by_head(k), by_head(v));
    let mut scores = q.matmul(k.transpose()).mul_scalar(shape.scale);
    if let Some(cap) = shape.softcap {
        scores = scores.div_scalar(cap).tanh().mul_scalar(cap);
    }
    let scores = scores.reshape([count, kv_heads * group, queries, keys]);
    let hide = padded.hide.iter().find(|(window, _)| *window == shape.window);
    let scores = match hide.and_then(|(_, mask)| mask.clone()) {
        Some(mask) => {
            let all = scores.shape();
            scores.mask_fill(mask.expand(all), -1e30)
        }
        None => scores,
    };
    let p = softmax(scores, 3).reshape([count, kv_heads, group * queries, keys]);
    let out = p.matmul(v).reshape([count, kv_heads * group, queries, hd]).swap_dims(1, 2);
    let out = out.reshape([count * queries, width]);
    match &padded.rows {
        Some((_, back)) => out.select(0, back.clone()),
        None => out,
    }
}
