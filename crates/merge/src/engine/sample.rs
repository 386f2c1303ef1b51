//! A sample of a tensor: short ranges spread over it, always the same ones.

use std::ops::Range;

/// Elements of a range, where the granule allows.
pub(crate) const SAMPLED: usize = 512;

/// 2⁶⁴ divided by the golden ratio: its multiples are spread evenly and have no period that a tensor's rows could share.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Ranges of about so many elements together, one in each of as many equal parts of a tensor; all of it where it has no more.
/// They begin at multiples of the granule.
pub(super) fn ranges(elements: usize, granule: usize, sample: usize) -> impl Iterator<Item = Range<usize>> {
    let granule = granule.max(1);
    let length = SAMPLED.next_multiple_of(granule);
    let parts = sample.div_ceil(length).clamp(1, (elements / length).max(1));
    let begin = move |part: usize| (part as u128 * elements as u128 / parts as u128) as usize;
    (0..parts).filter(move |_| elements > 0).map(move |part| {
        let room = (begin(part + 1) - begin(part)).saturating_sub(length);
        let within = (u128::from(GOLDEN.wrapping_mul(part as u64)) * room as u128) >> 64;
        let start = (begin(part) + within as usize) / granule * granule;
        start..elements.min(start + length)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_lie_within_the_tensor_and_apart() {
        for (elements, granule, sample) in [
            (0, 1, 9),
            (1, 1, 9),
            (5000, 1, 1000),
            (70_000, 7, 3000),
            (960 * 2560, 1, 36_000),
            (4096, 4096, 5),
        ] {
            let found: Vec<_> = ranges(elements, granule, sample).collect();
            assert!(found.windows(2).all(|pair| pair[0].end <= pair[1].start), "{found:?}");
            assert!(found.iter().all(|range| range.start % granule == 0 && !range.is_empty()), "{found:?}");
            assert!(found.iter().all(|range| range.end <= elements), "{found:?}");
            let n: usize = found.iter().map(Range::len).sum();
            assert!(n >= sample.min(elements) && n < sample + SAMPLED.max(granule), "{n} of {elements}");
        }
    }
}
