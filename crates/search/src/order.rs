//! One sort for all sums: the standard one is written out anew for every type and comparison, which the page pays for.

use std::cmp::Ordering;

/// The places `0..count` in the order of `compare`, equal ones as they were.
pub fn order(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut places: Vec<usize> = (0..count).collect();
    places.sort_by(|&a, &b| compare(a, b));
    places
}
