//! The start-up check: every kernel used, against the CPU on random data.
//!
//! A WebGPU shader that fails can give stale or zero values without a word, so nothing is computed on a GPU before
//! each kernel has agreed with the CPU device.

use burn::tensor::{Device, Int, Tensor, TensorData};
use maec_merge::device::{merge_on_device, task_vector_on_device};
use maec_model::kernels::{self, Angles, Attending, Shape};
use maec_model::{Activation, Batch, Cache, Decoder, ModelConfig, Segment, frequencies};
use maec_protocol::KernelCheck;
use maec_recipe::Parameters;

use crate::Failure;
use crate::device_merge::read;

/// The largest |GPU − CPU| / (1 + |CPU|) allowed where sums are long or functions approximated.
const LOOSE: f64 = 1e-4;
/// The same for a handful of f32 roundings.
const TIGHT: f64 = 1e-5;
/// The same for a whole model's logits.
const LOGITS: f64 = 1e-3;

/// One kernel: its name, its tolerance, and a computation on random data.
struct Kernel(&'static str, f64, fn(&Device) -> Tensor<1>);

const KERNELS: [Kernel; 15] = [
    Kernel("matmul", LOOSE, |device| {
        kernels::linear(matrix(1, 96, 64, device), matrix(2, 80, 64, device)).flatten(0, 1)
    }),
    Kernel("matmul_row", LOOSE, |device| {
        kernels::linear(matrix(3, 1, 64, device), matrix(4, 80, 64, device)).flatten(0, 1)
    }),
    Kernel("embedding", 0.0, |device| {
        kernels::embedding(matrix(5, 50, 32, device), &ids(70, 50), None).flatten(0, 1)
    }),
    Kernel("select", 0.0, |device| {
        let rows = Tensor::<1, Int>::from_data(TensorData::new(vec![3, 0, 7, 7], [4]), device);
        matrix(6, 8, 32, device).select(0, rows).flatten(0, 1)
    }),
    Kernel("add", TIGHT, |device| (matrix(7, 9, 32, device) + matrix(8, 9, 32, device)).flatten(0, 1)),
    Kernel("rms_norm", LOOSE, |device| {
        kernels::rms_norm(matrix(9, 17, 64, device), vector(10, 64, device), 1e-5).flatten(0, 1)
    }),
    Kernel("rope", LOOSE, |device| {
        let positions: Vec<u32> = (0..19).collect();
        let angles = Angles::new(&frequencies(1e4, 16, None), &positions, device);
        kernels::rope(matrix(11, 19, 64, device), &angles).flatten(0, 1)
    }),
    Kernel("attention", LOOSE, |device| {
        let batch = Batch::packed(&[ids(11, 50), ids(8, 50)]);
        let shape = Shape { softcap: Some(5.0), window: Some(6), ..Shape::plain(16) };
        let attending = Attending::new(&batch.segments, [shape.window], device);
        let (q, k, v) = (matrix(12, 19, 64, device), matrix(13, 19, 32, device), matrix(14, 19, 32, device));
        kernels::attention(q, k, v, &shape, &attending).flatten(0, 1)
    }),
    Kernel("swiglu", LOOSE, |device| {
        kernels::gated(matrix(15, 9, 96, device), matrix(16, 9, 96, device), Activation::Silu).flatten(0, 1)
    }),
    Kernel("geglu", LOOSE, |device| {
        kernels::gated(matrix(15, 9, 96, device), matrix(16, 9, 96, device), Activation::GeluTanh)
            .flatten(0, 1)
    }),
    Kernel("cross_entropy", LOOSE, |device| kernels::cross_entropy(matrix(17, 23, 50, device), &ids(23, 50))),
    Kernel("decoder", LOOSE, decoder),
    Kernel("merge_selected", TIGHT, |device| maec(true, device)),
    Kernel("merge_unselected", TIGHT, |device| maec(false, device)),
    Kernel("task_vector", TIGHT, |device| {
        let languages = [vector(22, 999, device), vector(23, 999, device)];
        task_vector_on_device(
            vector(20, 999, device),
            vector(21, 999, device),
            &languages,
            &[0.5, -0.25],
            &Parameters::default(),
        )
    }),
];

/// Runs every kernel on `device` and on the CPU.
///
/// `disturb(kernel, values)` changes what the device computed: the identity, but in tests, which make a kernel wrong.
///
/// # Errors
/// [`Failure::Unusable`] names the first kernel that differs by more than its tolerance.
pub async fn check_kernels(
    device: &Device,
    disturb: &dyn Fn(&str, Tensor<1>) -> Tensor<1>,
) -> Result<Vec<KernelCheck>, Failure> {
    let cpu = Device::flex();
    let mut checks = Vec::with_capacity(KERNELS.len());
    for Kernel(name, tolerance, run) in KERNELS {
        let found = read(disturb(name, run(device))).await?;
        let max_difference = difference(&found, &read(run(&cpu)).await?);
        accept(name, max_difference, tolerance)?;
        checks.push(KernelCheck { kernel: name.into(), max_difference, tolerance });
    }
    Ok(checks)
}

/// Compares two devices' logits of some texts: the kernels at a real model's shapes.
///
/// # Errors
/// [`Failure::Unusable`] where they differ.
pub(crate) async fn compare_models(gpu: &Decoder, cpu: &Decoder, texts: &[Vec<u32>]) -> Result<(), Failure> {
    if texts.is_empty() {
        return Ok(());
    }
    let batch = Batch::packed(texts);
    let logits = |model: &Decoder| read(model.forward(&batch).flatten(0, 1));
    accept("forward", difference(&logits(gpu).await?, &logits(cpu).await?), LOGITS)
}

fn accept(name: &str, difference: f64, tolerance: f64) -> Result<(), Failure> {
    if difference <= tolerance {
        return Ok(());
    }
    Err(Failure::Unusable(format!(
        "The GPU's `{name}` differs from the CPU's by {difference:.1e}, where {tolerance:.0e} is allowed."
    )))
}

/// The largest |found − expected| / (1 + |expected|); infinite where one is no number or is missing.
fn difference(found: &[f32], expected: &[f32]) -> f64 {
    if found.len() != expected.len() {
        return f64::INFINITY;
    }
    found.iter().zip(expected).fold(0.0, |largest: f64, (&found, &expected)| {
        let (found, expected) = (f64::from(found), f64::from(expected));
        let relative = (found - expected).abs() / (1.0 + expected.abs());
        if relative.is_nan() { f64::INFINITY } else { largest.max(relative) }
    })
}

/// Logits of a tiny decoder: two padded prompts, then a token each from the cache.
fn decoder(device: &Device) -> Tensor<1> {
    let config = ModelConfig {
        vocab_size: 50,
        hidden_size: 32,
        intermediate_size: 48,
        num_hidden_layers: 2,
        num_attention_heads: 4,
        num_key_value_heads: 2,
        head_dim: 8,
        rms_norm_eps: 1e-5,
        rope_theta: 1e4,
        max_position_embeddings: 16,
        tie_word_embeddings: true,
        bos_token_id: None,
        eos_token_ids: Vec::new(),
        rope_scaling: None,
        family: Default::default(),
        variant: Default::default(),
        pad_token_id: None,
    };
    let mut state = 40;
    let build = Decoder::build(config, device, |_, shape| {
        state += 1;
        Ok::<_, std::convert::Infallible>(random(state, shape.iter().product()))
    });
    let Ok(model) = build;
    let mut prompts = Batch::default();
    prompts.push(&ids(6, 50), 6);
    prompts.push(&ids(6, 50), 4);
    let mut cache = Cache::new(2, 7);
    for (index, segment) in prompts.segments.iter_mut().enumerate() {
        segment.keys = cache.rows(index, 6);
    }
    let first = model.forward_rows(&prompts, &[5, 9], Some(&mut cache));
    let mut next = Batch::default();
    for (index, length) in [6, 4].into_iter().enumerate() {
        next.ids.push(index as u32 + 7);
        next.positions.push(length as u32);
        next.segments.push(Segment {
            queries: index..index + 1,
            keys: cache.rows(index, 7),
            offset: 6,
            hidden: length..6,
        });
    }
    let second = model.forward_rows(&next, &[0, 1], Some(&mut cache));
    Tensor::cat(vec![first, second], 0).flatten(0, 1)
}

fn maec(selected: bool, device: &Device) -> Tensor<1> {
    let [base, ability, reference, es, bn] = [20, 21, 24, 22, 23].map(|seed| vector(seed, 999, device));
    let parameters = Parameters { eta: 0.75, ..Parameters::default() };
    merge_on_device(base, ability, reference, &[es, bn], &[0.5, -0.25], &parameters, selected)
}

/// `[rows, columns]`, values between −1 and 1.
fn matrix(seed: u32, rows: usize, columns: usize, device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(random(seed, rows * columns), [rows, columns]), device)
}

