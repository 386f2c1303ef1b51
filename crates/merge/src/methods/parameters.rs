//! Parameters that several methods share, each described once.

use super::{Kind, Parameter};

/// `weight`, one for each model.
pub(super) const WEIGHT: Parameter = Parameter {
    name: "weight",
    meaning: "w, each model's share",
    default: None,
    per_model: true,
    kind: Kind::Number(-1e3, 1e3),
};

/// `density`, one for each model.
pub(super) const DENSITY: Parameter = Parameter {
    name: "density",
    meaning: "the share of δ's elements that stay; 1 keeps δ as it is, without rescaling",
    default: Some(1.0),
    per_model: true,
    kind: Kind::Number(0.0, 1.0),
};

/// `density` of a method that keeps all.
pub(super) const IGNORED_DENSITY: Parameter =
    Parameter { meaning: "no effect; mergekit's recipes may name it", ..DENSITY };

/// `normalize`, off.
pub(super) const SUM: Parameter = Parameter {
    name: "normalize",
    meaning: "divide by the weights' sum D instead of by 1",
    default: Some(0.0),
    per_model: false,
    kind: Kind::Flag,
};

/// `normalize`, on.
pub(super) const MEAN: Parameter = Parameter { default: Some(1.0), ..SUM };

/// `rescale`, off.
pub(super) const AS_IT_IS: Parameter = Parameter {
    name: "rescale",
    meaning: "make up for what was dropped: by ‖δ‖₁/‖masked δ‖₁, where the dialect has nothing else",
    default: Some(0.0),
    per_model: false,
    kind: Kind::Flag,
};

/// `rescale`, on.
pub(super) const RESCALED: Parameter = Parameter { default: Some(1.0), ..AS_IT_IS };

/// `rescale` of a method that drops nothing.
pub(super) const IGNORED_RESCALE: Parameter =
    Parameter { meaning: "no effect; mergekit's recipes may name it", ..AS_IT_IS };

/// `lambda`.
pub(super) const LAMBDA: Parameter = Parameter {
    name: "lambda",
    meaning: "λ, the merged difference's share",
    default: Some(1.0),
    per_model: false,
    kind: Kind::Number(-1e3, 1e3),
};

/// `int8_mask`.
pub(super) const INT8_MASK: Parameter = Parameter {
    name: "int8_mask",
    meaning: "no effect; mergekit's recipes may name it",
    default: Some(0.0),
    per_model: false,
    kind: Kind::Flag,
};

/// `gamma` of the breadcrumbs.
pub(super) const GAMMA: Parameter = Parameter {
    name: "gamma",
    meaning: "γ, the share of δ's elements, the largest, that are dropped as outliers",
    default: Some(0.01),
    per_model: true,
    kind: Kind::Number(0.0, 1.0),
};

/// `epsilon` of della.
pub(super) const EPSILON: Parameter = Parameter {
    name: "epsilon",
    meaning: "ε, how far the smallest and the largest element's chance to stay are from the density; 0 < density ± ε < 1",
    default: Some(0.15),
    per_model: true,
    kind: Kind::Number(0.0, 0.5),
};
