//! Windows from several corpora by weight, in a seeded order, from any position on.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Blocks, Error, Permutation, Window};

/// One corpus of a mixture.
#[derive(Clone)]
pub struct Part {
    /// Its blocks.
    pub blocks: Blocks,
    /// Its share of the windows, and so of the tokens, relative to the other parts'.
    pub weight: f64,
}

/// Where a mixture stands, to be kept beside a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Windows drawn.
    pub windows: u64,
    /// Windows drawn from each part.
    pub taken: Vec<u64>,
    /// Whose position it is: a SHA-256 over blocks, weights, seed and length, 64 hex digits.
    pub mixture: String,
}

/// Draws windows of `seq_len` + 1 tokens from several corpora, without end.
///
/// After n windows every part has given n · w/Σw of them, rounded up or down: the part is drawn whose next window is due first, of those
/// that have given less than their share by then (the quota method of Balinski and Young, 1975). Every part is gone through in a new
/// seeded order each epoch, every window once. Which window comes n-th is a matter of blocks, weights, seed and length alone.
pub struct Mixture {
    parts: Vec<Part>,
    /// w/Σw of each part.
    shares: Vec<f64>,
    /// Windows in an epoch of each part.
    windows: Vec<u64>,
    /// The order at hand of each part, and its epoch.
    orders: Vec<(u64, Permutation)>,
    seed: u64,
    seq_len: usize,
    position: Position,
}

impl Mixture {
    /// A mixture at its beginning.
    ///
    /// # Errors
    /// [`Error::NoParts`], [`Error::Weight`], [`Error::Length`], and [`Error::TooFewTokens`] where a part fills no window.
    pub fn new(parts: Vec<Part>, seed: u64, seq_len: usize) -> Result<Self, Error> {
        if parts.is_empty() {
            return Err(Error::NoParts);
        }
        let mut windows = Vec::with_capacity(parts.len());
        let mut identity = Sha256::new();
        identity.update(serde_json::json!(["maec mixture 1", seed, seq_len]).to_string());
        for part in &parts {
            let name = part.blocks.name();
            if !(part.weight.is_finite() && part.weight > 0.0) {
                return Err(Error::Weight { name: name.into(), weight: part.weight });
            }
            windows.push(part.blocks.windows(seq_len)?);
            identity.update(part.blocks.identity());
            identity.update(part.weight.to_le_bytes());
        }
        let sum: f64 = parts.iter().map(|part| part.weight).sum();
        let shares = parts.iter().map(|part| part.weight / sum).collect();
        let order = |(stream, &len)| (0, Permutation::new(len, seed, stream, 0));
        let orders = (0u64..).zip(&windows).map(order).collect();
        let mixture = identity.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let position = Position { windows: 0, taken: vec![0; parts.len()], mixture };
        Ok(Self { parts, shares, windows, orders, seed, seq_len, position })
    }

    /// Where it stands.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// Goes on from a position.
    ///
    /// # Errors
    /// [`Error::Position`] where it is another mixture's, or contradicts itself.
    pub fn restore(&mut self, position: Position) -> Result<(), Error> {
        let refused = |reason: &str| Error::Position { reason: reason.into() };
        if position.mixture != self.position.mixture {
            return Err(refused("corpora, weights, seed or length differ"));
        }
        let sum = position.taken.iter().try_fold(0u64, |sum, taken| sum.checked_add(*taken));
        if position.taken.len() != self.parts.len() || sum != Some(position.windows) {
            return Err(refused("its counts do not add up"));
        }
        self.position = position;
        Ok(())
    }

    /// The next window, and the number of its part.
    ///
    /// # Errors
    /// Where the blocks can't be read; the mixture then stands where it stood.
    pub fn next_window(&mut self) -> Result<(usize, Window), Error> {
        let part = self.next_part();
        let (epoch, place) = (self.epoch(part), self.position.taken[part] % self.windows[part]);
        let (at, order) = &mut self.orders[part];
        if *at != epoch {
            *at = epoch;
            *order = Permutation::new(self.windows[part], self.seed, part as u64, epoch);
        }
        // A place is below the order's length by its making.
        let index = order.at(place).unwrap_or(0);
        let window = self.parts[part].blocks.window(index, self.seq_len)?;
        self.take(part);
        Ok((part, window))
    }

    /// Passes over windows without reading them, such as those of other ranks.
    pub fn skip(&mut self, windows: u64) {
        for _ in 0..windows {
            self.take(self.next_part());
        }
    }

    /// How often a part has been gone through: the number of its current epoch, from 0.
    pub fn epoch(&self, part: usize) -> u64 {
        self.position.taken[part] / self.windows[part]
    }

    /// Windows in an epoch of each part.
    pub fn windows(&self) -> &[u64] {
        &self.windows
    }

    /// The parts.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    fn take(&mut self, part: usize) {
        self.position.taken[part] += 1;
        self.position.windows += 1;
    }

    /// The part whose next window is due first among those below their share; the first of equals.
    fn next_part(&self) -> usize {
        let next = (self.position.windows + 1) as f64;
        let due = |part: &usize| (self.position.taken[*part] + 1) as f64 / self.shares[*part];
        let below = |part: &usize| (self.position.taken[*part] as f64) < next * self.shares[*part];
        let first = |parts: &mut dyn Iterator<Item = usize>| parts.min_by(|a, b| due(a).total_cmp(&due(b)));
        let all = 0..self.shares.len();
        // Rounding alone could leave none below its share.
        first(&mut all.clone().filter(below)).or_else(|| first(&mut all.clone())).unwrap_or(0)
    }
}
