//! Attention of training by tiles: a panel of queries at a time, with the probabilities kept for the way back.

use std::ops::Range;

use pulp::Simd;

use super::Shape;
use super::fused::KeysValues;
use crate::kernels::math::{dot, softmax, tanh};
use crate::kernels::matrix::{COLUMNS, Matrix, Product, Right};
use crate::kernels::parallel::Work;
use crate::kernels::tile::ROWS;
use crate::layout::Segment;

/// What a head of a segment's products have in common.
struct Head<'a> {
    segment: &'a Segment,
    shape: &'a Shape,
    /// Packed rows of a product; anything between two of them.
    scratch: Vec<[f32; ROWS]>,
}

/// Queries that are worked on together, and the keys that any of them sees, from a multiple of [`COLUMNS`] on.
struct Panel {
    queries: Range<usize>,
    keys: Range<usize>,
}

impl Head<'_> {
    fn panels(&self) -> Vec<Panel> {
        let count = self.segment.queries.len();
        let panel = |first: usize| {
            let queries = first..(first + COLUMNS).min(count);
            let seen = || queries.clone().map(|i| self.seen(i));
            let start = seen().map(|seen| seen.start).min().unwrap_or(0) / COLUMNS * COLUMNS;
            Panel { keys: start..seen().map(|seen| seen.end).max().unwrap_or(0), queries }
        };
        (0..count).step_by(COLUMNS).map(panel).collect()
    }

    fn seen(&self, query: usize) -> Range<usize> {
        self.segment.range(query, self.shape.window)
    }

    /// The panel's products q·kᵀ, or dy·vᵀ, into rows of `out` that hold a value for every key.
    #[inline(always)]
    fn with_keys<S: Simd>(
        &mut self,
        simd: S,
        panel: &Panel,
        left: Matrix<'_>,
        keys: &Right,
        out: &mut [f32],
    ) {
        let left = left.rows_of(panel.queries.clone());
        let product = Product { left, right: keys, step: 0, columns: panel.keys.clone(), add: false };
        product.make(simd, &mut out[panel.keys.start..], self.segment.keys.len(), &mut self.scratch);
    }

    /// The panel's products p·v, or ds·k, into rows of `out`.
    #[inline(always)]
    fn over_keys<S: Simd>(
        &mut self,
        simd: S,
        panel: &Panel,
        p: &[f32],
        values: &Right,
        (out, width): (&mut [f32], usize),
    ) {
        let size = [panel.queries.len(), panel.keys.len()];
        let left = Matrix::part(&p[panel.keys.start..], self.segment.keys.len(), size);
        let columns = 0..self.shape.head_dim;
        let product = Product { left, right: values, step: panel.keys.start, columns, add: false };
        product.make(simd, &mut out[panel.queries.start * width..], width, &mut self.scratch);
    }

    /// pᵀ·dy, or dsᵀ·q, of all panels, into (or added to) the keys' rows of `out`.
    #[inline(always)]
    fn over_queries<S: Simd>(
        &mut self,
        simd: S,
        panels: &[Panel],
        p: &[f32],
        queries: &Right,
        (out, width): (&mut [f32], usize),
        add: bool,
    ) {
        let keys = self.segment.keys.len();
        for first in (0..keys).step_by(COLUMNS) {
            let block = first..(first + COLUMNS).min(keys);
            let mut seeing =
                panels.iter().filter(|panel| panel.keys.start < block.end && block.start < panel.keys.end);
            let Some(start) = seeing.next() else { continue };
            let steps = start.queries.start..seeing.next_back().unwrap_or(start).queries.end;
            let p = &p[steps.start * keys + first..];
            let left = Matrix::part(p, keys, [steps.len(), block.len()]).transposed();
            let columns = 0..self.shape.head_dim;
            let product = Product { left, right: queries, step: steps.start, columns, add };
            product.make(simd, &mut out[first * width..], width, &mut self.scratch);
        }
    }

    /// From the products of a panel's query to its probabilities; 0 for the panel's keys that the query does not see.
    #[inline(always)]
    fn probabilities(&self, query: usize, panel: &Panel, p: &mut [f32]) {
        let seen = self.seen(query);
        p[panel.keys.start..seen.start].fill(0.0);
        p[seen.end..panel.keys.end].fill(0.0);
        let p = &mut p[seen.clone()];
        p.iter_mut().for_each(|p| *p *= self.shape.scale);
        if let Some(cap) = self.shape.softcap {
            p.iter_mut().for_each(|p| *p = cap * tanh(*p / cap));
        }
        let clip = |key: usize| key.clamp(seen.start, seen.end) - seen.start;
        let hidden = clip(self.segment.hidden.start)..clip(self.segment.hidden.end);
        p[hidden.clone()].fill(f32::NEG_INFINITY);
        softmax(p);
        // The clamped exponential leaves a trace where a key is hidden.
        p[hidden].fill(0.0);
    }

    /// From the gradients of a query's probabilities to those of its products; 0 for keys that it does not see.
    #[inline(always)]
    fn slopes<S: Simd>(&self, simd: S, query: usize, panel: &Panel, p: &[f32], d_p: &mut [f32]) {
        let seen = self.seen(query);
        d_p[panel.keys.start..seen.start].fill(0.0);
        d_p[seen.end..panel.keys.end].fill(0.0);
        let (p, d_p) = (&p[seen.clone()], &mut d_p[seen]);
        let mean = dot(simd, p, d_p);
        for (d_p, p) in d_p.iter_mut().zip(p) {
            // A hidden key has p = 0 exactly, so nothing flows to it.
            *d_p = p * (*d_p - mean) * self.shape.scale;
        }
    }

    /// Multiplies by the soft cap's slope, given the query's products.
    #[inline(always)]
    fn capped(&self, query: usize, cap: f32, products: &[f32], d_s: &mut [f32]) {
        let seen = self.seen(query);
        for (d_s, product) in d_s[seen.clone()].iter_mut().zip(&products[seen]) {
            let t = tanh(product * self.shape.scale / cap);
            *d_s *= 1.0 - t * t;
        }
    }
}

