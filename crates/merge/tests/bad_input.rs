//! Bad input: each kind is refused before or while merging, in one line that names the thing.

mod common;

use std::ops::ControlFlow;

use common::{Models, go_on, model, recipe, values};
use maec_checkpoint::{Dtype, Error, MemoryWeights, TensorInfo, Weights};
use maec_merge::{
    Inputs, MergeError, Options, Progress, Stage, check, merge_tensor, merge_to_memory, tensor_stats,
};
use maec_recipe::{MergeMethod, OutDtype, Parameters, Recipe, RecipeError};

const X: &str = "layers.0.weight";
const Y: &str = "norm.weight";

fn simple(name: &str, shift: f64) -> MemoryWeights {
    let x = (0..6).map(|i| f64::from(i) + shift).collect();
    model(name, &[(X, Dtype::F32, &[2, 3], x), (Y, Dtype::BF16, &[2], vec![1.0 + shift, 2.0])])
}

fn models() -> Models {
    Models {
        base: simple("the base", 0.0),
        ability: simple("the ability", 0.5),
        reference: simple("the reference", 0.25),
        languages: vec![simple("the Spanish one", -0.5)],
    }
}

fn plain() -> Recipe {
    recipe(Parameters::default(), &[0.5])
}

/// The only problem there is; found by a plan and, first of all, by an execution.
fn problem(inputs: &Inputs<'_>, recipe: &Recipe) -> MergeError {
    let mut problems = check(inputs, recipe).expect_err("a problem");
    assert_eq!(problems.len(), 1, "{problems:?}");
    let problem = problems.remove(0);
    let error = merge_to_memory(inputs, recipe, &Options::default(), &mut go_on).expect_err("refused");
    assert_eq!(error.to_string(), problem.to_string());
    problem
}

fn assert_says(error: &MergeError, words: &[&str]) {
    let message = error.to_string();
    assert!(!message.contains('\n'), "{message}");
    for word in words {
        assert!(message.contains(word), "`{word}` is not in: {message}");
    }
}

#[test]
fn a_wrong_shape() {
    let mut models = models();
    let x = vec![0.0; 6];
    models.languages =
        vec![model("es", &[(X, Dtype::F32, &[3, 2], x), (Y, Dtype::BF16, &[2], vec![0.0; 2])])];
    let error = problem(&models.inputs(), &plain());
    assert!(matches!(error, MergeError::Checkpoint(Error::WrongShape { .. })));
    assert_says(&error, &["`es`", X, "[3, 2]", "[2, 3]"]);
    assert!(tensor_stats(&models.inputs(), &plain(), &mut go_on).is_err());
    assert!(merge_tensor(&models.inputs(), &plain(), X, true).is_err());
}

#[test]
fn a_missing_tensor() {
    let mut models = models();
    models.ability = model("half", &[(X, Dtype::F32, &[2, 3], vec![0.0; 6])]);
    assert_says(&problem(&models.inputs(), &plain()), &["`half`", Y]);
    let error = merge_tensor(&models.inputs(), &plain(), "nothing", true).expect_err("no such tensor");
    assert_says(&error, &["`the base`", "`nothing`"]);
}

#[test]
fn a_tensor_too_many() {
    let mut models = models();
    let (x, y) = (vec![0.0; 6], vec![0.0; 2]);
    let tensors =
        [(X, Dtype::F32, &[2, 3][..], x), (Y, Dtype::BF16, &[2], y), ("z", Dtype::F32, &[1], vec![0.0])];
    models.reference = model("more", &tensors);
    let error = problem(&models.inputs(), &plain());
    assert!(matches!(error, MergeError::Checkpoint(Error::ExtraTensor { .. })));
    assert_says(&error, &["`more`", "`z`", "`the base`"]);
}

#[test]
fn every_problem_is_listed() {
    let mut models = models();
    models.ability = model("a", &[(X, Dtype::F32, &[2, 3], vec![0.0; 6])]);
    models.reference = model("b", &[(Y, Dtype::BF16, &[1], vec![0.0])]);
    let mut recipe = plain();
    recipe.select.exclude = vec!["*.bias".into()];
    recipe.parameters.k2 = 1.4;
    let problems = check(&models.inputs(), &recipe).expect_err("problems");
    assert_eq!(problems.len(), 5, "{problems:?}");
}

