//! From an error to one line on standard error and an exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Error;
use maec_lab::{ExperimentError, LabError};
use maec_merge::MergeError;
use maec_model::DeviceError;
use maec_recipe::RecipeError;
use maec_train::TrainError;
use maec_world::WorldError;

use crate::interrupt;

/// Exit code of a failure.
const FAILURE: u8 = 1;
/// Exit code of a mistake in the arguments or the recipe.
const USAGE: u8 = 2;
/// Exit code after Ctrl-C: 128 + SIGINT.
const INTERRUPTED: u8 = 130;

/// Arguments that each parse and together make no sense.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// Everything that stands in a merge's way, found out from headers; a line each.
#[derive(Debug)]
pub struct Problems(pub Vec<String>);

impl Problems {
    /// Problems of any kind.
    pub fn new<P: ToString>(problems: impl IntoIterator<Item = P>) -> Self {
        Self(problems.into_iter().map(|problem| problem.to_string()).collect())
    }
}

impl std::error::Error for Problems {}

impl std::fmt::Display for Problems {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut problems = self.0.iter();
        if let Some(first) = problems.next() {
            write!(f, "{first}")?;
        }
        match problems.count() {
            0 => Ok(()),
            more => write!(f, " ({more} more; `maec plan` lists all)"),
        }
    }
}

/// An [`anyhow::Error`] that exits with the code for usage.
pub fn usage(message: impl Into<String>) -> Error {
    Usage(message.into()).into()
}

/// Says what went wrong, on one line, and returns the exit code.
pub fn report(error: &Error) -> ExitCode {
    if is_broken_pipe(error) {
        // Whoever read our output has seen enough.
        return ExitCode::SUCCESS;
    }
    say(&one_line(error));
    ExitCode::from(code(error))
}

/// What clap found: help and version to standard output, mistakes on one line.
pub fn of_arguments(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind;
    let is_help = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if is_help || !error.use_stderr() {
        // A reader that went away is no reason to fail.
        let _ = error.print();
        return if is_help { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
    }
    say(&of_clap(&error.render().to_string()));
    ExitCode::from(USAGE)
}

/// Clap's paragraphs on one line, and where to read on.
fn of_clap(text: &str) -> String {
    let paragraphs =
        text.split("\n\n").map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
    let (mut said, mut command) = (Vec::new(), "maec".to_owned());
    for paragraph in paragraphs.filter(|paragraph| !paragraph.is_empty()) {
        if let Some(usage) = paragraph.strip_prefix("Usage: ") {
            let is_name = |word: &&str| word.starts_with(|c: char| c.is_ascii_lowercase());
            command = usage.split(' ').take_while(is_name).collect::<Vec<_>>().join(" ");
        } else if !paragraph.starts_with("For more information") {
            said.push(paragraph.trim_start_matches("error: ").to_owned());
        }
    }
    format!("{}; see `{command} --help`", said.join("; "))
}

fn say(message: &str) {
    // Where standard error is closed there is no one to tell.
    let _ = writeln!(io::stderr(), "error: {message}");
}

/// The error and its causes, joined by `: `. A cause that the message before it already quotes is left out.
pub fn one_line(error: &Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let text: Vec<String> = cause.to_string().split_whitespace().map(str::to_owned).collect();
        let text = text.join(" ");
        if line.is_empty() {
            line = text;
        } else if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
    }
    line
}

fn code(error: &Error) -> u8 {
    if interrupt::requested() {
        INTERRUPTED
    } else if error.chain().any(is_usage) {
        USAGE
    } else {
        FAILURE
    }
}

fn is_usage(cause: &(dyn std::error::Error + 'static)) -> bool {
    let of_merge =
        |error: &MergeError| matches!(error, MergeError::Recipe(_) | MergeError::MatchesNothing { .. });
    cause.is::<Usage>()
        || cause.is::<Problems>()
        || cause.is::<RecipeError>()
        || cause.is::<ExperimentError>()
        || matches!(cause.downcast_ref::<LabError>(), Some(LabError::Settings(_) | LabError::Experiment(_)))
        || cause.is::<WorldError>()
        || cause.is::<DeviceError>()
        || cause.downcast_ref::<MergeError>().is_some_and(of_merge)
        || matches!(cause.downcast_ref::<TrainError>(), Some(TrainError::Config { .. }))
}

fn is_broken_pipe(error: &Error) -> bool {
    let causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.into_iter().any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn causes_are_joined_on_one_line_and_not_repeated() {
        let error = anyhow!("disk full").context("cannot write `a`: disk full").context("saving\nthe model");
        assert_eq!(one_line(&error), "saving the model: cannot write `a`: disk full");
    }

    #[test]
    fn mistakes_in_arguments_take_one_line_and_name_the_help() {
        use clap::Parser;
        let said = |line: &str| match crate::args::Cli::try_parse_from(line.split(' ')) {
            Ok(_) => String::new(),
            Err(error) => of_clap(&error.render().to_string()),
        };
        assert_eq!(
            said("maec verify pack --evaluat 3"),
            "unexpected argument '--evaluat' found; tip: a similar argument exists: '--evaluate'; see `maec verify --help`"
        );
        assert_eq!(
            said("maec verify"),
            "the following required arguments were not provided: <PACK>; see `maec verify --help`"
        );
    }

    #[test]
    fn recipes_and_settings_are_usage_wherever_they_stand() {
        let recipe = || RecipeError::K2OutOfRange { value: 1.4 };
        assert_eq!(code(&Error::from(recipe()).context("r.yaml")), USAGE);
        assert_eq!(code(&MergeError::from(recipe()).into()), USAGE);
        assert_eq!(code(&usage("give --model or --init")), USAGE);
        assert_eq!(code(&MergeError::NoTensors { model: "b".into() }.into()), FAILURE);
        assert_eq!(code(&anyhow!("disk full")), FAILURE);
    }
}
