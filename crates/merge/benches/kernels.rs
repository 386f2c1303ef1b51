//! `cargo xtask bench kernels`: bytes a second of the merge's kernels, beside a copy on the same device and the CPU's reference on one
//! thread. Prints; asserts nothing.
#![allow(clippy::print_stdout)] // the figures are what it is for

use std::error::Error;
use std::ops::ControlFlow;
use std::time::Instant;

use cubecl::future::block_on;
use cubecl::prelude::*;
use cubecl::zspace::{Shape, Strides, Tiling};
use maec_checkpoint::{Dtype, MemoryWeights, TensorInfo, Weights, dtype};
use maec_merge::kernels::{Client, Device, Tile, merge, tensor_stats};
use maec_merge::{Inputs, Options, merge_to_memory};
use maec_recipe::{LanguageModel, MergeMethod, ModelRef, Parameters, Recipe, Select};

/// Bytes of one model's elements: two of them are more than a cache holds.
const BYTES: usize = 64 << 20;
const WEIGHTS: [f64; 2] = [0.45, 0.36];
/// Turns that each row takes; the median counts.
const TURNS: usize = 7;
/// Seconds that a turn takes at least.
const TURN_SECS: f64 = 0.2;

fn main() -> Result<(), Box<dyn Error>> {
    let client = Device::default().client();
    let identity = &client.properties().identity;
    let physical =
        if identity.physical.is_some() { "" } else { ", no card: a software device's figures say little" };
    println!("device: {}, {}{physical}", identity.name, client.name());

    let most = client.properties().memory.max_page_size / (3 + WEIGHTS.len() as u64);
    let bytes = BYTES.min(most as usize) / VECTOR_BYTES * VECTOR_BYTES;
    let (from, to) = (client.create_from_slice(&noise(bytes, 0)), client.empty(bytes));
    let vectors = bytes / VECTOR_BYTES;
    let binding = |handle: &cubecl::server::Handle| {
        let (shape, strides) = (Shape::from([vectors]), Strides::from([1]));
        TensorBinding { handle: handle.clone().binding(), strides, shape, tiling: Tiling::UNTILED }
            .into_buffer_arg()
    };
    let copied = speed(&client, 2 * bytes, || {
        let cubes = CubeCount::Static(vectors.div_ceil(256) as u32, 1, 1);
        copy::launch(&client, cubes, CubeDim::new_1d(256), 4, binding(&from), binding(&to), vectors);
    });
    println!("{:<34} {:>10} {:>14}", "", "GB/s", "of the copy's");
    let row = |name: &str, speed: f64| println!("{name:<34} {speed:>10.2} {:>14.2}", speed / copied);
    row("copy", copied);

    let parameters = Parameters { k2: 1.0, ..Parameters::default() };
    for dtype in [Dtype::BF16, Dtype::F16, Dtype::F32] {
        let models: Vec<Vec<u8>> = (0..5).map(|model| stored(dtype, bytes, model)).collect();
        let [base, spanish, bengali, ability, reference] = &models[..] else { unreachable!("five models") };
        let tile = Tile::upload(&client, dtype, base, &[spanish, bengali], Some([ability, reference]))?;
        for (selected, rows) in [(true, 5), (false, 3)] {
            let name = format!("merge, {dtype}, {}", if selected { "selected" } else { "not selected" });
            row(
                &name,
                speed(&client, (rows + 1) * bytes, || {
                    merge(&client, &tile, &WEIGHTS, &parameters, selected)
                        .expect("five models and two weights");
                }),
            );
        }
        row(
            &format!("statistics, {dtype}"),
            speed(&client, 5 * bytes, || {
                tensor_stats(&client, &tile, &WEIGHTS, &parameters).expect("five models and two weights");
            }),
        );
    }
    let (statistics, merged) = on_cpu(&stored_models(bytes), &parameters)?;
    row("statistics, BF16, CPU, one thread", statistics);
    row("statistics + merge, the same", merged);
    Ok(())
}

/// Bytes of what a unit loads.
const VECTOR_BYTES: usize = 16;

