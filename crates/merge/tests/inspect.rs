//! Statistics of models against slow ones, whatever the tiles and threads; dialects against whole merges.
#![cfg(not(target_arch = "wasm32"))]

mod common;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use common::{go_on, model, values};
use maec_checkpoint::{Dtype, MemoryWeights, TensorInfo, Weights};
use maec_merge::MergeError;
use maec_merge::config::{ConfigJob, Loaded};
use maec_merge::engine::{Job, MemoryOutput, Pool, run, shards};
use maec_merge::inspect::{Grid, Inspection, Kind, Metric, Named, Values, dialects, inspect};
use maec_recipe::mergekit::{Config, ModelName};
use proptest::prelude::*;

fn named(weights: MemoryWeights) -> Named {
    (weights.name().to_owned(), Arc::new(weights))
}

/// Pseudo-random values in ±1, of which about every fifth is 0.
fn random(seed: u64, n: usize) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / f64::from(1 << 23) - 1.0
    };
    (0..n).map(|_| if next() < -0.6 { 0.0 } else { next() }).collect()
}

fn one(name: &str, values: &[f64]) -> Named {
    named(model(name, &[("t", Dtype::F32, &[values.len()], values.to_vec())]))
}

fn look(models: &[Named], base: Option<&Named>, threads: usize) -> Inspection {
    inspect(models, base, &Pool::new(threads).unwrap(), &mut go_on).unwrap()
}

fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-12 * expected.abs().max(1e-300)
}

/// The numbers as their definitions say, one after the other.
fn check(found: &Values, x: &[f64]) {
    let finite: Vec<f64> = x.iter().copied().filter(|x| x.is_finite()).collect();
    let n = finite.len().max(1) as f64;
    let mean = finite.iter().sum::<f64>() / n;
    let std = (finite.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n).sqrt();
    let zeros = x.iter().filter(|x| **x == 0.0).count() as u64;
    assert_eq!((found.elements, found.zeros), (x.len() as u64, zeros));
    assert_eq!(found.nan as usize, x.iter().filter(|x| x.is_nan()).count());
    assert_eq!(found.infinite as usize, x.iter().filter(|x| x.is_infinite()).count());
    assert_eq!(found.max, finite.iter().fold(0.0, |max: f64, x| max.max(x.abs())));
    assert!(close(found.l1, finite.iter().map(|x| x.abs()).sum()), "{found:?}");
    assert!(close(found.l2, finite.iter().map(|x| x * x).sum::<f64>().sqrt()), "{found:?}");
    assert!((found.mean - mean).abs() <= 1e-12 * found.max && (found.std - std).abs() <= 1e-12 * found.max);
    let histogram = &found.histogram;
    for (negative, counts) in [(true, &histogram.negative), (false, &histogram.positive)] {
        let expected = |exponent: i32| {
            let range = libm::scalbn(1.0, exponent)..libm::scalbn(1.0, exponent + 1);
            let inside = |x: &&f64| **x != 0.0 && (**x < 0.0) == negative && range.contains(&x.abs());
            finite.iter().filter(inside).count() as u64
        };
        for (bucket, count) in counts.iter().enumerate() {
            assert_eq!(*count, expected(histogram.first + bucket as i32), "{histogram:?}");
        }
    }
    let counted = histogram.negative.iter().chain(&histogram.positive).sum::<u64>();
    assert_eq!(counted + zeros, finite.len() as u64);
}

/// Σ aᵢbᵢ / (‖a‖‖b‖).
fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let norms = (dot(a, a) * dot(b, b)).sqrt();
    if norms == 0.0 { 0.0 } else { dot(a, b) / norms }
}

