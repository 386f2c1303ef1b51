//! The ways in which a model folder can be bad.

/// Why some files are no model folder, with what to do. Names and reasons out of the files are shortened and escaped,
/// so that a message is always one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FolderProblem {
    /// No `config.json`, without which the weights have no meaning.
    #[error("it has no config.json; add the one that belongs to its weights")]
    NoConfig,
    /// Neither one weights file nor an index.
    #[error("it has neither model.safetensors nor model.safetensors.index.json; add the weights")]
    NoWeights,
    /// A text file that is not UTF-8.
    #[error("{file} is not UTF-8 text; use an undamaged copy")]
    NotText {
        /// The file.
        file: String,
    },
    /// A text file longer than any honest one.
    #[error("{file} has {len} bytes, more than {max}; use an undamaged copy")]
    TextTooLong {
        /// The file.
        file: String,
        /// Its length in bytes.
        len: u64,
        /// The limit in bytes.
        max: u64,
    },
    /// A `config.json` that is not a JSON object.
    #[error("config.json is not a JSON object ({reason}); use an undamaged copy")]
    ConfigNotJson {
        /// What the parser says.
        reason: String,
    },
    /// An index that is not JSON, or has no `weight_map` of strings.
    #[error("model.safetensors.index.json cannot be read ({reason}); use an undamaged copy")]
    IndexNotJson {
        /// What the parser says.
        reason: String,
    },
    /// An index that names a tensor twice.
    #[error("model.safetensors.index.json names tensor `{tensor}` twice; keep one entry")]
    IndexDuplicate {
        /// The tensor.
        tensor: String,
    },
    /// An index without tensors.
    #[error("model.safetensors.index.json names no tensor; download it again with the shards")]
    IndexEmpty,
    /// An index that names a path or a hidden file where a file beside it belongs.
    #[error(
        "model.safetensors.index.json names `{file}`, which is not a plain file name; use an undamaged copy"
    )]
    IndexFileName {
        /// What it names.
        file: String,
    },
    /// More shards than any honest model has.
    #[error("model.safetensors.index.json names {count} shards, more than {max}; use an undamaged copy")]
    TooManyShards {
        /// Shards named.
        count: usize,
        /// The limit.
        max: usize,
    },
    /// A shard that the index names and the folder lacks.
    #[error("its shard `{file}` is missing; copy or download it into the folder")]
    ShardMissing {
        /// The shard's file name.
        file: String,
    },
    /// A tensor that the index places in a shard that lacks it.
    #[error(
        "`{shard}` has no tensor `{tensor}`, which the index places there; download shards and index again"
    )]
    TensorNotInShard {
        /// The tensor.
        tensor: String,
        /// The shard that the index names for it.
        shard: String,
    },
    /// A tensor that two shards hold.
    #[error("tensor `{tensor}` is in both `{first}` and `{second}`; download shards and index again")]
    TensorInTwoShards {
        /// The tensor.
        tensor: String,
        /// The shard that the index names for it.
        first: String,
        /// The other shard.
        second: String,
    },
    /// A tensor in a shard that the index does not name.
    #[error(
        "`{shard}` has a tensor `{tensor}` that the index does not name; download shards and index again"
    )]
    TensorNotIndexed {
        /// The tensor.
        tensor: String,
        /// The shard that holds it.
        shard: String,
    },
    /// A text file to be written whose name is a path, hidden, or the weights'.
    #[error("a text file cannot be named `{file}`; give it a plain name other than model.safetensors")]
    TextName {
        /// The name asked for.
        file: String,
    },
}
