//! Every method equals its slow reference.

use proptest::prelude::*;

use super::reference::{self, along, arc, minus, model_stock, plus};
use super::setup::{Case, models, near, noise, wide};

/// As near as float32 lets two ways to compute be.
const TOLERANCE: f64 = 2e-7;

/// A tensor of one to three dimensions, and a seed for its values.
fn shape() -> impl Strategy<Value = (Vec<usize>, u64)> {
    (prop::collection::vec(1..9_usize, 1..4), any::<u64>())
}

fn all_wide(models: &[Vec<f32>]) -> Vec<Vec<f64>> {
    models.iter().map(|x| wide(x)).collect()
}

fn check(case: &Case, expected: &[f64], tolerance: f64) -> Result<(), TestCaseError> {
    near(case, &case.merge(), expected, tolerance).map_err(TestCaseError::fail)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn slerp_is_its_formula((shape, seed) in shape(), t in -0.5..1.5) {
        let n = shape.iter().product();
        let (base, x) = (noise(seed, n), models(seed, 1, n));
        let expected = arc(&wide(&base), &wide(&x[0]), t, |_, cosine| cosine.abs() > 0.9995);
        check(&Case::new("slerp", &shape, Some(&base), &x).with("t", &[t]), &expected, TOLERANCE)?;
    }

    #[test]
    fn nuslerp_is_its_formula(
        (shape, seed) in shape(), weights in prop::collection::vec(0.1..2.0, 2), has_base: bool, flatten: bool, first: bool,
    ) {
        let n = shape.iter().product();
        let (base, x) = (noise(seed, n), models(seed, 2, n));
        let t = weights[1] / (weights[0] + weights[1]);
        let origin = if has_base { wide(&base) } else { vec![0.0; n] };
        let deltas: Vec<Vec<f64>> = x.iter().map(|x| minus(&wide(x), &origin)).collect();
        let one = |x: &[Vec<f64>]| arc(&x[0], &x[1], t, |square, _| square <= 1e-12);
        let merged = if flatten || shape.len() == 1 { one(&deltas) } else { along(&shape, first, &deltas, one) };
        let case = Case::new("nuslerp", &shape, has_base.then_some(&base[..]), &x).with("weight", &weights)
            .with("nuslerp_flatten", &[f64::from(u8::from(flatten))]).with("nuslerp_row_wise", &[f64::from(u8::from(first))]);
        // Vectors of one or two elements may be opposite but for rounding, which the angle then consists of.
        let scale = deltas.iter().flatten().fold(0.0, |most: f64, x| x.abs().max(most));
        prop_assume!(merged.iter().all(|x| x.abs() < 20.0 * scale));
        check(&case, &plus(&merged, &origin), 10.0 * TOLERANCE)?;
    }

    #[test]
    fn multislerp_is_its_formula(
        (shape, seed) in shape(), weights in prop::collection::vec(0.1..2.0, 2..5), has_base: bool, normalize: bool,
    ) {
        let n = shape.iter().product::<usize>() + 2;
        let (base, x) = (noise(seed, n), models(seed, weights.len(), n));
        let origin = if has_base { wide(&base) } else { vec![0.0; n] };
        let deltas: Vec<Vec<f64>> = x.iter().map(|x| minus(&wide(x), &origin)).collect();
        let expected = plus(&reference::multislerp(&deltas, &weights, normalize), &origin);
        let case = Case::new("multislerp", &[n], has_base.then_some(&base[..]), &x).with("weight", &weights)
            .with("normalize_weights", &[f64::from(u8::from(normalize))]);
        check(&case, &expected, TOLERANCE)?;
    }

    #[test]
    fn karcher_is_its_formula((shape, seed) in shape(), count in 2..6_usize, steps in 0..12_usize, tol in prop::sample::select(vec![1e-5, 1e-3, 1e-9])) {
        // Enough dimensions for no direction to be nearly opposite to another's.
        let n = shape.iter().product::<usize>() + 12;
        let x = models(seed, count, n);
        let case = Case::new("karcher", &[n], None, &x).with("max_iter", &[steps as f64]).with("tol", &[tol]);
        check(&case, &reference::karcher(&all_wide(&x), steps, tol), TOLERANCE)?;
    }

    #[test]
    fn model_stock_is_its_formula((shape, seed) in shape(), count in 2..5_usize, by_filter: bool) {
        let n = shape.iter().product();
        let all = [vec![noise(seed, n)], models(seed, count, n)].concat();
        let well = std::cell::Cell::new(true);
        let one = |x: &[Vec<f64>]| {
            let (merged, divisor) = model_stock(x);
            well.set(well.get() && divisor.abs() > 0.05);
            merged
        };
        let x = all_wide(&all);
        let expected = if by_filter && shape.len() > 1 { along(&shape, false, &x, one) } else { one(&x) };
        prop_assume!(well.get());
        let case = Case::new("model_stock", &shape, Some(&all[0]), &all[1..]).with("filter_wise", &[f64::from(u8::from(by_filter))]);
        check(&case, &expected, TOLERANCE)?;
    }

    #[test]
    fn sce_is_its_formula((shape, seed) in shape(), count in 1..5_usize, topk in 0.0..1.1_f64, size in prop::sample::select(vec![1.0, 1.0 / 8192.0])) {
        let n = shape.iter().product();
        // In 2⁻¹⁰ or 2⁻²³, so that sums of them are exact and signs certain.
        let coarse = |x: Vec<f32>| x.into_iter().map(|x| (x * 1024.0).round() / 1024.0 * size).collect::<Vec<f32>>();
        let base = vec![0.0; n];
        let x: Vec<Vec<f32>> = models(seed, count, n).into_iter().map(coarse).collect();
        let expected = reference::sce(&wide(&base), &all_wide(&x), topk.min(1.0));
        check(&Case::new("sce", &shape, Some(&base), &x).with("select_topk", &[topk.min(1.0)]), &expected, 2.0 * TOLERANCE)?;
    }

    #[test]
    fn nearswap_is_its_formula((shape, seed) in shape(), t in -0.1..1.0) {
        let n = shape.iter().product();
        let (base, x) = (noise(seed, n), models(seed, 1, n));
        let expected = reference::nearswap(&wide(&base), &wide(&x[0]), t);
        check(&Case::new("nearswap", &shape, Some(&base), &x).with("t", &[t]), &expected, 2.0 * TOLERANCE)?;
    }

    #[test]
    fn arcee_fusion_is_its_formula((shape, seed) in shape()) {
        let n = shape.iter().product();
        let (base, x) = (noise(seed, n), models(seed, 1, n));
        let expected = reference::arcee_fusion(shape[shape.len() - 1], &base, &x[0]);
        check(&Case::new("arcee_fusion", &shape, Some(&base), &x), &expected, TOLERANCE)?;
    }

    #[test]
    fn passthrough_is_its_formula((shape, seed) in shape(), scale in -2.0..2.0) {
        let x = models(seed, 1, shape.iter().product());
        let expected: Vec<f64> = x[0].iter().map(|x| f64::from(*x) * scale).collect();
        check(&Case::new("passthrough", &shape, None, &x).with("scale", &[scale]), &expected, TOLERANCE)?;
        prop_assert_eq!(Case::new("passthrough", &shape, None, &x).merge(), x[0].clone());
    }
}
