//! What holds for every value: slow references, and identities.

use maec_merge::methods::Dialect;
use proptest::prelude::*;

use super::setup::{DETERMINISTIC, RANDOM, bits, case, noise};

const DIALECTS: [Dialect; 3] = [Dialect::Mergekit, Dialect::Paper, Dialect::Peft];

fn all() -> impl Strategy<Value = &'static str> {
    prop::sample::select([RANDOM, DETERMINISTIC].concat())
}

/// Three models of a matrix, in quarters: sums of them are exact.
fn quarters() -> impl Strategy<Value = (Vec<usize>, Vec<Vec<f32>>)> {
    (1..6_usize, 1..30_usize).prop_flat_map(|(rows, columns)| {
        let one = prop::collection::vec((-12..12_i8).prop_map(|x| f32::from(x) / 4.0), rows * columns);
        (Just(vec![rows, columns]), prop::collection::vec(one, 4))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn tiles_change_nothing(
        method in all(), (rows, columns) in (1..8_usize, 1..700_usize), seed: u64, tile in 1..3000_usize,
        density in 0.2..0.8, dialect in prop::sample::select(&DIALECTS), rescale: bool,
    ) {
        let shape = [rows, columns];
        let models: Vec<_> = (1..4).map(|i| noise(seed ^ i, rows * columns)).collect();
        let mut case = case(method, &shape, &noise(seed, rows * columns), &models)
            .with("weight", &[0.4, -0.3, 0.9]).with("density", &[density, 0.5, 0.3])
            .with("rescale", &[f64::from(u8::from(rescale))]).dialect(dialect);
        case.seed = seed;
        prop_assert_eq!(bits(&case.merge()), bits(&case.tiled(tile).expect("a merge")));
    }

    #[test]
    fn the_threshold_is_a_sorts(
        values in prop::collection::vec(any::<f32>(), 1..400), density in 0.0..1.0,
        dialect in prop::sample::select(&DIALECTS),
    ) {
        let values: Vec<f32> = values.into_iter().map(|x| if x.is_finite() { x } else { 0.5 }).collect();
        let n = values.len();
        let case = case("ties", &[n], &vec![0.0; n], std::slice::from_ref(&values))
            .with("density", &[density]).dialect(dialect);
        let least = usize::from(dialect == Dialect::Mergekit && density > 0.0);
        let k = ((density * n as f64) as usize).max(least);
        let mut sorted: Vec<f32> = values.iter().map(|x| x.abs()).collect();
        sorted.sort_by(f32::total_cmp);
        let low = if k == 0 { f32::INFINITY } else { sorted[n - k] };
        let expected: Vec<f32> = values.iter().map(|x| if x.abs() >= low { *x } else { 0.0 }).collect();
        prop_assert_eq!(case.merge(), expected);
    }

    #[test]
    fn the_band_is_a_sorts((shape, models) in quarters(), density in 0.01..0.99, gamma in 0.0..1.0) {
        let n = shape.iter().product::<usize>();
        let case = case("breadcrumbs", &shape, &vec![0.0; n], &models[..1])
            .with("density", &[density]).with("gamma", &[gamma]);
        let kept = (density * n as f64) as usize;
        let top = ((gamma * n as f64) as usize).min(n - kept);
        let mut sorted: Vec<f32> = models[0].iter().map(|x| x.abs()).collect();
        sorted.sort_by(f32::total_cmp);
        let band = &sorted[n - kept - top..n - top];
        let inside = |x: f32| band.first().is_some_and(|low| x.abs() >= *low) && x.abs() <= band[kept - 1];
        let expected: Vec<f32> = models[0].iter().map(|x| if inside(*x) { *x } else { 0.0 }).collect();
        prop_assert_eq!(case.merge(), expected);
    }

    #[test]
    fn consensus_is_its_formula(
        (shape, models) in quarters(), normalize: bool, lambda in -2.0..2.0,
        weights in prop::collection::vec(prop::sample::select(vec![-1.0, 0.5, 1.0, 2.0]), 3),
    ) {
        let case = case("ties", &shape, &models[0], &models[1..]).with("weight", &weights)
            .with("normalize", &[f64::from(u8::from(normalize))]).with("lambda", &[lambda]);
        for (i, out) in case.merge().into_iter().enumerate() {
            let base = f64::from(models[0][i]);
            let d: Vec<f64> = weights.iter().zip(&models[1..]).map(|(w, x)| w * (f64::from(x[i]) - base)).collect();
            let sign = if d.iter().sum::<f64>() >= 0.0 { 1.0 } else { -1.0 };
            let agree = |d: &f64| d * sign > 0.0;
            let sum: f64 = d.iter().filter(|d| agree(d)).sum();
            let share: f64 = weights.iter().zip(&d).filter(|(_, d)| agree(d)).map(|(w, _)| w).sum();
            let divisor = if normalize && share != 0.0 { share } else { 1.0 };
            let expected = base + lambda * sum / divisor;
            prop_assert!((f64::from(out) - expected).abs() <= 1e-5, "{} is not {}", out, expected);
        }
    }

    #[test]
    fn all_of_a_sum_is_task_arithmetic(
        method in prop::sample::select(vec!["breadcrumbs", "dare_linear", "della_linear"]), seed: u64,
        dialect in prop::sample::select(&DIALECTS), normalize: bool,
    ) {
        let models: Vec<_> = (1..4).map(|i| noise(seed ^ i, 60)).collect();
        let run = |method| {
            case(method, &[6, 10], &noise(seed, 60), &models).with("weight", &[0.4, 1.3, -0.2])
                .with("normalize", &[f64::from(u8::from(normalize))]).dialect(dialect).merge()
        };
        prop_assert_eq!(bits(&run(method)), bits(&run("task_arithmetic")));
    }

    #[test]
    fn twice_the_models_is_twice_the_merge(
        method in all(), (shape, models) in quarters(), dialect in prop::sample::select(&DIALECTS),
    ) {
        let n = shape.iter().product::<usize>();
        let run = |factor: f32| {
            let scaled: Vec<Vec<f32>> = models.iter().map(|x| x.iter().map(|x| factor * x).collect()).collect();
            case(method, &shape, &vec![0.0; n], &scaled).with("density", &[0.6]).dialect(dialect).merge()
        };
        let doubled: Vec<f32> = run(1.0).iter().map(|x| 2.0 * x).collect();
        prop_assert_eq!(bits(&doubled), bits(&run(2.0)));
    }

    #[test]
    fn the_order_of_models_changes_nothing(
        method in prop::sample::select(DETERMINISTIC.to_vec()), (shape, mut models) in quarters(),
        dialect in prop::sample::select(&DIALECTS), turn in 0..4_usize,
    ) {
        let base = vec![0.25; shape.iter().product()];
        let run = |models: &[Vec<f32>]| {
            case(method, &shape, &base, models)
                .with("density", &[0.5]).with("normalize", &[0.0]).dialect(dialect).merge()
        };
        let before = run(&models);
        models.rotate_left(turn);
        prop_assert_eq!(before, run(&models));
    }

    #[test]
    fn ties_of_one_model_alone_is_that_model(
        (shape, models) in quarters(), dialect in prop::sample::select(&DIALECTS), density in 0.3..1.0,
    ) {
        let run = |copies: usize| {
            let models = vec![models[1].clone(); copies];
            case("ties", &shape, &models[0], &models).with("density", &[density]).dialect(dialect).merge()
        };
        prop_assert_eq!(run(1), run(4));
        let whole = case("ties", &shape, &models[0], &models[1..2]).dialect(dialect).merge();
        prop_assert_eq!(&whole, &models[1]);
    }

    #[test]
    fn nothing_is_left_of_nothing(
        method in prop::sample::select([&RANDOM[..], &["ties", "breadcrumbs"]].concat()),
        (shape, models) in quarters(), dialect in prop::sample::select(&DIALECTS),
    ) {
        let case = case(method, &shape, &models[0], &models[1..]).with("density", &[0.0]).dialect(dialect);
        prop_assert_eq!(case.merge(), models[0].clone());
    }
}

/// Values of a tensor too large for all to be listed: noise; most of them 0; few different ones; all alike; one far from the others;
/// rows of other sizes; in order.
fn large(kind: usize, seed: u64, n: usize) -> Vec<f32> {
    let noise = noise(seed, n);
    let of = |(i, x): (usize, f32)| match kind {
        0 => x,
        1 => {
            if x > 0.9 {
                x
            } else {
                0.0
            }
        }
        2 => (x * 5.0).round() / 64.0,
        3 => -0.25,
        4 => {
            if i == n / 2 {
                1e30
            } else {
                x * 1e-38
            }
        }
        5 => x * ((i / 1000) % 7) as f32,
        _ => i as f32 / n as f32 - 0.5,
    };
    noise.into_iter().enumerate().map(of).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_threshold_of_a_large_tensor_is_a_sorts(
        kind in 0..7_usize, seed: u64, n in 60_000..120_000_usize, tile in 5000..200_000_usize,
        density in prop_oneof![0.0..1.0, 0.0..0.0001, 0.9999..1.0],
    ) {
        let x = large(kind, seed, n);
        let mut sorted: Vec<f32> = x.iter().map(|x| x.abs()).collect();
        sorted.sort_unstable_by(f32::total_cmp);
        let low = sorted[n - ((density * n as f64) as usize).max(1)];
        let expected: Vec<f32> = x.iter().map(|x| if x.abs() >= low { *x } else { 0.0 }).collect();
        let merged = case("ties", &[n], &vec![0.0; n], &[x]).with("density", &[density]).tiled(tile);
        prop_assert!(density == 0.0 || merged.expect("a merge") == expected);
    }
}

#[test]
fn rescaling_keeps_the_norm() {
    let n = 5000;
    for method in ["ties", "breadcrumbs", "dare_linear", "della_linear"] {
        let x = noise(3, n);
        let merged = case(method, &[50, 100], &vec![0.0; n], std::slice::from_ref(&x))
            .with("density", &[0.4])
            .with("rescale", &[1.0])
            .merge();
        let l1 = |values: &[f32]| values.iter().map(|x| f64::from(x.abs())).sum::<f64>();
        assert!((l1(&merged) / l1(&x) - 1.0).abs() < 1e-6, "{method}");
        assert!(merged.iter().filter(|x| **x == 0.0).count() > n / 2, "{method}");
    }
}

#[test]
fn no_value_breaks_a_method() {
    for method in [RANDOM, DETERMINISTIC].concat() {
        for shape in [vec![], vec![0], vec![1], vec![4], vec![2, 2], vec![2, 1, 2], vec![0, 3]] {
            let n = shape.iter().product();
            let odd: Vec<f32> = [f32::NAN, f32::INFINITY, f32::MIN_POSITIVE / 2.0, -0.0]
                .into_iter()
                .cycle()
                .take(n)
                .collect();
            for dialect in DIALECTS {
                let case = case(method, &shape, &vec![0.0; n], &[odd.clone(), vec![1.0; n]])
                    .with("density", &[0.5])
                    .dialect(dialect);
                assert_eq!(case.merge().len(), n, "{method}");
            }
        }
    }
}
