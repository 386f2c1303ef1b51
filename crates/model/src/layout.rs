//! Ragged batches: which rows of the token matrix attend to which.

use std::ops::Range;

/// One sequence's attention: `queries` rows look at `keys` rows.
///
/// Query `i` (from 0) sees key `j` (from 0) if `j <= i + offset` and `j` is not in `hidden`; in a sliding layer, only if
/// less than a window of visible tokens lies between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Rows of the query matrix.
    pub queries: Range<usize>,
    /// Rows of the key and value matrices.
    pub keys: Range<usize>,
    /// Column of the first query among the keys: 0 unless a cache goes before.
    pub offset: usize,
    /// Keys nobody sees, relative to `keys`: the padding of a right-padded prompt.
    pub hidden: Range<usize>,
}

impl Segment {
    /// The keys that query `i` may see, before `hidden` is taken out: causal, and within the window if there is one.
    pub fn range(&self, i: usize, window: Option<usize>) -> Range<usize> {
        let end = (i + self.offset + 1).min(self.keys.len());
        let Some(window) = window else { return 0..end };
        // Distances count tokens, so hidden columns between a key and the query do not.
        let first = (self.position(i + self.offset) + 1).saturating_sub(window);
        let start = if first < self.hidden.start { first } else { first + self.hidden.len() };
        // Padding far behind the last token sees nothing in its window; what it sees does not matter, but must be something.
        if start >= end {
            return 0..end;
        }
        start..end
    }

    /// Whether query `i` sees key `j`.
    pub fn sees(&self, i: usize, j: usize, window: Option<usize>) -> bool {
        self.range(i, window).contains(&j) && !self.hidden.contains(&j)
    }

    /// The place of a column among the columns that are not hidden.
    fn position(&self, column: usize) -> usize {
        if column < self.hidden.end { column } else { column - self.hidden.len() }
    }
}

/// Token ids of several sequences, end to end, with their rotary positions and attention segments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// Token ids, `[tokens]`.
    pub ids: Vec<u32>,
    /// Rotary position of every token, `[tokens]`.
    pub positions: Vec<u32>,
    /// Attention, one segment a sequence, in row order.
    pub segments: Vec<Segment>,
}

impl Batch {
    /// Packs whole sequences, each attending causally to itself.
    pub fn packed<S: AsRef<[u32]>>(sequences: &[S]) -> Self {
        let mut batch = Self::default();
        for sequence in sequences {
            batch.push(sequence.as_ref(), sequence.as_ref().len());
        }
        batch
    }

    /// Appends one sequence of which only the first `visible` tokens are ever attended to (the rest is padding).
    pub fn push(&mut self, ids: &[u32], visible: usize) {
        let start = self.ids.len();
        let rows = start..start + ids.len();
        self.ids.extend_from_slice(ids);
        self.positions.extend(0..ids.len() as u32);
        self.segments.push(Segment {
            queries: rows.clone(),
            keys: rows,
            offset: 0,
            hidden: visible..ids.len().max(visible),
        });
    }

    /// Some of its sequences, in row order; their keys must be rows of their own, as they are without a cache.
    pub fn sequences(&self, which: Range<usize>) -> Self {
        let segments = &self.segments[which];
        let (Some(first), Some(last)) = (segments.first(), segments.last()) else { return Self::default() };
        let rows = first.queries.start..last.queries.end;
        let moved = |range: &Range<usize>| range.start - rows.start..range.end - rows.start;
        let moved = |segment: &Segment| Segment {
            queries: moved(&segment.queries),
            keys: moved(&segment.keys),
            ..segment.clone()
        };
        Self {
            ids: self.ids[rows.clone()].to_vec(),
            positions: self.positions[rows.clone()].to_vec(),
            segments: segments.iter().map(moved).collect(),
        }
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no token.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}
