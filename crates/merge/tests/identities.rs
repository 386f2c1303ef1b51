//! The boundary identities of the method, on random models of every float dtype.
//!
//! All comparisons are bit for bit. The first identity needs values whose exponents lie within 29 binary places of
//! each other (those of F32: 53 − 24 bits), so that Θ_{A,L0} − Θo is exact in f64, and no −0, which becomes +0;
//! the values drawn here, multiples of 2⁻²⁴ below 8, are of that kind, as are real weights nearly always.
#![cfg(not(target_arch = "wasm32"))]

mod common;

use common::{Models, Tensor, go_on, model, recipe, stored, values};
use maec_checkpoint::{Dtype, MemoryWeights, Weights, convert, model_hash};
use maec_merge::{count_half_up, merge_tensor, rank, select, select_tensors, tensor_stats};
use maec_recipe::{MergeMethod, Parameters, Recipe, Select};
use proptest::prelude::*;

/// One tensor of all models: the base's values, and each other model's.
#[derive(Debug, Clone)]
struct Column {
    dtype: Dtype,
    base: Vec<f64>,
    /// Ability, reference, then the languages.
    trained: Vec<Vec<f64>>,
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-(1_i32 << 20)..1 << 20).prop_map(|x| f64::from(x) / 131_072.0),
        1 => (-(1_i32 << 16)..1 << 16).prop_map(|x| f64::from(x) / 16_777_216.0),
        1 => Just(0.0),
    ]
}

/// A base value, and what each of `models` trained models has: mostly the same.
fn element(models: usize) -> impl Strategy<Value = (f64, Vec<f64>)> {
    let trained = proptest::collection::vec(proptest::option::weighted(0.4, value()), models);
    (value(), trained)
        .prop_map(|(base, trained)| (base, trained.into_iter().map(|x| x.unwrap_or(base)).collect()))
}

fn column(models: usize) -> impl Strategy<Value = Column> {
    let dtype = prop_oneof![Just(Dtype::F32), Just(Dtype::BF16), Just(Dtype::F16), Just(Dtype::F64)];
    (dtype, proptest::collection::vec(element(models), 1..24)).prop_map(move |(dtype, elements)| Column {
        dtype,
        base: elements.iter().map(|(base, _)| *base).collect(),
        trained: (0..models).map(|m| elements.iter().map(|(_, trained)| trained[m]).collect()).collect(),
    })
}

/// Models with two languages.
fn models() -> impl Strategy<Value = Models> {
    proptest::collection::vec(column(4), 1..7).prop_map(|columns| build(&columns))
}

fn build(columns: &[Column]) -> Models {
    let names: Vec<String> = (0..columns.len()).map(|i| format!("layers.{i}.weight")).collect();
    let make = |name: &str, pick: &dyn Fn(&Column) -> Vec<f64>| -> MemoryWeights {
        let shapes: Vec<[usize; 1]> = columns.iter().map(|column| [column.base.len()]).collect();
        let tensors = columns.iter().zip(&names).zip(&shapes);
        let tensors: Vec<Tensor<'_>> = tensors
            .map(|((column, name), shape)| (name.as_str(), column.dtype, &shape[..], pick(column)))
            .collect();
        model(name, &tensors)
    };
    Models {
        base: make("base", &|column| column.base.clone()),
        ability: make("ability", &|column| column.trained[0].clone()),
        reference: make("reference", &|column| column.trained[1].clone()),
        languages: vec![
            make("L1", &|column| column.trained[2].clone()),
            make("L2", &|column| column.trained[3].clone()),
        ],
    }
}

fn scalar() -> impl Strategy<Value = f64> {
    -2.0..2.0_f64
}

fn parameters() -> impl Strategy<Value = Parameters> {
    (scalar(), scalar(), scalar(), scalar(), 0.0..=1.0_f64, scalar())
        .prop_map(|(alpha, beta, gamma, eta, k2, lambda)| Parameters { alpha, beta, gamma, eta, k2, lambda })
}

fn weights() -> impl Strategy<Value = Vec<f64>> {
    proptest::collection::vec(scalar(), 2)
}

