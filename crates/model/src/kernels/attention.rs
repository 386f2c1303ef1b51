//! Grouped-query attention over the segments of a ragged batch.

use std::sync::Arc;

use burn::tensor::{Bool, Int, Tensor, TensorData, activation::softmax as burn_softmax};

use super::flex::{FlexOp, FlexTensor, apply, contiguous, is_flex, matrix_dims, tensor, values};
use super::math::{add_scaled, dot, softmax};
use super::parallel;
use crate::layout::Segment;

/// softmax(q·kᵀ / √head_dim)·v within every segment.
///
/// `q` is `[query rows, heads · head_dim]`; `k` and `v` are `[key rows, kv_heads · head_dim]`; the result is shaped as
/// `q`. Segments cover the query rows in order. Gradients need each segment's queries and keys to be the same rows.
pub fn attention(
    q: Tensor<2>,
    k: Tensor<2>,
    v: Tensor<2>,
    head_dim: usize,
    segments: &Arc<[Segment]>,
) -> Tensor<2> {
    if is_flex(&q.device()) {
        let op = Attention { head_dim, segments: segments.clone() };
        apply(op, [q.into(), k.into(), v.into()])
    } else {
        composed(q, k, v, head_dim, segments)
    }
}

/// [`attention`] in burn's operations: the segments are padded to one length and masked.
pub fn composed(
    q: Tensor<2>,
    k: Tensor<2>,
    v: Tensor<2>,
    head_dim: usize,
    segments: &Arc<[Segment]>,
) -> Tensor<2> {
    let device = q.device();
    let [rows, width] = q.dims();
    let (heads, kv_heads) = (width / head_dim, k.dims()[1] / head_dim);
    let count = segments.len();
    let queries = segments.iter().map(|s| s.queries.len()).max().unwrap_or(0);
    let keys = segments.iter().map(|s| s.keys.len()).max().unwrap_or(0);
    let index = |rows: Vec<i32>| {
        let length = rows.len();
        Tensor::<1, Int>::from_data(TensorData::new(rows, [length]), &device)
    };
    // Row numbers of the padded layout; padding points at the segment's first row and is masked or dropped.
    let pad = |range: &std::ops::Range<usize>, i: usize| {
        (if i < range.len() { range.start + i } else { range.start }) as i32
    };
    let q_rows = segments.iter().flat_map(|s| (0..queries).map(|i| pad(&s.queries, i))).collect();
    let k_rows: Vec<i32> = segments.iter().flat_map(|s| (0..keys).map(|j| pad(&s.keys, j))).collect();
    let back = segments
        .iter()
        .enumerate()
        .flat_map(|(s, segment)| (0..segment.queries.len()).map(move |i| (s * queries + i) as i32));
    let back = index(back.collect());
    let hide: Vec<bool> = segments
        .iter()
        .flat_map(|s| {
            (0..queries).flat_map(move |i| {
                // A padding query looks at key 0, so that its softmax stays finite.
                (0..keys).map(move |j| if i < s.queries.len() { !s.sees(i, j) } else { j != 0 })
            })
        })
        .collect();
    let hide = Tensor::<4, Bool>::from_data(TensorData::new(hide, [count, 1, queries, keys]), &device);
    let k_rows = index(k_rows);
    let q = q.select(0, index(q_rows)).reshape([count, queries, heads, head_dim]).swap_dims(1, 2);
    let spread = |x: Tensor<2>| {
        x.select(0, k_rows.clone())
            .reshape([count, keys, kv_heads, 1, head_dim])
            .expand([count, keys, kv_heads, heads / kv_heads, head_dim])
            .reshape([count, keys, heads, head_dim])
            .swap_dims(1, 2)
    };
    let (k, v) = (spread(k), spread(v));
    let scores = q.matmul(k.transpose()).div_scalar((head_dim as f64).sqrt());
    let p = burn_softmax(scores.mask_fill(hide, -1e30), 3);
    let out = p.matmul(v).swap_dims(1, 2).reshape([count * queries, width]);
    debug_assert_eq!(rows, back.dims()[0], "segments cover the query rows");
    out.select(0, back)
}

#[derive(Debug, Clone)]
struct Attention {
    head_dim: usize,
    segments: Arc<[Segment]>,
}

/// What the backward pass needs: the inputs and every segment's probabilities, `[heads, queries, keys]` each.
#[derive(Debug, Clone)]
struct Saved {
    inputs: [FlexTensor; 3],
    probabilities: Arc<Vec<Vec<f32>>>,
}

impl Attention {
    fn scale(&self) -> f32 {
        1.0 / (self.head_dim as f32).sqrt()
    }
}

/// Cuts consecutive pieces of the given lengths off a slice.
fn cut(mut rest: &mut [f32], lengths: impl Iterator<Item = usize>) -> Vec<&mut [f32]> {
    lengths
        .map(|length| rest.split_off_mut(..length).expect("the pieces are no longer than the slice"))
        .collect()
}

impl FlexOp<3> for Attention {
    type Saved = Saved;

