//! The ways in which building or running a task can fail.

use crate::ModelError;

/// What went wrong, in one line that names the thing and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No task has this name.
    #[error("there is no task `{name}`; use mgsm, gsm8k, mmlu, text or jsonl")]
    UnknownTask {
        /// What was asked for.
        name: String,
    },
    /// A file that is not text in UTF-8.
    #[error("{file} is not UTF-8 text (byte {at}); save it as UTF-8")]
    NotUtf8 {
        /// Its name.
        file: String,
        /// Offset of the first bad byte.
        at: usize,
    },
    /// A NUL character: binary data under a text file's name.
    #[error("{file}: line {line} holds a NUL character; give a text file")]
    Nul {
        /// The file.
        file: String,
        /// Line number, from 1.
        line: usize,
    },
    /// The task can't tell the language that a file is in.
    #[error("{file} does not say its language; name it like mgsm_es.tsv, or give the language")]
    NoLanguage {
        /// The file.
        file: String,
    },
    /// A language that the task has no prompt for.
    #[error("{task} has no prompt in `{language}`; it has {known}")]
    Language {
        /// The task.
        task: &'static str,
        /// What was asked for.
        language: String,
        /// The codes it has.
        known: String,
    },
    /// A file name that the task does not know.
    #[error("{file}: {task} needs {expected}")]
    UnknownFile {
        /// The file.
        file: String,
        /// The task.
        task: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// No row to ask.
    #[error("{task} found no row to ask; it needs {expected}")]
    NoRows {
        /// The task.
        task: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// A row with too few or too many columns.
    #[error("{file}: line {line} has {found} columns, {expected} are needed; check its separators")]
    Columns {
        /// The file.
        file: String,
        /// Line number, from 1.
        line: usize,
        /// Columns found.
        found: usize,
        /// Columns needed.
        expected: usize,
    },
    /// A row too long to be a question.
    #[error(
        "{file}: line {line} has {bytes} bytes, at most {limit} are taken; is a quote or a line break missing?"
    )]
    RowTooLong {
        /// The file.
        file: String,
        /// Line number, from 1.
        line: usize,
        /// Its bytes.
        bytes: usize,
        /// The most that is taken.
        limit: usize,
    },
    /// CSV that can't be read.
    #[error("{file}: {source}; save it as comma-separated UTF-8")]
    Csv {
        /// The file.
        file: String,
        /// What the parser said.
        source: csv::Error,
    },
    /// JSON that can't be read.
    #[error("{file}: line {line}: {source}; each row must be one JSON object of the documented fields")]
    Json {
        /// The file.
        file: String,
        /// Line number, from 1.
        line: usize,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// A field that holds what it can't mean.
    #[error("{file}: line {line}: {field} {problem}")]
    Field {
        /// The file.
        file: String,
        /// Line number, from 1.
        line: usize,
        /// The field.
        field: &'static str,
        /// What is wrong and what to do.
        problem: String,
    },
    /// Fewer exemplars than shots.
    #[error(
        "{shots} shots need {shots} exemplars, there are {found} for `{group}`; add {expected}, or ask for fewer shots"
    )]
    Exemplars {
        /// The language or subject.
        group: String,
        /// Exemplars needed.
        shots: usize,
        /// Exemplars found.
        found: usize,
        /// The file that holds them.
        expected: &'static str,
    },
    /// Two rows with one id.
    #[error("two rows are called `{id}`; give each file or row once, under its own name")]
    Duplicate {
        /// The id.
        id: String,
    },
    /// The model failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The model returned another number of results than it was asked for.
    #[error("the model answered {answered} of {asked} requests of a batch; its code must be fixed")]
    Replies {
        /// Requests made.
        asked: usize,
        /// Results returned.
        answered: usize,
    },
    /// A likelihood that is no number.
    #[error(
        "the model's likelihood for `{id}` is not a finite number; its weights or its precision can't be used"
    )]
    NotFinite {
        /// The row.
        id: String,
    },
    /// The journal holds results made with other settings.
    #[error("{journal} was made with other settings ({difference}); use the same ones, or another journal")]
    Settings {
        /// The journal.
        journal: String,
        /// `shots: 8 then, 5 now; …`.
        difference: String,
    },
    /// The journal can't be read or written.
    #[error("{journal}: {source}; check the place and its free space")]
    Journal {
        /// The journal.
        journal: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line of the journal that is no sample.
    #[error("{journal}: line {line}: {source}; the file is damaged, start another one")]
    JournalLine {
        /// The journal.
        journal: String,
        /// Line number, from 1.
        line: usize,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// Another run writes the journal.
    #[error("{journal} is being written by another run; wait for it, or use another journal")]
    Busy {
        /// The journal.
        journal: String,
    },
    /// The caller broke off. What is done is in the journal.
    #[error("stopped after {done} of {total} rows; start again with the same journal to go on")]
    Cancelled {
        /// Rows with a result.
        done: usize,
        /// Rows of the run.
        total: usize,
    },
}