#[test]
fn a_narrower_dtype_but_not_a_wider_one() {
    let mut models = models();
    let (x, y) = (vec![0.0; 6], vec![0.0; 2]);
    models.ability = model("half", &[(X, Dtype::F16, &[2, 3], x.clone()), (Y, Dtype::BF16, &[2], y.clone())]);
    let error = problem(&models.inputs(), &plain());
    assert!(matches!(error, MergeError::WrongDtype { .. }));
    assert_says(&error, &["`half`", X, "F16", "F32"]);
    models.ability = model("wide", &[(X, Dtype::F64, &[2, 3], x), (Y, Dtype::F32, &[2], y)]);
    assert!(check(&models.inputs(), &plain()).is_ok());
}

#[test]
fn integers() {
    let info = TensorInfo { name: "ids".into(), dtype: Dtype::I64, shape: vec![1] };
    let ids = MemoryWeights::new("ids", vec![(info, vec![0; 8])]).unwrap();
    let models =
        Models { base: ids.clone(), ability: ids.clone(), reference: ids.clone(), languages: vec![ids] };
    assert_says(&problem(&models.inputs(), &plain()), &["`ids`", "I64"]);
}

#[test]
fn no_tensors() {
    let none = MemoryWeights::new("none", vec![]).unwrap();
    let models =
        Models { base: none.clone(), ability: none.clone(), reference: none.clone(), languages: vec![none] };
    assert_says(&problem(&models.inputs(), &plain()), &["`none`"]);
}

#[test]
fn a_k2_of_140_percent() {
    let recipe = recipe(Parameters { k2: 1.4, ..Parameters::default() }, &[0.5]);
    let error = problem(&models().inputs(), &recipe);
    assert!(matches!(error, MergeError::Recipe(RecipeError::K2OutOfRange { .. })));
    assert_says(&error, &["k2", "1.4"]);
}

#[test]
fn a_pattern_that_matches_nothing() {
    let mut recipe = plain();
    recipe.select.include = vec!["*.weight".into(), "layers.*.bias".into()];
    let error = problem(&models().inputs(), &recipe);
    assert!(matches!(error, MergeError::MatchesNothing { list: "include", .. }));
    assert_says(&error, &["select.include", "`layers.*.bias`", "`the base`"]);
}

#[test]
fn a_language_without_a_model() {
    let models = models();
    let mut inputs = models.inputs();
    inputs.languages.clear();
    assert_says(&problem(&inputs, &plain()), &["1", "0"]);
    assert!(matches!(tensor_stats(&inputs, &plain(), &mut go_on), Err(MergeError::LanguageCount { .. })));
    assert!(matches!(merge_tensor(&inputs, &plain(), X, false), Err(MergeError::LanguageCount { .. })));
}

#[test]
fn nan_and_infinity_are_named_by_model_tensor_and_element() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut models = models();
        let x = vec![0.0, 1.0, 2.0, 3.0, bad, 5.0];
        models.languages =
            vec![model("es", &[(X, Dtype::F32, &[2, 3], x), (Y, Dtype::BF16, &[2], vec![0.0; 2])])];
        let options = Options::default();
        let error = merge_to_memory(&models.inputs(), &plain(), &options, &mut go_on).expect_err("refused");
        assert!(matches!(error, MergeError::Checkpoint(Error::NonFinite { index: 4, .. })));
        assert_says(&error, &["`es`", X, "4"]);
        assert!(tensor_stats(&models.inputs(), &plain(), &mut go_on).is_err());
        assert!(merge_tensor(&models.inputs(), &plain(), X, false).is_err());
    }
}

