//! How fast the kernels merge the tiles of `tile_speed.rs` on WebGPU, in Chromium's worker: tiles that lie on the device already,
//! and with the upload and the read-back that a merge of files pays. `cargo xtask bench tiles` runs this with the features
//! `kernels,cubecl/std,cubecl/wgpu`.
//!
//! Prints the adapter and the rates, or that there is no adapter. Every merge that is read back is compared with the CPU's.
#![cfg(target_arch = "wasm32")]

#[path = "tile_speed/models.rs"]
mod models;

use std::ops::ControlFlow;

use cubecl::wgpu::{RuntimeOptions, WebGpu, WgpuDevice, try_init_setup_async};
use js_sys::Promise;
use maec_checkpoint::{Dtype, Weights};
use maec_merge::kernels::{Client, Device, KernelError, Statistics, Tile, merge, tensor_stats};
use maec_merge::{Options, TensorStats, merge_to_memory};
use maec_recipe::Recipe;
use models::{ELEMENTS, Instant, NAME, TURNS, maec, model, roles, say};
use wasm_bindgen_futures::JsFuture;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// Seconds that launches without a read-back take together, so that waiting for the last of them weighs little.
const LAUNCHES_SECS: f64 = 0.2;
/// Says what the adapter computes on and its name, or `none`; it is asked for as cubecl does.
const ADAPTER: &str = "(async () => {
    const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' });
    if (!adapter) return 'none';
    const { vendor, architecture, description, isFallbackAdapter } = adapter.info;
    const name = description || [vendor, architecture].filter(Boolean).join(' ') || 'unnamed';
    return `${isFallbackAdapter ? 'software' : 'hardware'} ${name}`;
})()";
/// Models that a tile has.
const MODELS: usize = 5;

#[wasm_bindgen_test::wasm_bindgen_test]
#[ignore = "it measures: cargo xtask bench tiles"]
async fn tiles_on_webgpu() {
    // The names that an adapter has in a browser, cubecl does not tell.
    let adapter = JsFuture::from(Promise::from(js_sys::eval(ADAPTER).expect("a script")));
    let adapter = adapter.await.expect("an answer").as_string().expect("words");
    say(&format!("webgpu {adapter}"));
    if adapter == "none" {
        return;
    }
    let device = WgpuDevice::default();
    try_init_setup_async::<WebGpu>(&device, RuntimeOptions::default()).await.expect("a device");
    let bench = Bench::new(Device::Wgpu(device).client()).expect("two languages");
    bench.run().await.expect("the device merges");
}

/// One tensor of five models, and what the CPU makes of them.
struct Bench {
    client: Client,
    recipe: Recipe,
    /// μ.
    weights: Vec<f64>,
    /// As stored, bf16: base, two languages, ability, reference.
    rows: Vec<Vec<u8>>,
    /// The merged elements, bf16.
    merged: Vec<u8>,
    /// Eq. 4's.
    stats: TensorStats,
}

impl Bench {
    fn new(client: Client) -> Result<Self, KernelError> {
        let elements = ELEMENTS.min(Tile::most_elements(&client, Dtype::BF16, MODELS - 3)?);
        let models: Vec<_> = (0..MODELS).map(|number| model(number, elements)).collect();
        let recipe = maec();
        let (merged, mut report) = merge_to_memory(
            &roles(&models),
            &recipe,
            &Options::default(),
            &mut |_| ControlFlow::Continue(()),
        )
        .expect("the CPU merges");
        let tensor = report.tensors.remove(0);
        assert!(tensor.selected, "Eq. 5 has both its terms");
        let bytes = |weights: &dyn Weights| weights.read_bytes(NAME).expect("its elements");
        Ok(Self {
            client,
            weights: recipe.languages.iter().map(|language| language.weight).collect(),
            recipe,
            rows: [0, 3, 4, 1, 2].map(|number: usize| bytes(models[number].as_ref())).into(),
            merged: bytes(&merged),
            stats: tensor.stats,
        })
    }

    async fn run(&self) -> Result<(), KernelError> {
        let (client, weights, parameters) = (&self.client, &self.weights, &self.recipe.parameters);
        self.there_and_back().await?;
        let tile = self.upload()?;
        let statistics = || tensor_stats(client, &tile, weights, parameters).map(drop);
        let merging = || merge(client, &tile, weights, parameters, true).map(drop);
        self.resident("statistics", statistics).await?;
        self.resident("merge", merging).await?;
        self.resident("both", || statistics().and_then(|()| merging())).await?;
        drop(tile);
        let mut fastest = f64::INFINITY;
        for _ in 0..TURNS {
            fastest = fastest.min(self.there_and_back().await?);
        }
        self.print("both, with upload and read-back", fastest);
        Ok(())
    }

