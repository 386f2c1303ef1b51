//! The results of a run as numbers, a table and JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::stats::{Linear, Range};
use crate::{Estimate, Kind, Outcome, Sample, Settings};

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What the results depend on, hashes of the data among it.
    pub settings: Settings,
    /// One row for each language, subject or file, in the data's order.
    pub groups: Vec<Row>,
    /// The mean of the groups' values, each counting alike (macro average); where there are several groups. Its errors
    /// know which samples are of the same problem.
    pub mean: Option<Row>,
    /// All samples together (micro average); where there are several groups.
    pub all: Option<Row>,
    /// Every row with what the model said.
    pub samples: Vec<Sample>,
}

/// The results of some samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The group's name, `mean` or `all`.
    pub name: String,
    /// Samples.
    pub n: usize,
    /// Values by score. Accuracies are shares, 0–1.
    pub scores: BTreeMap<String, Estimate>,
    /// Tokens generated or read.
    pub tokens: usize,
    /// Bytes of the texts that were read.
    pub bytes: usize,
    /// Prompts that lost exemplars so that they fit.
    pub shortened: usize,
    /// Exemplars left out of them together.
    pub dropped: usize,
    /// Questions that did not fit even without exemplars; counted as wrong.
    pub too_long: usize,
    /// Answers cut off at the limit of tokens.
    pub cut_off: usize,
}

const PERPLEXITY: &str = "perplexity";
const BITS: &str = "bits_per_byte";

impl Report {
    pub(crate) fn new(kind: Kind, settings: Settings, samples: Vec<Sample>) -> Self {
        let mut names: Vec<&str> = Vec::new();
        let mut members: BTreeMap<&str, Vec<&Sample>> = BTreeMap::new();
        for sample in &samples {
            let group = members.entry(&sample.group).or_insert_with(|| {
                names.push(&sample.group);
                Vec::new()
            });
            group.push(sample);
        }
        let groups: Vec<Row> = names.iter().map(|name| Row::of(kind, name, &members[name])).collect();
        let several = groups.len() > 1;
        let everything: Vec<&Sample> = samples.iter().collect();
        let all = several.then(|| Row::of(kind, "all", &everything));
        let mean = all.as_ref().map(|all| {
            let scores = kind.scores().iter().filter_map(|&score| {
                let parts: Vec<Linear<'_>> =
                    names.iter().filter_map(|name| value(score, &members[name])).collect();
                let average = (!parts.is_empty()).then(|| Linear::average(&parts))?;
                Some((score.to_owned(), average.estimate(range(score))))
            });
            Row { name: "mean".into(), scores: scores.collect(), ..all.clone() }
        });
        Self { settings, groups, mean, all, samples }
    }

    /// The report as JSON with every sample.
    ///
    /// # Errors
    /// Never for a report that [`run`](crate::run()) made.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }

    /// The scores that some group has, in order.
    fn scores(&self) -> Vec<&'static str> {
        let known = self.settings.task.parse::<Kind>().map_or(&[][..], Kind::scores);
        known
            .iter()
            .copied()
            .filter(|score| self.groups.iter().any(|row| row.scores.contains_key(*score)))
            .collect()
    }

    /// The table's head: the group, n, and each score with its standard error and 95 % interval.
    pub fn head(&self) -> Vec<String> {
        let text = self.groups.iter().any(|row| row.bytes > 0);
        let counts: &[&str] = if text { &["n", "tokens", "bytes"] } else { &["n"] };
        let names = self.scores().into_iter().map(|score| score.replace('_', " "));
        [self.group_word()]
            .into_iter()
            .chain(counts.iter().copied())
            .map(str::to_owned)
            .chain(names)
            .collect()
    }

    /// The table's rows: groups, then `mean` and `all` where there are several. Accuracies are in per cent.
    pub fn rows(&self) -> Vec<Vec<String>> {
        let text = self.groups.iter().any(|row| row.bytes > 0);
        let scores = self.scores();
        let rows = self.groups.iter().chain(&self.mean).chain(&self.all);
        rows.map(|row| {
            let counts = if text { vec![row.n, row.tokens, row.bytes] } else { vec![row.n] };
            let values = scores
                .iter()
                .map(|score| row.scores.get(*score).map_or("–".into(), |value| cell(score, value)));
            let counts = counts.into_iter().map(|count| count.to_string());
            [row.name.clone()].into_iter().chain(counts).chain(values).collect()
        })
        .collect()
    }

    /// What a reader of the table must know besides: an unusual number of exemplars, shortened prompts, questions that did not fit, answers cut off.
    pub fn notes(&self) -> Vec<String> {
        let sum = |count: fn(&Row) -> usize| self.groups.iter().map(count).sum::<usize>();
        let (n, limit) = (sum(|row| row.n), self.settings.max_new_tokens);
        let mut notes = Vec::new();
        let usual = self.settings.task.parse::<Kind>().map_or(0, Kind::default_shots);
        if self.settings.shots != usual {
            notes.push(format!("{} exemplars before each question; {usual} are usual", self.settings.shots));
        }
        let (shortened, dropped) = (sum(|row| row.shortened), sum(|row| row.dropped));
        if shortened > 0 {
            notes.push(format!("{shortened} of {n} prompts went without {dropped} exemplars together, so that they fit the model"));
        }
        let too_long = sum(|row| row.too_long);
        if too_long > 0 {
            notes.push(format!("{too_long} of {n} questions do not fit the model and count as wrong"));
        }
        let cut_off = sum(|row| row.cut_off);
        if cut_off > 0 {
            notes.push(format!("{cut_off} of {n} answers were cut off after at most {limit} tokens"));
        }
        notes
    }

    fn group_word(&self) -> &'static str {
        match self.settings.task.parse() {
            Ok(Kind::Mmlu) => "subject",
            _ => "language",
        }
    }
}