#[test]
fn indices_count_from_the_tensors_start() {
    let n = 150_000;
    let make = |name: &str, at: usize, value: f64| {
        let mut values = vec![1.0; n];
        values[at] = value;
        model(name, &[("long", Dtype::F32, &[n], values)])
    };
    let same = make("same", 0, 1.0);
    let models = |ability| Models {
        base: same.clone(),
        ability,
        reference: same.clone(),
        languages: vec![same.clone()],
    };
    let recipe = Recipe { out_dtype: Some(OutDtype::Float16), ..plain() };
    let index = |ability| match models(ability).merge(&recipe) {
        Err(MergeError::Checkpoint(Error::NonFinite { index, .. }) | MergeError::Overflow { index, .. }) => {
            index
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(index(make("diverged", 140_001, f64::NAN)), 140_001);
    assert_eq!(index(make("huge", 70_002, 1e6)), 70_002);
}

#[test]
fn where_it_is_allowed_a_nan_is_written_as_the_canonical_one() {
    // A NaN with a sign and a payload, which hosts would otherwise carry on in their own ways.
    let info =
        |name: &str, dtype, shape: &[usize]| TensorInfo { name: name.into(), dtype, shape: shape.to_vec() };
    let x: Vec<u8> = [0xffc1_2345_u32, 0, 0, 0, 0, 0].into_iter().flat_map(u32::to_le_bytes).collect();
    let tensors = vec![(info(X, Dtype::F32, &[2, 3]), x), (info(Y, Dtype::BF16, &[2]), vec![0; 4])];
    let models = Models { ability: MemoryWeights::new("odd", tensors).unwrap(), ..models() };
    let recipe = recipe(Parameters { k2: 1.0, ..Parameters::default() }, &[0.5]);
    let options = Options { allow_nonfinite: true, ..Options::default() };
    let (merged, _) = merge_to_memory(&models.inputs(), &recipe, &options, &mut go_on).expect("allowed");
    assert_eq!(merged.read_bytes(X).unwrap()[..4], 0x7fc0_0000_u32.to_le_bytes());
    assert!(values(&merged, X)[1..].iter().all(|x| x.is_finite()));
}

#[test]
fn a_value_too_large_for_its_dtype() {
    let models = models();
    let big = Parameters { gamma: 1000.0, alpha: 1000.0, k2: 1.0, ..Parameters::default() };
    let recipe = Recipe { out_dtype: Some(OutDtype::Float16), ..recipe(big, &[0.5]) };
    let error = models.merge(&recipe).expect_err("too large");
    assert!(matches!(error, MergeError::Overflow { index: 0, dtype: Dtype::F16, .. }));
    assert_says(&error, &[X, "F16"]);
}

#[test]
fn the_task_vector_does_not_look_at_the_reference() {
    let models =
        Models { reference: model("unrelated", &[("z", Dtype::F32, &[1], vec![f64::NAN])]), ..models() };
    let recipe = Recipe { merge_method: MergeMethod::TaskVector, ..plain() };
    let (_, report) = models.merge(&recipe).expect("merged");
    assert!(report.tensors.iter().all(|tensor| tensor.selected));
    let parts: Vec<&str> = report.inputs.iter().map(|input| input.part.as_str()).collect();
    assert_eq!(parts, ["base", "ability", "language L1"]);
}

#[test]
fn progress_counts_both_stages_and_can_cancel() {
    let models = models();
    let mut seen = Vec::new();
    let mut record = |p: Progress<'_>| {
        seen.push((p.stage, p.tensor.to_owned(), p.done, p.total));
        ControlFlow::Continue(())
    };
    merge_to_memory(&models.inputs(), &plain(), &Options::default(), &mut record).expect("merged");
    let stage = |stage| [(stage, X.to_owned(), 6, 8), (stage, Y.to_owned(), 8, 8)];
    assert_eq!(seen, [stage(Stage::Statistics), stage(Stage::Merge)].concat());

    for stop in 1..=4 {
        let mut calls = 0;
        let mut cancel = |_: Progress<'_>| {
            calls += 1;
            if calls == stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let result = merge_to_memory(&models.inputs(), &plain(), &Options::default(), &mut cancel);
        assert!(matches!(result, Err(MergeError::Cancelled)), "at {stop}");
    }
}

#[test]
fn a_plan_counts_bytes_and_tensors() {
    let models = models();
    let recipe = Recipe { out_dtype: Some(OutDtype::Bfloat16), ..plain() };
    let plan = check(&models.inputs(), &recipe).expect("a plan");
    assert_eq!(plan.parameters, 8);
    assert_eq!(plan.selected, 2);
    // Four models of 6 F32 and 2 BF16 values, read twice; 8 BF16 values written.
    assert_eq!(plan.bytes_read, 2 * 4 * 28);
    assert_eq!(plan.bytes_written, 16);
    let names: Vec<&str> = plan.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    assert_eq!(names, [X, Y]);
    assert!(plan.tensors.iter().all(|tensor| tensor.dtype == Dtype::BF16));
    let (merged, _) = models.merge(&recipe).expect("merged");
    let written: usize = merged.tensors().iter().map(TensorInfo::bytes).sum();
    assert_eq!(written as u64, plan.bytes_written);
}