/// `to[i] = from[i]`, `[vectors]` of four words each.
#[cube(launch)]
fn copy<N: Size>(from: &[Vector<u32, N>], to: &mut [Vector<u32, N>], vectors: usize) {
    if ABSOLUTE_POS < vectors {
        to[ABSOLUTE_POS] = from[ABSOLUTE_POS];
    }
}

/// GB/s of a launch that moves `bytes`, the waiting included.
fn speed(client: &Client, bytes: usize, mut launch: impl FnMut()) -> f64 {
    let mut secs_of = |launches: usize| {
        let start = Instant::now();
        (0..launches).for_each(|_| launch());
        block_on(client.sync()).expect("the device answers");
        start.elapsed().as_secs_f64()
    };
    // The first compiles.
    secs_of(1);
    let launches = (TURN_SECS / secs_of(1)).ceil().clamp(1.0, 200.0) as usize;
    let mut turns: Vec<f64> = (0..TURNS).map(|_| secs_of(launches)).collect();
    turns.sort_by(f64::total_cmp);
    (bytes * launches) as f64 / turns[TURNS / 2] / 1e9
}

/// GB/s read of Eq. 4's sums, and read and written of sums and merge, by the CPU's reference.
fn on_cpu(models: &[MemoryWeights], parameters: &Parameters) -> Result<(f64, f64), Box<dyn Error>> {
    let [base, spanish, bengali, ability, reference] = models else { unreachable!("five models") };
    let languages: Vec<&dyn Weights> = vec![spanish, bengali];
    let inputs = Inputs { base, ability, reference, languages };
    let model = |name: &str| ModelRef { model: name.to_owned() };
    let language = |(index, &weight): (usize, &f64)| {
        let name = format!("L{index}");
        LanguageModel { model: name.clone(), name, weight }
    };
    let recipe = Recipe {
        version: Recipe::VERSION,
        merge_method: MergeMethod::Maec,
        base_model: "base".to_owned(),
        ability: model("A"),
        reference: model("L0"),
        languages: WEIGHTS.iter().enumerate().map(language).collect(),
        parameters: *parameters,
        select: Select::default(),
        out_dtype: None,
    };
    let bytes = base.tensors()[0].bytes();
    let start = Instant::now();
    maec_merge::tensor_stats(&inputs, &recipe, &mut |_| ControlFlow::Continue(()))?;
    let statistics = (5 * bytes) as f64 / start.elapsed().as_secs_f64() / 1e9;
    let start = Instant::now();
    merge_to_memory(&inputs, &recipe, &Options::default(), &mut |_| ControlFlow::Continue(()))?;
    Ok((statistics, (11 * bytes) as f64 / start.elapsed().as_secs_f64() / 1e9))
}

/// bf16 models for the CPU.
fn stored_models(bytes: usize) -> Vec<MemoryWeights> {
    let shape = vec![bytes / dtype::bytes_per_element(Dtype::BF16)];
    let info = TensorInfo { name: "w".into(), dtype: Dtype::BF16, shape };
    let model = |seed| MemoryWeights::new("model", vec![(info.clone(), stored(Dtype::BF16, bytes, seed))]);
    (0..5).map(|seed| model(seed).expect("one tensor")).collect()
}

/// Stored numbers of magnitudes as weights have, every bit of their fractions drawn.
fn stored(dtype: Dtype, bytes: usize, seed: u64) -> Vec<u8> {
    let mut drawn = noise(bytes, seed);
    let size = dtype::bytes_per_element(dtype);
    for element in drawn.chunks_exact_mut(size) {
        // The sign and the lowest bits of the exponent stay as drawn: magnitudes from 2⁻⁷ to 2⁻³.
        let high = &mut element[size - 1];
        *high = match dtype {
            Dtype::F16 => (*high & 0x8f) | 0x20,
            _ => (*high & 0x81) | 0x3c,
        };
    }
    drawn
}

/// Bytes from a 64-bit linear congruential generator.
fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 32) as u32).to_le_bytes()
    };
    (0..bytes / 4).flat_map(|_| draw()).collect()
}