/// `[count]`, values between −1 and 1.
fn vector(seed: u32, count: usize, device: &Device) -> Tensor<1> {
    Tensor::from_data(TensorData::new(random(seed, count), [count]), device)
}

/// Token ids that repeat and skip.
fn ids(count: u32, vocabulary: u32) -> Vec<u32> {
    (0..count).map(|i| (i * i * 7 + 3) % vocabulary).collect()
}

/// Values between −1 and 1 from a linear congruential generator.
fn random(seed: u32, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761);
    let draw = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    std::iter::repeat_with(draw).take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pollster::block_on;

    #[test]
    fn the_cpu_agrees_with_itself() {
        let checks = block_on(check_kernels(&Device::flex(), &|_, values| values)).unwrap();
        assert_eq!(checks.len(), KERNELS.len());
        assert!(checks.iter().all(|check| check.max_difference == 0.0));
    }

    #[test]
    fn every_wrong_kernel_trips_the_check() {
        for Kernel(wrong, ..) in KERNELS {
            let disturb = |name: &str, values: Tensor<1>| if name == wrong { values * 1.01 } else { values };
            let failure = block_on(check_kernels(&Device::flex(), &disturb)).unwrap_err();
            let Failure::Unusable(message) = failure else { panic!("{failure:?}") };
            assert!(message.starts_with(&format!("The GPU's `{wrong}` differs")), "{message}");
        }
    }

    #[test]
    fn zeros_and_nan_trip_the_check() {
        for factor in [0.0, f32::NAN] {
            let disturb = |_: &str, values: Tensor<1>| values * factor;
            assert!(block_on(check_kernels(&Device::flex(), &disturb)).is_err());
        }
    }

    #[test]
    fn missing_values_are_a_difference() {
        assert_eq!(difference(&[1.0], &[1.0, 2.0]), f64::INFINITY);
        assert_eq!(difference(&[1.0], &[f32::NAN]), f64::INFINITY);
        assert_eq!(difference(&[3.0], &[1.0]), 1.0);
    }
}
