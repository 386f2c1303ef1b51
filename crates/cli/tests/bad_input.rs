//! Bad input: one line that names the thing and says what to do, the right exit code, and nothing left behind.

mod common;

use std::fs;
use std::path::Path;

use common::{maec, ok, refused, said, tensors, tree, world};
use tempfile::TempDir;

const RECIPE: &str = "\
version: 1
merge_method: maec
base_model: base.safetensors
ability: {model: a-l0.safetensors}
reference: {model: l0.safetensors}
languages:
  - {name: es, model: es.safetensors, weight: 0.5}
parameters: {k2: 0.5}
";

/// Four models of two tensors, and `recipe.yaml`.
fn models() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (model, shift) in [("base", 0.0), ("a-l0", 0.5), ("l0", -0.25), ("es", 0.125)] {
        write(folder.path(), model, shift);
    }
    fs::write(folder.path().join("recipe.yaml"), RECIPE).unwrap();
    folder
}

fn write(folder: &Path, model: &str, shift: f32) {
    let values = [1.0 + shift, 2.0, 3.0 - shift, 4.0, 5.0, 6.0 + 2.0 * shift];
    let path = folder.join(format!("{model}.safetensors"));
    tensors(&path, &[("a", &[2, 3], &values), ("b", &[2], &[shift, 1.0])]);
}

fn merge(folder: &Path, recipe: &str, code: i32) -> String {
    fs::write(folder.join("recipe.yaml"), recipe).unwrap();
    refused(folder, code, "merge recipe.yaml --out merged.safetensors --report report.json")
}

#[test]
fn a_missing_file_is_named() {
    let folder = models();
    let missing = merge(folder.path(), &RECIPE.replace("es.safetensors", "fr.safetensors"), 1);
    assert!(missing.starts_with("language es: `fr.safetensors` does not exist"), "{missing}");
    for line in [
        "merge nothing --out merged.safetensors",
        "train --model nothing --corpus c.jsonl --out out",
        "train --init nothing --corpus c.jsonl --tokenizer t.json --out out",
        "neurons --model nothing --corpus c.jsonl --out out.safetensors",
        "delta --base nothing --trained a-l0.safetensors --out d.safetensors",
        "eval --model nothing --problems nothing",
        "verify nothing",
    ] {
        let message = refused(folder.path(), 1, line);
        assert!(message.contains("nothing") && message.contains("does not exist"), "{message}");
    }
}

