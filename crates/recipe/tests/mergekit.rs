//! mergekit files: what is read, and what is written.
#![cfg(feature = "yaml")]

#[path = "common/mergekit.rs"]
mod files;

use files::*;
use maec_recipe::mergekit::{
    Dialect, EmbeddingSource, Key, Layout, Setting, TokenId, TokenizerSource, looks_like_mergekit,
};
use maec_recipe::{OutDtype, Recipe};

#[test]
fn a_file_of_models() {
    let config = read(TIES);
    assert_eq!((config.merge_method.name.as_str(), config.merge_method.line), ("ties", Some(1)));
    assert_eq!(config.base_model, Some(name("org/base@rev")));
    let Layout::Models(models) = &config.layout else { panic!("{config:?}") };
    assert_eq!(models[0].parameters.get("density"), Some(&Setting::Gradient(vec![1.0, 0.7, 0.1])));
    let lora = models[1].model.lora.as_ref().unwrap();
    assert_eq!((lora.model.as_str(), lora.revision.as_deref()), ("org/lora", Some("v2")));
    assert_eq!(models[1].model.line, Some(6));
    assert_eq!(models[1].parameters.key("weight").unwrap().line, Some(8));
    let weight = models[1].parameters.get("weight").unwrap();
    assert_eq!(weight.at("model.layers.0.mlp.up_proj.weight", 0.0), Some(0.5));
    assert_eq!(weight.at("model.norm.weight", 0.0), Some(0.0));
    assert_eq!(config.parameters.get("normalize"), Some(&Setting::Flag(true)));
    assert_eq!((config.dtype, config.out_dtype), (Some(OutDtype::Float32), Some(OutDtype::Bfloat16)));
    let tokenizer = config.tokenizer.as_ref().unwrap();
    assert_eq!((&tokenizer.source, tokenizer.pad_to_multiple_of), (&TokenizerSource::Union, Some(64)));
    assert_eq!((config.dialect, config.seed), (Dialect::Mergekit, None));
    assert_eq!(config.models(), [&name("org/base@rev"), &name("org/a"), &name("org/b+org/lora@v2")]);
}

#[test]
fn a_file_of_slices() {
    let config = read(SLICES);
    let Layout::Slices(slices) = &config.layout else { panic!("{config:?}") };
    assert_eq!((slices[0].layers(), slices[1].layers()), (8, 1));
    assert_eq!(slices[1].sources[1].layers, 3..4);
    assert_eq!(slices[0].base_model, Some(name("a")));
    assert_eq!(slices[1].sources[0].parameters.get("t"), Some(&Setting::Number(0.3)));
    assert_eq!(config.models(), [&name("b"), &name("a")]);
}

#[test]
fn a_file_of_modules_and_tokens() {
    let config = read(
        "
merge_method: linear
modules:
  text_decoder:
    models: [{model: a}, {model: b}]
    parameters: {weight: 0.5}
  vision_tower:
    slices: [{sources: [{model: a, layer_range: [0, 2]}]}]
tokenizer:
  source: c@d
  tokens:
    <a>: {source: {kind: zero}}
    <b>: {source: {kind: model_token, model: a, token_id: 3}, force: true}
    <c>: {source: {kind: model_token, model: e, token: ':'}}
    5: {source: b}
    plain: {}
chat_template: |
  {% for m in messages %}
  \t{{ m }}
  {% endfor %}
random_seed: 42
dialect: paper
",
    );
    let Layout::Modules(modules) = &config.layout else { panic!("{config:?}") };
    assert_eq!(modules[0].0, "text_decoder");
    assert_eq!(modules[0].1.parameters.get("weight"), Some(&Setting::Number(0.5)));
    assert!(matches!(&modules[1].1.layout, Layout::Slices(slices) if slices[0].layers() == 2));
    let tokens = &config.tokenizer.as_ref().unwrap().tokens;
    assert_eq!(tokens[0].1.source, Some(EmbeddingSource::Zero));
    let of = |model: &str, token| Some(EmbeddingSource::ModelToken { model: name(model), token });
    assert_eq!((&tokens[1].1.source, tokens[1].1.force), (&of("a", TokenId::Id(3)), true));
    assert_eq!(tokens[2].1.source, of("e", TokenId::Text(":".into())));
    assert_eq!((tokens[3].0.as_str(), &tokens[3].1.source), ("5", &Some(EmbeddingSource::Model(name("b")))));
    assert_eq!((&tokens[4].1.source, tokens[4].1.force), (&None, false));
    assert_eq!(config.chat_template.as_deref(), Some("{% for m in messages %}\n\t{{ m }}\n{% endfor %}\n"));
    assert_eq!((config.seed, config.dialect), (Some(42), Dialect::Paper));
    assert_eq!(config.models(), ["a", "b", "c@d", "e"].map(name).iter().collect::<Vec<_>>());
}

