//! `maec methods`: every merge method with its formula, parameters and defaults, as the methods themselves say.

use std::fmt::Write;

use anyhow::Result;
use maec_merge::methods::{ANY, About, Base, Kind, METHODS, Method, Parameter, named};
use serde::Serialize;

use crate::failure::usage;
use crate::{output, table};

/// Arguments of `maec methods`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  maec methods
  maec methods ties
  maec methods --markdown > docs/methods.md")]
pub struct Args {
    /// One method only.
    #[arg(value_name = "METHOD")]
    method: Option<String>,
    /// Print the page docs/methods.md.
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A method, for JSON.
#[derive(Serialize)]
struct Entry {
    name: &'static str,
    summary: &'static str,
    formula: &'static str,
    base: &'static str,
    models: String,
    parameters: Vec<Setting>,
    /// By dialect: what it does otherwise.
    dialects: Vec<(&'static str, &'static str)>,
}

/// A parameter, for JSON.
#[derive(Serialize)]
struct Setting {
    name: &'static str,
    meaning: &'static str,
    values: String,
    /// `null` where the recipe must have one.
    default: Option<f64>,
    per_model: bool,
}

/// Runs it.
pub fn run(args: &Args) -> Result<()> {
    let chosen: Vec<&dyn Method> = match args.method.as_deref() {
        None => METHODS.to_vec(),
        Some(name) => vec![named(name).ok_or_else(|| unknown(name))?],
    };
    if args.json {
        return output::print_json(&chosen.iter().map(|method| entry(*method)).collect::<Vec<_>>());
    }
    if args.markdown {
        let sections: Vec<String> = chosen.iter().map(|method| section(*method)).collect();
        return output::print(format!("{INTRODUCTION}\n{}", sections.join("\n")).trim_end());
    }
    let texts: Vec<String> = chosen.iter().map(|method| text(*method)).collect();
    output::print(texts.join("\n\n"))
}

fn unknown(name: &str) -> anyhow::Error {
    let known: Vec<&'static str> = METHODS.iter().map(|method| method.about().name).collect();
    let name_shown = maec_recipe::shown(name);
    match maec_recipe::nearest(name, &known) {
        Some(near) => usage(format!("there is no method `{name_shown}`; did you mean `{near}`?")),
        None => usage(format!("there is no method `{name_shown}`; choose one of {}", known.join(", "))),
    }
}

/// What stands above the methods in docs/methods.md.
const INTRODUCTION: &str = "# Merge methods

This page is printed by `maec methods --markdown`; a test compares the two. A method is chosen by `merge_method` in a
[mergekit file](mergekit.md); parameters stand under `parameters`, those of every model under the model. Numbers may be
gradients over layers or depend on the tensor's name.

xᵢ are the models, δᵢ = xᵢ − base their differences, n is a tensor's number of elements; everything is done tensor by tensor
unless it says otherwise. Arithmetic is f32 in a fixed order, the same on every host. Random numbers are keyed by
(`random_seed`, tensor, element). Where a method's paper or PEFT define it otherwise than mergekit, `dialect: paper` or
`dialect: peft` chooses their definition, and `maec explain-dialect` shows the difference on a given file.

MAEC itself (Eq. 2–5: R(A) = α·(Θ_{A,L0} − Θo) − β·(Θ_{L0} − Θo), R_Lang = Σ μᵢ·(Θ_{Li} − Θo), and the tensors in which
both point the same way) and the plain task vector are recipes of their own, which begin with `version: 1`; `maec merge
--help` has one.
";

fn entry(method: &dyn Method) -> Entry {
    let about = method.about();
    let setting = |it: &Parameter| Setting {
        name: it.name,
        meaning: it.meaning,
        values: values(it.kind),
        default: it.default,
        per_model: it.per_model,
    };
    Entry {
        name: about.name,
        summary: about.summary,
        formula: about.formula,
        base: base(about.base),
        models: models(about),
        parameters: about.parameters.iter().map(setting).collect(),
        dialects: method.dialects().iter().map(|(dialect, does)| (dialect.name(), *does)).collect(),
    }
}

/// One method for the terminal.
fn text(method: &dyn Method) -> String {
    let about = method.about();
    let mut out = format!("{}\n  {}\n  = {}\n  {}", about.name, about.summary, about.formula, takes(about));
    let mut drawn = table::new(&["  parameter", "default", "values", "meaning"], 4);
    for parameter in about.parameters {
        drawn.add_row([
            format!("  {}", parameter.name),
            default(parameter),
            values(parameter.kind),
            meaning(parameter),
        ]);
    }
    if !about.parameters.is_empty() {
        put(&mut out, format_args!("\n{drawn}"));
    }
    for (dialect, does) in method.dialects() {
        put(&mut out, format_args!("\n  dialect {}: {does}", dialect.name()));
    }
    out
}

/// One method for docs/methods.md.
fn section(method: &dyn Method) -> String {
    let about = method.about();
    let mut out =
        format!("## {}\n\n{} {}.\n\n    {}\n", about.name, about.summary, takes(about), about.formula);
    if !about.parameters.is_empty() {
        out.push_str("\n| parameter | default | values | meaning |\n|---|---|---|---|\n");
    }
    for it in about.parameters {
        let meaning = meaning(it).replace('|', "\\|");
        put(
            &mut out,
            format_args!("| `{}` | {} | {} | {meaning} |\n", it.name, default(it), values(it.kind)),
        );
    }
    if !method.dialects().is_empty() {
        out.push('\n');
    }
    for (dialect, does) in method.dialects() {
        put(&mut out, format_args!("- `dialect: {}` {does}.\n", dialect.name()));
    }
    out
}

fn takes(about: &About) -> String {
    match about.base {
        Base::Unused => format!("Takes {}", models(about)),
        Base::Optional => format!("Takes {}, and a base if there is one", models(about)),
        Base::Required => format!("Takes a base and {}", models(about)),
    }
}

fn models(about: &About) -> String {
    match about.models {
        (1, 1) => "one model".into(),
        (least, most) if least == most => format!("{least} models"),
        (1, ANY) => "one or more models".into(),
        (least, ANY) => format!("{least} or more models"),
        (least, most) => format!("{least} to {most} models"),
    }
}

fn base(base: Base) -> &'static str {
    match base {
        Base::Required => "required",
        Base::Optional => "optional",
        Base::Unused => "unused",
    }
}

fn values(kind: Kind) -> String {
    match kind {
        Kind::Number(least, most) => format!("{least} … {most}"),
        Kind::Flag => "true, false".into(),
        Kind::Count(least) => format!("{least}, {}, …", least + 1),
    }
}

fn default(parameter: &Parameter) -> String {
    match (parameter.default, parameter.kind) {
        (None, _) => "required".into(),
        (Some(value), Kind::Flag) => (value != 0.0).to_string(),
        (Some(value), _) => value.to_string(),
    }
}

fn meaning(parameter: &Parameter) -> String {
    let each = if parameter.per_model { "; each model has its own" } else { "" };
    format!("{}{each}", parameter.meaning)
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into a string can't fail.
    let _ = out.write_fmt(text);
}
