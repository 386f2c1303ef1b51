//! What holds for every value.

use proptest::prelude::*;

use super::setup::{Case, Given, METHODS, models, near, noise, norm, wide};

fn all() -> impl Strategy<Value = Given> {
    prop::sample::select(METHODS.to_vec())
}

fn ok(result: Result<(), String>) -> Result<(), TestCaseError> {
    result.map_err(TestCaseError::fail)
}

/// Of length 1.
fn unit(x: &[f32]) -> Vec<f32> {
    x.iter().map(|value| (f64::from(*value) / norm(x)) as f32).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn tiles_change_nothing(
        (method, count, has_base, parameters) in all(), (rows, columns) in (1..40_usize, 1..70_usize), seed: u64,
        tile in 1..2000_usize, by_vector: bool, first: bool,
    ) {
        let n = rows * columns;
        let (base, x) = (noise(seed, n), models(seed, count, n));
        let (by_vector, first) = (f64::from(u8::from(by_vector)), f64::from(u8::from(first)));
        let case = Case::new(method, &[rows, columns], has_base.then_some(&base[..]), &x).with_all(parameters)
            .with("nuslerp_flatten", &[1.0 - by_vector]).with("nuslerp_row_wise", &[first]).with("filter_wise", &[by_vector]);
        // Sums are added tile by tile, so their last bits may differ; nearly opposite vectors magnify that.
        ok(near(&case, &case.tiled(tile).expect("a merge"), &wide(&case.merge()), 1e-6))?;
    }

    #[test]
    fn of_equal_models_nothing_else_is_made(
        (method, count, has_base, parameters) in all(), (rows, columns) in (1..9_usize, 1..9_usize), seed: u64, by_vector: bool, base_too: bool,
    ) {
        let n = rows * columns;
        let x = noise(seed, n);
        let mut base = if base_too { x.clone() } else { noise(!seed, n) };
        let select = method == "sce" && !parameters.is_empty();
        // These are between the base and the model.
        if select || ["slerp", "nearswap", "arcee_fusion"].contains(&method) {
            base.clone_from(&x);
        }
        let by_vector = f64::from(u8::from(by_vector));
        let case = Case::new(method, &[rows, columns], has_base.then_some(&base[..]), &vec![x.clone(); count]).with_all(parameters)
            .with("nuslerp_flatten", &[1.0 - by_vector]).with("filter_wise", &[by_vector]);
        ok(near(&case, &case.merge(), &wide(&x), 2e-7))?;
    }

    #[test]
    fn an_arc_begins_and_ends_at_its_models((rows, columns) in (1..9_usize, 1..9_usize), seed: u64, by_vector: bool) {
        let n = rows * columns;
        let (base, x) = (noise(seed, n), models(seed, 2, n));
        let slerp = |t| Case::new("slerp", &[rows, columns], Some(&base), &x[..1]).with("t", &[t]).merge();
        prop_assert_eq!(slerp(0.0), base.clone());
        prop_assert_eq!(slerp(1.0), x[0].clone());
        let nuslerp = |weights: [f64; 2]| {
            Case::new("nuslerp", &[rows, columns], None, &x).with("weight", &weights)
                .with("nuslerp_flatten", &[f64::from(u8::from(!by_vector))]).merge()
        };
        prop_assert_eq!(nuslerp([1.0, 0.0]), x[0].clone());
        prop_assert_eq!(nuslerp([0.0, 0.7]), x[1].clone());
    }

    #[test]
    fn on_the_sphere_all_means_of_two_are_one(n in 3..40_usize, seed: u64) {
        let x: Vec<Vec<f32>> = models(seed, 2, n).iter().map(|x| unit(x)).collect();
        let dot: f64 = x[0].iter().zip(&x[1]).map(|(a, b)| f64::from(a * b)).sum();
        prop_assume!(dot.abs() < 0.99);
        let slerp = Case::new("slerp", &[n], Some(&x[0]), &x[1..]).with("t", &[0.5]).merge();
        prop_assert!((norm(&slerp) - 1.0).abs() < 1e-6);
        for method in ["karcher", "multislerp", "nuslerp"] {
            let case = Case::new(method, &[n], None, &x).with("weight", &[1.0]);
            ok(near(&case, &case.merge(), &wide(&slerp), 1e-6))?;
        }
    }

    #[test]
    fn twice_the_models_is_twice_the_merge((method, count, has_base, parameters) in all(), n in 2..60_usize, seed: u64) {
        // Their scale is in t, and in the probabilities.
        prop_assume!(method != "nearswap" && method != "arcee_fusion");
        let (base, x) = (noise(seed, n), models(seed, count, n));
        let run = |factor: f32| {
            let scaled = |x: &[f32]| x.iter().map(|x| factor * x).collect::<Vec<f32>>();
            let models: Vec<Vec<f32>> = x.iter().map(|x| scaled(x)).collect();
            let base = scaled(&base);
            Case::new(method, &[n], has_base.then_some(&base[..]), &models).with_all(parameters)
        };
        let (once, twice) = (run(1.0), run(2.0));
        let doubled: Vec<f32> = once.merge().iter().map(|x| 2.0 * x).collect();
        // Thresholds such as ε have a scale too.
        ok(near(&twice, &twice.merge(), &wide(&doubled), 2e-7))?;
    }

    #[test]
    fn rotated_models_have_a_rotated_merge(
        (method, count, has_base, parameters) in all(), n in 4..40_usize, seed: u64, slope in 0.1..3.0_f64,
    ) {
        // Those that look at elements depend on what they are.
        prop_assume!(!["nearswap", "arcee_fusion", "sce"].contains(&method));
        let (base, x) = (noise(seed, n), models(seed, count, n));
        let (sin, cos) = (slope / (1.0 + slope * slope).sqrt(), 1.0 / (1.0 + slope * slope).sqrt());
        let turn = |x: &[f32]| {
            let mut x = x.to_vec();
            for pair in x.chunks_exact_mut(2) {
                let (a, b) = (f64::from(pair[0]), f64::from(pair[1]));
                pair.copy_from_slice(&[(cos * a - sin * b) as f32, (sin * a + cos * b) as f32]);
            }
            x
        };
        let run = |base: &[f32], x: &[Vec<f32>]| Case::new(method, &[n], has_base.then_some(base), x).with_all(parameters).merge();
        let after = turn(&run(&base, &x));
        let turned: Vec<Vec<f32>> = x.iter().map(|x| turn(x)).collect();
        let scale = norm(&x[count - 1]) + norm(&base);
        for (found, expected) in run(&turn(&base), &turned).iter().zip(&after) {
            prop_assert!(f64::from((found - expected).abs()) < 1e-5 * scale, "{}", method);
        }
    }

    #[test]
    fn the_order_of_models_changes_nothing((method, count, has_base, parameters) in all(), n in 3..60_usize, seed: u64) {
        let (base, mut x) = (noise(seed, n), models(seed, count, n));
        let run = |x: &[Vec<f32>]| Case::new(method, &[n], has_base.then_some(&base[..]), x).with_all(parameters);
        let before = run(&x);
        x.reverse();
        ok(near(&before, &run(&x).merge(), &wide(&before.merge()), 1e-6))?;
    }

    #[test]
    fn nearswap_moves_no_element_further_than_t(n in 1..60_usize, seed: u64, t in 0.0..1.0) {
        let (base, x) = (noise(seed, n), models(seed, 1, n));
        let merged = Case::new("nearswap", &[n], Some(&base), &x).with("t", &[t]).merge();
        for ((merged, base), x) in merged.iter().zip(&base).zip(&x[0]) {
            let distance = f64::from((x - base).abs());
            prop_assert!((f64::from((merged - base).abs()) - distance.min(t)).abs() < 1e-6);
        }
    }
}
