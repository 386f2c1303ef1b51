//! mergekit files: what is refused, in which words.
#![cfg(feature = "yaml")]

#[path = "common/mergekit.rs"]
mod files;

use files::*;
use maec_recipe::mergekit::{Config, ConfigError};

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
