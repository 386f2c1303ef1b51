//! What can stand in a merge's way, found out before a weight is read.

use maec_checkpoint::Dtype;

/// One problem, in one line that says what to do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Problem {
    /// A method that there is not.
    #[error("{}no method is called `{name}`; {}", at(.line), meant(.nearest, .known))]
    UnknownMethod {
        /// The name.
        name: String,
        /// Its line.
        line: Option<u64>,
        /// The one nearest in spelling.
        nearest: Option<&'static str>,
        /// All there are.
        known: Vec<&'static str>,
    },
    /// A parameter that the method does not have.
    #[error("{}`{method}` has no parameter `{name}`; {}", at(.line), meant(.nearest, .known))]
    UnknownParameter {
        /// The key.
        name: String,
        /// Its line.
        line: Option<u64>,
        /// The method.
        method: &'static str,
        /// The one nearest in spelling.
        nearest: Option<&'static str>,
        /// All it has.
        known: Vec<&'static str>,
    },
    /// A parameter of the whole merge under one model.
    #[error("{}`{name}` of `{method}` is one for the whole merge and has no effect under a model; move it to `parameters` at the left", at(.line))]
    Misplaced {
        /// The key.
        name: String,
        /// Its line.
        line: Option<u64>,
        /// The method.
        method: &'static str,
    },
    /// A method that takes differences, without a base.
    #[error("`{method}` takes differences from a base; add `base_model:`")]
    NoBase {
        /// The method.
        method: &'static str,
    },
    /// Too few or too many models.
    #[error("{place}: `{method}` takes {needed}, and there {}; correct the list", are(*.found))]
    ModelCount {
        /// The method.
        method: &'static str,
        /// Where: `models`, `slices[1]`.
        place: String,
        /// How many it takes, in words.
        needed: String,
        /// How many there are beside the base.
        found: usize,
    },
    /// A model twice in one list.
    #[error("{}{place}: `{model}` stands there twice; remove one", at(.line))]
    Twice {
        /// Where.
        place: String,
        /// The model.
        model: String,
        /// Its line.
        line: Option<u64>,
    },
    /// A parameter that has no default and no value.
    #[error("`{name}` has no value for `{tensor}`{}; give one under `parameters`, where no filter leaves it out", others(*.more))]
    NoValue {
        /// The parameter.
        name: &'static str,
        /// The first tensor.
        tensor: String,
        /// How many more there are.
        more: usize,
    },
    /// A value that the parameter can't have.
    #[error("{}`{name}` is {value}, and it must be {range}", at(.line))]
    OutOfRange {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What it may be, in words.
        range: String,
        /// Its line.
        line: Option<u64>,
    },
    /// Values under which the method can't merge a tensor.
    #[error("`{parameter}` does not do for `{tensor}`{}: {reason}", others(*.more))]
    Unfit {
        /// The parameter.
        parameter: &'static str,
        /// Why, and what to do.
        reason: String,
        /// The first tensor.
        tensor: String,
        /// How many more there are.
        more: usize,
    },
    /// A filter that no tensor's name contains.
    #[error("{}the filter `{filter}` of `{name}` matches no tensor; filters are pieces of names such as `mlp` or `layers.3.`", at(.line))]
    MatchesNothing {
        /// The filter.
        filter: String,
        /// The parameter.
        name: String,
        /// Its line.
        line: Option<u64>,
    },
    /// A tensor that a model lacks.
    #[error("`{model}` has no tensor `{tensor}`{}, which `{other}` has; merge models of one architecture", others(*.more))]
    Missing {
        /// The model.
        model: String,
        /// The first tensor.
        tensor: String,
        /// How many more there are.
        more: usize,
        /// A model that has it.
        other: String,
    },
    /// A tensor that only one model has.
    #[error("`{model}` has a tensor `{tensor}`{} that `{other}` lacks; merge models of one architecture", others(*.more))]
    Extra {
        /// The model.
        model: String,
        /// The first tensor.
        tensor: String,
        /// How many more there are.
        more: usize,
        /// A model without it.
        other: String,
    },
    /// Tensors of two shapes.
    #[error("`{model}`: `{tensor}`{} is {found:?} where `{other}`'s is {expected:?}; merge models of one shape", others(*.more))]
    Shape {
        /// The model.
        model: String,
        /// The first tensor.
        tensor: String,
        /// How many more there are.
        more: usize,
        /// Its shape.
        found: Vec<usize>,
        /// The other's shape.
        expected: Vec<usize>,
        /// The model that it is compared with.
        other: String,
    },
    /// Vocabularies of two sizes.
    #[error(
        "`{model}` has embeddings for {found} tokens and `{other}` for {expected}; add `tokenizer: {{source: union}}` (or `source: base`) to join the vocabularies"
    )]
    Vocabulary {
        /// The model.
        model: String,
        /// Its rows.
        found: usize,
        /// The other's rows.
        expected: usize,
        /// The model that it is compared with.
        other: String,
    },
    /// A vocabulary can't be joined.
    #[error("tokenizer: {reason}")]
    Tokenizer {
        /// Why, and what to do.
        reason: String,
    },
    /// A chat template that has no text.
    #[error(
        "chat_template: `{name}` {is}; give the template's text, write `auto` for the one that most models have, or leave the key out to keep the base's"
    )]
    ChatTemplate {
        /// What is written.
        name: String,
        /// What that is.
        is: &'static str,
    },
    /// A tensor that is no float and differs in dtype or has no place in an average.
    #[error(
        "`{model}`: tensor `{tensor}` is {dtype}, which can't be merged; use checkpoints in floating point"
    )]
    NotFloat {
        /// The model.
        model: String,
        /// The tensor.
        tensor: String,
        /// Its dtype.
        dtype: Dtype,
    },
    /// Layers that a model does not have.
    #[error(
        "slices[{slice}]: layers {start} to {end} of `{model}`, which has {layers}; correct `layer_range`"
    )]
    Layers {
        /// The slice.
        slice: usize,
        /// First layer.
        start: usize,
        /// Layer after the last.
        end: usize,
        /// The model.
        model: String,
        /// Its layers.
        layers: usize,
    },
    /// Sources of different lengths.
    #[error(
        "slices[{slice}]: the sources have different numbers of layers; give each `layer_range` the same length, at least 1"
    )]
    SliceLengths {
        /// The slice.
        slice: usize,
    },
    /// A part of a model that is not known.
    #[error("there is no module `{name}`; models here have one, `default`")]
    Module {
        /// Its name.
        name: String,
    },
    /// Nothing to merge.
    #[error("`{model}` has no tensors; check that it is a checkpoint")]
    NoTensors {
        /// The model.
        model: String,
    },
}

fn at(line: &Option<u64>) -> String {
    line.map_or(String::new(), |line| format!("line {line}: "))
}

fn meant(nearest: &Option<&'static str>, known: &[&'static str]) -> String {
    match nearest {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("there are {}", known.join(", ")),
    }
}

fn others(more: usize) -> String {
    if more == 0 { String::new() } else { format!(" (and {more} more)") }
}

fn are(found: usize) -> String {
    if found == 1 { "is 1".into() } else { format!("are {found}") }
}
