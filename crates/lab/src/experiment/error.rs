//! The ways in which an experiment's file can be bad.

use std::path::PathBuf;

use maec_recipe::RecipeError;
use maec_train::TrainError;
use thiserror::Error;

/// Why an experiment can't be held as its file says.
#[derive(Debug, Error)]
pub enum ExperimentError {
    /// The text is not YAML, or a value has the wrong type.
    #[error("the experiment cannot be read{}: {message}", at(*.line))]
    Malformed {
        /// The line, counted from 1.
        line: Option<u64>,
        /// What the parser says.
        message: String,
    },
    /// A key that experiments do not have.
    #[error("unknown key `{key}`{}: {}", at(*.line), instead(*.suggestion, .known))]
    UnknownKey {
        /// The key as written.
        key: String,
        /// The line, counted from 1.
        line: Option<u64>,
        /// The nearest key that exists there.
        suggestion: Option<&'static str>,
        /// All keys that exist there.
        known: Vec<&'static str>,
    },
    /// A key without which the experiment says too little.
    #[error("the experiment has no `{key}`: add it, for example `{key}: {example}`")]
    MissingKey {
        /// The key.
        key: &'static str,
        /// A value it could have.
        example: &'static str,
    },
    /// Another version of the schema.
    #[error("the experiment's version is {version}: this program reads version 1")]
    Version {
        /// The version it states.
        version: u32,
    },
    /// A value that nothing can be done with.
    #[error("{key} is {value}: {expected}")]
    Value {
        /// The key.
        key: String,
        /// Its value.
        value: String,
        /// What would do.
        expected: &'static str,
    },
    /// A name twice.
    #[error("{what} `{name}` is given twice: leave one out or rename it")]
    Twice {
        /// `the language` or `the ability`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A language without general text.
    #[error(
        "`{language}` has no general corpus: add `general: {{{language}: FOLDER}}` with what `maec corpus prepare` wrote"
    )]
    NoGeneral {
        /// Its code.
        language: String,
    },
    /// An ability that the experiment does not have.
    #[error("the experiment has no ability `{name}`: give {}", .known.join(" or "))]
    NoAbility {
        /// The name asked for.
        name: String,
        /// Those it has.
        known: Vec<String>,
    },
    /// Tables are asked for, and nothing says what to ask.
    #[error(
        "the experiment has no `evaluation`: add one, for example `evaluation: {{abilities: {{{ability}: [{{task: jsonl, files: [questions.jsonl]}}]}}}}`"
    )]
    NoEvaluation {
        /// One of its abilities.
        ability: String,
    },
    /// An evaluation that leaves an ability out.
    #[error(
        "`evaluation` has no benchmark of `{ability}`: add one below `abilities`, for example `{ability}: [{{task: jsonl, files: [questions.jsonl]}}]`"
    )]
    NoBenchmark {
        /// The ability.
        ability: String,
    },
    /// Hyper-parameters are to be chosen, and nothing says on which questions.
    #[error(
        "`evaluation` has no validation questions of `{ability}`: add some that the tables do not ask, for example `validation: {{{ability}: [{{task: jsonl, files: [validation.jsonl]}}]}}`"
    )]
    NoValidation {
        /// The ability.
        ability: String,
    },
    /// A question to choose by that is reported too.
    #[error(
        "{task}: `{id}` of `validation` is asked for the tables too, and what is chosen on it would flatter them: leave it out of one of the two"
    )]
    SharedQuestion {
        /// The benchmark.
        task: String,
        /// The question among the validation's.
        id: String,
    },
    /// Benchmarks that ask nothing where an ability is to arrive.
    #[error("the benchmarks of `{ability}` ask nothing outside `{reference}`: add one in a target language")]
    NotAsked {
        /// The ability.
        ability: String,
        /// L0's code.
        reference: String,
    },
    /// A question in a language that the experiment does not have.
    #[error(
        "{task}: `{id}` is in `{language}`, which the experiment does not have: leave it out, or give its `language`"
    )]
    ForeignQuestion {
        /// The benchmark.
        task: String,
        /// The question.
        id: String,
        /// Its language, or what stands in its place.
        language: String,
    },
    /// A question whose answer has no score of the name that counts.
    #[error("{task}: `{id}` has no score `{score}`: leave `score` out, or ask questions that have it")]
    NoScore {
        /// The benchmark.
        task: String,
        /// The question.
        id: String,
        /// The score.
        score: String,
    },
    /// A general corpus that holds out too little for perplexity.
    #[error(
        "`{path}` holds out {tokens} tokens, which fill no window of {window}: prepare it with a larger --held-out",
        path = path.display()
    )]
    NoHeldOut {
        /// The corpus.
        path: PathBuf,
        /// Its held-out tokens.
        tokens: u64,
        /// Tokens of a window.
        window: usize,
    },
    /// A setting of the trainings.
    #[error("training: {0}")]
    Training(#[source] TrainError),
    /// A scalar of the equations or a weight.
    #[error("parameters: {0}")]
    Parameters(#[source] RecipeError),
    /// The base has no tokenizer to compare corpora with.
    #[error("`{base}` has no tokenizer.json: add the one that its corpora were prepared with")]
    NoTokenizer {
        /// The base.
        base: String,
    },
    /// A corpus of another tokenizer.
    #[error("`{path}` was prepared with another tokenizer than the base's: prepare it with `--tokenizer` of the base", path = path.display())]
    OtherTokenizer {
        /// The corpus.
        path: PathBuf,
    },
    /// A corpus with more ids than the base has.
    #[error("`{path}` has a vocabulary of {corpus}, the base's is {base}: prepare it with the base's own tokenizer", path = path.display())]
    Vocabulary {
        /// The corpus.
        path: PathBuf,
        /// Its ids.
        corpus: u32,
        /// Rows of the base's embedding.
        base: usize,
    },
    /// The base holds a tensor that its decoder does not know, so that no delta of it could be whole.
    #[error(
        "`{base}` holds `{tensor}`, which its config.json does not ask for: remove it, or use the model that belongs to the config"
    )]
    ExtraTensor {
        /// The base.
        base: String,
        /// The tensor.
        tensor: String,
    },
    /// bf16 was asked for on a device that lacks it.
    #[error(
        "bf16: this device does not compute in bfloat16; set `training: {{bf16: false}}`, or take another with --device"
    )]
    NoBf16,
    /// bf16 was asked for where it would round.
    #[error("bf16 would round `{tensor}`, which is {dtype}: set `training: {{bf16: false}}`")]
    Rounds {
        /// A matrix.
        tensor: String,
        /// What it is stored in.
        dtype: String,
    },
}

fn at(line: Option<u64>) -> String {
    line.map_or_else(String::new, |line| format!(" (line {line})"))
}

fn instead(suggestion: Option<&str>, known: &[&str]) -> String {
    match suggestion {
        Some(word) => format!("did you mean `{word}`?"),
        None => {
            format!("give {}", known.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or "))
        }
    }
}
