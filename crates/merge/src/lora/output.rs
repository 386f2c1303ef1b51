//! The adapter that adapters became.

use maec_checkpoint::lora::{Adapter, AdapterConfig, LoraModule, Patterns, adapter_files};
use maec_checkpoint::{Error, MemoryWeights, Weights};
use serde::{Deserialize, Serialize};

use super::combine::Tensor;

/// An adapter in memory, as [`combine`](super::combine()) makes it: scale 1 everywhere, factors in F32.
#[derive(Debug, Clone)]
pub struct CombinedAdapter {
    config: AdapterConfig,
    weights: MemoryWeights,
    report: CombineReport,
}

/// How well an adapter stands for what was merged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CombineReport {
    /// Every module, sorted by name.
    pub modules: Vec<ModuleReport>,
    /// ‖new ΔW − ΔW‖ / ‖ΔW‖ over all modules together (Frobenius), the rounding to F32 not counted.
    pub relative_error: f64,
}

/// How well one module's factors stand for what was merged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModuleReport {
    /// Its name in the base.
    pub name: String,
    /// The new rank.
    pub rank: usize,
    /// ‖ΔW‖ of ΔW = Σᵢ wᵢ·sᵢ·Bᵢ·Aᵢ (Frobenius).
    pub norm: f64,
    /// ‖new ΔW − ΔW‖.
    pub error: f64,
    /// ‖new ΔW − ΔW‖ / ‖ΔW‖; 0 where both are 0.
    pub relative_error: f64,
}

impl ModuleReport {
    /// From squared norms.
    pub(super) fn new(name: &str, rank: usize, norm: f64, error: f64) -> Self {
        let (norm, error) = (norm.sqrt(), error.sqrt());
        Self { name: name.into(), rank, norm, error, relative_error: relative(error, norm) }
    }
}

fn relative(error: f64, norm: f64) -> f64 {
    if error == 0.0 { 0.0 } else { error / norm }
}

impl CombinedAdapter {
    /// Its configuration.
    pub fn config(&self) -> &AdapterConfig {
        &self.config
    }

    /// Its tensors, by the names that PEFT gives them.
    pub fn weights(&self) -> &dyn Weights {
        &self.weights
    }

    /// How well it stands for what was merged.
    pub fn report(&self) -> &CombineReport {
        &self.report
    }

    /// Its two files by name, in the form that PEFT opens.
    pub fn files(&self) -> Result<Vec<(String, Vec<u8>)>, Error> {
        adapter_files(&self.config, &self.weights)
    }

    /// Writes its folder, as [`maec_checkpoint::lora::write_adapter`] does.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn write(&self, path: &std::path::Path) -> Result<(), Error> {
        maec_checkpoint::lora::write_adapter(path, &self.config, &self.weights)
    }
}

/// The adapter of some modules and tensors.
pub(super) fn combined(
    adapters: &[(&Adapter, f64)],
    modules: Vec<(LoraModule, ModuleReport)>,
    tensors: Vec<Tensor>,
) -> Result<CombinedAdapter, Error> {
    let config = config(adapters, modules.iter().map(|(module, _)| module).collect());
    let modules: Vec<ModuleReport> = modules.into_iter().map(|(_, report)| report).collect();
    let together = |of: fn(&ModuleReport) -> f64| {
        let squares: f64 = modules.iter().map(of).map(|norm| norm * norm).sum();
        squares.sqrt()
    };
    let relative_error = relative(together(|module| module.error), together(|module| module.norm));
    let report = CombineReport { modules, relative_error };
    Ok(CombinedAdapter { config, weights: MemoryWeights::new("merged adapter", tensors)?, report })
}

/// α = r everywhere, so that the scale is 1.
fn config(adapters: &[(&Adapter, f64)], modules: Vec<&LoraModule>) -> AdapterConfig {
    let configs = || adapters.iter().map(|(adapter, _)| adapter.config());
    let rank = modules.iter().map(|module| module.rank).max().unwrap_or(1);
    // A key also matches longer names that it ends, so the longest come first.
    let mut own: Vec<(String, usize)> = Vec::new();
    if modules.iter().any(|module| module.rank != rank) {
        own.extend(modules.iter().map(|module| (module.name.clone(), module.rank)));
        own.sort_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    }
    AdapterConfig {
        peft_type: "LORA".into(),
        base_model_name_or_path: configs().find_map(|config| config.base_model_name_or_path.clone()),
        task_type: configs().find_map(|config| config.task_type.clone()),
        r: Some(rank),
        lora_alpha: Some(rank as f64),
        use_rslora: false,
        fan_in_fan_out: configs().any(|config| config.fan_in_fan_out),
        rank_pattern: Some(Patterns::new(own.clone())),
        alpha_pattern: Some(Patterns::new(own.into_iter().map(|(name, rank)| (name, rank as f64)))),
        target_modules: modules.iter().map(|module| module.name.as_str()).collect(),
        modules_to_save: configs().find_map(|config| config.modules_to_save.clone()),
        bias: configs().find_map(|config| config.bias.clone()),
    }
}
