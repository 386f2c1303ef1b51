//! Attention by hand on the CPU: training's, which keeps probabilities for the way back, and inference's, which does not.

use std::ops::Range;
use std::sync::Arc;

use pulp::Simd;

use super::{Shape, tiled, trained};
use crate::kernels::flex::{FlexOp, FlexTensor, contiguous, matrix_dims, tensor, values};
use crate::kernels::math::{add_scaled, add_scaled4, dot, dot4, softmax, tanh};
use crate::kernels::parallel::{self, Work};
use crate::kernels::tile::TILED;
use crate::layout::Segment;

/// Query rows of one task of inference.
const ROWS: usize = 8;

#[derive(Debug, Clone)]
pub(super) struct Attention {
    pub shape: Shape,
    pub segments: Arc<[Segment]>,
}

/// What the backward pass needs: the inputs and every segment's probabilities, `[heads, queries, keys]` each.
#[derive(Debug, Clone)]
pub(super) struct Saved {
    inputs: [FlexTensor; 3],
    probabilities: Arc<Vec<Vec<f32>>>,
}

/// Keys and values, `[key rows, width]` each.
#[derive(Clone, Copy)]
pub(super) struct KeysValues<'a> {
    pub k: &'a [f32],
    pub v: &'a [f32],
    pub width: usize,
}

impl Shape {
    /// From a dot product to a score.
    #[inline(always)]
    fn bend(&self, product: f32) -> f32 {
        let score = product * self.scale;
        match self.softcap {
            None => score,
            Some(cap) => cap * tanh(score / cap),
        }
    }

    /// One head of one query: `q` and `out` are `[head_dim]`, `p` is scratch or kept, `[keys of the range]`.
    #[inline(always)]
    #[allow(clippy::too_many_arguments, reason = "slices of one head's buffers, inlined")]
    fn attend<S: Simd>(
        &self,
        simd: S,
        s: &Segment,
        seen: &Range<usize>,
        q: &[f32],
        at: usize,
        kv: KeysValues<'_>,
        p: &mut [f32],
        out: &mut [f32],
    ) {
        let hd = self.head_dim;
        let row = |j: usize| (s.keys.start + j) * kv.width + at;
        let key = |j: usize| &kv.k[row(j)..][..hd];
        let mut scores = p.iter_mut();
        let (mut j, end) = (seen.start, seen.end);
        while j + 4 <= end {
            for score in dot4(simd, q, [key(j), key(j + 1), key(j + 2), key(j + 3)]) {
                if let Some(p) = scores.next() {
                    *p = self.bend(score);
                }
            }
            j += 4;
        }
        for (j, p) in (j..end).zip(scores) {
            *p = self.bend(dot(simd, q, key(j)));
        }
        let clip = |j: usize| j.clamp(seen.start, seen.end) - seen.start;
        let hidden = clip(s.hidden.start)..clip(s.hidden.end);
        p[hidden.clone()].fill(f32::NEG_INFINITY);
        softmax(p);
        // The clamped exponential leaves a trace where a key is hidden.
        p[hidden].fill(0.0);
        let value = |j: usize| &kv.v[row(j)..][..hd];
        let (main, rest) = p.as_chunks::<4>();
        for (j, p) in seen.clone().step_by(4).zip(main) {
            add_scaled4(simd, out, *p, [value(j), value(j + 1), value(j + 2), value(j + 3)]);
        }
        for (j, &p) in (end - rest.len()..end).zip(rest) {
            add_scaled(simd, out, p, value(j));
        }
    }
}

/// Cuts consecutive pieces of the given lengths off a slice.
fn cut(mut rest: &mut [f32], lengths: impl Iterator<Item = usize>) -> Vec<&mut [f32]> {
    lengths
        .map(|length| rest.split_off_mut(..length).expect("the pieces are no longer than the slice"))
        .collect()
}

/// Queries, and what they attend to.
struct Forward<'a> {
    shape: &'a Shape,
    q: &'a [f32],
    kv: KeysValues<'a>,
    group: usize,
    width: usize,
}

