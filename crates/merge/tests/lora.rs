//! Adapters merged with each other, against PEFT (`tests/goldens/peft`) and by identities; and merged as models.
#![cfg(not(target_arch = "wasm32"))]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use common::{Models, go_on, model, recipe, values};
use maec_checkpoint::lora::{Adapter, Factors, LoraModule};
use maec_checkpoint::{DirFiles, Dtype, MemoryFiles, MemorySink, MemoryWeights, Weights, write_safetensors};
use maec_merge::lora::{Combine, CombineError, CombinedAdapter, combine};
use maec_merge::{Inputs, Options, merge_to_memory};
use maec_recipe::Parameters;
use proptest::prelude::*;
use serde_json::Value;

fn goldens() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/peft")
}

fn golden(folder: &str, name: &str) -> Adapter {
    Adapter::open(&DirFiles::open(&goldens().join(folder).join(name)).expect("a folder")).expect("an adapter")
}

/// An adapter of these tensors, `base_model.model.` before their names, in F32.
fn adapter(name: &str, config: &str, tensors: &[(&str, &[usize], Vec<f64>)]) -> Adapter {
    let tensors = tensors.iter().map(|(tensor, shape, values)| {
        let info = maec_checkpoint::TensorInfo {
            name: format!("base_model.model.{tensor}"),
            dtype: Dtype::F32,
            shape: shape.to_vec(),
        };
        let mut bytes = Vec::new();
        maec_checkpoint::convert::narrow(Dtype::F32, values, &mut bytes).expect("floats");
        (info, bytes)
    });
    let weights = MemoryWeights::new(name, tensors.collect()).expect("consistent tensors");
    let sink = MemorySink::new();
    write_safetensors(&mut sink.clone(), weights.tensors(), &BTreeMap::new(), &mut |info, write| {
        write(&weights.read_bytes(&info.name)?)
    })
    .expect("written");
    let config = format!(r#"{{"peft_type": "LORA", {config}}}"#);
    Adapter::open(&MemoryFiles::new(
        name,
        [
            ("adapter_config.json".to_owned(), config.into_bytes()),
            ("adapter_model.safetensors".to_owned(), sink.take()),
        ],
    ))
    .expect("an adapter")
}

/// The files of a merged adapter, opened again.
fn opened(combined: &CombinedAdapter) -> Adapter {
    Adapter::open(&MemoryFiles::new("merged", combined.files().expect("files"))).expect("an adapter")
}

/// s·B·A `[out, in]` of every module.
fn deltas(adapter: &Adapter) -> BTreeMap<String, Vec<f64>> {
    let delta = |module: &LoraModule| {
        let Factors { a, b } = adapter.factors(module).expect("factors");
        let (rank, inputs) = (module.rank, module.inputs);
        let entry = |at: usize| {
            let (i, j) = (at / inputs, at % inputs);
            let sum: f64 = (0..rank).map(|k| f64::from(b[i * rank + k]) * f64::from(a[k * inputs + j])).sum();
            sum * module.scale
        };
        (module.name.clone(), (0..module.outputs * inputs).map(entry).collect())
    };
    adapter.modules().iter().map(delta).collect()
}

/// Σ wᵢ·ΔWᵢ of every module that any has.
fn weighted(adapters: &[(&Adapter, f64)]) -> BTreeMap<String, Vec<f64>> {
    let mut sums: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (adapter, weight) in adapters {
        for (name, delta) in deltas(adapter) {
            let sum = sums.entry(name).or_insert_with(|| vec![0.0; delta.len()]);
            sum.iter_mut().zip(delta).for_each(|(sum, x)| *sum += weight * x);
        }
    }
    sums
}

/// Numbers from −1 to 1 without a pattern of low rank.
fn fill(n: usize, seed: usize) -> Vec<f64> {
    (0..n).map(|i| ((i * i * 7 + i * seed + seed) % 23) as f64 / 11.0 - 1.0).collect()
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    norm(&a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<_>>())
}

#[test]
fn cat_svd_and_linear_are_what_peft_makes() {
    let cases = fs::read(goldens().join("cases.json")).expect("cases");
    let cases: Value = serde_json::from_slice(&cases).expect("JSON");
    let mut compared = Vec::new();
    for case in cases["combined"].as_array().expect("a list") {
        let name = case["name"].as_str().expect("a name");
        let adapters: Vec<Adapter> = case["adapters"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|name| golden("adapters", name.as_str().expect("a name")))
            .collect();
        let how = match case["combination_type"].as_str() {
            Some("cat") => Combine::Cat,
            Some("linear") => Combine::Linear,
            // PEFT's default is the largest of the adapters' ranks.
            Some("svd") => Combine::Svd { rank: case["svd_rank"].as_u64().unwrap_or(3) as usize },
            // Its other types trim or vote, and have no counterpart here.
            _ => continue,
        };
        let weights =
            case["weights"].as_array().expect("a list").iter().map(|w| w.as_f64().expect("a number"));
        let weighted: Vec<(&Adapter, f64)> = adapters.iter().zip(weights).collect();
        let ours = opened(&combine(&weighted, how).expect("merged"));
        let theirs = golden("combined", name);
        let tolerance = case["tolerance"].as_f64().expect("a number");
        let close = |a: &[f64], b: &[f64], what: &str| {
            let worst = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(a.len() == b.len() && worst <= tolerance, "{name}: {what} differs by {worst}");
        };
        if case["compare"] == "factors" {
            for info in theirs.weights().tensors() {
                assert_eq!(ours.weights().info(&info.name).expect("the tensor").shape, info.shape);
                close(&values(ours.weights(), &info.name), &values(theirs.weights(), &info.name), &info.name);
            }
        }
        let (ours, theirs) = (deltas(&ours), deltas(&theirs));
        assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
        ours.iter().for_each(|(module, delta)| close(delta, &theirs[module], module));
        compared.push(name.to_owned());
    }
    assert_eq!(compared, ["cat", "linear", "linear_negative", "svd", "svd_rank"]);
}

/// Two adapters of ranks 2 and 1 with a module of their own each.
fn two() -> [Adapter; 2] {
    [
        adapter(
            "first",
            r#""r": 2, "lora_alpha": 3, "use_rslora": true, "task_type": "CAUSAL_LM""#,
            &[
                ("both.lora_A.weight", &[2, 5], fill(10, 1)),
                ("both.lora_B.weight", &[4, 2], fill(8, 2)),
                ("embed.lora_embedding_A", &[2, 6], fill(12, 3)),
                ("embed.lora_embedding_B", &[3, 2], fill(6, 4)),
            ],
        ),
        adapter(
            "second",
            r#""r": 1, "lora_alpha": 5, "base_model_name_or_path": "org/base""#,
            &[
                ("both.lora_A.weight", &[1, 5], fill(5, 5)),
                ("both.lora_B.weight", &[4, 1], fill(4, 6)),
                ("own.both.lora_A.weight", &[1, 2], fill(2, 7)),
                ("own.both.lora_B.weight", &[2, 1], fill(2, 8)),
            ],
        ),
    ]
}

#[test]
fn cat_is_exact_and_modules_keep_their_own_ranks() {
    let [first, second] = two();
    let adapters = [(&first, 0.6), (&second, -1.5)];
    let merged = combine(&adapters, Combine::Cat).expect("merged");
    assert_eq!(merged.report().relative_error, 0.0);
    let merged = opened(&merged);
    let shapes: Vec<_> = merged.modules().iter().map(|m| (m.name.as_str(), m.rank, m.scale)).collect();
    assert_eq!(shapes, [("both", 3, 1.0), ("embed", 2, 1.0), ("own.both", 1, 1.0)]);
    assert_eq!(merged.config().base_model_name_or_path.as_deref(), Some("org/base"));
    assert_eq!(merged.config().task_type.as_deref(), Some("CAUSAL_LM"));
    let (ours, expected) = (deltas(&merged), weighted(&adapters));
    for (name, delta) in &ours {
        assert!(distance(delta, &expected[name]) <= 1e-7 * norm(&expected[name]), "{name}");
    }
}

#[test]
fn svd_reports_the_error_that_it_makes() {
    let [first, second] = two();
    let adapters = [(&first, 0.6), (&second, -1.5)];
    let expected = weighted(&adapters);
    for rank in 1..=3 {
        let merged = combine(&adapters, Combine::Svd { rank }).expect("merged");
        let ours = deltas(&opened(&merged));
        let (mut lost, mut total) = (0.0, 0.0);
        for module in &merged.report().modules {
            let exact = &expected[&module.name];
            let error = distance(&ours[&module.name], exact);
            assert!((module.norm - norm(exact)).abs() <= 1e-6 * norm(exact), "{module:?}");
            assert!((module.error - error).abs() <= 1e-6 * norm(exact), "{module:?}: {error}");
            lost += error * error;
            total += norm(exact) * norm(exact);
        }
        let relative = f64::sqrt(lost / total);
        assert!((merged.report().relative_error - relative).abs() <= 1e-6, "{relative}");
        // `both` has rank 3.
        assert_eq!(rank < 3, relative > 1e-3, "{relative}");
    }
}

#[test]
fn singular_vectors_have_one_sign_and_fall() {
    let [first, second] = two();
    let merged = |first, second| {
        let merged = combine(&[(first, 1.0), (second, 1.0)], Combine::Svd { rank: 3 }).expect("merged");
        opened(&merged)
    };
    let adapter = merged(&first, &second);
    let both = &adapter.modules()[0];
    let Factors { b, .. } = adapter.factors(both).expect("factors");
    let mut last = f32::INFINITY;
    for k in 0..both.rank {
        let column: Vec<f32> = (0..both.outputs).map(|i| b[i * both.rank + k]).collect();
        let largest = column.iter().fold(0f32, |l, &x| if x.abs() > l.abs() { x } else { l });
        let length = column.iter().map(|x| x * x).sum::<f32>().sqrt();
        assert!(largest > 0.0 && length <= last, "{column:?}");
        last = length;
    }
    // The order of the adapters does not turn them round either.
    let turned = merged(&second, &first);
    let other = turned.factors(&turned.modules()[0]).expect("factors").b;
    assert!(b.iter().zip(&other).all(|(a, b)| (a - b).abs() < 1e-5), "{b:?} {other:?}");
}

#[test]
fn linear_reports_its_cross_terms() {
    let (first, second) = (golden("adapters", "plain"), golden("adapters", "alike"));
    let adapters = [(&first, 0.7), (&second, 0.4)];
    let merged = combine(&adapters, Combine::Linear).expect("merged");
    let (ours, expected) = (deltas(&opened(&merged)), weighted(&adapters));
    for module in &merged.report().modules {
        let error = distance(&ours[&module.name], &expected[&module.name]);
        assert!((module.error - error).abs() <= 1e-6, "{module:?}: {error}");
        assert!(module.relative_error > 0.1, "{module:?}");
    }
    let alone = combine(&[(&first, 0.7)], Combine::Linear).expect("merged");
    assert!(alone.report().relative_error < 1e-12, "{:?}", alone.report().relative_error);
}

#[test]
fn tensors_beside_the_factors_are_carried_only_if_all_agree() {
    let with = |name: &str, tensor: &str, value: f64| {
        adapter(
            name,
            r#""r": 1, "modules_to_save": ["norm"]"#,
            &[
                ("q.lora_A.weight", &[1, 2], vec![1.0, 2.0]),
                ("q.lora_B.weight", &[2, 1], vec![3.0, 4.0]),
                (tensor, &[1], vec![value]),
            ],
        )
    };
    let merge = |adapters: &[&Adapter]| {
        let adapters: Vec<_> = adapters.iter().map(|&adapter| (adapter, 0.5)).collect();
        combine(&adapters, Combine::Cat)
    };
    let norm = with("one", "norm.weight", 7.0);
    let merged = opened(&merge(&[&norm, &with("two", "norm.weight", 7.0)]).expect("the same"));
    assert_eq!(values(merged.weights(), "base_model.model.norm.weight"), [7.0]);
    assert_eq!(merged.config().modules_to_save.as_deref(), Some(&["norm".to_owned()][..]));
    let plain = golden("adapters", "plain");
    for other in [with("two", "norm.weight", 8.0), with("two", "head.weight", 7.0), plain.clone()] {
        let error = merge(&[&norm, &other]).expect_err("not the same");
        assert!(matches!(&error, CombineError::Replaces { .. }), "{error}");
        assert!(error.to_string().contains("weight"), "{error}");
    }
    let under = with("under", "q.base_layer.weight", 7.0);
    let merged = opened(&merge(&[&under, &plain]).expect("the base's own"));
    assert_eq!(merged.saved().len(), 1);
}

#[test]
fn what_cannot_be_merged_is_named() {
    let one = |name: &str, config: &str, rank: usize, inputs: usize, value: f64| {
        adapter(
            name,
            config,
            &[
                ("q.lora_A.weight", &[rank, inputs], vec![value; rank * inputs]),
                ("q.lora_B.weight", &[2, rank], vec![1.0; 2 * rank]),
            ],
        )
    };
    let a = one("a", r#""r": 1"#, 1, 3, 1.0);
    let embedding = adapter(
        "embedding",
        r#""r": 1"#,
        &[("q.lora_embedding_A", &[1, 3], vec![1.0; 3]), ("q.lora_embedding_B", &[2, 1], vec![1.0; 2])],
    );
    let message = |adapters: &[(&Adapter, f64)], how, parts: &[&str]| {
        let message = combine(adapters, how).expect_err("refused").to_string();
        assert!(!message.contains('\n') && message.len() < 300, "{message}");
        parts.iter().for_each(|part| assert!(message.contains(part), "`{message}` lacks `{part}`"));
    };
    message(&[], Combine::Cat, &["no adapter", "give"]);
    message(&[(&a, f64::NAN)], Combine::Cat, &["`a`", "NaN", "finite"]);
    message(&[(&a, 1.0)], Combine::Svd { rank: 0 }, &["rank 0"]);
    let with = |b: &Adapter, how, parts: &[&str]| message(&[(&a, 1.0), (b, 1.0)], how, parts);
    with(&one("b", r#""r": 1"#, 1, 4, 1.0), Combine::Cat, &["`q`", "[2, 3]", "[2, 4]", "`a`", "`b`"]);
    with(&one("b", r#""r": 2"#, 2, 3, 1.0), Combine::Linear, &["`q`", "rank 1", "2", "cat"]);
    with(&one("b", r#""r": 1, "fan_in_fan_out": true"#, 1, 3, 1.0), Combine::Cat, &["fan_in_fan_out", "`b`"]);
    with(&embedding, Combine::Cat, &["embedding", "`a`"]);
    for how in [Combine::Cat, Combine::Svd { rank: 1 }, Combine::Linear] {
        with(&one("b", r#""r": 1"#, 1, 3, f64::INFINITY), how, &["`q`", "NaN or infinity"]);
        with(&one("b", r#""r": 1"#, 1, 3, f64::NAN), how, &["`q`", "NaN or infinity"]);
    }
    let huge = one("b", r#""r": 1, "lora_alpha": 1e30"#, 1, 3, 1e20);
    with(&huge, Combine::Cat, &["`q`", "too large for F32"]);
}

#[test]
fn a_base_with_an_adapter_merges_as_the_model_that_they_make() {
    for dtype in [Dtype::F32, Dtype::BF16] {
        // More elements than a tile.
        let tensors = |seed: usize| {
            [
                ("norm", dtype, &[7][..], fill(7, seed)),
                ("q.weight", dtype, &[300, 401][..], fill(300 * 401, seed)),
            ]
        };
        let base: Arc<dyn Weights> = Arc::new(model("base", &tensors(0)));
        let lora = |name: &str, seed: usize| {
            let adapter = adapter(
                name,
                r#""r": 5, "lora_alpha": 2"#,
                &[
                    ("q.lora_A.weight", &[5, 401], fill(5 * 401, seed)),
                    ("q.lora_B.weight", &[300, 5], fill(300 * 5, seed + 5)),
                ],
            );
            [adapter.onto(base.clone()), adapter.onto_f32(base.clone())].map(|model| model.expect("it fits"))
        };
        let (es, bn) = (lora("es", 1), lora("bn", 2));
        let recipe = recipe(Parameters { k2: 0.5, ..Parameters::default() }, &[0.45, 0.36]);
        let (ability, reference) = (model("ability", &tensors(3)), model("reference", &tensors(4)));
        for form in 0..2 {
            let whole = |weights: &dyn Weights| {
                let tensors = weights.tensors().iter();
                let tensors =
                    tensors.map(|info| (info.clone(), weights.read_bytes(&info.name).expect("readable")));
                MemoryWeights::new(weights.name(), tensors.collect()).expect("consistent tensors")
            };
            let models = Models {
                base: whole(base.as_ref()),
                ability: ability.clone(),
                reference: reference.clone(),
                languages: vec![whole(&es[form]), whole(&bn[form])],
            };
            let inputs =
                Inputs { base: base.as_ref(), languages: vec![&es[form], &bn[form]], ..models.inputs() };
            let options = Options { hash_inputs: true, ..Options::default() };
            let (_, streamed) = merge_to_memory(&inputs, &recipe, &options, &mut go_on).expect("merged");
            let (_, from_models) =
                merge_to_memory(&models.inputs(), &recipe, &options, &mut go_on).expect("merged");
            assert_eq!(streamed, from_models);
            assert!(streamed.tensors[1].stats.language_norm > 1.0);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// svd at the full rank is cat, and a lower rank is never better than a higher one.
    #[test]
    fn svd_falls_to_cat(
        (outputs, inputs, first, second) in (1usize..7, 1usize..7, 1usize..9, 1usize..4),
        weights in (-2.0f64..2.0, -2.0f64..2.0),
        seed in proptest::collection::vec(-1.0f64..1.0, 64),
    ) {
        let fill = |n: usize, by: usize| (0..n).map(|i| seed[(i * by + by) % seed.len()]).collect::<Vec<_>>();
        let one = |name: &str, rank: usize, by: usize| adapter(
            name,
            &format!(r#""r": {rank}, "lora_alpha": 2"#),
            &[
                ("q.lora_A.weight", &[rank, inputs], fill(rank * inputs, by)),
                ("q.lora_B.weight", &[outputs, rank], fill(outputs * rank, by + 2)),
            ],
        );
        let (a, b) = (one("a", first, 3), one("b", second, 7));
        let adapters = [(&a, weights.0), (&b, weights.1)];
        let exact = &weighted(&adapters)["q"];
        let full = combine(&adapters, Combine::Svd { rank: first + second }).expect("merged");
        let cat = combine(&adapters, Combine::Cat).expect("merged");
        for merged in [&full, &cat] {
            let off = distance(&deltas(&opened(merged))["q"], exact);
            prop_assert!(off <= 1e-6 * (1.0 + norm(exact)), "{off}");
        }
        let mut last = f64::INFINITY;
        for rank in 1..=first + second {
            let merged = combine(&adapters, Combine::Svd { rank }).expect("merged");
            let error = merged.report().relative_error;
            prop_assert!(error <= last, "{error} {last}");
            last = error;
        }
    }
}
