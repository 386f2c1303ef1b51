//! Merging from sparse deltas equals merging from the checkpoints they were extracted from.
#![cfg(not(target_arch = "wasm32"))]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::{Models, go_on, model, recipe};
use maec_checkpoint::{
    DeltaPositions, DeltaWeights, Dtype, Error, MemorySink, MemorySource, MemoryWeights, SparseDelta,
    Weights, model_hash, write_delta,
};
use maec_merge::{Inputs, Options, merge_to_memory};
use maec_recipe::Parameters;

/// More elements than a tile; every `step`th one moved.
fn dense(name: &str, step: usize) -> MemoryWeights {
    let n = 70_001;
    let values = (0..n).map(|i| {
        let base = f64::from(i as u32 % 257) / 64.0 - 2.0;
        if step > 0 && i % step == 0 { base + f64::from(i as u32 % 7) / 8.0 - 0.25 } else { base }
    });
    model(
        name,
        &[("a", Dtype::BF16, &[n], values.collect()), ("b", Dtype::F32, &[2], vec![1.0, step as f64])],
    )
}

fn delta(base: &MemoryWeights, trained: &MemoryWeights) -> SparseDelta {
    let sink = MemorySink::new();
    write_delta(&mut sink.clone(), base, trained, DeltaPositions::Changed, None, &BTreeMap::new())
        .expect("a delta");
    SparseDelta::open(Arc::new(MemorySource::new(trained.name(), sink.take()))).expect("a delta")
}

#[test]
fn deltas_merge_to_the_bytes_that_checkpoints_do() {
    let models = Models {
        base: dense("base", 0),
        ability: dense("ability", 3),
        reference: dense("reference", 5),
        languages: vec![dense("es", 11), dense("bn", 13)],
    };
    let base: Arc<dyn Weights> = Arc::new(models.base.clone());
    let sparse = |trained| delta(&models.base, trained).apply(base.clone()).expect("the same base");
    let (ability, reference) = (sparse(&models.ability), sparse(&models.reference));
    let languages: Vec<DeltaWeights> = models.languages.iter().map(sparse).collect();
    let inputs = Inputs {
        base: base.as_ref(),
        ability: &ability,
        reference: &reference,
        languages: languages.iter().map(|model| model as &dyn Weights).collect(),
    };
    let recipe = recipe(Parameters { k2: 0.5, ..Parameters::default() }, &[0.45, 0.36]);
    let options = Options { hash_inputs: true, ..Options::default() };
    let (_, from_deltas) = merge_to_memory(&inputs, &recipe, &options, &mut go_on).expect("merged");
    let (_, from_checkpoints) =
        merge_to_memory(&models.inputs(), &recipe, &options, &mut go_on).expect("merged");
    assert_eq!(from_deltas, from_checkpoints);
}

#[test]
fn a_wider_delta_is_merged_and_hashed_as_its_checkpoint() {
    let base = dense("base", 0);
    let mut b = vec![0.0; 70_001];
    base.read_f64("a", 0..b.len(), &mut b).expect("readable");
    b[69_999] += 1.0 / 1024.0;
    let wide = model("wide", &[("a", Dtype::F32, &[b.len()], b), ("b", Dtype::F32, &[2], vec![1.0, 0.0])]);
    let sparse = delta(&base, &wide).apply(Arc::new(base.clone())).expect("the same base");
    let recipe = recipe(Parameters::default(), &[1.0]);
    let options = Options { hash_inputs: true, ..Options::default() };
    let reports = [&wide as &dyn Weights, &sparse].map(|es| {
        let inputs = Inputs { base: &base, ability: &base, reference: &base, languages: vec![es] };
        merge_to_memory(&inputs, &recipe, &options, &mut go_on).expect("merged").1
    });
    assert_eq!(reports[0], reports[1]);
    assert_eq!(reports[0].inputs[3].hash, Some(model_hash(&wide).expect("hashed")));
    assert!(reports[0].tensors[0].stats.language_norm > 0.0);
}

#[test]
fn a_delta_for_another_base_is_refused() {
    let (base, other) = (dense("base", 0), dense("other", 17));
    let error = delta(&base, &dense("es", 11)).apply(Arc::new(other)).expect_err("another base");
    assert!(matches!(error, Error::OtherBase { .. }), "{error}");
    let message = maec_merge::MergeError::from(error).to_string();
    assert!(message.contains("`es`") && message.contains("`other`") && !message.contains('\n'), "{message}");
}
