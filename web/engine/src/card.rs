//! The model card of an export.

use std::fmt::Write;

use maec_checkpoint::Pack;
use maec_recipe::MergeMethod;

use crate::merging::Made;

/// `README.md` with front matter: what was merged from what, and how to check it.
pub(crate) fn model_card(pack: &Pack, made: &Made) -> String {
    let (about, recipe, report) = (pack.manifest(), &made.recipe, &made.report);
    let p = &recipe.parameters;
    let mut card = String::from("---\n");
    let mut line = |text: std::fmt::Arguments<'_>| {
        // A String takes everything.
        let _ = writeln!(card, "{text}");
    };
    line(format_args!("base_model: {}", quoted(&recipe.base_model)));
    line(format_args!("library_name: transformers"));
    line(format_args!("pipeline_tag: text-generation"));
    line(format_args!("language:"));
    for language in &about.languages {
        line(format_args!("- {}", quoted(&language.code)));
    }
    line(format_args!("tags:\n- merge\n- maec\n---\n"));
    line(format_args!("# {}, merged\n", about.title));
    let method = match recipe.merge_method {
        MergeMethod::Maec => {
            "MAEC: the ability, less what the reference language brings, and the languages, added to the base"
        }
        MergeMethod::TaskVector => "a plain task vector",
    };
    line(format_args!("Merged in MAEC Studio by {method}. `recipe.json` says it exactly.\n"));
    line(format_args!("| parameter | value |\n|---|---|"));
    match recipe.merge_method {
        MergeMethod::Maec => {
            for (name, value) in [("α", p.alpha), ("β", p.beta), ("γ", p.gamma), ("η", p.eta), ("k₂", p.k2)]
            {
                line(format_args!("| {name} | {value} |"));
            }
            line(format_args!("| selected tensors | {} of {} |", report.selected, report.tensors.len()));
        }
        MergeMethod::TaskVector => line(format_args!("| λ | {} |", p.lambda)),
    }
    for language in &recipe.languages {
        line(format_args!(
            "| μ of {} (`{}`) | {} |",
            cell(&language.name),
            cell(&language.model),
            language.weight
        ));
    }
    line(format_args!("\n| provenance | |\n|---|---|"));
    for (name, value) in [
        ("model hash (SHA-256)", report.output_hash.as_str()),
        ("base fingerprint", pack.base_fingerprint()),
        ("pack", pack.id()),
        ("pack made by", &about.command),
    ] {
        line(format_args!("| {name} | `{}` |", cell(value)));
    }
    line(format_args!("| pack's seed | {} |", about.seed));
    card
}

/// A YAML string in double quotes, which JSON's are.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Text that stays within its table cell.
fn cell(text: &str) -> String {
    text.chars().map(|c| if c == '|' || c == '`' || c.is_control() { ' ' } else { c }).collect()
}
