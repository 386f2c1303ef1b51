//! The ways in which a LoRA adapter can be bad.

/// Why some files are no adapter that can be applied, with what to do. Names out of the files are shortened and
/// escaped, so that a message is always one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoraProblem {
    /// No `adapter_config.json`, without which the factors have no scale.
    #[error("it has no adapter_config.json; add the one that belongs to its weights")]
    NoConfig,
    /// A configuration that is not JSON, or not PEFT's.
    #[error("adapter_config.json cannot be read ({reason}); use an undamaged copy")]
    ConfigNotJson {
        /// What the parser says.
        reason: String,
    },
    /// The same file name, another library's schema.
    #[error(
        "it is an AdapterHub adapter ({version}), whose bottleneck layers no weight can absorb; use a PEFT LoRA adapter"
    )]
    AdapterHub {
        /// What the file says of its library, e.g. `adapters.0.1.1`.
        version: String,
    },
    /// Another of PEFT's methods.
    #[error("its peft_type is `{peft_type}`; only LORA adapters can be applied: merge it in PEFT first")]
    OtherMethod {
        /// The method named, or what stands in its place.
        peft_type: String,
    },
    /// A setting under which ΔW is not s·B·A, or the base is not the base.
    #[error("adapter_config.json has `{field}: {value}`, {why}; merge the adapter in PEFT first")]
    Unsupported {
        /// The setting.
        field: &'static str,
        /// Its value.
        value: String,
        /// What it does to ΔW or the base.
        why: &'static str,
    },
    /// A key of `rank_pattern` or `alpha_pattern` that is not a regular expression known here.
    #[error("{field} has the key `{pattern}`, which cannot be read ({reason}); write out the modules' names")]
    Pattern {
        /// `rank_pattern` or `alpha_pattern`.
        field: &'static str,
        /// The key.
        pattern: String,
        /// What is not understood.
        reason: &'static str,
    },
    /// A rank of zero.
    #[error("adapter_config.json gives `{module}` the rank 0; use an undamaged copy")]
    NoRank {
        /// The module.
        module: String,
    },
    /// No weights at all.
    #[error("it has no adapter_model.safetensors; add it")]
    NoWeights,
    /// Weights in a format that can hold programs.
    #[error(
        "its weights are in `{file}`, a format that can run code; load it in PEFT and save it with safe_serialization=True"
    )]
    Pickle {
        /// The file found.
        file: String,
    },
    /// A file without tensors.
    #[error("adapter_model.safetensors holds no tensor; save the adapter again")]
    Empty,
    /// A tensor that is neither a factor nor one of the base's.
    #[error(
        "its tensor `{tensor}` is none that a LoRA adapter has; save it with a current PEFT, with base_model.model. before every name"
    )]
    UnknownTensor {
        /// The tensor.
        tensor: String,
    },
    /// Half of a pair.
    #[error("its tensor `{tensor}` stands without `{partner}`; save the adapter again")]
    Unpaired {
        /// The tensor there is.
        tensor: String,
        /// The one it needs.
        partner: String,
    },
    /// Two tensors that say different things of one tensor of the base.
    #[error("its tensor `{tensor}` and another are for one tensor of the base; save the adapter again")]
    Twice {
        /// The second of them.
        tensor: String,
    },
    /// Factors that are no matrices, or not of the rank that the configuration gives.
    #[error(
        "`{module}` has A {a:?} and B {b:?} where adapter_config.json gives the rank {rank}; use the files that belong together (only linear layers and embeddings can be applied)"
    )]
    FactorShape {
        /// The module.
        module: String,
        /// A's shape.
        a: Vec<usize>,
        /// B's shape.
        b: Vec<usize>,
        /// The rank by the configuration.
        rank: usize,
    },
    /// A tensor for a base that does not have it.
    #[error(
        "its tensor `{tensor}` is for `{wanted}`, which `{base}` lacks; use the base that it was trained on ({trained_on})"
    )]
    NoBaseTensor {
        /// The adapter's tensor.
        tensor: String,
        /// The base's tensor that it changes.
        wanted: String,
        /// The base.
        base: String,
        /// The base's name by the adapter.
        trained_on: String,
    },
    /// A tensor for a base with other dimensions.
    #[error(
        "its tensor `{tensor}` is for a `{wanted}` of {expected:?} and that of `{base}` is {found:?}; use the base that it was trained on"
    )]
    BaseShape {
        /// The adapter's tensor.
        tensor: String,
        /// The base's tensor that it changes.
        wanted: String,
        /// The shape that it fits.
        expected: Vec<usize>,
        /// The base.
        base: String,
        /// The shape there.
        found: Vec<usize>,
    },
}
