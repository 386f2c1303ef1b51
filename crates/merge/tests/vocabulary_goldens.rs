//! mergekit's outputs for models with different tokenizers, value by value and token by token.
//!
//! `tests/goldens/mergekit/tokenizer_*.yaml` are the configurations; mergekit's order of new tokens is random, so rows
//! are compared by token.
#![cfg(not(target_arch = "wasm32"))]

use std::path::PathBuf;
use std::sync::Arc;

use maec_checkpoint::{Weights, open_weights};
use maec_merge::vocabulary::{
    Embedding, Named, Precision, Source, Spec, TokenRef, TokenRule, Union, UnitedWeights, Vocabulary, unite,
};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/mergekit").join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(path(name)).expect("a golden's tokenizer")
}

/// Models seen through their union.
struct Views {
    union: Arc<Union>,
    views: Vec<UnitedWeights>,
    /// The output's tokenizer, written and read back.
    output: Vocabulary,
}

impl Views {
    fn new(names: &[&str], base: Option<usize>, spec: &Spec) -> Self {
        let open = |name: &&str| open_weights(&path(&format!("inputs/{name}"))).expect("a model");
        let models: Vec<Arc<dyn Weights>> = names.iter().map(open).collect();
        let texts: Vec<String> =
            names.iter().map(|name| text(&format!("inputs/{name}/tokenizer.json"))).collect();
        let vocabularies: Vec<Vocabulary> = texts
            .iter()
            .zip(&models)
            .map(|(text, model)| {
                let rows = Vocabulary::rows_of(model.as_ref()).expect("an embedding");
                Vocabulary::from_tokenizer_json(text).expect("a vocabulary").with_rows(rows)
            })
            .collect();
        let named: Vec<Named<'_>> =
            names.iter().zip(&vocabularies).map(|(name, vocabulary)| Named { name, vocabulary }).collect();
        let union = Arc::new(unite(&named, base, spec).expect("united"));
        let json = union.tokenizer_json(&texts[union.foundation]).expect("extended");
        let output = Vocabulary::from_tokenizer_json(&json).expect("read back");
        let views = (0..names.len()).map(|own| {
            UnitedWeights::new(Arc::clone(&union), models.clone(), own, Precision::F32).expect("a view")
        });
        Self { views: views.collect(), union, output }
    }

    /// Compares a merge of the views, element by element, with mergekit's output.
    fn assert_merges(&self, golden: &str, merge: impl Fn(&[f64]) -> f64) {
        let theirs =
            Vocabulary::from_tokenizer_json(&text(&format!("{golden}.tokenizer.json"))).expect("read");
        let sorted = |vocabulary: &Vocabulary| {
            let mut tokens: Vec<_> =
                vocabulary.iter().map(|(_, token)| (token.text.clone(), token.added)).collect();
            tokens.sort_by(|a, b| a.0.cmp(&b.0));
            tokens
        };
        assert_eq!(sorted(&self.output), sorted(&theirs), "{golden}: tokens and how they are found");
        for (id, token) in self.output.iter().take_while(|(id, _)| (*id as usize) < self.union.kept) {
            assert_eq!(theirs.id(&token.text), Some(id), "{golden}");
        }
        let golden_weights =
            open_weights(&path(&format!("{golden}.safetensors"))).expect("mergekit's output");
        for info in golden_weights.tensors() {
            let inputs: Vec<Vec<f32>> =
                self.views.iter().map(|view| view.read_f32(&info.name).expect("a tensor")).collect();
            let expected = golden_weights.read_f32(&info.name).expect("a tensor");
            assert_eq!(
                self.views[0].info(&info.name).expect("a tensor").shape,
                info.shape,
                "{golden}: {}",
                info.name
            );
            let vocabulary = info.name.ends_with("embed_tokens.weight") || info.name == "lm_head.weight";
            let width = if vocabulary { info.shape[1] } else { 1 };
            for row in 0..info.elements() / width {
                // Padding rows, which have no token, stand where they stand.
                let token =
                    u32::try_from(row).ok().and_then(|id| self.output.token(id)).filter(|_| vocabulary);
                let their_row = token.map_or(row, |token| theirs.id(&token.text).expect("a token") as usize);
                for column in 0..width {
                    let values: Vec<f64> =
                        inputs.iter().map(|input| f64::from(input[row * width + column])).collect();
                    let (ours, theirs) = (merge(&values), f64::from(expected[their_row * width + column]));
                    assert!(
                        (ours - theirs).abs() <= 1e-6 * theirs.abs().max(1.0),
                        "{golden}: {} row {row}, column {column}: {ours} against {theirs}",
                        info.name
                    );
                }
            }
        }
    }
}

/// base + 0.8·(a − base) + 0.3·(b − base).
fn task_arithmetic(x: &[f64]) -> f64 {
    x[0] + 0.8 * (x[1] - x[0]) + 0.3 * (x[2] - x[0])
}

const THREE: [&str; 3] = ["words", "words_a", "words_b"];

#[test]
fn the_union_is_mergekits() {
    Views::new(&THREE, Some(0), &Spec::default()).assert_merges("tokenizer_union", task_arithmetic);
}

#[test]
fn the_base_is_mergekits() {
    let spec = Spec { source: Source::Base, ..Spec::default() };
    Views::new(&THREE, Some(0), &spec).assert_merges("tokenizer_base", task_arithmetic);
}

#[test]
fn one_models_tokens_are_mergekits() {
    let spec = Spec { source: Source::Model(1), ..Spec::default() };
    let views = Views::new(&["words_a", "words_b"], None, &spec);
    views.assert_merges("tokenizer_model", |x| (0.8 * x[0] + 0.3 * x[1]) / 1.1);
}

#[test]
fn padding_is_mergekits() {
    let spec = Spec { pad_to_multiple_of: Some(8), ..Spec::default() };
    let nearswap = |x: &[f64]| {
        let weight = (0.3 / (x[0] - x[1]).abs().max(1e-6)).clamp(0.0, 1.0);
        x[1] * weight + x[0] * (1.0 - weight)
    };
    Views::new(&["words", "words_b"], Some(0), &spec).assert_merges("tokenizer_pad", nearswap);
}

#[test]
fn rules_are_mergekits() {
    let rule = |token: &str, embedding, force| TokenRule { token: token.to_owned(), embedding, force };
    let mist = Embedding::ModelToken { model: 1, token: TokenRef::Text("mist".to_owned()) };
    let fourth = Embedding::ModelToken { model: 2, token: TokenRef::Id(4) };
    let tokens = vec![
        rule("sun", Embedding::Model(2), false),
        rule("sea", Embedding::Model(1), true),
        rule("<x>", Embedding::Zero, false),
        rule("<new>", mist, false),
        rule("<newer>", fourth, true),
    ];
    Views::new(&THREE, Some(0), &Spec { tokens, ..Spec::default() })
        .assert_merges("tokenizer_tokens", task_arithmetic);
}
