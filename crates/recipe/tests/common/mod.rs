//! Recipes and experiments to test with.

#![allow(dead_code)] // every test file uses a part

use maec_recipe::{
    Evaluation, Experiment, LanguageModel, MergeMethod, ModelRef, OutDtype, Parameters, Recipe,
    ResultsMetric, Select, Tab, View,
};
use proptest::prelude::*;

/// A recipe such as the demo pack's: five languages, so six trained models.
pub fn recipe() -> Recipe {
    let language = |name: &str, weight| LanguageModel { name: name.into(), model: name.into(), weight };
    Recipe {
        version: Recipe::VERSION,
        merge_method: MergeMethod::Maec,
        base_model: "base".into(),
        ability: ModelRef { model: "a-l0".into() },
        reference: ModelRef { model: "l0".into() },
        languages: vec![
            language("es", 0.45),
            language("zh", 0.3),
            language("bn", 0.36),
            language("te", 0.36),
        ],
        parameters: Parameters::default(),
        select: Select::default(),
        out_dtype: None,
    }
}

pub const PACK: &str = "0f1e2d3c4b5a6978";

pub fn preset() -> Experiment {
    Experiment::preset(PACK, recipe())
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        -1000.0..1000.0f64,
        (-200i32..200).prop_map(|step| f64::from(step) / 100.0),
        Just(-0.0),
        Just(f64::MIN_POSITIVE / 4.0),
        Just(1000.0),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-z0-9_./-]{0,30}",
        "\\PC{0,12}[a-z]",
        prop::sample::select(vec![
            "no", "null", "1.5", "~", "true", "#x", "- a", "a: b", "'", "\"", "{", "@"
        ])
        .prop_map(String::from),
    ]
}

fn patterns() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(prop_oneof![text(), "[a-z.*?]{1,20}"], 0..4)
}

prop_compose! {
    fn parameters()(
        alpha in number(), beta in number(), gamma in number(), eta in number(),
        k2 in prop_oneof![0.0..=1.0f64, (0..=100u8).prop_map(|n| f64::from(n) / 100.0)],
        lambda in number(),
    ) -> Parameters {
        Parameters { alpha, beta, gamma, eta, k2, lambda }
    }
}

prop_compose! {
    /// Any valid recipe.
    pub fn any_recipe()(
        merge_method in prop_oneof![Just(MergeMethod::Maec), Just(MergeMethod::TaskVector)],
        models in prop::array::uniform3(text()),
        languages in prop::collection::btree_map(text(), (text(), number()), 0..6),
        parameters in parameters(),
        include in patterns(),
        exclude in patterns(),
        out_dtype in prop::option::of(prop::sample::select(
            vec![OutDtype::Float32, OutDtype::Float16, OutDtype::Bfloat16],
        )),
    ) -> Recipe {
        let [base_model, ability, reference] = models;
        Recipe {
            version: Recipe::VERSION,
            merge_method,
            base_model,
            ability: ModelRef { model: ability },
            reference: ModelRef { model: reference },
            languages: languages
                .into_iter()
                .map(|(name, (model, weight))| LanguageModel { name, model, weight })
                .collect(),
            parameters,
            select: Select { include, exclude },
            out_dtype,
        }
    }
}

prop_compose! {
    /// Any valid experiment for the pack `PACK`.
    pub fn any_experiment()(
        recipe in any_recipe(),
        problems_per_language in 1..=Evaluation::MAX_PROBLEMS,
        tab in prop::sample::select(vec![Tab::Tensors, Tab::Results, Tab::Try]),
        focused_tensor in prop::option::of(text()),
        results_metric in prop::sample::select(vec![ResultsMetric::Accuracy, ResultsMetric::Perplexity]),
    ) -> Experiment {
        Experiment {
            pack: PACK.into(),
            recipe,
            evaluation: Evaluation { problems_per_language },
            view: View { tab, focused_tensor, results_metric },
        }
    }
}

prop_compose! {
    /// The demo pack's experiment with every slider moved, to values with as many digits as a number can have.
    pub fn all_moved()(
        weights in prop::array::uniform4(-2.0..2.0f64),
        sliders in prop::array::uniform5(-2.0..2.0f64),
        k2 in 0.0..=1.0f64,
        layer in 0..4u8,
        kind in prop::sample::select(vec![
            "input_layernorm", "mlp.down_proj", "mlp.gate_proj", "mlp.up_proj", "post_attention_layernorm",
            "self_attn.k_proj", "self_attn.o_proj", "self_attn.q_proj", "self_attn.v_proj",
        ]),
        problems_per_language in 2..=600u32,
    ) -> Experiment {
        let [alpha, beta, gamma, eta, lambda] = sliders;
        let mut recipe = Recipe {
            merge_method: MergeMethod::TaskVector,
            parameters: Parameters { alpha, beta, gamma, eta, k2, lambda },
            out_dtype: Some(OutDtype::Float32),
            ..recipe()
        };
        for (language, weight) in recipe.languages.iter_mut().zip(weights) {
            language.weight = weight;
        }
        Experiment {
            pack: PACK.into(),
            recipe,
            evaluation: Evaluation { problems_per_language },
            view: View {
                tab: Tab::Try,
                focused_tensor: Some(format!("model.layers.{layer}.{kind}.weight")),
                results_metric: ResultsMetric::Perplexity,
            },
        }
    }
}

/// A spelling that tells any two values apart, also -0.0 and 0.0.
pub fn exactly(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}")
}