impl Row {
    fn of(kind: Kind, name: &str, samples: &[&Sample]) -> Self {
        let scores = kind.scores().iter();
        let scores = scores
            .filter_map(|&score| Some((score.to_owned(), value(score, samples)?.estimate(range(score)))));
        let mut row = Self {
            name: name.into(),
            n: samples.len(),
            scores: scores.collect(),
            tokens: 0,
            bytes: 0,
            shortened: samples.iter().filter(|sample| sample.dropped > 0).count(),
            dropped: samples.iter().map(|sample| sample.dropped).sum(),
            too_long: 0,
            cut_off: 0,
        };
        for sample in samples {
            match &sample.outcome {
                Outcome::Generated { tokens, stopped, .. } => {
                    row.tokens += tokens;
                    row.cut_off += usize::from(!stopped);
                }
                Outcome::Read { tokens, bytes, .. } => {
                    row.tokens += tokens;
                    row.bytes += bytes;
                }
                Outcome::TooLong { .. } => row.too_long += 1,
                Outcome::Chosen { .. } => {}
            }
        }
        row
    }
}

fn range(score: &str) -> Range {
    if matches!(score, PERPLEXITY | BITS) { Range::Positive } else { Range::Share }
}

/// The value of a score in `samples`; `None` where none of them has it.
fn value<'a>(score: &str, samples: &[&'a Sample]) -> Option<Linear<'a>> {
    let read: Vec<(&str, f64, usize, usize)> = samples
        .iter()
        .filter_map(|sample| match sample.outcome {
            Outcome::Read { nll, tokens, bytes } => Some((sample.problem.as_str(), nll, tokens, bytes)),
            _ => None,
        })
        .collect();
    match score {
        PERPLEXITY if read.iter().any(|(_, _, tokens, _)| *tokens > 0) => {
            let terms: Vec<_> =
                read.iter().map(|&(problem, nll, tokens, _)| (problem, nll, tokens as f64)).collect();
            Some(Linear::ratio(&terms).exp())
        }
        BITS if !read.is_empty() => {
            let bits = |nll: f64| nll / std::f64::consts::LN_2;
            let terms: Vec<_> =
                read.iter().map(|&(problem, nll, _, bytes)| (problem, bits(nll), bytes as f64)).collect();
            Some(Linear::ratio(&terms))
        }
        _ => {
            let found = samples.iter();
            let found: Vec<_> = found
                .filter_map(|sample| Some((sample.problem.as_str(), *sample.scores.get(score)?)))
                .collect();
            (!found.is_empty()).then(|| Linear::mean(&found))
        }
    }
}

/// `62.4 % ± 3.1 [56.2, 68.2]`
fn cell(score: &str, value: &Estimate) -> String {
    let (factor, digits, unit) = match score {
        PERPLEXITY => (1.0, 2, ""),
        BITS => (1.0, 4, ""),
        _ => (100.0, 1, " %"),
    };
    let number = |value: f64| format!("{:.digits$}", factor * value);
    let error = value.standard_error.map_or(String::new(), |error| format!(" ± {}", number(error)));
    let interval = value.low.zip(value.high);
    let interval =
        interval.map_or(String::new(), |(low, high)| format!(" [{}, {}]", number(low), number(high)));
    format!("{}{unit}{error}{interval}", number(value.value))
}