/// What a formula over (Θo, Θ_{A,L0}, Θ_{L0}, R_Lang) gives for every tensor, rounded to its dtype.
fn by_formula(
    models: &Models,
    weights: &[f64],
    formula: impl Fn(&str, f64, f64, f64, f64) -> f64,
) -> Vec<(String, Vec<u8>)> {
    let each = models.base.tensors().iter().map(|info| {
        let name = &info.name;
        let base = values(&models.base, name);
        let (ability, reference) = (values(&models.ability, name), values(&models.reference, name));
        let languages: Vec<Vec<f64>> = models.languages.iter().map(|model| values(model, name)).collect();
        let merged = (0..base.len()).map(|j| {
            let r_lang = languages.iter().zip(weights).fold(0.0, |sum, (x, mu)| sum + mu * (x[j] - base[j]));
            formula(name, base[j], ability[j], reference[j], r_lang)
        });
        let mut bytes = Vec::new();
        convert::narrow(info.dtype, &merged.collect::<Vec<f64>>(), &mut bytes).expect("a float dtype");
        (name.clone(), bytes)
    });
    each.collect()
}

fn merged(models: &Models, recipe: &Recipe) -> Vec<(String, Vec<u8>)> {
    stored(&models.merge(recipe).expect("merged").0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn everything_of_the_ability_and_nothing_else_is_the_ability(models in models(), eta in scalar()) {
        let p = Parameters { alpha: 1.0, beta: 0.0, gamma: 1.0, eta, k2: 1.0, ..Parameters::default() };
        let recipe = recipe(p, &[0.0, 0.0]);
        prop_assert_eq!(merged(&models, &recipe), stored(&models.ability));
        prop_assert_eq!(models.merge(&recipe).unwrap().1.output_hash, model_hash(&models.ability).unwrap());
    }

    #[test]
    fn without_selection_only_the_languages_join(models in models(), p in parameters(), mu in weights()) {
        let recipe = recipe(Parameters { k2: 0.0, ..p }, &mu);
        let expected = by_formula(&models, &mu, |_, base, _, _, r_lang| base + r_lang);
        prop_assert_eq!(merged(&models, &recipe), expected);
    }

    #[test]
    fn with_all_selected_both_join_everywhere(models in models(), p in parameters(), mu in weights()) {
        let recipe = recipe(Parameters { k2: 1.0, ..p }, &mu);
        let expected = by_formula(&models, &mu, |_, base, ability, reference, r_lang| {
            let r_a = p.alpha * (ability - base) - p.beta * (reference - base);
            (base + p.gamma * r_a) + p.eta * r_lang
        });
        prop_assert_eq!(merged(&models, &recipe), expected);
    }

    #[test]
    fn without_gamma_selection_does_not_matter(models in models(), p in parameters(), mu in weights()) {
        let expected = by_formula(&models, &mu, |_, base, _, _, r_lang| base + r_lang);
        for k2 in [0.0, p.k2, 0.5, 1.0] {
            let recipe = recipe(Parameters { gamma: 0.0, eta: 1.0, k2, ..p }, &mu);
            prop_assert_eq!(&merged(&models, &recipe), &expected);
        }
    }

    #[test]
    fn an_untrained_ability_leaves_the_languages(models in models(), p in parameters(), mu in weights()) {
        let models = Models { ability: models.base.clone(), reference: models.base.clone(), ..models };
        let plain = recipe(Parameters { eta: 1.0, ..p }, &mu);
        let expected = by_formula(&models, &mu, |_, base, _, _, r_lang| base + r_lang);
        prop_assert_eq!(merged(&models, &plain), expected);

        // All scores are 0, so 𝒯 is the last of the names.
        let n = models.base.tensors().len();
        let first = n - count_half_up(p.k2, n);
        let chosen: Vec<&str> = models.base.tensors()[first..].iter().map(|info| info.name.as_str()).collect();
        let expected = by_formula(&models, &mu, |name, base, _, _, r_lang| {
            if chosen.contains(&name) { base + p.eta * r_lang } else { base + r_lang }
        });
        prop_assert_eq!(merged(&models, &recipe(p, &mu)), expected);
    }

    #[test]
    fn scaling_the_languages_weights_keeps_the_selection(
        models in models(), p in parameters(), mu in weights(), exponent in -8_i32..=8,
    ) {
        let scale = power_of_two(exponent);
        let scaled: Vec<f64> = mu.iter().map(|mu| mu * scale).collect();
        let stats = |mu: &[f64]| tensor_stats(&models.inputs(), &recipe(p, mu), &mut go_on).unwrap();
        let (before, after) = (stats(&mu), stats(&scaled));
        for (before, after) in before.iter().zip(&after) {
            // Powers of two scale every product, sum and root exactly.
            prop_assert_eq!(before.similarity.to_bits(), after.similarity.to_bits());
            prop_assert_eq!(before.language_norm * scale, after.language_norm);
        }
        let recipe = recipe(p, &mu);
        prop_assert_eq!(select_tensors(&before, &recipe), select_tensors(&after, &recipe));
    }

    #[test]
    fn scaling_the_languages_differences_keeps_the_selection(
        models in models(), p in parameters(), mu in weights(), exponent in 0_i32..=4,
    ) {
        let scale = power_of_two(exponent);
        // Θo + 2ᵉ·δ in F64, where it is exact for the values drawn here.
        let widen = |model: &MemoryWeights| -> MemoryWeights {
            let tensors = model.tensors().iter().map(|info| {
                let base = values(&models.base, &info.name);
                let moved = base.iter().zip(values(model, &info.name)).map(|(b, x)| b + scale * (x - b)).collect();
                (info.name.as_str(), Dtype::F64, &info.shape[..], moved)
            });
            common::model(model.name(), &tensors.collect::<Vec<_>>())
        };
        let scaled = Models {
            base: models.base.clone(),
            ability: models.ability.clone(),
            reference: models.reference.clone(),
            languages: models.languages.iter().map(widen).collect(),
        };
        let recipe = recipe(p, &mu);
        let stats = |models: &Models| tensor_stats(&models.inputs(), &recipe, &mut go_on).unwrap();
        let (before, after) = (stats(&models), stats(&scaled));
        prop_assert_eq!(select_tensors(&before, &recipe), select_tensors(&after, &recipe));
        for (before, after) in before.iter().zip(&after) {
            prop_assert_eq!(before.similarity.to_bits(), after.similarity.to_bits());
        }
    }

    #[test]
    fn the_task_vector_is_its_formula(models in models(), p in parameters(), mu in weights()) {
        let task_vector = |lambda, mu: &[f64]| Recipe {
            merge_method: MergeMethod::TaskVector,
            ..recipe(Parameters { lambda, ..p }, mu)
        };
        let expected = by_formula(&models, &mu, |_, base, ability, _, r_lang| {
            base + p.lambda * ((ability - base) + r_lang)
        });
        prop_assert_eq!(merged(&models, &task_vector(p.lambda, &mu)), expected);
        prop_assert_eq!(merged(&models, &task_vector(0.0, &mu)), stored(&models.base));
        prop_assert_eq!(merged(&models, &task_vector(1.0, &[0.0, 0.0])), stored(&models.ability));
    }

    #[test]
    fn a_tensor_alone_has_the_bytes_that_it_has_in_the_model(models in models(), p in parameters(), mu in weights()) {
        let recipe = recipe(p, &mu);
        let (memory, report) = models.merge(&recipe).unwrap();
        prop_assert_eq!(model_hash(&memory).unwrap(), report.output_hash.clone());
        for tensor in &report.tensors {
            let name = &tensor.stats.name;
            let bytes = merge_tensor(&models.inputs(), &recipe, name, tensor.selected).unwrap();
            prop_assert_eq!(bytes, memory.read_bytes(name).unwrap());
        }
    }

    #[test]
    fn the_selected_are_the_last_of_the_ranking(
        similarities in proptest::collection::vec(-4_i32..=4, 0..40), k2 in 0.0..=1.0_f64,
    ) {
        let names: Vec<String> = (0..similarities.len()).map(|i| format!("t{i:02}")).collect();
        let scores: Vec<(&str, f64)> =
            names.iter().zip(&similarities).map(|(name, &s)| (name.as_str(), f64::from(s) / 4.0)).collect();
        let order = rank(&scores);
        for pair in order.windows(2) {
            let ((name_a, a), (name_b, b)) = (scores[pair[0]], scores[pair[1]]);
            prop_assert!(a > b || (a == b && name_a < name_b));
        }
        let chosen: Vec<usize> = select(&scores, k2, &Select::default()).indices().collect();
        prop_assert_eq!(&chosen[..], &order[scores.len() - count_half_up(k2, scores.len())..]);
    }
}

fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((1023 + i64::from(exponent)) as u64) << 52)
}
