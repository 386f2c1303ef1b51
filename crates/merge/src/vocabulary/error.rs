//! The ways in which vocabularies cannot be read or united.

/// What is wrong, in one line that names the thing and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum VocabularyError {
    /// A `tokenizer.json` of more than [`MAX_BYTES`](super::MAX_BYTES).
    #[error("tokenizer.json has {bytes} bytes; at most {limit} are read")]
    TooLarge {
        /// Its size in bytes.
        bytes: usize,
        /// The most that is read.
        limit: usize,
    },
    /// Text that is no `tokenizer.json`.
    #[error("not a tokenizer.json: {0}; copy or download it again")]
    Json(#[from] serde_json::Error),
    /// More tokens, a higher id or more rows than [`MAX_TOKENS`](super::MAX_TOKENS).
    #[error(
        "more than {limit} tokens (or an id above it); no known vocabulary is as large, so check the file"
    )]
    TooManyTokens {
        /// The most tokens there can be.
        limit: usize,
    },
    /// A vocabulary without a token.
    #[error("tokenizer.json has no tokens; copy or download it again")]
    NoTokens,
    /// Two tokens with one id.
    #[error("tokenizer.json: the id {id} stands for both {first} and {second}; correct the file")]
    DuplicateId {
        /// The id.
        id: u32,
        /// The token that had it first, shown.
        first: String,
        /// The other, shown.
        second: String,
    },
    /// One token twice.
    #[error("tokenizer.json: the token {token} occurs twice; correct the file")]
    DuplicateToken {
        /// The token, shown.
        token: String,
    },
    /// Nothing to unite.
    #[error("no models were given whose vocabularies could be united; name at least one")]
    NoModels,
    /// The base's vocabulary is asked for, and there is no base.
    #[error("tokenizer source `base` needs a base model; set base_model, or use `union` or a model's name")]
    NoBase,
    /// A model that is not among those given.
    #[error("model {index} is named where {models} models take part (counted from 0); name one of them")]
    NoSuchModel {
        /// The index named.
        index: usize,
        /// How many there are.
        models: usize,
    },
    /// Two rules for one token.
    #[error("the token {token} has two rules; keep one")]
    RuleTwice {
        /// The token, shown.
        token: String,
    },
    /// A rule that takes an embedding from a model that has no such token.
    #[error(
        "the rule for {token}: `{model}` has no token {wanted}; name a token or model that has an embedding"
    )]
    UnknownToken {
        /// The rule's token, shown.
        token: String,
        /// The model.
        model: String,
        /// The token it should have, shown.
        wanted: String,
    },
    /// A rule that takes a row that the model's embedding does not have.
    #[error("the rule for {token}: `{model}` has {rows} embedding rows, none with id {id}; use a smaller id")]
    UnknownId {
        /// The rule's token, shown.
        token: String,
        /// The model.
        model: String,
        /// The id asked for.
        id: u32,
        /// Rows of the model's embedding.
        rows: usize,
    },
    /// A padding that is zero or larger than any vocabulary.
    #[error("pad_to_multiple_of: {value} is not between 1 and {limit}; 64 is usual")]
    BadPadding {
        /// The value.
        value: usize,
        /// The largest that is taken.
        limit: usize,
    },
    /// Tokens would have to be added after a gap in the ids, which the libraries that load tokenizers close.
    #[error(
        "`{model}` has no token with id {id} below its last, so that tokens added to its tokenizer would change their ids on loading; use source `base`, or another base"
    )]
    Gap {
        /// The model whose tokenizer was to be extended.
        model: String,
        /// The first id without a token.
        id: u32,
    },
    /// A tokenizer to extend that is not the one the union was made for.
    #[error("the tokenizer.json given is not that of `{model}`, whose tokens the union keeps; give that one")]
    OtherTokenizer {
        /// The model whose tokenizer is wanted.
        model: String,
    },
    /// Other models than those that were united.
    #[error(
        "{found} models were given for a union of {expected}; give one for each vocabulary, in the same order"
    )]
    ModelCount {
        /// Vocabularies united.
        expected: usize,
        /// Models given.
        found: usize,
    },
    /// An embedding with fewer rows than its vocabulary was said to have.
    #[error(
        "`{model}`: `{tensor}` has {found} rows where its vocabulary needs {expected}; is this its tokenizer?"
    )]
    TooFewRows {
        /// The model.
        model: String,
        /// The tensor.
        tensor: String,
        /// Rows that the vocabulary's ids need.
        expected: usize,
        /// Rows there are.
        found: usize,
    },
    /// A model that should give rows and has no such embedding.
    #[error(
        "`{model}` has no `{tensor}` to take embeddings of added tokens from; use models of one architecture"
    )]
    NoEmbedding {
        /// The model that should give them.
        model: String,
        /// The tensor.
        tensor: String,
    },
    /// Embeddings whose rows have different lengths.
    #[error(
        "`{model}`: a row of `{tensor}` has {found} values where `{other}` has {expected}; use models of one width"
    )]
    OtherWidth {
        /// The model that should give rows.
        model: String,
        /// Its tensor.
        tensor: String,
        /// The model that should take them.
        other: String,
        /// Values a row of the taker.
        expected: usize,
        /// Values a row of the giver.
        found: usize,
    },
    /// An embedding that would have more bytes than this host can count.
    #[error("`{model}`: `{tensor}` with {rows} rows is too large for this host; merge it with the companion")]
    TooLargeTensor {
        /// The model.
        model: String,
        /// The tensor.
        tensor: String,
        /// Its rows in the union.
        rows: usize,
    },
}

/// A token for a message, quoted.
pub(super) fn shown(token: &str) -> String {
    format!("`{}`", maec_checkpoint::shown(token))
}