    fn upload(&self) -> Result<Tile, KernelError> {
        let [base, spanish, bengali, ability, reference] = &self.rows[..] else {
            unreachable!("five models")
        };
        Tile::upload(&self.client, Dtype::BF16, base, &[spanish, bengali], Some([ability, reference]))
    }

    /// Uploads, surveys, merges and reads back; the seconds of that, before the comparison with the CPU.
    async fn there_and_back(&self) -> Result<f64, KernelError> {
        let (client, weights, parameters) = (&self.client, &self.weights, &self.recipe.parameters);
        let begun = Instant::now();
        let tile = self.upload()?;
        // Which tensors R(A) joins is known only when all sums are.
        let statistics = tensor_stats(client, &tile, weights, parameters)?.read(client).await?;
        let merged = merge(client, &tile, weights, parameters, true)?.read(client, false).await?;
        let secs = begun.elapsed().as_secs_f64();
        self.compare(&merged, &statistics);
        Ok(secs)
    }

    /// Prints the rate of launches on a tile that is on the device: the fastest of several turns.
    async fn resident(
        &self,
        what: &str,
        launch: impl Fn() -> Result<(), KernelError>,
    ) -> Result<(), KernelError> {
        let client = &self.client;
        let secs_of = async |launches: usize| -> Result<f64, KernelError> {
            let begun = Instant::now();
            (0..launches).try_for_each(|_| launch())?;
            client.sync().await?;
            Ok(begun.elapsed().as_secs_f64())
        };
        let launches = (LAUNCHES_SECS / secs_of(1).await?).ceil().clamp(1.0, 200.0) as usize;
        let mut fastest = f64::INFINITY;
        for _ in 0..TURNS {
            fastest = fastest.min(secs_of(launches).await? / launches as f64);
        }
        self.print(what, fastest);
        Ok(())
    }

    /// Prints a rate in bytes of all models a second.
    fn print(&self, what: &str, secs: f64) {
        let bytes = MODELS * self.merged.len();
        say(&format!("tiles {what} {:.3} GB/s", bytes as f64 / secs / 1e9));
    }

    /// Asserts what `maec_merge::kernels` states of its results: every element within f32's roundings and one place of bf16, all
    /// but a few of them the CPU's bits, and Eq. 4's sums.
    fn compare(&self, merged: &[u8], statistics: &Statistics) {
        assert_eq!(merged.len(), self.merged.len());
        let (parameters, languages) = (&self.recipe.parameters, self.weights.len() as f64);
        // No stored magnitude is above 0.5, so no difference is above 1.
        let terms = 0.5
            + parameters.gamma * (parameters.alpha + parameters.beta)
            + parameters.eta * self.weights.iter().sum::<f64>();
        let roundings = (languages + 6.0) * f64::from(f32::EPSILON / 2.0) * terms;
        let mut differ = 0;
        for (index, (found, wanted)) in values(merged).zip(values(&self.merged)).enumerate() {
            let place = wanted.abs().max(found.abs()) / 128.0;
            assert!((found - wanted).abs() <= roundings + place, "{index}: {found} on the device, {wanted}");
            differ += usize::from(found != wanted);
        }
        // With factors of one decimal many sums lie halfway between two bf16 (here 3 in 100), where either is right.
        let elements = merged.len() / 2;
        assert!(differ <= elements / 100, "{differ} of {elements} elements are not the CPU's");

        let (found, wanted) = (statistics.similarity(), self.stats.similarity);
        assert!((found - wanted).abs() <= 1e-5, "similarity {found} on the device, {wanted}");
        for (found, wanted) in [
            (statistics.ability.sqrt(), self.stats.ability_norm),
            (statistics.language.sqrt(), self.stats.language_norm),
            (statistics.base.sqrt(), self.stats.base_norm),
        ] {
            assert!((found / wanted - 1.0).abs() <= 1e-5, "norm {found} on the device, {wanted}");
        }
    }
}

/// bf16 elements, widened.
fn values(stored: &[u8]) -> impl Iterator<Item = f64> {
    let (elements, _) = stored.as_chunks::<2>();
    elements.iter().map(|&bytes| f64::from(f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16)))
}
