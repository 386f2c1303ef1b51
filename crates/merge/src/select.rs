//! Eq. 4: the ranking by similarity, and 𝒯, the tensors that R(A) joins.

use maec_recipe::Select;
use serde::{Deserialize, Serialize};

/// The ranking of all tensors and the choice among them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Indices into the scores, in ranking order: S descending, ties by name.
    pub rank: Vec<usize>,
    /// Whether a tensor is in 𝒯, in the scores' order.
    pub selected: Vec<bool>,
}

impl Selection {
    /// Indices of 𝒯 in ranking order.
    pub fn indices(&self) -> impl Iterator<Item = usize> + '_ {
        self.rank.iter().copied().filter(|&index| self.selected[index])
    }

    /// Each tensor's place in the ranking, counted from 0, in the scores' order: the inverse of [`rank`](Self::rank).
    pub fn places(&self) -> Vec<usize> {
        let mut places = vec![0; self.rank.len()];
        for (place, &index) in self.rank.iter().enumerate() {
            places[index] = place;
        }
        places
    }
}

/// Indices of `(name, S)` by S descending, ties by name ascending (bytewise). A NaN counts as 0, and −0 equals 0.
pub fn rank(scores: &[(&str, f64)]) -> Vec<usize> {
    let key = |similarity: f64| if similarity.is_nan() { 0.0 } else { similarity + 0.0 };
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| {
        let ((name_a, a), (name_b, b)) = (scores[a], scores[b]);
        key(b).total_cmp(&key(a)).then_with(|| name_a.cmp(name_b))
    });
    order
}

/// 𝒯: the last k₂ of the ranking ([`count_half_up`] many), then changed by the patterns of `select`. A tensor that a
/// pattern forces in pushes no other out.
///
/// `k2` is a fraction, 0–1. Cheap enough to be called at every move of a slider.
///
/// ```
/// let scores = [("q_proj", 0.9), ("k_proj", -0.2), ("v_proj", 0.1)];
/// let selection = maec_merge::select(&scores, 0.6, &Default::default());
/// assert_eq!(selection.rank, [0, 2, 1]);
/// assert_eq!(selection.selected, [false, true, true]);
/// ```
pub fn select(scores: &[(&str, f64)], k2: f64, select: &Select) -> Selection {
    let rank = rank(scores);
    let mut selected = vec![false; scores.len()];
    for &index in &rank[rank.len() - count_half_up(k2, rank.len())..] {
        selected[index] = true;
    }
    for (selected, (name, _)) in selected.iter_mut().zip(scores) {
        *selected = select.forced(name).unwrap_or(*selected);
    }
    Selection { rank, selected }
}

/// ⌊fraction·n + ½⌋, between 0 and `n`, as if the fraction were the decimal that it was written as.
///
/// 0.29 × 50 is 14.5, which rounds to 15, but its float product lies just below. So a few units in the last place
/// are added, more than the rounding of the fraction, the product and the sum can take away.
pub fn count_half_up(fraction: f64, n: usize) -> usize {
    let product = fraction * n as f64;
    let nudge = 4.0 * f64::EPSILON * product;
    ((product + 0.5 + nudge).floor() as usize).min(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn count_rounds_half_up_as_decimals_do() {
        for thousandths in 0..=1000_usize {
            for n in 0..=400_usize {
                let exact = (2 * thousandths * n + 1000) / 2000;
                assert_eq!(count_half_up(thousandths as f64 / 1000.0, n), exact, "{thousandths} ‰ of {n}");
            }
        }
    }

    #[test]
    fn count_of_the_paper() {
        assert_eq!(count_half_up(0.8, 291), 233);
        assert_eq!(count_half_up(0.6, 291), 175);
    }

    #[test]
    fn count_stays_in_range() {
        assert_eq!(count_half_up(1.4, 10), 10);
        assert_eq!(count_half_up(-0.5, 10), 0);
        assert_eq!(count_half_up(f64::NAN, 10), 0);
        assert_eq!(count_half_up(0.5, 0), 0);
    }

    #[test]
    fn ties_go_by_name_and_zeros_of_both_signs_tie() {
        let scores = [("b", 0.0), ("c", -0.0), ("a", 0.0), ("d", f64::NAN), ("e", -1.0), ("f", 1.0)];
        assert_eq!(rank(&scores), [5, 2, 0, 1, 3, 4]);
    }

    #[test]
    fn patterns_override_the_ranking() {
        let scores = [("a", 0.9), ("b", 0.5), ("c", 0.1), ("d", -0.1)];
        let patterns = Select { include: vec!["a".into()], exclude: vec!["d".into()] };
        let selection = select(&scores, 0.5, &patterns);
        assert_eq!(selection.selected, [true, false, true, false]);
        assert_eq!(selection.indices().collect::<Vec<_>>(), [0, 2]);
        assert_eq!(selection.places(), [0, 1, 2, 3]);
    }
}
