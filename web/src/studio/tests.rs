//! What the page's tests share, and the tests of its pure state.

use maec_protocol::{Language, ModelCard, PackSummary, TensorScore};
use maec_recipe::{LanguageModel, ModelRef, Parameters, Recipe, Select};

use super::ranking::no_recipe;
use super::{Force, Ranking, toggle};

/// A recipe with two languages.
pub fn recipe() -> Recipe {
    let language =
        |name: &str, weight| LanguageModel { name: name.into(), model: format!("world/{name}"), weight };
    Recipe {
        base_model: "world/base".into(),
        ability: ModelRef { model: "world/a-l0".into() },
        reference: ModelRef { model: "world/l0".into() },
        languages: vec![language("es", 0.45), language("bn", 0.36)],
        parameters: Parameters::default(),
        ..no_recipe()
    }
}

/// A small model's card.
pub fn card() -> ModelCard {
    ModelCard {
        architecture: "Llama".into(),
        parameters: 10,
        dtypes: vec![("BF16".into(), 2)],
        tensors: 2,
        shards: 1,
        bytes: 20,
        vocabulary: 5,
        tied: true,
        positions: 8,
        tokenizer: "BPE".into(),
        chat: false,
        obstacle: None,
    }
}

/// A pack of that recipe.
pub fn pack() -> PackSummary {
    let language = |(code, name): (&str, &str)| Language { code: code.into(), name: name.into() };
    PackSummary {
        id: "0123456789abcdef".into(),
        title: "Test pack".into(),
        parameters: 100,
        bytes: 1000,
        languages: [("en", "English"), ("es", "Spanish"), ("bn", "Bengali")].map(language).to_vec(),
        tensors: ["model.embed_tokens.weight", "model.norm.weight"].map(String::from).to_vec(),
        recipe: recipe(),
        lambda: 0.5,
        problems_per_language: 500,
        validation_per_language: 0,
        texts_per_language: 0,
        examples: Vec::new(),
        recorded: Vec::new(),
        command: "maec pack".into(),
        seed: 1,
    }
}

fn scores(similarities: &[f64]) -> Vec<TensorScore> {
    let score = |(index, &similarity): (usize, &f64)| TensorScore {
        name: format!("t{index}"),
        shape: vec![2, 2],
        similarity,
        ability_norm: 1.0,
        language_norm: 1.0,
        base_norm: 1.0,
        ability_nonzero: 1,
    };
    similarities.iter().enumerate().map(score).collect()
}

#[test]
fn the_sentence_names_rank_cut_and_result() {
    let mut scores = scores(&[0.9, 0.5, 0.1, -0.2, -0.4]);
    let ranking = Ranking::new(&scores, 0.8, &Select::default());
    assert_eq!((ranking.cut, ranking.count), (4, 4));
    assert_eq!(ranking.explain(0), "1st of 5 by similarity, not among the last 4: left out.");
    assert_eq!(ranking.explain(1), "2nd of 5 by similarity, among the last 4: selected.");
    let all = Ranking::new(&scores, 1.0, &Select::default());
    assert_eq!(all.explain(0), "1st of 5 by similarity, k₂ selects all: selected.");
    let none = Ranking::new(&scores, 0.0, &Select { include: vec!["t4".into()], ..Select::default() });
    assert_eq!(none.explain(4), "5th of 5 by similarity, k₂ selects none: put in by hand.");
    assert_eq!((none.forced[4], none.count), (Force::In, 1));
    scores[2].language_norm = 0.0;
    let tie = Ranking::new(&scores, 0.8, &Select::default()).explain(2);
    assert!(tie.ends_with("selected. The languages add nothing to it, so S is 0; ties go by name."), "{tie}");
}

#[test]
fn a_second_click_takes_the_first_back() {
    let names = ["t0", "t1"];
    let out = toggle(&Select::default(), &names, 1, true);
    assert_eq!(out.exclude, ["t1"]);
    assert_eq!(toggle(&out, &names, 1, false), Select::default());
    let put_in = toggle(&out, &names, 0, false);
    assert_eq!((put_in.include, put_in.exclude), (vec!["t0".to_owned()], vec!["t1".to_owned()]));
}

#[test]
fn a_click_on_a_pattern_writes_the_others_out() {
    let names = ["a.x", "a.y", "b.x"];
    let patterns = Select { include: vec![], exclude: vec!["a.*".into()] };
    let next = toggle(&patterns, &names, 0, false);
    assert_eq!(next.exclude, ["a.y"]);
    assert_eq!(next.forced("a.x"), None);
}

#[test]
fn no_tensors_make_an_empty_ranking() {
    let ranking = Ranking::new(&[], 0.8, &Select::default());
    assert_eq!((ranking.len(), ranking.count), (0, 0));
}
