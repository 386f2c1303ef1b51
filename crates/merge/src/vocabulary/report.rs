//! Where the tokens that not all models share come from.

use std::sync::Arc;

use serde::Serialize;

use super::Token;
use super::error::shown;
use super::rows::{Row, RowSource};
use super::unite::Union;

/// A token that some model lacks, or that a rule changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenOrigin {
    /// The token, as it stands in the tokenizer's file.
    pub token: String,
    /// Its id in the union.
    pub id: u32,
    /// The models that have it, by place.
    pub models: Vec<usize>,
    /// `[models]`: what each model's row is taken from.
    pub rows: Vec<RowSource>,
}

/// The origin of the token whose rows were pushed last; `None` where every model keeps its own row.
pub(super) fn origin(
    id: u32,
    token: &str,
    own: &[Option<u32>],
    rows: &[Vec<RowSource>],
) -> Option<TokenOrigin> {
    let last = || rows.iter().filter_map(|rows| rows.last());
    let kept = own.iter().zip(last()).all(|(own, row)| own.is_some_and(|id| *row == RowSource::Own(id)));
    (!kept).then(|| TokenOrigin {
        token: token.to_owned(),
        id,
        models: (0..own.len()).filter(|&model| own[model].is_some()).collect(),
        rows: last().cloned().collect(),
    })
}

impl Union {
    /// Whether all models had one vocabulary, so that no embedding changes.
    pub fn is_same(&self) -> bool {
        self.rows.is_empty()
    }

    /// Tokens that the output has and the model whose tokenizer it extends had not.
    pub fn added(&self) -> impl Iterator<Item = &TokenOrigin> {
        self.report.iter().filter(|origin| origin.id as usize >= self.kept)
    }

    /// Bytes that it holds, and with it every model's vocabulary while it is made; allocations are counted as their contents.
    pub fn memory_bytes(&self) -> u64 {
        let text = |text: &str| text.len() + 2 * size_of::<usize>();
        // A token stands in a list and in a table, which is at most seven eighths full and at least half of that.
        let entry = size_of::<Option<Token>>() + 3 * size_of::<(Arc<str>, u32)>();
        let tokens: usize = self.vocabulary.iter().map(|(_, token)| entry + text(&token.text)).sum();
        let row = |row: &RowSource| {
            let averaged = match row {
                RowSource::Average(rows) => rows.len() * size_of::<Row>(),
                _ => 0,
            };
            size_of::<RowSource>() + averaged
        };
        let rows: usize = self.rows.iter().flatten().map(row).sum();
        let origin = |origin: &TokenOrigin| {
            let own: usize = origin.rows.iter().map(row).sum();
            size_of::<TokenOrigin>() + text(&origin.token) + origin.models.len() * size_of::<usize>() + own
        };
        let report: usize = self.report.iter().map(origin).sum();
        (1 + self.models.len()) as u64 * tokens as u64 + (rows + report) as u64
    }

    /// One line: `same vocabulary: 49152 tokens`, or how many tokens there are and come from where.
    pub fn summary(&self) -> String {
        let tokens = self.vocabulary.len();
        if self.is_same() {
            return format!("same vocabulary: {tokens} tokens");
        }
        let first = &self.models[self.foundation];
        let mut line = format!("vocabulary of `{first}`: {tokens} tokens");
        match self.added().count() {
            0 => (),
            added => line += &format!(", {added} of them added"),
        }
        line += &format!(", {} embedding rows", self.vocabulary.rows());
        for (model, dropped) in self.models.iter().zip(&self.dropped).filter(|(_, some)| some.count > 0) {
            line += &format!("; of `{model}` left out: {dropped}");
        }
        line
    }

    /// One line: ``token `<x>` (id 7) is in `b` and `c`; `a`: average of `b` and `c`; `b`: its own row 3; …``.
    pub fn describe(&self, origin: &TokenOrigin) -> String {
        let name = |model: usize| format!("`{}`", self.models.get(model).map_or("?", String::as_str));
        let had = and(origin.models.iter().map(|&model| name(model)));
        let had = if had.is_empty() { "no model".to_owned() } else { had };
        let rows = origin.rows.iter().enumerate().map(|(model, row)| {
            let source = match row {
                RowSource::Own(id) => format!("its own row {id}"),
                RowSource::From(Row { model, id }) => format!("row {id} of {}", name(*model)),
                RowSource::Average(rows) => {
                    format!("average of {}", and(rows.iter().map(|row| name(row.model))))
                }
                RowSource::Zero => "zeros".to_owned(),
            };
            format!("; {}: {source}", name(model))
        });
        let rows: String = rows.collect();
        format!("token {} (id {}) is in {had}{rows}", shown(&origin.token), origin.id)
    }
}

/// `a`, `a and b`, `a, b and c`.
fn and(names: impl Iterator<Item = String>) -> String {
    let mut names: Vec<String> = names.collect();
    match names.pop() {
        Some(last) if !names.is_empty() => format!("{} and {last}", names.join(", ")),
        Some(last) => last,
        None => String::new(),
    }
}