#[test]
fn other_spellings_say_the_same() {
    let with = |from: &str, to: &str| {
        assert!(TIES.contains(from), "{from}");
        read(&TIES.replacen(from, to, 1))
    };
    let plain = read(TIES);
    for (from, to) in [
        ("org/base@rev", "{model: {path: org/base, revision: rev}}"),
        ("org/base@rev", "{model: org/base@rev, lora: }"),
        ("org/b+org/lora@v2", "{model: org/b, lora: org/lora@v2}"),
        ("weight: 1.0", "weight: '1.0'"),
        ("weight: 1.0", "weight: 1e0"),
        ("normalize: true", "normalize: yes"),
        ("{source: union, pad", "{pad"),
        ("dtype: float32", "slices:\ntokenizer_source:\ndtype: float32"),
    ] {
        assert_eq!(with(from, to), plain, "{to}");
    }
    let legacy = with("tokenizer: {source: union, pad_to_multiple_of: 64}", "tokenizer_source: base");
    assert_eq!(legacy.tokenizer.unwrap().source, TokenizerSource::Base);
    let single = with("[{filter: mlp, value: 0.5}, {value: 0}]", "{filter: mlp, value: 0.5}");
    let Layout::Models(models) = single.layout else { panic!() };
    let weight = models[1].parameters.get("weight").unwrap();
    assert_eq!((weight.at("a.mlp.b", 0.0), weight.at("a.attn.b", 0.0)), (Some(0.5), None));
}

#[test]
fn what_is_written_is_easy_to_read() {
    let text = "\
merge_method: ties
models:
- model: a@b+c
  parameters:
    weight:
    - {filter: mlp, value: [0, 0.5, 1.0e-7]}
    - {filter: \"what?\", value: sum}
    - {value: 0.25}
    density: [1, -0.5]
- model: \"no\"
  parameters:
    normalize: true
dtype: float32
random_seed: 7
dialect: paper
";
    assert_eq!(read(text).to_yaml(), text);
}

#[test]
fn a_path_may_have_any_letters_in_the_long_form() {
    let config = read("merge_method: linear\nmodels: [{model: {model: {path: runs/a+b@c}}}]");
    let Layout::Models(models) = &config.layout else { panic!() };
    assert_eq!((models[0].model.model.as_str(), &models[0].model.lora), ("runs/a+b@c", &None));
    assert_eq!(read(&config.to_yaml()), config);
}

#[test]
fn anchors_and_merge_keys_are_read() {
    let config = read(
        "merge_method: linear\nmodels:\n  - {model: a, parameters: &p {weight: 0.5}}\n  - {model: b, parameters: *p}\n  - {model: c, parameters: {<<: *p, extra: 1}}",
    );
    let Layout::Models(models) = &config.layout else { panic!() };
    for entry in models {
        assert_eq!(entry.parameters.get("weight"), Some(&Setting::Number(0.5)), "{}", entry.model);
    }
}

#[test]
fn recipes_and_mergekit_files_are_told_apart() {
    assert!(looks_like_mergekit(TIES));
    assert!(looks_like_mergekit(&TIES.replace("[1, 0.7", "[1, 0.7]]")), "a slip leaves it a mergekit file");
    assert!(looks_like_mergekit(r#"{"merge_method": "linear", "models": []}"#));
    let recipe = "version: 1\nmerge_method: maec\n";
    assert!(!looks_like_mergekit(recipe));
    assert!(!looks_like_mergekit(&format!("{recipe}x: [")));
    assert!(!looks_like_mergekit("merge_method: maec\nability: {model: a}"), "a recipe without its version");
    assert!(!looks_like_mergekit("- merge_method: ties"));
    assert!(!looks_like_mergekit("merge_method"));
    assert!(!looks_like_mergekit(""));
}

#[test]
fn a_task_vector_recipe_is_task_arithmetic() {
    let text = "
version: 1
merge_method: task_vector
base_model: org/base@1
ability: {model: a}
reference: {model: r}
languages: [{name: es, model: es, weight: 0.5}, {name: ca, model: es, weight: 1}, {name: te, model: 'a+b+c', weight: -2}]
parameters: {lambda: 0.25}
out_dtype: float16
";
    let recipe = Recipe::from_yaml(text).unwrap();
    let config = recipe.to_mergekit().unwrap();
    assert_eq!(config.merge_method, Key::from("task_arithmetic"));
    assert_eq!((config.dtype, config.out_dtype), (Some(OutDtype::Float32), Some(OutDtype::Float16)));
    let Layout::Models(models) = &config.layout else { panic!() };
    let weights: Vec<_> = models
        .iter()
        .map(|entry| {
            (entry.model.to_string(), entry.parameters.get("weight").and_then(|weight| weight.at("x", 0.0)))
        })
        .collect();
    let expected =
        [("a", 0.25), ("es", 0.375), ("a+b+c", -0.5)].map(|(name, weight)| (name.to_owned(), Some(weight)));
    assert_eq!(weights, expected);
    assert_eq!(read(&config.to_yaml()), config);
    let maec = Recipe::from_yaml(&text.replace("task_vector", "maec")).unwrap();
    assert_eq!(
        maec.to_mergekit().unwrap_err().to_string(),
        "mergekit has no equivalent of the method maec: export a task_vector recipe, or merge this one here"
    );
}
