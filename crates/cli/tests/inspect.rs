//! Looking inside models, what dialects change, and the page of the methods.

mod common;

use std::fs;
use std::path::Path;

use common::{json, maec, ok, refused, tensors};
use tempfile::TempDir;

/// A base, two models and one with other tensors: two layers of two kinds, and a norm.
fn models() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, shift) in [("base", 0.0), ("a", 0.5), ("b", -0.25)] {
        write(folder.path(), name, shift);
    }
    tensors(&folder.path().join("other.safetensors"), &[("model.norm.weight", &[3], &[1.0, f32::NAN, 2.0])]);
    folder
}

fn write(folder: &Path, name: &str, shift: f32) {
    // Half of the second layer's weights, and the norm, are the same in all.
    let up = |layer: f32| [1.0 + shift, 2.0 - shift, layer, 4.0 + 3.0 * shift, 0.0, 1.0];
    let (up_0, up_1, q) = (up(0.5), up(1.5), [3.0 + shift, 4.0]);
    tensors(
        &folder.join(format!("{name}.safetensors")),
        &[
            ("model.layers.0.mlp.up_proj.weight", &[2, 3], &up_0),
            ("model.layers.0.self_attn.q_proj.weight", &[1, 2], &q),
            ("model.layers.1.mlp.up_proj.weight", &[2, 3], &up_1),
            ("model.norm.weight", &[2], &[1.0, -1.0]),
        ],
    );
}

#[test]
fn one_model_on_its_own() {
    let folder = models();
    let found = json(folder.path(), "inspect base.safetensors");
    assert_eq!(found["models"], serde_json::json!(["base.safetensors"]));
    let q = &found["tensors"][1];
    assert_eq!((&q["kind"], &q["layer"]), (&"model.layers.*.self_attn.q_proj.weight".into(), &0.into()));
    assert_eq!(q["models"][0]["l2"], 5.0);
    assert_eq!(q["models"][0]["l1"], 7.0);
    // 2¹ ≤ 3 < 2² ≤ 4 < 2³.
    assert_eq!(
        q["models"][0]["histogram"],
        serde_json::json!({"first": 1, "negative": [0, 0], "positive": [1, 1]})
    );
    assert_eq!(found["whole"]["models"][0]["elements"], 16);
    assert_eq!(found["whole"]["models"][0]["zeros"], 2);
    let table = ok(folder.path(), "inspect base --by layer");
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert!(lines.iter().any(|line| line.starts_with(&["layer", "0", "8"])), "{table}");
    assert!(lines.iter().any(|line| line.starts_with(&["model.norm.weight", "2", "1.414"])), "{table}");
    assert!(lines.iter().any(|line| line.starts_with(&["all", "16"])), "{table}");
}

#[test]
fn two_models_against_their_base() {
    let folder = models();
    let found = json(folder.path(), "inspect a b --base base");
    let up = &found["tensors"][0]["comparison"];
    // δ is (s, −s, 0, 3s, 0, 0) with s = 0.5 and −0.25: three elements of six, on opposite sides.
    assert!((up["deltas"][0]["l2"].as_f64().unwrap() - 0.5 * 11_f64.sqrt()).abs() < 1e-12);
    assert_eq!((&up["deltas"][1]["sparsity"], &up["contested"]), (&0.5.into(), &3.into()));
    assert_eq!((&up["sign_conflict"], &up["cosine"][0][1]), (&1.0.into(), &(-1.0).into()));
    let table = ok(folder.path(), "inspect a b --base base --sort relative");
    let first = table.lines().nth(2).unwrap();
    assert!(first.trim_start().starts_with("model.layers.0.mlp.up_proj.weight"), "{table}");
    assert!(first.contains("50.00") && first.contains("-1.0000") && first.contains("100.00"), "{table}");
    assert!(table.ends_with("1 = a\n2 = b\n"), "{table}");
    // Without a base the tensors themselves are compared; a third model makes a matrix.
    let table = ok(folder.path(), "inspect a b base");
    assert!(table.contains("cosine of the models, all tensors together\n  1  +1.0000"), "{table}");
}

#[test]
fn what_can_not_be_compared_and_what_is_no_number_is_said() {
    let folder = models();
    let table = ok(folder.path(), "inspect base other");
    assert!(table.contains("not compared: model.layers.0.mlp.up_proj.weight and 3 more"), "{table}");
    let found = json(folder.path(), "inspect other");
    assert_eq!(found["whole"]["models"][0]["nan"], 1);
    assert!(ok(folder.path(), "inspect other").contains("NaN"));
}