proptest! {
    #[test]
    fn every_number_is_what_its_definition_says(
        n in 0_usize..3000, seeds in prop::collection::vec(0_u64..9, 1..4), base in prop::option::of(0_u64..9),
    ) {
        let base_values = base.map(|seed| random(seed + 100, n));
        // Some models share the base's values, so that elements do not change.
        let all: Vec<Vec<f64>> = seeds.iter().map(|seed| random(*seed + if seed % 3 == 0 { 100 } else { 0 }, n)).collect();
        let models: Vec<Named> = all.iter().enumerate().map(|(i, x)| one(&i.to_string(), x)).collect();
        let base = base_values.as_ref().map(|x| one("base", x));
        let found = look(&models, base.as_ref(), 2);
        let stats = &found.tensors[0].stats;
        prop_assert_eq!(stats, &found.whole);
        for (found, x) in stats.models.iter().zip(&all) {
            check(found.as_ref().unwrap(), x);
        }
        let comparison = stats.comparison.as_ref().unwrap();
        let mut compared = all.clone();
        if let Some(base) = &base_values {
            check(stats.base.as_ref().unwrap(), base);
            for (x, delta) in compared.iter_mut().zip(&comparison.deltas) {
                x.iter_mut().zip(base).for_each(|(x, base)| *x -= base);
                check(delta, x);
            }
        }
        for (i, a) in compared.iter().enumerate() {
            for (j, b) in compared.iter().enumerate().filter(|_| compared.len() > 1) {
                let expected = if i == j { 1.0 } else { cosine(a, b) };
                prop_assert!((comparison.cosine[i][j] - expected).abs() < 1e-12);
            }
        }
        if let (Some(contested), Some(share)) = (comparison.contested, comparison.sign_conflict) {
            let signs = |at: usize| compared.iter().map(move |x| x[at]).filter(|x| *x != 0.0);
            let two: Vec<usize> = (0..n).filter(|at| signs(*at).count() >= 2).collect();
            let both = two.iter().filter(|at| signs(**at).any(|x| x > 0.0) && signs(**at).any(|x| x < 0.0)).count();
            prop_assert_eq!(contested, two.len() as u64);
            prop_assert!((share * contested as f64 - both as f64).abs() < 1e-6);
        } else {
            prop_assert!(compared.len() < 2 || base_values.is_none());
        }
    }

    #[test]
    fn what_is_scaled_by_two_has_all_norms_scaled_by_two(n in 1_usize..2000, seed in 0_u64..99) {
        let (x, base) = (random(seed, n), random(seed + 1, n));
        let twice = |x: &[f64]| x.iter().map(|x| 2.0 * x).collect::<Vec<f64>>();
        let once = look(&[one("a", &x), one("b", &random(seed + 2, n))], Some(&one("base", &base)), 1);
        let models = [one("a", &twice(&x)), one("b", &twice(&random(seed + 2, n)))];
        let double = look(&models, Some(&one("base", &twice(&base))), 1);
        for metric in Metric::ALL {
            let scale = match metric {
                Metric::L1 | Metric::L2 | Metric::Max | Metric::Mean | Metric::Std | Metric::Delta => 2.0,
                _ => 1.0,
            };
            let expected = metric.of(&once.whole, 0).map(|value| scale * value);
            prop_assert_eq!(metric.of(&double.whole, 0), expected, "{}", metric);
        }
    }
}

/// Two layers, one tensor of more than one tile, a norm; three models and a base.
fn models(dtype: Dtype) -> (Vec<Named>, Named) {
    let of = |name: &str, seed: u64| {
        named(model(
            name,
            &[
                ("model.embed_tokens.weight", dtype, &[701, 211], random(seed, 701 * 211)),
                ("model.layers.0.mlp.up_proj.weight", dtype, &[30, 20], random(seed + 10, 600)),
                ("model.layers.0.self_attn.q_proj.weight", dtype, &[20, 20], random(seed + 20, 400)),
                ("model.layers.1.mlp.up_proj.weight", dtype, &[30, 20], random(seed + 30, 600)),
                ("model.norm.weight", dtype, &[20], random(seed + 40, 20)),
            ],
        ))
    };
    (vec![of("a", 1), of("b", 2), of("c", 3)], of("base", 4))
}

