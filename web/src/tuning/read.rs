//! Reads the outcome of a search. The file is anybody's: sizes are capped, and every number that is drawn or put into the
//! recipe is checked.

use std::fmt;

use maec_recipe::Recipe;
use serde::Deserialize;

use super::{Axis, Choice, Plan, ProblemSet, Scores, Trial, Tuning, VERSION};
use crate::engine::parse;
use crate::format::bytes;

/// A larger file is not read.
pub const MOST_BYTES: usize = 4 << 20;
/// More trials are not drawn.
const MOST_TRIALS: usize = 5_000;

/// Why a file can't be drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadError {
    /// It has more bytes than [`MOST_BYTES`].
    TooLarge,
    /// It is no JSON, or not that of a search.
    NoTuning,
    /// It is of a version that this page does not know.
    Version(u32),
    /// It has no trials, or too many.
    Trials(usize),
    /// It was tuned on test problems.
    TestProblems,
    /// A hyper-parameter's values are none.
    Values(Axis),
    /// The limit on perplexity is no number above 0.
    Limit,
    /// A trial is out of its place, or a number of it is none or out of range.
    Trial(usize),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => {
                let most = bytes(MOST_BYTES as u64);
                write!(f, "The file has more than {most}. Open the JSON of a search with fewer trials.")
            }
            Self::NoTuning => {
                f.write_str("This is no outcome of a search. Open the JSON that maec tune or this page wrote.")
            }
            Self::Version(version) => write!(
                f,
                "The file’s version is {version}, and this page reads {VERSION}. Make it again with a maec of this version."
            ),
            Self::Trials(trials) => write!(
                f,
                "The search has {trials} trials, and this page draws 1 to {MOST_TRIALS}. Open another search."
            ),
            Self::TestProblems => f.write_str(
                "The search was on test problems, which would flatter its results. Make it on validation problems.",
            ),
            Self::Values(axis) => {
                write!(f, "The values of {} are none. Make the file again with maec tune.", axis.symbol())
            }
            Self::Limit => {
                f.write_str("The limit on perplexity is no number above 0. Make the file again with maec tune.")
            }
            Self::Trial(number) => {
                write!(f, "Trial {number} is damaged. Make the file again with maec tune.")
            }
        }
    }
}

/// What is read of the file; the rest follows from it.
#[derive(Deserialize)]
struct Read {
    version: u32,
    plan: Plan,
    base: Vec<Scores>,
    trials: Vec<Trial>,
}

/// What is read of one that can't be read whole.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

/// Reads the JSON that `maec tune` or a search in the tab wrote.
///
/// # Errors
/// [`ReadError`] says what is wrong and what to do.
pub fn read(json: &str) -> Result<Tuning, ReadError> {
    if json.len() > MOST_BYTES {
        return Err(ReadError::TooLarge);
    }
    let Some(Read { version, plan, base, trials }) = parse::<Read>(json) else {
        let version = parse::<Version>(json).map(|read| read.version);
        return Err(version.filter(|v| *v != VERSION).map_or(ReadError::NoTuning, ReadError::Version));
    };
    if version != VERSION {
        return Err(ReadError::Version(version));
    }
    if trials.len() > MOST_TRIALS {
        return Err(ReadError::Trials(trials.len()));
    }
    if plan.exam.set != ProblemSet::Validation {
        return Err(ReadError::TestProblems);
    }
    if let Some((axis, _)) = plan.space.named().into_iter().find(|(_, values)| !values.is_sane()) {
        return Err(ReadError::Values(axis));
    }
    let limit = plan.objective.perplexity_limit;
    if !(limit.is_finite() && limit > 0.0) {
        return Err(ReadError::Limit);
    }
    for (place, trial) in trials.iter().enumerate() {
        let ratio = trial.perplexity_ratio;
        let scored = (0.0..=1.0).contains(&trial.accuracy) && ratio.is_finite() && ratio > 0.0;
        if trial.number != place || !scored || !is_sane(&trial.choice) {
            return Err(ReadError::Trial(place));
        }
    }
    Tuning::new(plan, base, trials).ok_or(ReadError::Trials(0))
}