#[test]
fn deltas_stand_on_the_base_and_adapters_on_their_model() {
    let folder = models();
    ok(folder.path(), "delta --base base.safetensors --trained a.safetensors --out d.safetensors");
    let of_delta = json(folder.path(), "inspect d --base base");
    assert_eq!(of_delta["whole"], json(folder.path(), "inspect a --base base")["whole"]);
    let goldens = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/goldens/peft");
    let model = format!("{goldens}/inputs/llama");
    let found = json(folder.path(), &format!("inspect {model}+{goldens}/adapters/plain --base {model}"));
    let changed = found["tensors"].as_array().unwrap().iter();
    let changed = changed.filter(|it| it["comparison"]["deltas"][0]["l2"].as_f64().unwrap() > 0.0);
    let kinds: Vec<&str> = changed.map(|it| it["kind"].as_str().unwrap()).collect();
    assert!(!kinds.is_empty() && kinds.iter().all(|kind| kind.contains("proj")), "{kinds:?}");
}

#[test]
fn the_page_has_the_map_and_its_numbers_as_a_table() {
    let folder = models();
    ok(folder.path(), "inspect a b --base base --html look.html --metric relative");
    let page = fs::read_to_string(folder.path().join("look.html")).unwrap();
    assert_eq!(page.matches("<svg").count(), 2, "one map for each model");
    assert_eq!(page.matches("<rect").count(), 6);
    assert!(page.contains("<title>model.layers.1.mlp.up_proj.weight: "));
    assert!(page.contains("<th>model.layers.*.mlp.up_proj.weight</th>"));
    assert!(page.contains("<td>model.norm.weight</td><td>0</td>"));
    assert!(!page.contains("http"), "nothing comes from outside");
    ok(folder.path(), "inspect a b --html look.html");
    let page = fs::read_to_string(folder.path().join("look.html")).unwrap();
    assert_eq!(page.matches("<svg").count(), 1, "a pair's cosine is one map");
}

#[test]
fn slips_are_told() {
    let folder = models();
    let message = refused(folder.path(), 2, "inspect base --sort norm");
    assert!(message.contains("there is no metric `norm`; choose one of l1, l2"), "{message}");
    let message = refused(folder.path(), 1, "inspect nothing");
    assert!(message.contains("nothing") && message.contains("does not exist"), "{message}");
    let message = refused(folder.path(), 2, "inspect base --html base.safetensors");
    assert!(message.contains("would overwrite the input"), "{message}");
    let message = refused(folder.path(), 2, "inspect a+b+c");
    assert!(message.contains("two adapters"), "{message}");
    let message = refused(folder.path(), 2, "methods tie");
    assert!(message.contains("did you mean `ties`?"), "{message}");
}

const TIES: &str = "\
merge_method: ties
base_model: base.safetensors
models:
  - {model: a.safetensors, parameters: {weight: 0.6, density: 0.5}}
  - {model: b.safetensors, parameters: {weight: 0.3, density: 0.5}}
";

#[test]
fn dialects_are_explained_in_numbers() {
    let folder = models();
    fs::write(folder.path().join("ties.yaml"), TIES).unwrap();
    let found = json(folder.path(), "explain-dialect ties.yaml --tensors 3");
    assert_eq!((&found["method"], &found["chosen"]), (&"ties".into(), &"mergekit".into()));
    let dialects = found["dialects"].as_array().unwrap();
    assert_eq!((&dialects[0]["name"], &dialects[1]["name"]), (&"paper".into(), &"peft".into()));
    // Of one kind two tensors were to be had: three tensors are of three kinds.
    assert_eq!(dialects[0]["tensors"].as_array().unwrap().len(), 3);
    // mergekit divides by the weights of those that agree, the others by their number.
    assert!(dialects[1]["all"]["differing"].as_u64().unwrap() > 0);
    let table = ok(folder.path(), "explain-dialect ties.yaml");
    assert!(table.contains("peft: elects signs without the weights"), "{table}");
    fs::write(folder.path().join("alike.yaml"), TIES.replace("ties", "breadcrumbs")).unwrap();
    let table = ok(folder.path(), "explain-dialect alike.yaml");
    assert!(table.contains("Every dialect defines it alike."), "{table}");
    fs::write(folder.path().join("bad.yaml"), TIES.replace("density: 0.5", "density: 5")).unwrap();
    let message = refused(folder.path(), 2, "explain-dialect bad.yaml");
    assert!(message.contains("density"), "{message}");
    fs::write(folder.path().join("maec.yaml"), "version: 1\nmerge_method: maec\n").unwrap();
    let message = refused(folder.path(), 2, "explain-dialect maec.yaml");
    assert!(message.contains("is no mergekit file"), "{message}");
}

#[test]
fn the_page_of_the_methods_is_what_the_methods_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/methods.md");
    let printed = maec(Path::new(".")).args(["methods", "--markdown"]).output().unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    let committed = fs::read_to_string(path).unwrap_or_default();
    assert!(
        printed == committed,
        "docs/methods.md is out of date; run `maec methods --markdown > docs/methods.md`"
    );
    let all = json(Path::new("."), "methods");
    assert_eq!(printed.matches("\n## ").count(), all.as_array().unwrap().len());
    let one = ok(Path::new("."), "methods slerp");
    assert!(one.starts_with("slerp\n") && one.contains("required"), "{one}");
}
