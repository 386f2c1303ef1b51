//! Models whose tokenizers differ: one vocabulary for all of them, and their embeddings laid out for it.
//!
//! [`unite`] chooses the output's tokens and, for every model, where each row of its embeddings comes from;
//! [`UnitedWeights`] shows a model with those rows, so that every method merges matrices of one shape. The rules are
//! mergekit's (0.1.5, found by running it), and the output tokenizer is one that transformers loads:
//!
//! - **Ids.** The output starts with the tokens of one model, with their ids: the base's (or the first model's) for
//!   [`Source::Union`] and [`Source::Base`], the one named for [`Source::Model`]. A union goes on with the tokens that
//!   this model lacks: first the plain ones, model by model in the order of their ids, then those that some model has
//!   among its `added_tokens`, then tokens that only a [`TokenRule`] names. Tokens without a row in any embedding and
//!   the empty token are left out.
//! - **Rows.** A model keeps the row of every token that it has. A token that it lacks takes the base's row; else that
//!   of the only model that has the token; else the average of those that do; else zero. A rule says otherwise for
//!   one token, with `force` in every model.
//! - **Padding.** An embedding may have more rows than the tokenizer has tokens. A union drops them;
//!   `pad_to_multiple_of` adds rows, each the mean of the model's other rows in the union.
//! - **Same vocabulary.** Where all models agree in tokens, ids and rows, nothing is touched or copied, and padding
//!   stays (mergekit drops it).
//! - **The tokenizer** is the text of the model that gave the ids, with new tokens at the end of `added_tokens`. BPE
//!   merges, Unigram scores and everything else stay as they are: a new token is found where its text stands as such,
//!   before the tokenizer's own model cuts what remains. A byte-level piece (`Ġword`) is therefore hardly ever found,
//!   and its embedding is only there for text that was cut elsewhere.

mod difference;
mod embeddings;
mod error;
mod json;
mod read;
mod report;
mod rows;
mod unite;
mod weights;

pub use difference::{Examples, VocabularyDifference, differences};
pub use error::VocabularyError;
pub use read::{Added, MAX_BYTES, MAX_TOKENS, Token, Vocabulary};
pub use report::TokenOrigin;
pub use rows::{Row, RowSource};
pub use unite::{Embedding, Named, Source, Spec, TokenRef, TokenRule, Union, unite};
pub use weights::{Precision, UnitedWeights};
