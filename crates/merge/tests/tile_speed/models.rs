//! What both sides merge, and by which clock.

use std::sync::Arc;

use maec_checkpoint::{Dtype, MemoryWeights, TensorInfo};
use maec_merge::Inputs;
use maec_recipe::Recipe;
#[cfg(not(target_arch = "wasm32"))]
pub use std::time::Instant;
#[cfg(target_arch = "wasm32")]
pub use wasm_bindgen_test::Instant;

/// Elements of the tensor: 16 MiB of bf16 in every model.
pub const ELEMENTS: usize = 8 << 20;
/// Turns; the fastest counts, since whatever else the machine does only slows them.
pub const TURNS: usize = 5;
/// The tensor's name.
pub const NAME: &str = "weight";

/// The first `elements` of model `number`: values around 0 as a trained model's.
pub fn model(number: usize, elements: usize) -> Arc<MemoryWeights> {
    let mut state = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / 16_777_216.0 - 0.5
    };
    let bytes = (0..elements).flat_map(|_| ((draw().to_bits() >> 16) as u16).to_le_bytes()).collect();
    let info = TensorInfo { name: NAME.into(), dtype: Dtype::BF16, shape: vec![elements] };
    Arc::new(MemoryWeights::new(number.to_string(), vec![(info, bytes)]).expect("a model"))
}

/// MAEC's merge of models 0 (the base), 1 (the ability), 2 (its reference), 3 and 4 (two languages).
pub fn maec() -> Recipe {
    Recipe::from_json(
        r#"{"version": 1, "merge_method": "maec", "base_model": "0", "ability": {"model": "1"},
            "reference": {"model": "2"}, "languages": [{"name": "es", "model": "3", "weight": 0.5},
            {"name": "bn", "model": "4", "weight": 0.3}]}"#,
    )
    .expect("a recipe")
}

/// Its models in their roles.
pub fn roles(models: &[Arc<MemoryWeights>]) -> Inputs<'_> {
    Inputs {
        base: models[0].as_ref(),
        ability: models[1].as_ref(),
        reference: models[2].as_ref(),
        languages: vec![models[3].as_ref(), models[4].as_ref()],
    }
}

/// Prints a line that `cargo xtask bench tiles` reads.
pub fn say(line: &str) {
    #[cfg(target_arch = "wasm32")]
    wasm_bindgen_test::console_log!("{line}");
    #[cfg(not(target_arch = "wasm32"))]
    println!("{line}");
}
