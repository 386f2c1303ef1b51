//! Values by their rank among |δ|, exact and in any order of tiles, as a rule in one pass.
//!
//! Floyd and Rivest's selection (1975): a sample of about n^⅔ elements says between which two values a rank's surely lies; one pass
//! counts what is below and lists what is between, again about n^⅔ elements, among which the value is found. A rank that is
//! elsewhere, and a tensor too large for its lists, are left to a [`Radix`]: so the sample decides on the time alone. Of a small
//! tensor everything is listed.

use std::sync::Arc;

use super::bracket::Bracket;
use super::radix::Radix;
use crate::methods::totals::{Part, Sizes, Totals, list};

/// Ranks, ascending from 0, that are wanted of so many elements. One that is not less than their number has no value.
pub(super) type Wanted = Arc<dyn Fn(u64) -> Vec<u64> + Send + Sync>;

/// Elements up to which all are listed.
const SMALL: usize = Totals::LISTED / 2;

/// Elements from which lists would be too long.
const LARGE: usize = 1 << 26;

/// Selects values by rank.
pub(in crate::methods) struct Select {
    wanted: Wanted,
    elements: usize,
    round: Round,
}

/// What comes next.
enum Round {
    /// A look at a sample.
    Sample,
    /// A bracket for each rank.
    Brackets(Vec<Bracket>),
    Radix(Radix),
    /// The bits of the values found, in the order of ranks.
    Found(Vec<u32>),
}

impl Select {
    /// Of about so many elements, those of the wanted ranks.
    pub(in crate::methods) fn new(
        elements: usize,
        wanted: impl Fn(u64) -> Vec<u64> + Send + Sync + 'static,
    ) -> Self {
        let wanted: Wanted = Arc::new(wanted);
        let round = match elements {
            ..=SMALL => Round::Brackets(wanted(elements as u64).iter().map(|_| Bracket::ALL).collect()),
            LARGE.. => Round::Radix(Radix::new(elements, wanted.clone())),
            _ => Round::Sample,
        };
        Self { wanted, elements, round }
    }

    /// The next round's.
    pub(in crate::methods) fn next(&self) -> Option<Sizes> {
        match &self.round {
            Round::Sample => {
                let root = libm::cbrt(self.elements as f64);
                Some(Sizes { lists: 1, sample: (2.0 * root * root) as usize, ..Sizes::default() })
            }
            Round::Brackets(brackets) => {
                let (counts, lists) = (1 + Bracket::COUNTS * brackets.len(), brackets.len());
                Some(Sizes { counts, lists, ..Sizes::default() })
            }
            Round::Radix(radix) => Some(Sizes { counts: radix.counts(), ..Sizes::default() }),
            Round::Found(_) => None,
        }
    }

    /// How many rounds look at all elements, as a rule.
    pub(in crate::methods) fn rounds(&self) -> usize {
        match &self.round {
            Round::Sample | Round::Brackets(_) => 1,
            Round::Radix(radix) => radix.rounds(),
            Round::Found(_) => 0,
        }
    }

    /// Counts a block of δ.
    pub(in crate::methods) fn look(&self, delta: &[f32], part: Part<'_>) {
        let Part { counts, lists } = part;
        match &self.round {
            Round::Sample => {
                let Some(values) = lists.first_mut() else { return };
                delta.iter().for_each(|delta| list(values, delta.abs().to_bits()));
            }
            Round::Brackets(brackets) => {
                let Some((all, counts)) = counts.split_first_mut() else { return };
                *all += delta.len() as u64;
                let counts = counts.chunks_exact_mut(Bracket::COUNTS);
                for ((bracket, counts), lists) in brackets.iter().zip(counts).zip(lists.chunks_exact_mut(1)) {
                    bracket.look(delta, Part { counts, lists });
                }
            }
            Round::Radix(radix) => radix.look(delta, counts),
            Round::Found(_) => (),
        }
    }

    /// Takes what a round gathered.
    pub(in crate::methods) fn learn(&mut self, counts: &[u64], lists: &[Vec<u32>]) {
        let mut order = Vec::new();
        self.round = match &mut self.round {
            Round::Sample => {
                let sample = lists.first().map_or(&[][..], Vec::as_slice);
                let ranks = (self.wanted)(sample.len() as u64);
                let around = |rank| Bracket::around(sample, rank, &mut order);
                Round::Brackets(ranks.into_iter().map(around).collect())
            }
            Round::Brackets(brackets) => {
                let (all, counts) = counts.split_first().map_or((0, &[][..]), |(all, counts)| (*all, counts));
                let ranks = (self.wanted)(all);
                let mut gathered = brackets.iter().zip(counts.chunks_exact(Bracket::COUNTS)).zip(lists);
                let find = |rank| match gathered.next() {
                    _ if rank >= all => Some(u32::MAX),
                    Some(((bracket, counts), listed)) => bracket.find(rank, counts, listed, &mut order),
                    None => None,
                };
                match ranks.into_iter().map(find).collect() {
                    Some(found) => Round::Found(found),
                    None => Round::Radix(Radix::new(self.elements, self.wanted.clone())),
                }
            }
            Round::Radix(radix) => {
                radix.learn(counts);
                if radix.counts() > 0 {
                    return;
                }
                Round::Found(radix.values().collect())
            }
            Round::Found(_) => return,
        };
    }