/// Some rows of inference.
impl Work<((&Segment, Range<usize>), &mut [f32])> for Forward<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, ((s, block), out): ((&Segment, Range<usize>), &mut [f32])) {
        let hd = self.shape.head_dim;
        let mut p = Vec::new();
        for (i, out) in block.zip(out.chunks_exact_mut(self.width)) {
            let seen = s.range(i, self.shape.window);
            p.resize(seen.len(), 0.0);
            let q = &self.q[(s.queries.start + i) * self.width..][..self.width];
            for (head, (q, out)) in q.chunks_exact(hd).zip(out.chunks_exact_mut(hd)).enumerate() {
                self.shape.attend(simd, s, &seen, q, head / self.group * hd, self.kv, &mut p, out);
            }
        }
    }
}

/// Inference: `q` is `[query rows, width]`, keys and values are rows of a cache or of this batch.
pub(crate) fn cached(
    q: FlexTensor,
    k: &[f32],
    v: &[f32],
    kv_width: usize,
    shape: &Shape,
    segments: &[Segment],
) -> FlexTensor {
    let q = contiguous(q);
    let [rows, width] = matrix_dims(&q);
    let qs = values(&q);
    let kv = KeysValues { k, v, width: kv_width };
    let group = width / kv_width;
    if TILED && segments.iter().any(|s| s.queries.len() * group >= tiled::MANY) {
        return tensor(tiled::attend(shape, segments, qs, width, kv), [rows, width]);
    }
    let mut out = vec![0.0; rows * width];
    let blocks: Vec<(&Segment, Range<usize>)> = segments
        .iter()
        .flat_map(|s| {
            let count = s.queries.len();
            (0..count).step_by(ROWS).map(move |first| (s, first..(first + ROWS).min(count)))
        })
        .collect();
    let pieces = cut(&mut out, blocks.iter().map(|(_, block)| block.len() * width));
    let tasks = blocks.into_iter().zip(pieces).collect();
    parallel::items(tasks, &Forward { shape, q: qs, kv, group, width });
    tensor(out, [rows, width])
}

impl FlexOp<3> for Attention {
    type Saved = Saved;

    fn infer(&self, [q, k, v]: [FlexTensor; 3]) -> FlexTensor {
        let (k, v) = (contiguous(k), contiguous(v));
        let kv_width = matrix_dims(&k)[1];
        cached(q, values(&k), values(&v), kv_width, &self.shape, &self.segments)
    }

    fn forward(&self, inputs: [FlexTensor; 3]) -> (FlexTensor, Saved) {
        let inputs = inputs.map(contiguous);
        let [rows, width] = matrix_dims(&inputs[0]);
        let kv_width = matrix_dims(&inputs[1])[1];
        let [q, k, v] = inputs.each_ref().map(values);
        let kv = KeysValues { k, v, width: kv_width };
        let mut out = vec![0.0; rows * width];
        let mut probabilities = vec![Vec::new(); self.segments.len()];
        let pieces = cut(&mut out, self.segments.iter().map(|s| s.queries.len() * width));
        let tasks = self.segments.iter().zip(pieces).zip(&mut probabilities).collect();
        parallel::items(tasks, &trained::Forward { shape: &self.shape, q, kv, width });
        (tensor(out, [rows, width]), Saved { inputs, probabilities: Arc::new(probabilities) })
    }

    fn backward(&self, saved: Saved, grad: FlexTensor, _: [bool; 3]) -> [Option<FlexTensor>; 3] {
        let grad = contiguous(grad);
        let [rows, width] = matrix_dims(&grad);
        let kv_width = matrix_dims(&saved.inputs[1])[1];
        let [q, k, v] = saved.inputs.each_ref().map(values);
        let d_out = values(&grad);
        let (mut d_q, mut d_k, mut d_v) = (vec![0.0; rows * width], vec![0.0; k.len()], vec![0.0; v.len()]);
        let lengths = || self.segments.iter().map(|s| s.queries.len());
        let pieces = cut(&mut d_q, lengths().map(|n| n * width))
            .into_iter()
            .zip(cut(&mut d_k, lengths().map(|n| n * kv_width)))
            .zip(cut(&mut d_v, lengths().map(|n| n * kv_width)));
        let tasks = self.segments.iter().zip(saved.probabilities.iter()).zip(pieces).collect();
        let kv = KeysValues { k, v, width: kv_width };
        parallel::items(tasks, &trained::Backward { shape: &self.shape, q, kv, d_out, width });
        let kv_rows = matrix_dims(&saved.inputs[1])[0];
        [
            Some(tensor(d_q, [rows, width])),
            Some(tensor(d_k, [kv_rows, kv_width])),
            Some(tensor(d_v, [kv_rows, kv_width])),
        ]
    }
}