/// Whether a recipe can hold the numbers.
fn is_sane(choice: &Choice) -> bool {
    let small = |axis: &Axis| axis.of(choice).abs() <= Recipe::MAX_MAGNITUDE;
    Axis::ALL.iter().all(small) && (0.0..=1.0).contains(&choice.parameters.k2)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::{companion, companions_json};
    use super::*;

    /// The companion's file with something else at a JSON pointer.
    fn changed(pointer: &str, value: Value) -> Result<Tuning, ReadError> {
        let mut json: Value = serde_json::from_str(companions_json()).unwrap();
        *json.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = value;
        read(&json.to_string())
    }

    #[test]
    fn hostile_files_are_refused_in_one_line_that_says_what_to_do() {
        let many: Vec<Value> = vec![json!({}); 3];
        let cases = [
            (changed("/version", json!(2)), ReadError::Version(2)),
            (changed("/version", json!(-1)), ReadError::NoTuning),
            (changed("/plan", json!(null)), ReadError::NoTuning),
            (changed("/plan/method", json!("no-such")), ReadError::NoTuning),
            (changed("/plan/exam/set", json!("test")), ReadError::TestProblems),
            (changed("/plan/objective/perplexity_limit", json!(null)), ReadError::Limit),
            (changed("/plan/objective/perplexity_limit", json!(-1.1)), ReadError::Limit),
            (
                changed("/plan/space/gamma", json!({"range": {"low": 2, "high": 1}})),
                ReadError::Values(Axis::Gamma),
            ),
            (changed("/plan/space/gamma", json!({"list": []})), ReadError::Values(Axis::Gamma)),
            (changed("/plan/space/gamma", json!({"list": [2, 1]})), ReadError::Values(Axis::Gamma)),
            (changed("/plan/space/gamma", json!({"list": [null]})), ReadError::Values(Axis::Gamma)),
            (changed("/plan/space/gamma", json!("all")), ReadError::NoTuning),
            (changed("/trials", json!([])), ReadError::Trials(0)),
            (changed("/trials", json!(many)), ReadError::NoTuning),
            (changed("/trials/1/number", json!(7)), ReadError::Trial(1)),
            (changed("/trials/1/accuracy", json!(1.5)), ReadError::Trial(1)),
            (changed("/trials/1/accuracy", json!(null)), ReadError::Trial(1)),
            (changed("/trials/1/perplexity_ratio", json!(0)), ReadError::Trial(1)),
            (changed("/trials/1/choice/mu", json!(1e300)), ReadError::Trial(1)),
            (changed("/trials/1/choice/parameters/k2", json!(1.01)), ReadError::Trial(1)),
            (changed("/trials/1/choice/parameters/alpha", json!("1")), ReadError::NoTuning),
            (changed("/trials/1/choice/parameters/alpha", json!(null)), ReadError::Trial(1)),
            (read(""), ReadError::NoTuning),
            (read("null"), ReadError::NoTuning),
            (read(r#"{"version": 1}"#), ReadError::NoTuning),
            (read(r#"{"version": 9, "plan": 1}"#), ReadError::Version(9)),
            (read(&companions_json()[..companions_json().len() / 2]), ReadError::NoTuning),
            (read(&"[".repeat(100_000)), ReadError::NoTuning),
            (read(r#"{"version": 1e999}"#), ReadError::NoTuning),
            (read(&" ".repeat(MOST_BYTES + 1)), ReadError::TooLarge),
        ];
        for (found, expected) in cases {
            assert_eq!(found.map(|_| ()), Err(expected.clone()));
            let line = expected.to_string();
            assert!(line.ends_with('.') && !line.contains('\n'), "{line}");
            assert!(line.contains("Make ") || line.contains("Open "), "{line} says what to do");
        }
    }

    #[test]
    fn too_many_trials_are_refused_and_so_many_are_not() {
        let mut json: Value = serde_json::from_str(companions_json()).unwrap();
        let first = json["trials"][0].clone();
        let trial = |number: usize| {
            let mut trial = first.clone();
            trial["number"] = json!(number);
            trial["seeds"] = json!([]);
            trial
        };
        json["trials"] = (0..MOST_TRIALS).map(trial).collect();
        assert_eq!(read(&json.to_string()).map(|tuning| tuning.trials.len()), Ok(MOST_TRIALS));
        json["trials"].as_array_mut().unwrap().push(trial(MOST_TRIALS));
        assert_eq!(read(&json.to_string()), Err(ReadError::Trials(MOST_TRIALS + 1)));
    }

    #[test]
    fn no_cut_and_no_damaged_byte_panics() {
        let json = companions_json();
        for end in (0..json.len()).step_by(41).filter(|end| json.is_char_boundary(*end)) {
            assert!(read(&json[..end]).is_err());
        }
        for at in (0..json.len()).step_by(37) {
            let mut bytes = json.as_bytes().to_vec();
            bytes[at] = b'9';
            // Whatever it says: a number may still be one.
            let _ = read(&String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn what_was_saved_is_read_again() {
        let tuning = companion();
        let saved = serde_json::to_string(&tuning).unwrap();
        assert_eq!(read(&saved), Ok(tuning));
    }
}
