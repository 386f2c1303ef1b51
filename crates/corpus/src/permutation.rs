//! A seeded order of any length in no memory.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use sha2::{Digest, Sha256};

/// Rounds of the cipher. Four make a good one of a good round function (Luby and Rackoff); more make up for a simple one.
const ROUNDS: usize = 8;

/// A permutation of `0..len`, computed place by place: a Feistel cipher over the next even number of bits, walked along its cycles until
/// it stays below `len` (Black and Rogaway, *Ciphers with Arbitrary Finite Domains*, 2002). Integers only, so every host computes the
/// same.
#[derive(Debug, Clone)]
pub struct Permutation {
    len: u64,
    half_bits: u32,
    keys: [u64; ROUNDS],
}

impl Permutation {
    /// The order number `epoch` of stream `stream` of a seed.
    pub fn new(len: u64, seed: u64, stream: u64, epoch: u64) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"maec corpus order 1");
        for number in [seed, stream, epoch] {
            hash.update(number.to_le_bytes());
        }
        let mut random = ChaCha8Rng::from_seed(hash.finalize().into());
        let bits = u64::BITS - len.saturating_sub(1).leading_zeros();
        Self { len, half_bits: bits.div_ceil(2).max(1), keys: std::array::from_fn(|_| random.next_u64()) }
    }

    /// How many places there are.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What stands at a place; `None` beyond the last. Takes fewer than five steps of the cipher on average.
    pub fn at(&self, place: u64) -> Option<u64> {
        if place >= self.len {
            return None;
        }
        let mut value = self.encrypt(place);
        // Ends: the cycle that `place` is on leads back to it.
        while value >= self.len {
            value = self.encrypt(value);
        }
        Some(value)
    }

    fn encrypt(&self, value: u64) -> u64 {
        let mask = (1 << self.half_bits) - 1;
        let (mut left, mut right) = (value >> self.half_bits, value & mask);
        for key in self.keys {
            (left, right) = (right, left ^ (mix(right ^ key) & mask));
        }
        left << self.half_bits | right
    }
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
fn mix(mut value: u64) -> u64 {
    value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn everything_once(len in 1u64..3000, seed: u64, epoch in 0u64..5) {
            let order = Permutation::new(len, seed, 0, epoch);
            let mut seen: Vec<u64> = (0..len).map(|place| order.at(place).unwrap()).collect();
            prop_assert_eq!(order.at(len), None);
            seen.sort_unstable();
            prop_assert!(seen.into_iter().eq(0..len));
        }

        #[test]
        fn huge_orders_stay_below_their_length(len in 1u64 << 40..1u64 << 62, place: u64, seed: u64) {
            let order = Permutation::new(len, seed, 1, 0);
            let (one, next) = (place % (len - 1), place % (len - 1) + 1);
            let (one, next) = (order.at(one).unwrap(), order.at(next).unwrap());
            prop_assert!(one < len && next < len && one != next);
        }
    }

    #[test]
    fn every_host_has_this_order() {
        let order = |seed, stream, epoch| {
            let order = Permutation::new(10, seed, stream, epoch);
            (0..10).map(|place| order.at(place).unwrap()).collect::<Vec<_>>()
        };
        // Worked out apart from this code, see goldens/order.py.
        assert_eq!(order(7, 0, 0), GOLDEN[0]);
        assert_eq!(order(7, 0, 1), GOLDEN[1]);
        assert_eq!(order(8, 3, 0), GOLDEN[2]);
    }

    const GOLDEN: [[u64; 10]; 3] =
        [[8, 7, 3, 0, 4, 5, 9, 1, 2, 6], [2, 8, 3, 4, 9, 0, 1, 7, 5, 6], [5, 0, 9, 6, 1, 2, 4, 3, 8, 7]];

    #[test]
    fn places_are_even_over_seeds() {
        // 4000 seeds, 10 places: each value is expected 400 times at each, deviation 19.
        let mut counts = [[0u32; 10]; 10];
        for seed in 0..4000 {
            let order = Permutation::new(10, seed, 0, 0);
            for (place, counts) in (0..).zip(&mut counts) {
                counts[order.at(place).unwrap() as usize] += 1;
            }
        }
        assert!(counts.iter().flatten().all(|count| (305..495).contains(count)), "{counts:?}");
    }
}
