//! Attention of many queries by tiles, for inference: a panel of queries stands in the vectors' lanes.
//!
//! Scores are computed as k·qᵀ, `[keys, lanes]`, so that a softmax runs down every lane, and the probabilities are packed
//! as the product with vᵀ reads them. The query heads that share keys fill a panel together.

use std::ops::Range;

use pulp::Simd;

use super::Shape;
use super::fused::KeysValues;
use crate::kernels::math::{exp, tanh};
use crate::kernels::parallel::{self, Work};
use crate::kernels::tile::{Columns, GROUP, ROWS, multiply, pack_left, pack_right};
use crate::layout::Segment;

/// Groups of lanes of a panel.
const GROUPS: usize = 2;
/// Queries, each with one head, of a panel.
const LANES: usize = GROUPS * GROUP;
/// From so many queries on, of all heads that share keys, panels are worth their packing.
pub(super) const MANY: usize = 16;

/// A value of every lane.
type Lanes = Columns<GROUPS>;

/// A segment's keys and values of one head.
struct Head<'a> {
    segment: &'a Segment,
    /// Its number among the heads of keys.
    number: usize,
    /// `[keys / ROWS, head_dim]`.
    k: Vec<[f32; ROWS]>,
    /// `[head_dim / ROWS, keys]`, the keys rounded up to whole ROWS.
    v: Vec<[f32; ROWS]>,
}

/// Packs a head's keys and values.
struct Pack<'a> {
    kv: KeysValues<'a>,
    head_dim: usize,
}

impl Work<&mut Head<'_>> for Pack<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, _: S, head: &mut Head<'_>) {
        let (hd, width, segment) = (self.head_dim, self.kv.width, head.segment);
        let rows = segment.keys.start * width..segment.keys.end * width;
        let column = head.number * hd;
        let keys = segment.keys.len().next_multiple_of(ROWS);
        head.k = vec![[0.0; ROWS]; keys / ROWS * hd];
        head.v = vec![[0.0; ROWS]; hd.div_ceil(ROWS) * keys];
        let k = self.kv.k[rows.clone()].chunks_exact(width);
        pack_left(k.map(|row| &row[column..column + hd]), hd, &mut head.k);
        for (key, row) in self.kv.v[rows].chunks_exact(width).enumerate() {
            for (block, v) in row[column..column + hd].chunks(ROWS).enumerate() {
                head.v[block * keys + key][..v.len()].copy_from_slice(v);
            }
        }
    }
}

/// A panel of queries.
struct Panel<'a> {
    head: &'a Head<'a>,
    /// The first lane's place among the segment's queries, those of heads that share keys together.
    first: usize,
    /// The lanes' places in the result, `[head_dim]` each.
    out: Vec<&'a mut [f32]>,
}

/// What all panels share.
struct Attend<'a> {
    shape: &'a Shape,
    q: &'a [f32],
    width: usize,
    group: usize,
}

impl Work<Panel<'_>> for Attend<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, Panel { head, first, mut out }: Panel<'_>) {
        let (s, hd) = (head.segment, self.shape.head_dim);
        let mut q: Vec<Lanes> = vec![[[0.0; GROUP]; GROUPS]; hd];
        let mut rows = Vec::with_capacity(out.len() * hd);
        let mut seen = Vec::with_capacity(out.len());
        for lane in 0..out.len() {
            let (query, member) = ((first + lane) / self.group, (first + lane) % self.group);
            let at = (s.queries.start + query) * self.width + (head.number * self.group + member) * hd;
            rows.extend_from_slice(&self.q[at..at + hd]);
            seen.push(s.range(query, self.shape.window));
        }
        for x in &mut rows {
            *x *= self.shape.scale;
        }
        pack_right(rows.chunks_exact(hd), &mut q);
        let start = seen.iter().map(|seen| seen.start).min().unwrap_or(0) / ROWS * ROWS;
        let end = seen.iter().map(|seen| seen.end).max().unwrap_or(0).next_multiple_of(ROWS);