    /// The bits of the values found, in the order of ranks; for a rank beyond all elements `u32::MAX`, beyond all values too.
    /// Empty before all are known.
    pub(in crate::methods) fn values(&self) -> &[u32] {
        match &self.round {
            Round::Found(values) => values,
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Some ranks' values in as many rounds as it takes, of which the sample's looks at the first so many values alone.
    fn selected(values: &[f32], ranks: &[f64], sampled: usize) -> (Vec<u32>, usize) {
        let shares = ranks.to_vec();
        let wanted = move |n: u64| shares.iter().map(|share| (share * n as f64) as u64).collect();
        let mut select = Select::new(values.len(), wanted);
        let mut rounds = 0;
        while let Some(sizes) = select.next() {
            let mut totals = Totals::new(sizes);
            let shown = if sizes.sample > 0 { &values[..sampled] } else { values };
            shown.chunks(999).for_each(|part| select.look(part, totals.part()));
            select.learn(&totals.counts, &totals.lists);
            rounds += usize::from(sizes.sample == 0);
        }
        (select.values().to_vec(), rounds)
    }

    fn sorted(values: &[f32]) -> Vec<u32> {
        let mut bits: Vec<u32> = values.iter().map(|value| value.abs().to_bits()).collect();
        bits.sort_unstable();
        bits
    }

    /// Values with either sign, as if by chance.
    fn values(n: usize) -> Vec<f32> {
        (0..n as u32)
            .map(|i| (i.wrapping_mul(0x9e37_79b9) ^ 0x5bd1_e995).cast_signed() as f32 / 1e9)
            .collect()
    }

    #[test]
    fn a_sample_finds_in_one_round_what_a_sort_does() {
        let values = values(100_003);
        let ranks = [0.0, 0.25, 0.5, 0.999, 1.0];
        let (found, rounds) = selected(&values, &ranks, 4096);
        let sorted = sorted(&values);
        let expected = ranks.map(|share| {
            let rank = (share * values.len() as f64) as usize;
            sorted.get(rank).copied().unwrap_or(u32::MAX)
        });
        assert_eq!((found, rounds), (expected.to_vec(), 1));
    }

    #[test]
    fn a_sample_unlike_the_whole_takes_rounds_and_changes_nothing() {
        let mut values = values(100_003);
        values[..4096].fill(0.125);
        let (found, rounds) = selected(&values, &[0.25, 0.75], 4096);
        let sorted = sorted(&values);
        assert_eq!(found, [sorted[25_000], sorted[75_002]]);
        assert_eq!(rounds, 4);
    }

    #[test]
    fn what_is_beyond_all_numbers_is_ranked_by_its_bits() {
        let mut values = values(70_000);
        values[5..300].fill(f32::NAN);
        values[400..450].fill(f32::NEG_INFINITY);
        let (found, _) = selected(&values, &[0.5, 0.9955, 0.9999], 9000);
        let sorted = sorted(&values);
        assert_eq!(found, [sorted[35_000], sorted[69_685], sorted[69_993]]);
        assert_eq!(found[1..], [f32::INFINITY.to_bits(), f32::NAN.to_bits()]);
    }

    #[test]
    fn of_few_different_values_none_is_listed_twice() {
        let values: Vec<f32> = values(90_000).iter().map(|x| x.round()).collect();
        let (found, rounds) = selected(&values, &[0.1, 0.3, 0.5, 0.7, 0.9], 5000);
        let sorted = sorted(&values);
        assert_eq!(found, [9000, 27_000, 45_000, 63_000, 81_000].map(|rank| sorted[rank]));
        assert_eq!(rounds, 1);
    }

    #[test]
    fn what_is_too_large_for_lists_is_counted_digit_by_digit() {
        let mut select = Select::new(LARGE, |n| vec![n / 2]);
        let values = values(5000);
        for round in 0..select.rounds() {
            let mut totals = Totals::new(select.next().unwrap_or_default());
            assert!(totals.lists.is_empty() && !totals.counts.is_empty(), "round {round}");
            select.look(&values, totals.part());
            select.learn(&totals.counts, &totals.lists);
        }
        assert_eq!(select.values(), [sorted(&values)[2500]]);
    }
}