#[test]
fn threads_change_no_bit_and_tiles_leave_no_gap() {
    for dtype in [Dtype::F32, Dtype::BF16] {
        let (models, base) = models(dtype);
        let found = look(&models, Some(&base), 1);
        assert_eq!(found, look(&models, Some(&base), 3));
        for tensor in &found.tensors {
            for ((_, weights), stats) in models.iter().zip(&tensor.stats.models) {
                check(stats.as_ref().unwrap(), &values(weights.as_ref(), &tensor.name));
            }
        }
        let sum = |of: fn(&Values) -> u64| -> u64 {
            found.tensors.iter().map(|it| of(it.stats.models[0].as_ref().unwrap())).sum()
        };
        let whole = found.whole.models[0].as_ref().unwrap();
        assert_eq!((whole.elements, whole.zeros), (sum(|it| it.elements), sum(|it| it.zeros)));
        let layers: Vec<usize> = found.layers.iter().map(|it| it.layer).collect();
        assert_eq!(layers, [0, 1]);
        assert_eq!(found.layers[0].stats.models[0].as_ref().unwrap().elements, 1000);
        let json = serde_json::to_string(&found).unwrap();
        assert_eq!(serde_json::from_str::<Inspection>(&json).unwrap().models, found.models);
    }
}

#[test]
fn a_model_beside_itself_differs_in_nothing() {
    let (models, base) = models(Dtype::F32);
    let twice = [models[0].clone(), models[0].clone()];
    let found = look(&twice, Some(&models[0]), 2);
    for tensor in &found.tensors {
        let comparison = tensor.stats.comparison.as_ref().unwrap();
        assert_eq!((comparison.deltas[0].changed(), comparison.deltas[1].l2), (0.0, 0.0));
        assert_eq!((comparison.contested, comparison.sign_conflict), (Some(0), Some(0.0)));
        assert_eq!(comparison.cosine, [[1.0, 0.0], [0.0, 1.0]]);
    }
    let found = look(&twice, Some(&base), 2);
    let comparison = found.whole.comparison.unwrap();
    assert_eq!(comparison.sign_conflict, Some(0.0));
    assert!((comparison.cosine[0][1] - 1.0).abs() < 1e-15);
}

#[test]
fn nan_and_infinities_are_counted_and_harm_nothing_else() {
    let mut x = random(5, 3000);
    let clean = look(&[one("a", &x[..2000])], None, 1);
    x.truncate(2000);
    x.extend([f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::NAN]);
    let found = look(&[one("a", &x), one("b", &random(6, 2004))], Some(&one("base", &random(7, 2004))), 1);
    let (found, whole) = (&found.whole, clean.whole.models[0].as_ref().unwrap());
    let values = found.models[0].as_ref().unwrap();
    assert_eq!((values.nan, values.infinite, values.elements), (2, 2, 2004));
    assert_eq!((values.zeros, values.max, &values.histogram), (whole.zeros, whole.max, &whole.histogram));
    assert!(close(values.l2, whole.l2) && close(values.std, whole.std));
    let comparison = found.comparison.as_ref().unwrap();
    assert_eq!(comparison.deltas[0].nan + comparison.deltas[0].infinite, 4);
    assert!(comparison.cosine[0][1].is_finite());
}

#[test]
fn the_smallest_and_the_largest_values_are_in_the_outer_buckets() {
    let x = [f64::from(f32::MIN_POSITIVE) / 8.0, -1e-30, 3e38, -2.0, 0.0, -0.0];
    let found = look(&[one("a", &x)], None, 1);
    let values = found.whole.models[0].as_ref().unwrap();
    let histogram = &values.histogram;
    assert_eq!((histogram.first, histogram.positive.len(), values.zeros), (-48, 64, 2));
    assert_eq!((histogram.negative[0], histogram.positive[0]), (1, 1));
    assert_eq!((histogram.negative[48 + 1], histogram.positive[63]), (1, 1));
}