        let mut p: Vec<Lanes> = Vec::with_capacity(end - start);
        for k in head.k[start / ROWS * hd..end / ROWS * hd].chunks_exact(hd) {
            p.extend_from_slice(&multiply(simd, k, &q));
        }
        if let Some(cap) = self.shape.softcap {
            for score in p.as_flattened_mut().as_flattened_mut() {
                *score = cap * tanh(*score / cap);
            }
        }
        hide(&mut p, start, s, &seen, f32::NEG_INFINITY);
        let max = largest(&p);
        exponentials(&mut p, &max);
        // The clamped exponential leaves a trace where a key is hidden.
        hide(&mut p, start, s, &seen, 0.0);
        // A query that sees nothing is padding.
        let mut inverse = sums(&p);
        for sum in inverse.as_flattened_mut() {
            *sum = if *sum > 0.0 { 1.0 / *sum } else { 0.0 };
        }

        let keys = s.keys.len().next_multiple_of(ROWS);
        for (block, v) in head.v.chunks_exact(keys).enumerate() {
            let mut product = multiply(simd, &v[start..end], &p);
            for row in &mut product {
                for (value, inverse) in row.as_flattened_mut().iter_mut().zip(inverse.as_flattened()) {
                    *value *= inverse;
                }
            }
            for (lane, out) in out.iter_mut().enumerate() {
                for (out, values) in out[block * ROWS..].iter_mut().zip(&product) {
                    *out = values.as_flattened()[lane];
                }
            }
        }
    }
}

/// Puts a value where a lane does not see a key; the first row of `p` is that of the key `start`.
#[inline(always)]
fn hide(p: &mut [Lanes], start: usize, s: &Segment, seen: &[Range<usize>], value: f32) {
    let end = start + p.len();
    let place = |key: usize| key.clamp(start, end) - start;
    p[place(s.hidden.start)..place(s.hidden.end)].fill([[value; GROUP]; GROUPS]);
    for (lane, seen) in seen.iter().enumerate() {
        for unseen in [0..place(seen.start), place(seen.end)..p.len()] {
            for p in &mut p[unseen] {
                p[lane / GROUP][lane % GROUP] = value;
            }
        }
    }
}

/// The largest score of every lane.
#[inline(always)]
fn largest(scores: &[Lanes]) -> Lanes {
    let mut max = [[f32::NEG_INFINITY; GROUP]; GROUPS];
    for scores in scores {
        for (max, &score) in max.as_flattened_mut().iter_mut().zip(scores.as_flattened()) {
            *max = if score > *max { score } else { *max };
        }
    }
    max
}

/// e to the power of every score less its lane's largest.
#[inline(always)]
fn exponentials(scores: &mut [Lanes], max: &Lanes) {
    for scores in scores {
        for (score, max) in scores.as_flattened_mut().iter_mut().zip(max.as_flattened()) {
            *score = exp(*score - max);
        }
    }
}

/// Every lane's sum.
#[inline(always)]
fn sums(p: &[Lanes]) -> Lanes {
    let mut sums = [[0.0; GROUP]; GROUPS];
    for p in p {
        for (sum, p) in sums.as_flattened_mut().iter_mut().zip(p.as_flattened()) {
            *sum += p;
        }
    }
    sums
}

/// softmax(q·kᵀ · scale)·v of `[query rows, width]` queries, shaped as they are.
pub(super) fn attend(
    shape: &Shape,
    segments: &[Segment],
    q: &[f32],
    width: usize,
    kv: KeysValues<'_>,
) -> Vec<f32> {
    let (hd, group) = (shape.head_dim, width / kv.width);
    let kv_heads = kv.width / hd;
    let mut heads: Vec<Head<'_>> = segments
        .iter()
        .flat_map(|segment| (0..kv_heads).map(move |number| Head { segment, number, k: vec![], v: vec![] }))
        .collect();
    parallel::items(heads.iter_mut().collect(), &Pack { kv, head_dim: hd });

    let mut out = vec![0.0; q.len()];
    let mut panels: Vec<Panel<'_>> = Vec::new();
    let mut rest = out.as_mut_slice();
    for heads in heads.chunks(kv_heads) {
        let rows = heads[0].segment.queries.len();
        let lanes = rows * group;
        let count = lanes.div_ceil(LANES);
        let base = panels.len();
        for head in heads {
            panels.extend((0..count).map(|panel| Panel { head, first: panel * LANES, out: Vec::new() }));
        }
        let own = rest.split_off_mut(..rows * width).expect("segments cover the query rows");
        for (index, piece) in own.chunks_exact_mut(hd).enumerate() {
            let (query, head) = (index / (kv_heads * group), index % (kv_heads * group));
            let lane = query * group + head % group;
            panels[base + head / group * count + lane / LANES].out.push(piece);
        }
    }
    parallel::items(panels, &Attend { shape, q, width, group });
    out
}