#[test]
fn a_wrong_shape_is_named() {
    let folder = models();
    tensors(&folder.path().join("es.safetensors"), &[("a", &[3, 2], &[0.0; 6]), ("b", &[2], &[0.0; 2])]);
    let message = merge(folder.path(), RECIPE, 2);
    assert!(message.contains("es.safetensors") && message.contains("`a` has shape [3, 2]"), "{message}");
    let message = refused(
        folder.path(),
        1,
        "delta --base base.safetensors --trained es.safetensors --out d.safetensors",
    );
    assert!(message.contains("`a` has shape [3, 2]"), "{message}");
    tensors(&folder.path().join("es.safetensors"), &[("a", &[2, 3], &[0.0; 6])]);
    assert!(merge(folder.path(), RECIPE, 2).contains("no tensor `b`"));
    // The plan says the same with the same code.
    let output = maec(folder.path()).args(["plan", "recipe.yaml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stdout).contains("no tensor `b`"));
}

#[test]
fn a_delta_for_another_base_is_refused() {
    let folder = models();
    write(folder.path(), "other", 7.0);
    ok(folder.path(), "delta --base other.safetensors --trained a-l0.safetensors --out delta.safetensors");
    let message = merge(folder.path(), &RECIPE.replace("a-l0.safetensors", "delta.safetensors"), 1);
    assert!(message.starts_with("ability: delta `delta.safetensors` was made for another base"), "{message}");
    // A delta alone is no model.
    let message = merge(folder.path(), &RECIPE.replace("base.safetensors", "delta.safetensors"), 1);
    assert!(message.contains("is a sparse delta"), "{message}");
}

#[test]
fn a_nan_is_named_and_can_be_let_through() {
    let folder = models();
    let values = [1.0, 2.0, f32::NAN, 4.0, 5.0, 6.0];
    tensors(&folder.path().join("l0.safetensors"), &[("a", &[2, 3], &values), ("b", &[2], &[0.0, 1.0])]);
    let message = merge(folder.path(), RECIPE, 1);
    assert!(
        message.contains("l0.safetensors`: tensor `a` holds a NaN or infinity at element 2"),
        "{message}"
    );
    let line = "delta --base base.safetensors --trained l0.safetensors --out d.safetensors";
    assert!(refused(folder.path(), 1, line).contains("NaN or infinity at element 2"));
    ok(folder.path(), "merge recipe.yaml --out merged.safetensors --allow-nonfinite");
    assert!(folder.path().join("merged.safetensors").is_file());
}

#[test]
fn recipes_with_mistakes_are_usage() {
    let folder = models();
    let message = merge(folder.path(), &RECIPE.replace("k2: 0.5", "gama: 0.5"), 2);
    assert_eq!(message, "recipe.yaml: unknown key `gama` in parameters (line 8): did you mean `gamma`?");
    let message = merge(folder.path(), &RECIPE.replace("k2: 0.5", "k2: 1.4"), 2);
    assert_eq!(message, "recipe.yaml: k2 is 1.4 (140 %): give a fraction between 0 and 1, for example 0.8");
    assert!(
        merge(folder.path(), &format!("{RECIPE}select: {{include: ['q*']}}\n"), 2)
            .contains("`q*` matches no tensor")
    );
    assert!(merge(folder.path(), "nonsense: [", 2).starts_with("recipe.yaml: "));
}

#[test]
fn arguments_with_mistakes_are_usage() {
    let folder = models();
    for (line, words) in [
        ("merge recipe.yaml", "--out"),
        ("merge recipe.yaml --ouut m", "--ouut"),
        ("train --corpus c.jsonl --out o", "--model"),
        ("train --model m --corpus c.jsonl:-2 --out o", "-2 is not a positive number"),
        ("train --model m --corpus c.jsonl --out o --device gpu", "use cpu, wgpu or cuda"),
        ("train --model m --corpus c.jsonl --out o --steps many", "many"),
        ("neurons --model m --corpus c.jsonl --k1 5 --out o", "k1 is 5"),
        ("world --out w --test-problems 0", "test_problems is 0"),
        ("world --out w --base-language-weights 1,2,3", "five"),
        (
            "pack --base b --delta x=y=z --problems p --heldout h --recipe r --title t --seed 1 --lambda 1 --out o",
            "`y`",
        ),
        ("merge recipe.yaml --out merged", "config.json"),
        ("eval --model m", "--problems"),
        ("unheard-of", "unheard-of"),
    ] {
        let message = refused(folder.path(), 2, line);
        assert!(message.contains(words), "maec {line}: {message}");
    }
}

#[test]
fn outputs_of_others_are_left_alone() {
    let folder = models();
    fs::create_dir(folder.path().join("mine")).unwrap();
    fs::write(folder.path().join("mine/thesis.txt"), "mine").unwrap();
    assert!(refused(folder.path(), 1, "world --out mine --base-documents 1").contains("mine"));
    let message = refused(folder.path(), 1, "merge recipe.yaml --out none/merged.safetensors");
    assert!(message.contains("none"), "{message}");
    let message =
        refused(folder.path(), 1, "merge recipe.yaml --out merged.safetensors --report none/report.json");
    assert!(message.contains("none"), "{message}");
    // A folder where a file should be.
    fs::create_dir(folder.path().join("d.safetensors")).unwrap();
    let message = refused(folder.path(), 1, "merge recipe.yaml --out d.safetensors");
    assert!(message.contains("folder"), "{message}");
}

#[test]
fn damaged_files_are_refused() {
    let folder = models();
    let whole = fs::read(folder.path().join("es.safetensors")).unwrap();
    for (bytes, word) in
        [(&whole[..whole.len() - 1], "bytes"), (&whole[..4], "not a safetensors file"), (b"", "not")]
    {
        fs::write(folder.path().join("es.safetensors"), bytes).unwrap();
        let message = merge(folder.path(), RECIPE, 1);
        assert!(message.contains("es.safetensors") && message.contains(word), "{message}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = models();
    let mut command = maec(folder.path());
    command.args(["merge", "recipe.yaml", "--out", "merged.safetensors", "--json"]);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn help_has_an_example_of_every_command() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["world", "train", "neurons", "delta", "merge", "eval", "pack", "verify"] {
        let help = ok(folder.path(), &format!("{command} --help"));
        assert!(help.contains(&format!("  maec {command} ")), "{help}");
    }
    assert!(tree(folder.path()).is_empty());
    let output = maec(folder.path()).arg("--version").output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("maec {}\n", env!("CARGO_PKG_VERSION")));
    let nothing = maec(folder.path()).output().unwrap();
    assert_eq!(nothing.status.code(), Some(2));
    said(&maec(folder.path()).arg("--what").output().unwrap(), 2, "--what");
}

#[test]
fn an_output_never_overwrites_an_input() {
    let folder = models();
    let folder = folder.path();
    for line in [
        "merge recipe.yaml --out base.safetensors",
        "merge recipe.yaml --out merged.safetensors --report es.safetensors",
        "merge recipe.yaml --out recipe.yaml",
        "delta --base base.safetensors --trained es.safetensors --out es.safetensors",
    ] {
        let message = refused(folder, 2, line);
        assert!(message.contains("would overwrite the input"), "{message}");
    }
    let message = refused(folder, 2, "merge recipe.yaml --out m.safetensors --report m.safetensors");
    assert!(message.contains("--out and --report"), "{message}");
}

#[test]
fn training_that_ends_in_no_numbers_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    world(folder);
    let base = "train --init config.json --tokenizer world --corpus world/base.jsonl --batch 4 --warmup 0";
    let message = refused(folder, 1, &format!("{base} --steps 1 --lr 1e39 --out out"));
    assert!(message.contains("not finite") && message.contains("lower learning rate"), "{message}");
    for (line, name) in [
        (format!("{base} --steps 1 --weight-decay nan --out out"), "weight decay"),
        (format!("{base} --steps 1 --clip nan --out out"), "clip"),
    ] {
        let message = refused(folder, 2, &line);
        assert!(message.starts_with(name), "{message}");
    }
    // A narrower dtype would round what is outside the mask.
    ok(folder, &format!("{base} --steps 1 --lr 1e-3 --out base"));
    ok(folder, "neurons --model base --corpus world/ability --steps 1 --batch 4 --warmup 0 --out a.mask");
    let masked =
        "train --model base --corpus world/ability --steps 1 --batch 4 --neurons a.mask --dtype bfloat16";
    let message = refused(folder, 2, &format!("{masked} --out masked"));
    assert!(message.contains("outside the key neurons"), "{message}");
}

#[test]
fn quickstart_finds_wrong_outputs_and_settings_before_its_minutes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir(folder.join("mine")).unwrap();
    fs::write(folder.join("mine/photo"), "dear").unwrap();
    let message = refused(folder, 1, "quickstart --pack mine");
    assert!(message.contains("`mine` exists and was not made by maec"), "{message}");
    for (settings, name) in
        [(r#"{"heads":0}"#, "heads"), (r#"{"batch":4000000000}"#, "batch"), (r#"{"steps":3}"#, "steps")]
    {
        fs::write(folder.join("s.json"), settings).unwrap();
        let message = refused(folder, 2, "quickstart --settings s.json");
        assert!(message.contains(name), "{message}");
    }
    refused(folder, 2, "quickstart --problems 0");
    fs::write(folder.join("page.json"), include_str!("../../../tests/tuning/page.json")).unwrap();
    let message = refused(folder, 2, "quickstart --tuned page.json --pack p");
    assert!(message.contains("chosen on seed 1 would flatter"), "{message}");
}
