//! The candidates of a search in the tab: a grid, or seeded random draws.

use maec_recipe::Parameters;

use super::{Choice, Search, Space, Values};

/// More candidates are the companion's work.
pub const MOST_CANDIDATES: u32 = 500;

/// What a person asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Draw {
    /// So many evenly spaced values of every range.
    Grid(u32),
    /// So many uniform draws with this seed.
    Random(u32, u64),
}

impl Draw {
    /// As the format writes it.
    pub fn search(self) -> Search {
        match self {
            Self::Grid(per) => Search::Grid { per },
            Self::Random(trials, _) => Search::Random { trials },
        }
    }

    /// The seed of the draws; a grid has none.
    pub fn seed(self) -> u64 {
        if let Self::Random(_, seed) = self { seed } else { 0 }
    }

    /// How many candidates it makes of a space.
    pub fn candidates(self, space: &Space) -> u32 {
        match self {
            Self::Grid(per) => {
                let counts = space.free().into_iter().map(|(_, values)| match values {
                    Values::Range { .. } => per,
                    Values::List(list) => list.len() as u32,
                });
                counts.fold(1, u32::saturating_mul)
            }
            Self::Random(trials, _) => trials,
        }
    }
}

/// The candidates, in order. What the space does not name has the recipe's defaults, and μ = 1.
pub fn choices(space: &Space, draw: Draw) -> Vec<Choice> {
    let start = Choice { parameters: Parameters::default(), mu: 1.0 };
    match draw {
        Draw::Grid(per) => space.named().into_iter().fold(vec![start], |choices, (axis, values)| {
            let count = if values.is_fixed() { 1 } else { per };
            let place = |index: u32| f64::from(index) / f64::from((count - 1).max(1));
            let with = |choice: &Choice| {
                (0..count)
                    .map(|index| {
                        let mut choice = *choice;
                        *axis.place(&mut choice) = values.at(place(index));
                        choice
                    })
                    .collect::<Vec<_>>()
            };
            choices.iter().flat_map(with).collect()
        }),
        Draw::Random(trials, seed) => {
            let mut random = SplitMix(seed);
            let choice = |_| {
                let mut choice = start;
                for (axis, values) in space.named() {
                    let place = if values.is_fixed() { 0.0 } else { random.unit() };
                    *axis.place(&mut choice) = values.at(place);
                }
                choice
            };
            (0..trials).map(choice).collect()
        }
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014): a search of some hundred draws needs no more, and it is three lines.
struct SplitMix(u64);

impl SplitMix {
    /// A number in [0, 1), of 53 bits.
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::super::Axis;
    use super::*;

    fn space() -> Space {
        let fixed = |value| Values::between(value, value);
        let range = |low, high| Values::between(low, high);
        Space::of([fixed(1.0), range(0.0, 1.0), range(0.2, 2.0), fixed(0.5), fixed(0.75), range(0.3, 1.0)])
    }

    #[test]
    fn splitmix_is_splitmix() {
        // The first outputs for the seed 1234567, as published with the reference implementation.
        let mut random = SplitMix(1_234_567);
        let expected = [6_457_827_717_110_365_317_u64, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        for expected in expected {
            assert_eq!(random.unit(), (expected >> 11) as f64 / (1_u64 << 53) as f64);
        }
    }

    #[test]
    fn a_grid_has_every_combination_once_with_both_ends() {
        let choices = choices(&space(), Draw::Grid(3));
        assert_eq!((choices.len(), Draw::Grid(3).candidates(&space())), (27, 27));
        for (axis, low, middle, high) in
            [(Axis::Beta, 0.0, 0.5, 1.0), (Axis::Gamma, 0.2, 1.1, 2.0), (Axis::K2, 0.3, 0.65, 1.0)]
        {
            for value in [low, middle, high] {
                assert_eq!(choices.iter().filter(|choice| axis.of(choice) == value).count(), 9, "{axis:?}");
            }
        }
        assert!(choices.iter().all(|choice| choice.mu == 0.75 && choice.parameters.eta == 0.5));
        for (index, choice) in choices.iter().enumerate() {
            assert!(!choices[..index].contains(choice));
        }
    }

    #[test]
    fn draws_are_the_seeds_and_within_their_ranges() {
        let first = choices(&space(), Draw::Random(20, 1));
        assert_eq!(first, choices(&space(), Draw::Random(20, 1)));
        assert_ne!(first, choices(&space(), Draw::Random(20, 2)));
        // A longer search begins with the shorter one.
        assert_eq!(first[..5], choices(&space(), Draw::Random(5, 1)));
        for choice in &first {
            let parameters = choice.parameters;
            assert!((0.2..=2.0).contains(&parameters.gamma) && (0.3..=1.0).contains(&parameters.k2));
            assert_eq!((parameters.alpha, choice.mu), (1.0, 0.75));
            assert_eq!((parameters.gamma * 1e4).round() / 1e4, parameters.gamma, "four decimals");
        }
    }
}
