//! The same bytes on every host: merges whose hashes are written down here, as an independent program in
//! another language computed them. Runs natively and in wasm.

mod common;

use common::{Models, Tensor, model, recipe};
use maec_checkpoint::{Dtype, MemoryWeights};
use maec_recipe::{MergeMethod, OutDtype, Parameters, Recipe};

const SHAPES: [(&str, Dtype, &[usize]); 4] = [
    // More than one tile, and not a whole number of them.
    ("embed.weight", Dtype::F32, &[347, 211]),
    ("layers.0.q_proj.weight", Dtype::BF16, &[37, 12]),
    ("layers.1.q_proj.weight", Dtype::F16, &[12, 37]),
    ("norm.weight", Dtype::BF16, &[12]),
];

/// Integers from a 64-bit linear congruential generator, taken as multiples of 2⁻²⁰ between −2 and 2.
fn models() -> Models {
    let mut state = 2026_u64;
    let mut draw = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from((state >> 42) as u32) / 1_048_576.0 - 2.0
    };
    let base: Vec<Vec<f64>> =
        SHAPES.map(|(_, _, shape)| (0..shape.iter().product()).map(|_| draw()).collect()).into();
    let mut trained = |name: &str| -> MemoryWeights {
        let tensors = SHAPES.iter().zip(&base).map(|(&(tensor, dtype, shape), base)| -> Tensor<'_> {
            // About a quarter of the elements move.
            let values = base.iter().map(|&x| if draw() > 1.0 { x + draw() / 16.0 } else { x });
            (tensor, dtype, shape, values.collect())
        });
        model(name, &tensors.collect::<Vec<_>>())
    };
    let (ability, reference) = (trained("ability"), trained("reference"));
    let languages = vec![trained("es"), trained("bn")];
    let tensors: Vec<Tensor<'_>> = SHAPES
        .iter()
        .zip(&base)
        .map(|(&(name, dtype, shape), base)| (name, dtype, shape, base.clone()))
        .collect();
    Models { base: model("base", &tensors), ability, reference, languages }
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
fn merged_hashes_are_the_same_on_every_host() {
    let models = models();
    let maec = recipe(Parameters { k2: 0.5, lambda: 0.3, ..Parameters::default() }, &[0.45, 0.36]);
    let narrow = Recipe { out_dtype: Some(OutDtype::Bfloat16), ..maec.clone() };
    let task_vector = Recipe { merge_method: MergeMethod::TaskVector, ..maec.clone() };
    let hash = |recipe: &Recipe| models.merge(recipe).expect("merged").1.output_hash;
    assert_eq!(hash(&maec), "3c1ff6451245831e05323193256b257ff191523dae7327fb0ca4985e3d9565ce");
    assert_eq!(hash(&narrow), "0b360fa30ff015fd36fab37287104f4e5a92fa4af1555f6d09637a9a40fb579a");
    assert_eq!(hash(&task_vector), "d6dbfc6ffbf0db9906e288e355d62dc9a3a306d4773bd0129510d409635180df");
}