    fn forward(&self, inputs: [FlexTensor; 3]) -> (FlexTensor, Saved) {
        let inputs = inputs.map(contiguous);
        let [rows, width] = matrix_dims(&inputs[0]);
        let kv_width = matrix_dims(&inputs[1])[1];
        let [q, k, v] = inputs.each_ref().map(values);
        let hd = self.head_dim;
        let (heads, group, scale) = (width / hd, width / kv_width, self.scale());
        let mut out = vec![0.0; rows * width];
        let mut probabilities: Vec<Vec<f32>> =
            self.segments.iter().map(|s| vec![0.0; heads * s.queries.len() * s.keys.len()]).collect();
        let pieces = cut(&mut out, self.segments.iter().map(|s| s.queries.len() * width));
        let tasks = self.segments.iter().zip(pieces).zip(&mut probabilities).collect();
        parallel::items(tasks, |((s, out), p): ((&Segment, &mut [f32]), &mut Vec<f32>)| {
            let columns = s.keys.len();
            for head in 0..heads {
                let kv = (head / group) * hd;
                for i in 0..s.queries.len() {
                    let q = &q[(s.queries.start + i) * width + head * hd..][..hd];
                    let limit = s.causal_limit(i);
                    let p = &mut p[(head * s.queries.len() + i) * columns..][..limit];
                    for (j, p) in p.iter_mut().enumerate() {
                        *p = if s.hidden.contains(&j) {
                            f32::NEG_INFINITY
                        } else {
                            dot(q, &k[(s.keys.start + j) * kv_width + kv..][..hd]) * scale
                        };
                    }
                    softmax(p);
                    // The clamped exponential leaves a trace where a key is hidden.
                    p[s.hidden.start.min(limit)..s.hidden.end.min(limit)].fill(0.0);
                    let out = &mut out[i * width + head * hd..][..hd];
                    for (j, &p) in p.iter().enumerate() {
                        add_scaled(out, p, &v[(s.keys.start + j) * kv_width + kv..][..hd]);
                    }
                }
            }
        });
        (tensor(out, [rows, width]), Saved { inputs, probabilities: Arc::new(probabilities) })
    }

    fn backward(&self, saved: Saved, grad: FlexTensor, _: [bool; 3]) -> [Option<FlexTensor>; 3] {
        let grad = contiguous(grad);
        let [rows, width] = matrix_dims(&grad);
        let kv_width = matrix_dims(&saved.inputs[1])[1];
        let [q, k, v] = saved.inputs.each_ref().map(values);
        let d_out = values(&grad);
        let hd = self.head_dim;
        let (heads, group, scale) = (width / hd, width / kv_width, self.scale());
        let (mut d_q, mut d_k, mut d_v) = (vec![0.0; rows * width], vec![0.0; k.len()], vec![0.0; v.len()]);
        let lengths = || self.segments.iter().map(|s| s.queries.len());
        let pieces = cut(&mut d_q, lengths().map(|n| n * width))
            .into_iter()
            .zip(cut(&mut d_k, lengths().map(|n| n * kv_width)))
            .zip(cut(&mut d_v, lengths().map(|n| n * kv_width)));
        let tasks = self.segments.iter().zip(saved.probabilities.iter()).zip(pieces).collect();
        type Pieces<'a> = ((&'a mut [f32], &'a mut [f32]), &'a mut [f32]);
        parallel::items(tasks, |((s, p), ((d_q, d_k), d_v)): ((&Segment, &Vec<f32>), Pieces<'_>)| {
            debug_assert_eq!(s.queries, s.keys, "gradients need queries and keys to be the same rows");
            let (start, n) = (s.queries.start, s.queries.len());
            let mut d_scores = vec![0.0f32; n];
            for head in 0..heads {
                let (at, kv) = (head * hd, (head / group) * hd);
                for i in 0..n {
                    let limit = s.causal_limit(i);
                    let p = &p[(head * n + i) * n..][..limit];
                    let d_out = &d_out[(start + i) * width + at..][..hd];
                    let q = &q[(start + i) * width + at..][..hd];
                    let mut mean = 0.0;
                    for j in 0..limit {
                        d_scores[j] = dot(d_out, &v[(start + j) * kv_width + kv..][..hd]);
                        mean += p[j] * d_scores[j];
                    }
                    let d_q = &mut d_q[i * width + at..][..hd];
                    for j in 0..limit {
                        // A hidden key has p = 0 exactly, so nothing flows to it.
                        let d_score = p[j] * (d_scores[j] - mean) * scale;
                        add_scaled(d_q, d_score, &k[(start + j) * kv_width + kv..][..hd]);
                        add_scaled(&mut d_k[j * kv_width + kv..][..hd], d_score, q);
                        add_scaled(&mut d_v[j * kv_width + kv..][..hd], p[j], d_out);
                    }
                }
            }
        });
        let kv_rows = matrix_dims(&saved.inputs[1])[0];
        [
            Some(tensor(d_q, [rows, width])),
            Some(tensor(d_k, [kv_rows, kv_width])),
            Some(tensor(d_v, [kv_rows, kv_width])),
        ]
    }
}