#[test]
fn what_only_some_models_have_is_not_compared() {
    let a = named(model(
        "a",
        &[("x", Dtype::F32, &[2], vec![1.0, 2.0]), ("y", Dtype::F32, &[2], vec![3.0, 4.0])],
    ));
    let b = named(model("b", &[("x", Dtype::F32, &[3], vec![1.0; 3])]));
    let counter = (TensorInfo { name: "steps".into(), dtype: Dtype::I64, shape: vec![1] }, vec![0; 8]);
    let base =
        vec![(TensorInfo { name: "y".into(), dtype: Dtype::F32, shape: vec![2] }, vec![0; 8]), counter];
    let base = named(MemoryWeights::new("base", base).unwrap());
    let found = look(&[a, b], Some(&base), 1);
    let names: Vec<&str> = found.tensors.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["x", "y"], "what is no float is left out");
    let (x, y) = (&found.tensors[0].stats, &found.tensors[1].stats);
    assert!(x.comparison.is_none() && x.base.is_none() && y.comparison.is_none());
    assert_eq!(x.models[1].as_ref().unwrap().elements, 3);
    assert_eq!((y.models[0].as_ref().unwrap().l2, y.models[1].as_ref()), (5.0, None));
    assert_eq!(y.base.as_ref().unwrap().zeros, 2);
    assert_eq!(Metric::Delta.of(y, 0), None);
}

#[test]
fn a_heat_map_has_a_row_for_each_layer_and_a_column_for_each_kind() {
    let (models, base) = models(Dtype::F32);
    let found = look(&models, Some(&base), 2);
    let grid = Grid::new(&found, Metric::Relative, 1);
    assert_eq!(grid.layers, [0, 1]);
    assert_eq!(grid.kinds, ["model.layers.*.mlp.up_proj.weight", "model.layers.*.self_attn.q_proj.weight"]);
    let tensor = |name: &str| found.tensors.iter().find(|it| it.name == name).unwrap();
    let up = tensor("model.layers.1.mlp.up_proj.weight");
    let expected = up.stats.comparison.as_ref().unwrap().deltas[1].l2 / up.stats.base.as_ref().unwrap().l2;
    assert_eq!(grid.cells[1], [Some(expected), None]);
    assert_eq!(grid.outside.len(), 2);
    let (least, most) = grid.range().unwrap();
    assert!(least <= expected && expected <= most && least < most);
    let kind = Kind::of("transformer.h.12.attn.c_attn.weight");
    assert_eq!((kind.layer, kind.kind.as_str()), (Some(12), "transformer.h.*.attn.c_attn.weight"));
    assert_eq!(Grid::new(&look(&models, None, 1), Metric::Delta, 0).range(), None);
    for metric in Metric::ALL {
        assert_eq!(metric.name().parse(), Ok(metric));
    }
    assert!("norm".parse::<Metric>().unwrap_err().to_string().contains("conflict, cosine"));
}

#[test]
fn empty_models_and_a_cancel_are_told() {
    let (models, _) = models(Dtype::F32);
    let empty = named(MemoryWeights::new("empty", Vec::new()).unwrap());
    let pool = Pool::new(1).unwrap();
    let failed = inspect(&models, Some(&empty), &pool, &mut go_on);
    assert!(matches!(failed, Err(MergeError::NoTensors { model }) if model == "empty"));
    let cancelled = inspect(&models, None, &pool, &mut |_| ControlFlow::Break(()));
    assert!(matches!(cancelled, Err(MergeError::Cancelled)));
}

const TIES: &str = "
merge_method: ties
base_model: base
models:
  - {model: a, parameters: {weight: 0.6, density: 0.4}}
  - {model: b, parameters: {weight: 0.3, density: 0.4}}
  - {model: c, parameters: {weight: 0.5, density: 0.4}}
