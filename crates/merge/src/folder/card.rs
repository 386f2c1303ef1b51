//! Model cards: what was merged from what, and how to check it.

use std::fmt::{self, Write};

use maec_recipe::MergeMethod;

use super::{Input, RECIPE};
use crate::Report;
use crate::config::ConfigPlan;
use crate::methods::{Kind, Method};

const FRONT: &str =
    "---\nlibrary_name: transformers\npipeline_tag: text-generation\ntags:\n- merge\n- maec\n---\n\n";

/// Adds a line; a String takes everything.
fn line(card: &mut String, text: fmt::Arguments<'_>) {
    let _ = writeln!(card, "{text}");
}

/// The card of a merge by MAEC's own recipe, with the fingerprint of each of its inputs.
pub fn of_recipe(report: &Report, fingerprints: &[String]) -> String {
    let (recipe, p) = (&report.recipe, &report.recipe.parameters);
    let mut card = String::from(FRONT);
    let mut line = |text: fmt::Arguments<'_>| line(&mut card, text);
    line(format_args!("# A merged model\n"));
    match recipe.merge_method {
        MergeMethod::Maec => {
            line(format_args!(
                "Merged by MAEC: R(A) = α·(Θ_A,L0 − Θo) − β·(Θ_L0 − Θo) and R_Lang = Σ μᵢ·(Θ_Li − Θo) are added to"
            ));
            line(format_args!(
                "the base as γ·R(A) + η·R_Lang in the selected tensors, as R_Lang alone in the others.\n"
            ));
            line(format_args!("| parameter | value |\n|---|---|"));
            for (name, value) in [("α", p.alpha), ("β", p.beta), ("γ", p.gamma), ("η", p.eta), ("k₂", p.k2)]
            {
                line(format_args!("| {name} | {value} |"));
            }
            line(format_args!("| selected tensors | {} of {} |", report.selected, report.tensors.len()));
        }
        MergeMethod::TaskVector => {
            line(format_args!("Merged as a task vector: Θo + λ·[(Θ_A,L0 − Θo) + Σ μᵢ·(Θ_Li − Θo)].\n"));
            line(format_args!("| parameter | value |\n|---|---|\n| λ | {} |", p.lambda));
        }
    }
    for language in &recipe.languages {
        line(format_args!("| μ of {} | {} |", cell(&language.name), language.weight));
    }
    line(format_args!("\n| part | model | fingerprint | model hash (SHA-256) |\n|---|---|---|---|"));
    for (input, fingerprint) in report.inputs.iter().zip(fingerprints) {
        let (part, model) = (cell(&input.part), cell(&input.model));
        let hash = input.hash.as_deref().unwrap_or("–");
        line(format_args!("| {part} | {model} | `{fingerprint}` | `{hash}` |"));
    }
    line(format_args!("| **merged** | this one | | `{}` |", report.output_hash));
    again(&mut line);
    card
}

/// The card of a merge by a mergekit configuration.
pub fn of_config(plan: &ConfigPlan, method: &dyn Method, inputs: &[Input], output_hash: &str) -> String {
    let mut card = String::from(FRONT);
    let mut line = |text: fmt::Arguments<'_>| line(&mut card, text);
    line(format_args!("# A merged model\n"));
    line(format_args!("Merged by `{}`: {}\n", plan.method, method.about().summary));
    line(format_args!("    {}\n", plan.formula));
    line(format_args!(
        "with δ a model's difference from the base. Parameters, where `{RECIPE}` says nothing else:\n"
    ));
    line(format_args!("| parameter | default | meaning |\n|---|---|---|"));
    for parameter in method.about().parameters {
        let default = match (parameter.default, parameter.kind) {
            (None, _) => "–".to_owned(),
            (Some(value), Kind::Flag) => (value != 0.0).to_string(),
            (Some(value), _) => value.to_string(),
        };
        line(format_args!("| {} | {default} | {} |", parameter.name, parameter.meaning));
    }
    line(format_args!("\n| model | fingerprint | model hash (SHA-256) |\n|---|---|---|"));
    for input in inputs {
        let hash = input.hash.as_deref().unwrap_or("–");
        line(format_args!("| {} | `{}` | `{hash}` |", cell(&input.model), input.fingerprint));
    }
    line(format_args!("| **merged** | | `{output_hash}` |"));
    again(&mut line);
    card
}

/// How to make the model again.
fn again(line: &mut impl FnMut(fmt::Arguments<'_>)) {
    line(format_args!(
        "\n`{RECIPE}` says it exactly. `maec merge {RECIPE} --models FOLDER --out merged` makes it again, where FOLDER is\n\
         the one that the models' names start from."
    ));
}

/// Text that stays within its table cell.
fn cell(text: &str) -> String {
    text.chars().map(|c| if c == '|' || c.is_control() { ' ' } else { c }).collect()
}
