//! mergekit files: what is read, and what is refused in which words.
#![cfg(feature = "yaml")]

use maec_recipe::mergekit::{
    Config, ConfigError, Dialect, EmbeddingSource, Key, Layout, ModelName, Setting, TokenId, TokenizerSource,
    looks_like_mergekit,
};
use maec_recipe::{OutDtype, Recipe};

/// The file of the format's description, with everything in it.
const TIES: &str = "\
merge_method: ties
base_model: org/base@rev
models:
  - model: org/a
    parameters: {weight: 1.0, density: [1, 0.7, 0.1]}
  - model: org/b+org/lora@v2
    parameters:
      weight: [{filter: mlp, value: 0.5}, {value: 0}]
parameters: {normalize: true, lambda: 1.0}
dtype: float32
out_dtype: bfloat16
tokenizer: {source: union, pad_to_multiple_of: 64}
";

const SLICES: &str = "\
merge_method: slerp
slices:
  - sources:
      - model: a
        layer_range: [0, 8]
      - model: b
        layer_range: [0, 8]
    base_model: a
    parameters: {t: [0, 0.5, 1]}
  - sources: [{model: a, layer_range: [8, 9], parameters: {t: 0.3}}, {model: b, layer_range: [3, 4]}]
base_model: b
";

fn read(text: &str) -> Config {
    Config::from_yaml(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The message for a text in which `from` stands as `to`.
fn refused_in(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    error(&text.replacen(from, to, 1)).to_string()
}

fn refused(from: &str, to: &str) -> String {
    refused_in(TIES, from, to)
}

fn error(text: &str) -> ConfigError {
    let error = Config::from_yaml(text).expect_err(text);
    assert!(!error.to_string().contains('\n'), "{error}");
    error
}

fn name(text: &str) -> ModelName {
    ModelName::parse(text).unwrap()
}

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
fn unknown_keys_are_named_with_their_line_and_the_nearest_spelling() {
    assert_eq!(
        refused("base_model:", "bass_model:"),
        "unknown key `bass_model` in the file (line 2): did you mean `base_model`?"
    );
    assert_eq!(
        refused("model: org/a", "modle: org/a"),
        "unknown key `modle` in an entry of models (line 4): did you mean `model`?"
    );
    assert_eq!(
        refused("{filter: mlp", "{filtr: mlp"),
        "unknown key `filtr` in an entry with a filter (line 8): did you mean `filter`?"
    );
    assert_eq!(
        refused("{source: union, pad_to_multiple_of: 64}", "{source: union, pad_to: 64}"),
        "unknown key `pad_to` in tokenizer (line 12): give `source` or `tokens` or `pad_to_multiple_of`"
    );
    assert_eq!(
        refused_in(SLICES, "layer_range: [0, 8]", "layers_range: [0, 8]"),
        "unknown key `layers_range` in a source of a slice (line 5): did you mean `layer_range`?"
    );
}

#[test]
fn what_is_not_honoured_is_named_with_its_line() {
    for (key, advice) in [
        (
            "allow_crimes: true",
            "it is an option of mergekit's commands and says nothing about the merge; leave it out",
        ),
        ("experts: []", "a mixture of experts is no merge of weights; make it with mergekit-moe"),
        ("gate_mode: hidden", "a mixture of experts is no merge of weights; make it with mergekit-moe"),
        ("name: part", "give each merge a file of its own, without this key"),
    ] {
        let name = key.split(':').next().unwrap();
        let expected = format!("`{name}` (line 10) is not supported: {advice}");
        assert_eq!(refused("dtype: float32", &format!("{key}\ndtype: float32")), expected);
    }
    assert_eq!(
        refused("model: org/a\n", "model: org/a\n    weight: 1\n"),
        "`weight` stands in an entry of models itself (line 5): move it into `parameters` there"
    );
    assert_eq!(
        refused_in(SLICES, "    base_model: a\n", "    residual_weight: 0.5\n"),
        "`residual_weight` (line 8) is not supported: leave it out; it does nothing in mergekit 0.1.5 either"
    );
    assert!(Config::from_yaml(&SLICES.replace("    base_model: a\n", "    residual_weight:\n")).is_ok());
    assert_eq!(
        refused("org/base@rev", "{model: a, override_architecture: LlamaForCausalLM}"),
        "`override_architecture` (line 2) is not supported: leave it out; the architecture is read from config.json"
    );
}

#[test]
fn exactly_one_layout() {
    assert_eq!(
        error("merge_method: linear").to_string(),
        "the file has nothing to merge: add `models` or `slices` or `modules`"
    );
    assert_eq!(
        refused("dtype: float32", "slices: [{sources: []}]"),
        "the file has `models` (line 3) and `slices` (line 10): keep one of them"
    );
    assert_eq!(
        error("merge_method: linear\nmodules: {text: {models: [{model: a}], slices: [{sources: []}]}}")
            .to_string(),
        "the module text has `models` (line 2) and `slices` (line 2): keep one of them"
    );
    assert_eq!(
        error("merge_method: linear\nmodels: []").to_string(),
        "models is empty (line 2): give a list of models"
    );
    assert_eq!(
        error("merge_method: linear\nmodules: {}").to_string(),
        "modules is empty (line 2): give at least one module"
    );
    assert_eq!(
        error("merge_method: a\nslices: [{sources: []}]").to_string(),
        "sources is empty (line 2): give a list of sources"
    );
    assert_eq!(
        error("models: [{model: a}]").to_string(),
        "the file (line 1) has no `merge_method`: add it, for example `merge_method: ties`"
    );
    assert_eq!(
        refused("model: org/a\n    parameters", "parameters"),
        "an entry of models (line 4) has no `model`: add it, for example `model: org/model`"
    );
    assert_eq!(error("[]").to_string(), "the file is a list (line 1): give a mapping of keys to values");
    assert_eq!(
        error("merge_method: a\nmodels: [b]").to_string(),
        "an entry of models is a text (line 2): give a mapping of keys to values"
    );
}

#[test]
fn ranges_of_layers() {
    let range = |to: &str| refused_in(SLICES, "[0, 8]", to);
    let limits = "give [first, end] with first below end, end at most 10000";
    assert_eq!(range("[8, 0]"), format!("the layer_range of a is [8, 0] (line 4): {limits}"));
    assert_eq!(range("[3, 3]"), format!("the layer_range of a is [3, 3] (line 4): {limits}"));
    assert_eq!(range("[0, 999999]"), format!("the layer_range of a is [0, 999999] (line 4): {limits}"));
    let ends = "give two whole numbers, the first layer and the one after the last, for example [0, 8]";
    for (given, found) in [
        ("[-1, 8]", "-1"),
        ("[0, 8.5]", "8.5"),
        ("[0, .inf]", "inf"),
        ("[0, '8']", "a text"),
        ("8", "a number"),
        ("[0, 4, 8]", "a list"),
        ("[8]", "a list"),
        ("[]", "empty"),
        ("all", "a text"),
    ] {
        assert_eq!(range(given), format!("layer_range is {found} (line 5): {ends}"), "{given}");
    }
    assert_eq!(
        range("[0, 7]"),
        "b gives 8 layers (line 6) to a slice whose first source gives 7: make all ranges of a slice as long"
    );
}

#[test]
fn numbers() {
    let weight = |to: &str| refused("weight: 1.0", &format!("weight: {to}"));
    assert_eq!(weight("50%"), "weight is `50%` (line 5): write 0.5");
    assert_eq!(weight("010"), "weight is `010` (line 5): write 10");
    assert_eq!(weight("'0,5'"), "weight is `0,5` (line 5): write 0.5");
    assert_eq!(weight(".nan"), "weight is NaN (line 5): give a finite number");
    assert_eq!(weight("-.inf"), "weight is -inf (line 5): give a finite number");
    assert_eq!(weight("1e300"), "weight is 1e300 (line 5): give a number between -1000000 and 1000000");
    assert_eq!(
        weight(""),
        "weight is empty (line 5): give a number, a flag, a word, a list of numbers, or filters"
    );
    assert_eq!(weight("[]"), "weight is empty (line 5): give at least one number");
    assert_eq!(weight("[1, x]"), "a point of weight is `x` (line 5): give a number, for example 0.8");
    assert_eq!(
        weight("[1, [2]]"),
        "weight is a list (line 5): give a number, a flag, a word, a list of numbers, or filters"
    );
    assert_eq!(weight("[1, .nan]"), "a point of weight is NaN (line 5): give a finite number");
    assert_eq!(
        weight("[1, {value: 2}]"),
        "an entry of weight is a number (line 5): give {filter: …, value: …} in every entry, or numbers alone"
    );
    assert_eq!(
        weight("{filter: a}"),
        "an entry with a filter (line 5) has no `value`: add it, for example `value: 0.5`"
    );
    assert_eq!(
        weight("{value: {value: 1}}"),
        "weight is a mapping (line 5): give a number, a flag, a word, a list of numbers, or filters"
    );
    assert_eq!(
        weight("\"a\\tb\""),
        "weight holds a control character (line 5): write it on one line, without tabs"
    );
    assert_eq!(
        weight("{filter: '', value: 1}"),
        "a filter of weight is empty (line 5): give a piece of tensors' names, or *"
    );
}

#[test]
fn filters_that_can_never_match() {
    let filters = |to: &str| refused("[{filter: mlp, value: 0.5}, {value: 0}]", to);
    let all = "entry 2 of weight (line 8) can never match, since entry 1 takes every tensor: put it earlier or leave it out";
    assert_eq!(filters("[{value: 1}, {filter: mlp, value: 2}]"), all);
    assert_eq!(filters("[{filter: '*', value: 1}, {value: 2}]"), all);
    assert_eq!(
        filters(
            "[{filter: attn, value: 1}, {filter: mlp, value: 1}, {filter: mlp.up, value: 2}, {value: 0}]"
        ),
        "entry 3 of weight (line 8) can never match, since entry 2 takes every tensor with `mlp` in its name: put it earlier or leave it out"
    );
    let narrow_first = "[{filter: mlp.up, value: 1}, {filter: mlp, value: 2}, {filter: '*', value: 0}]";
    assert!(
        Config::from_yaml(&TIES.replace("[{filter: mlp, value: 0.5}, {value: 0}]", narrow_first)).is_ok()
    );
}

#[test]
fn names_and_words() {
    let model = |to: &str| refused("model: org/a\n", &format!("model: {to}\n"));
    let form = "write model@revision+lora@revision, each part only where needed";
    assert_eq!(model("a@b@c"), format!("the model `a@b@c` (line 4) has two revisions: {form}"));
    assert_eq!(model("a+b+c"), format!("the model `a+b+c` (line 4) has two adapters: {form}"));
    assert_eq!(model("a+"), format!("the model `a+` (line 4) has an empty part: {form}"));
    assert_eq!(model("'@b'"), format!("the model `@b` (line 4) has an empty part: {form}"));
    assert_eq!(model("a@"), format!("the model `a@` (line 4) has an `@` with no revision after it: {form}"));
    assert_eq!(
        model("5"),
        "a model is a number (line 4): give its folder or its id on the hub, in quotes if it looks like a number or a flag"
    );
    assert_eq!(
        model("\"a\\u0007\""),
        "a model holds a control character (line 4): write it on one line, without tabs"
    );
    assert_eq!(
        refused("org/b+org/lora@v2", "org/a"),
        "the model org/a is given twice (line 6): leave one out"
    );
    assert_eq!(
        refused("dtype: float32", "dtype: flot32"),
        "dtype is `flot32` (line 10): did you mean `float32`?"
    );
    assert_eq!(
        refused("out_dtype: bfloat16", "out_dtype: int8"),
        "out_dtype is `int8` (line 11): give `float32` or `float16` or `bfloat16`"
    );
    assert_eq!(
        refused("dtype: float32", "dialect: papr"),
        "dialect is `papr` (line 10): did you mean `paper`?"
    );
    assert_eq!(
        refused("dtype: float32", "random_seed: -1"),
        "random_seed is -1 (line 10): give a whole number from 0 to 2^53"
    );
    assert_eq!(
        refused("dtype: float32", "tokenizer_source: base"),
        "the tokenizer (`tokenizer` and `tokenizer_source`) is given twice (line 10): leave one out"
    );
    assert_eq!(
        refused("pad_to_multiple_of: 64", "pad_to_multiple_of: 0"),
        "pad_to_multiple_of is 0: give a whole number from 1, for example 64"
    );
    assert_eq!(
        refused("pad_to_multiple_of: 64", "tokens: {x: {source: {kind: model_token, model: a}}}"),
        "the source of a token is a mapping (line 12): give one of `token` and `token_id` beside `model`"
    );
    assert_eq!(
        refused("pad_to_multiple_of: 64", "tokens: {x: {source: {kind: none}}}"),
        "kind is `none` (line 12): give `zero` or `model_token`"
    );
    assert_eq!(
        refused("model: org/a\n", "model: org/a\n    model: org/c\n"),
        "the key `model` is given twice (line 5): leave one out"
    );
}

#[test]
fn hostile_yaml_is_refused() {
    let mut bomb = String::from(
        "merge_method: linear\nmodels: [{model: a}]\nparameters:\n  a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]\n",
    );
    for level in 1..30 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        bomb.push_str(&format!("  a{level}: &a{level} [{aliases}]\n"));
    }
    let message = error(&bomb).to_string();
    assert!(
        message.ends_with("it nests or repeats more than any merge does; write it out plainly"),
        "{message}"
    );
    let deep = format!("merge_method: {}{}", "[".repeat(100), "]".repeat(100));
    assert!(matches!(error(&deep), ConfigError::Malformed { .. }));
    let long = format!("merge_method: {}", "x".repeat(Config::MAX_BYTES));
    assert!(matches!(error(&long), ConfigError::TooLong { .. }));
    assert_eq!(
        error(&format!("{TIES}---\n{TIES}")).to_string(),
        "the mergekit file cannot be read (line 14): it holds several documents; give each merge a file of its own"
    );
    assert!(matches!(error("merge_method: [linear"), ConfigError::Malformed { line: Some(_), .. }));
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