dtype: bfloat16
";

fn loaded(models: &[Named]) -> Vec<Loaded> {
    let one = |(name, weights): &Named| Loaded {
        name: ModelName::parse(name).unwrap(),
        weights: weights.clone(),
        stored: weights.clone(),
    };
    models.iter().map(one).collect()
}

/// A whole merge, as f32.
fn merged(yaml: &str, models: &[Loaded]) -> MemoryWeights {
    let config = Config::from_yaml(&yaml.replace("dtype: bfloat16", "dtype: float32")).unwrap();
    let mut job = ConfigJob::new(&config, models).unwrap();
    let shards = shards(job.outputs(), u64::MAX, &BTreeMap::new()).unwrap();
    let mut output = MemoryOutput::default();
    run(&mut job, &shards, &mut output, &Pool::new(2).unwrap(), &mut go_on).unwrap();
    output.into_weights(job.outputs(), &shards).unwrap()
}

#[test]
fn dialects_differ_by_what_whole_merges_differ_by() {
    let (mut models, base) = models(Dtype::F32);
    models.push(base);
    let models = loaded(&models);
    let config = Config::from_yaml(TIES).unwrap();
    let found = dialects(&config, &models, 99, &Pool::new(2).unwrap(), &mut go_on).unwrap();
    assert_eq!((found.method, found.chosen), ("ties", "mergekit"));
    let names: Vec<&str> = found.dialects.iter().map(|it| it.name).collect();
    assert_eq!(names, ["paper", "peft"]);
    let reference = merged(TIES, &models);
    for dialect in &found.dialects {
        let whole = merged(&format!("{TIES}dialect: {}\n", dialect.name), &models);
        assert_eq!(dialect.tensors.len(), reference.tensors().len());
        assert!(dialect.all.share > 0.1 && dialect.all.share < 1.0, "{:?}", dialect.all);
        for tensor in &dialect.tensors {
            let (x, y) = (values(&whole, &tensor.name), values(&reference, &tensor.name));
            let apart = x.iter().zip(&y).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt();
            let norm = y.iter().map(|y| y * y).sum::<f64>().sqrt();
            let differing = x.iter().zip(&y).filter(|(x, y)| x != y).count();
            assert_eq!(tensor.difference.differing, differing as u64, "{}", tensor.name);
            assert!((tensor.difference.relative - apart / norm).abs() < 1e-12, "{}", tensor.name);
            let most = x.iter().zip(&y).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max);
            assert_eq!(tensor.difference.max, most);
        }
    }
}

#[test]
fn a_sample_has_every_kind_before_a_second_of_any() {
    let (mut models, base) = models(Dtype::F32);
    models.push(base);
    let models = loaded(&models);
    let config = Config::from_yaml(TIES).unwrap();
    let sample = |count| {
        let found = dialects(&config, &models, count, &Pool::new(1).unwrap(), &mut go_on).unwrap();
        found.dialects[0].tensors.iter().map(|it| Kind::of(&it.name).kind).collect::<Vec<_>>()
    };
    assert_eq!(sample(0).len(), 0);
    let mut four = sample(4);
    four.dedup();
    assert_eq!(four.len(), 4);
    assert_eq!((sample(2).len(), sample(5).len(), sample(9).len()), (2, 5, 5));
}

#[test]
fn a_method_that_no_dialect_changes_has_nothing_to_explain() {
    let (models, _) = models(Dtype::F32);
    let yaml = "merge_method: linear\nmodels: [{model: a, parameters: {weight: 1}}, {model: b, parameters: {weight: 2}}]";
    let config = Config::from_yaml(yaml).unwrap();
    let found = dialects(&config, &loaded(&models), 8, &Pool::new(1).unwrap(), &mut go_on).unwrap();
    assert!(found.dialects.is_empty());
}
