//! Uniform draws that are counted, so that a trial's numbers are its seed's and its number's alone, in any program.

use fastrand::Rng;
use sha2::{Digest as _, Sha256};

use crate::{Choice, Space};

/// What the library that the model-based search comes from (`optimizer` 1) mixes in for the unit interval.
const UNIT: u64 = 961u64.wrapping_add(1f64.to_bits()).wrapping_mul(31);

/// The uniform draw of a trial: that of the `number`-th generator of a search's seed.
pub fn draw(space: &Space, seed: u64, number: usize) -> Choice {
    let (seed, number) = (seed_of(seed, number), number as u64);
    let places = (0..space.free().len() as u64).map(|place| unit(seed, number, place));
    space.choice(&places.collect::<Vec<f64>>())
}

/// A seed for one trial alone, so that a trial is the same wherever a search goes on: the first eight bytes of SHA-256 of the
/// search's seed and the trial's number, all little-endian.
pub fn seed_of(seed: u64, number: usize) -> u64 {
    let digest = Sha256::digest([seed.to_le_bytes(), (number as u64).to_le_bytes()].concat());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest[..8]);
    u64::from_le_bytes(bytes)
}

/// A number in [0, 1): MurmurHash3's finalizer (Appleby 2011) of the counters, as `optimizer`'s random sampler mixes them, seeds a
/// wyrand generator.
fn unit(seed: u64, number: u64, place: u64) -> f64 {
    let mut h = seed.wrapping_mul(0xff51_afd7_ed55_8ccd).wrapping_add(number);
    h = h.wrapping_mul(0xc4ce_b9fe_1a85_ec53).wrapping_add(UNIT.wrapping_add(place));
    h = (h ^ (h >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    h = (h ^ (h >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    Rng::with_seed(h ^ (h >> 33)).f64()
}
