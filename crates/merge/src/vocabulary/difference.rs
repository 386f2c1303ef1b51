//! How two vocabularies differ, for messages.

use std::fmt;

use serde::Serialize;

use super::Vocabulary;
use super::error::shown;

/// A number of tokens and the first five of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Examples {
    /// How many there are.
    pub count: usize,
    /// The first, in the order of ids.
    pub first: Vec<String>,
}

/// ``3 (`<a>`, `b`, `c`)``.
impl fmt::Display for Examples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.count)?;
        if self.first.is_empty() {
            return Ok(());
        }
        let examples: Vec<String> = self.first.iter().map(|token| shown(token)).collect();
        let more = if self.count > self.first.len() { ", …" } else { "" };
        write!(f, " ({}{more})", examples.join(", "))
    }
}

/// Counts tokens and keeps the first five.
pub(super) fn few<'t>(tokens: impl Iterator<Item = &'t str>) -> Examples {
    let mut found = Examples::default();
    for token in tokens {
        found.count += 1;
        if found.first.len() < 5 {
            found.first.push(token.to_owned());
        }
    }
    found
}

/// How vocabulary `b` differs from vocabulary `a`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct VocabularyDifference {
    /// Tokens of `a` that `b` lacks.
    pub missing: Examples,
    /// Tokens of `b` that `a` lacks.
    pub extra: Examples,
    /// Tokens of both with another id in `b`.
    pub moved: Examples,
    /// Embedding rows of `a` and of `b`, padding too.
    pub rows: (usize, usize),
}

impl VocabularyDifference {
    /// Whether the tokens and their ids are the same; the padding may differ.
    pub fn same_tokens(&self) -> bool {
        self.missing.count + self.extra.count + self.moved.count == 0
    }

    /// Whether nothing differs, so that embeddings can be merged as they are.
    pub fn is_empty(&self) -> bool {
        self.same_tokens() && self.rows.0 == self.rows.1
    }
}

/// ``1 token missing (`<s>`), 2 extra (`<t>`, `<u>`), 1 with another id (`a`)``; `the same tokens` where none differs.
impl fmt::Display for VocabularyDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [("missing", &self.missing), ("extra", &self.extra), ("with another id", &self.moved)];
        let parts = parts.iter().filter(|(_, some)| some.count > 0);
        let mut parts: Vec<String> = parts.map(|(what, some)| format!("tokens {what}: {some}")).collect();
        if parts.is_empty() {
            parts.push("the same tokens".to_owned());
        }
        if self.rows.0 != self.rows.1 {
            parts.push(format!("{} embedding rows against {}", self.rows.1, self.rows.0));
        }
        f.write_str(&parts.join("; "))
    }
}

/// What `b` lacks, has beside, and has elsewhere than `a`.
pub fn differences(a: &Vocabulary, b: &Vocabulary) -> VocabularyDifference {
    let lacking = |of: &'_ Vocabulary, other: &Vocabulary| {
        few(of.iter().filter(|(_, token)| other.id(&token.text).is_none()).map(|(_, token)| &*token.text))
    };
    let moved = a.iter().filter(|(id, token)| b.id(&token.text).is_some_and(|other| other != *id));
    VocabularyDifference {
        missing: lacking(a, b),
        extra: lacking(b, a),
        moved: few(moved.map(|(_, token)| &*token.text)),
        rows: (a.rows(), b.rows()),
    }
}
