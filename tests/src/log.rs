//! The browser's console as a witness: a scenario fails on what was logged, even where the page looks right.

use std::fmt;

use serde_json::Value;

/// A shader that fails validation computes nothing and is only logged, as a warning.
const SHADER_FAULTS: [&str; 5] = [
    "WGSL",
    "ShaderModule",
    "parsing or validating",
    "is invalid due to a previous error",
    "GPUValidationError",
];

/// One line of the console: the page's, a worker's or the browser's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// `SEVERE`, `WARNING`, `INFO` or `DEBUG`.
    pub level: String,
    /// The line, with its source before it.
    pub message: String,
}

impl Entry {
    /// The entries of chromedriver's answer to a request for its log.
    pub fn all_of(answer: &Value) -> Vec<Self> {
        let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        let entries = answer.as_array().map(Vec::as_slice).unwrap_or_default();
        entries
            .iter()
            .map(|entry| Self { level: text(entry, "level"), message: text(entry, "message") })
            .collect()
    }

    /// Whether a scenario with this entry has failed: an error, or a shader's fault at any level.
    pub fn is_fault(&self) -> bool {
        self.level == "SEVERE" || SHADER_FAULTS.iter().any(|words| self.message.contains(words))
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.level, self.message)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn errors_and_shader_faults_are_faults() {
        let answer = json!([
            { "level": "SEVERE", "message": "http://x/ 1:2 Uncaught Error", "source": "javascript" },
            { "level": "WARNING", "message": "Error while parsing WGSL: :1:1 error: unexpected token" },
            { "level": "WARNING", "message": "[Invalid ShaderModule (unlabeled)] is invalid." },
            { "level": "WARNING", "message": "The page is slow today" },
            { "level": "INFO", "message": "hello" },
        ]);
        let faults: Vec<bool> = Entry::all_of(&answer).iter().map(Entry::is_fault).collect();
        assert_eq!(faults, [true, true, true, false, false]);
    }
}
