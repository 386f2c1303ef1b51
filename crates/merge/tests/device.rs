//! The burn merges agree with the CPU executor. `cargo test -p maec-merge --features burn,burn/flex --test device`
#![cfg(feature = "burn")]

mod common;

use burn::tensor::{Device, Tensor, TensorData};
use common::{Models, model, recipe};
use maec_checkpoint::{Dtype, MemoryWeights, Weights, convert};
use maec_merge::device::{merge_on_device, task_vector_on_device};
use maec_merge::merge_tensor;
use maec_recipe::{MergeMethod, Parameters, Recipe};

const ELEMENTS: usize = 4099;
const WEIGHTS: [f64; 2] = [0.45, -0.36];
const PARAMETERS: Parameters =
    Parameters { alpha: 0.8, beta: 0.2, gamma: 1.5, eta: 0.9, k2: 0.5, lambda: 0.4 };

/// Values between −2 and 2 from a 64-bit linear congruential generator.
fn random(name: &str, seed: u64) -> MemoryWeights {
    let mut state = seed;
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from((state >> 42) as u32) / 1_048_576.0 - 2.0
    };
    model(name, &[("w", Dtype::F32, &[ELEMENTS], (0..ELEMENTS).map(|_| draw()).collect())])
}

fn models() -> Models {
    Models {
        base: random("base", 1),
        ability: random("ability", 2),
        reference: random("reference", 3),
        languages: vec![random("es", 4), random("bn", 5)],
    }
}

/// `[ELEMENTS]` on the default device.
fn tensor(model: &MemoryWeights) -> Tensor<1> {
    let values = model.read_f32("w").expect("readable");
    Tensor::from_data(TensorData::new(values, [ELEMENTS]), &Device::default())
}

/// A handful of f32 roundings of values and terms that stay below 16.
fn assert_agrees(device: Tensor<1>, cpu: &[u8]) {
    let device = device.into_data().try_to_vec::<f32>().expect("f32");
    let cpu = convert::decode_f32(Dtype::F32, cpu).expect("f32");
    assert_eq!(device.len(), cpu.len());
    for (index, (device, cpu)) in device.iter().zip(&cpu).enumerate() {
        assert!((device - cpu).abs() <= 8e-6, "element {index}: {device} on the device, {cpu} on the CPU");
    }
}

#[test]
fn maec_agrees_with_the_cpu() {
    let models = models();
    let recipe = recipe(PARAMETERS, &WEIGHTS);
    let languages: Vec<Tensor<1>> = models.languages.iter().map(tensor).collect();
    for selected in [true, false] {
        let device = merge_on_device(
            tensor(&models.base),
            tensor(&models.ability),
            tensor(&models.reference),
            &languages,
            &WEIGHTS,
            &PARAMETERS,
            selected,
        );
        assert_agrees(device, &merge_tensor(&models.inputs(), &recipe, "w", selected).expect("merged"));
    }
}

#[test]
fn the_task_vector_agrees_with_the_cpu() {
    let models = models();
    let recipe = Recipe { merge_method: MergeMethod::TaskVector, ..recipe(PARAMETERS, &WEIGHTS) };
    let languages: Vec<Tensor<1>> = models.languages.iter().map(tensor).collect();
    let (base, ability) = (tensor(&models.base), tensor(&models.ability));
    let device = task_vector_on_device(base, ability, &languages, &WEIGHTS, &PARAMETERS);
    assert_agrees(device, &merge_tensor(&models.inputs(), &recipe, "w", true).expect("merged"));
}

#[test]
fn without_languages_the_unselected_are_the_base() {
    let models = models();
    let [base, ability, reference] = [&models.base, &models.ability, &models.reference].map(tensor);
    let device = merge_on_device(base, ability, reference, &[], &[], &PARAMETERS, false);
    assert_eq!(
        device.into_data().try_to_vec::<f32>().expect("f32"),
        models.base.read_f32("w").expect("readable")
    );
}