/// All heads of a segment, forward.
pub(super) struct Forward<'a> {
    pub shape: &'a Shape,
    /// `[query rows, width]`.
    pub q: &'a [f32],
    pub kv: KeysValues<'a>,
    pub width: usize,
}

/// A segment, its rows of the result, and where its probabilities go, `[heads, queries, keys]`.
impl Work<((&Segment, &mut [f32]), &mut Vec<f32>)> for Forward<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, ((s, out), p): ((&Segment, &mut [f32]), &mut Vec<f32>)) {
        let (hd, width, kv) = (self.shape.head_dim, self.width, self.kv);
        let (queries, keys, group) = (s.queries.len(), s.keys.len(), width / kv.width);
        let mut head = Head { segment: s, shape: self.shape, scratch: Vec::new() };
        let panels = head.panels();
        *p = vec![0.0; width / hd * queries * keys];
        for (number, p) in p.chunks_exact_mut((queries * keys).max(1)).enumerate() {
            let (at, kv_at) = (number * hd, s.keys.start * kv.width + number / group * hd);
            let q = Matrix::part(&self.q[s.queries.start * width + at..], width, [queries, hd]);
            let k = Right::new(Matrix::part(&kv.k[kv_at..], kv.width, [keys, hd]).transposed());
            let v = Right::new(Matrix::part(&kv.v[kv_at..], kv.width, [keys, hd]));
            for panel in &panels {
                let p = &mut p[panel.queries.start * keys..panel.queries.end * keys];
                head.with_keys(simd, panel, q, &k, p);
                for (query, p) in panel.queries.clone().zip(p.chunks_exact_mut(keys)) {
                    head.probabilities(query, panel, p);
                }
                head.over_keys(simd, panel, p, &v, (&mut out[at..], width));
            }
        }
    }
}

/// Gradients of a segment's queries, keys and values, which are the same rows.
pub(super) struct Backward<'a> {
    pub shape: &'a Shape,
    /// `[rows, width]`.
    pub q: &'a [f32],
    pub kv: KeysValues<'a>,
    /// `[rows, width]`.
    pub d_out: &'a [f32],
    pub width: usize,
}

/// A segment's rows of dq, dk and dv, zeros before.
pub(super) type Gradients<'a> = ((&'a mut [f32], &'a mut [f32]), &'a mut [f32]);

impl Work<((&Segment, &Vec<f32>), Gradients<'_>)> for Backward<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, ((s, p), ((d_q, d_k), d_v)): ((&Segment, &Vec<f32>), Gradients<'_>)) {
        debug_assert_eq!(s.queries, s.keys, "gradients need queries and keys to be the same rows");
        let (hd, width, kv) = (self.shape.head_dim, self.width, self.kv);
        let (start, n, group) = (s.queries.start, s.queries.len(), width / kv.width);
        let mut head = Head { segment: s, shape: self.shape, scratch: Vec::new() };
        let panels = head.panels();
        let mut d_s = vec![0.0; n * n];
        let mut products = vec![0.0; if self.shape.softcap.is_some() { COLUMNS.min(n) * n } else { 0 }];
        for (number, p) in p.chunks_exact((n * n).max(1)).enumerate() {
            let (at, kv_at) = (number * hd, number / group * hd);
            let of_query = |rows| Matrix::part(rows, width, [n, hd]);
            let of_key = |rows| Matrix::part(rows, kv.width, [n, hd]);
            let q = of_query(&self.q[start * width + at..]);
            let d_out = of_query(&self.d_out[start * width + at..]);
            let k = of_key(&kv.k[start * kv.width + kv_at..]);
            let v = Right::new(of_key(&kv.v[start * kv.width + kv_at..]).transposed());
            let (k, k_transposed) = (Right::new(k), self.shape.softcap.map(|_| Right::new(k.transposed())));
            for panel in &panels {
                let rows = panel.queries.start * n..panel.queries.end * n;
                let d_s = &mut d_s[rows.clone()];
                head.with_keys(simd, panel, d_out, &v, d_s);
                let lines = p[rows].chunks_exact(n).zip(d_s.chunks_exact_mut(n));
                for (query, (p, d_s)) in panel.queries.clone().zip(lines) {
                    head.slopes(simd, query, panel, p, d_s);
                }
                if let (Some(cap), Some(k)) = (self.shape.softcap, &k_transposed) {
                    head.with_keys(simd, panel, q, k, &mut products);
                    let lines = products.chunks_exact(n).zip(d_s.chunks_exact_mut(n));
                    for (query, (products, d_s)) in panel.queries.clone().zip(lines) {
                        head.capped(query, cap, products, d_s);
                    }
                }
                head.over_keys(simd, panel, d_s, &k, (&mut d_q[at..], width));
            }
            let add = number % group > 0;
            head.over_queries(simd, &panels, &d_s, &Right::new(q), (&mut d_k[kv_at..], kv.width), add);
            head.over_queries(simd, &panels, p, &Right::new(d_out), (&mut d_v[kv_at..], kv.width), add);
        }
    }
}
