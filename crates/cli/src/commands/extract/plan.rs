//! What an extraction would train, for people and in JSON.

use anyhow::Result;
use maec_lab::{Kept, Plan};
use serde::Serialize;

use crate::failure::usage;
use crate::{output, size, table};

/// A plan, or what stands in its way.
#[derive(Serialize)]
struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<&'a Plan>,
    problems: Vec<String>,
}

/// Prints a plan.
///
/// # Errors
/// When standard output can't be written.
pub fn print(plan: &Plan, json: bool) -> Result<()> {
    if json {
        return output::print_json(&Answer { plan: Some(plan), problems: Vec::new() });
    }
    let mut table = table::new(
        &[
            "training",
            "learns from",
            "cache",
            "steps",
            "tokens",
            "rate",
            "trained",
            "weights",
            "state",
            "time",
        ],
        3,
    );
    for run in &plan.runs {
        let kept = match run.kept {
            Kept::Finished => "there",
            Kept::Begun => "begun",
            Kept::Nothing => "–",
        };
        table.add_row([
            run.name.clone(),
            run.corpora.clone(),
            kept.to_owned(),
            table::count(run.steps.into()),
            table::count(run.tokens),
            format!("{:.1e}", run.learning_rate),
            table::count(run.trained),
            size::shown(run.weights_bytes),
            size::shown(run.state_bytes),
            run.seconds.map_or_else(|| "–".to_owned(), duration),
        ]);
    }
    let missing = plan.runs.iter().filter(|run| run.kept != Kept::Finished).count();
    let mut lines = vec![
        ("model", format!("{} parameters in {} tensors", table::count(plan.parameters), plan.tensors)),
        (
            "to train",
            format!(
                "{missing} of {} trainings, {} tokens in {} steps",
                plan.runs.len(),
                table::count(plan.tokens),
                table::count(plan.steps)
            ),
        ),
        (
            "memory",
            format!(
                "{} of weights and optimizer state at most; gradients and activations come on top",
                size::shown(plan.most_bytes)
            ),
        ),
    ];
    if let Some(seconds) = plan.seconds {
        lines.push(("time", format!("about {}", duration(seconds))));
    }
    output::print(format!("{table}\n{}", table::pairs(&lines)))
}

/// Says every problem, and fails with the code for usage.
///
/// # Errors
/// Always.
pub fn refuse(problems: Vec<String>, json: bool) -> Result<()> {
    let count = problems.len();
    if json {
        output::print_json(&Answer { plan: None, problems })?;
    } else {
        output::print(problems.join("\n"))?;
    }
    let plural = if count == 1 { "1 problem stands".to_owned() } else { format!("{count} problems stand") };
    Err(usage(format!("{plural} in the way of this experiment; correct what is listed")))
}

/// Seconds for people.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} h", s / 3600.0),
        s => format!("{:.1} days", s / 86_400.0),
    }
}
