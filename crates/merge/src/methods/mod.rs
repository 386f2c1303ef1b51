//! The merge methods that work tensor by tensor, each in one file with its formula, its parameters and their defaults.
//!
//! δᵢ = xᵢ − base, wᵢ are weights, arithmetic is f32 or f64 in a fixed order. To add a method: its file beside the others, its line in
//! [`METHODS`], its test. MAEC itself, whose choice of tensors needs the whole model at once, is [`maec`](crate::maec).

mod apply;
mod arcee_fusion;
mod breadcrumbs;
mod breadcrumbs_ties;
mod consensus;
mod dare_linear;
mod dare_ties;
mod della;
mod della_linear;
mod delta_sum;
mod gram;
mod karcher;
mod linear;
mod model_stock;
mod multislerp;
mod nearswap;
mod nuslerp;
mod parameters;
mod passthrough;
mod random;
mod sce;
mod slerp;
mod span;
mod sparsify;
mod task_arithmetic;
mod ties;
mod totals;

use std::fmt;

pub use apply::apply;
pub use maec_recipe::mergekit::Dialect;
pub use totals::{Sizes, Totals};

/// Every method, sorted by name.
pub const METHODS: &[&dyn Method] = &[
    &arcee_fusion::ArceeFusion,
    &breadcrumbs::Breadcrumbs,
    &breadcrumbs_ties::BreadcrumbsTies,
    &dare_linear::DareLinear,
    &dare_ties::DareTies,
    &della::Della,
    &della_linear::DellaLinear,
    &karcher::Karcher,
    &linear::Linear,
    &model_stock::ModelStock,
    &multislerp::Multislerp,
    &nearswap::Nearswap,
    &nuslerp::Nuslerp,
    &passthrough::Passthrough,
    &sce::Sce,
    &slerp::Slerp,
    &task_arithmetic::TaskArithmetic,
    &ties::Ties,
];

/// The method of a name.
pub fn named(name: &str) -> Option<&'static dyn Method> {
    METHODS.iter().copied().find(|method| method.about().name == name)
}

/// What a method says of itself: for documentation, and for a plan to check a recipe against.
#[derive(Debug)]
pub struct About {
    /// The name in recipes, mergekit's where it has the method.
    pub name: &'static str,
    /// What it does, in one plain sentence.
    pub summary: &'static str,
    /// The formula.
    pub formula: &'static str,
    /// What may stand under `parameters`.
    pub parameters: &'static [Parameter],
    /// What a base model is to it.
    pub base: Base,
    /// How many models it takes beside the base.
    pub models: (usize, usize),
}

/// No limit to the number of models.
pub const ANY: usize = usize::MAX;

/// What a base model is to a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// There must be one; differences are taken from it.
    Required,
    /// There may be one, which changes what is done.
    Optional,
    /// It is one model among the others.
    Unused,
}

/// A parameter of a method.
#[derive(Debug)]
pub struct Parameter {
    /// Its key.
    pub name: &'static str,
    /// What it means, with its range.
    pub meaning: &'static str,
    /// Its value where the recipe has none; `None` where the recipe must have one.
    pub default: Option<f64>,
    /// Whether every model has its own.
    pub per_model: bool,
    /// What it may be.
    pub kind: Kind,
}

/// What a parameter may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// A number in a range, ends included.
    Number(f64, f64),
    /// `true` or `false`, here 1 and 0.
    Flag,
    /// A whole number of at least so much.
    Count(u32),
}

/// A merge method. Its values do not depend on tiles, threads or hosts.
pub trait Method: Sync {
    /// Its name, formula and parameters.
    fn about(&self) -> &'static About;

    /// The dialects that define it otherwise than mergekit does, and what each does, in one sentence without its subject.
    fn dialects(&self) -> &'static [(Dialect, &'static str)] {
        &[]
    }

    /// Whether this dialect defines it otherwise than mergekit does.
    fn differs(&self, dialect: Dialect) -> bool {
        self.dialects().iter().any(|(differing, _)| *differing == dialect)
    }

    /// What has to be known of all tensors together before the first is merged, if anything: its
    /// [`learned`](Survey::learned) is every kernel's [`Settings::whole`].
    fn whole(&self, _settings: &Settings<'_>) -> Result<Option<Box<dyn Survey>>, Unfit> {
        Ok(None)
    }

    /// The method for one tensor.
    fn kernel(&self, settings: &Settings<'_>) -> Result<Box<dyn Kernel>, Unfit>;
}

/// One tensor's parameters, defaults filled in.
#[derive(Clone, Copy)]
pub struct Settings<'a> {
    /// The output tensor's name; random numbers are keyed by it.
    pub tensor: &'a str,
    /// Its shape.
    pub shape: &'a [usize],
    /// Whether tiles have a base.
    pub has_base: bool,
    /// How many models tiles have.
    pub models: usize,
    /// Which definition is meant.
    pub dialect: Dialect,
    /// Key of the random numbers.
    pub seed: u64,
    /// What [`Method::whole`] learned; empty where it has nothing to.
    pub whole: &'a [f64],
    /// Looks a parameter up: by name, and for one that every model has by the model's place, else 0.
    pub lookup: &'a dyn Fn(&str, usize) -> f64,
}

impl Settings<'_> {
    /// A parameter of the whole merge.
    pub fn number(&self, name: &str) -> f64 {
        (self.lookup)(name, 0)
    }

    /// A flag of the whole merge.
    pub fn flag(&self, name: &str) -> bool {
        self.number(name) != 0.0
    }

    /// A parameter of every model, in order.
    pub fn each(&self, name: &str) -> Vec<f64> {
        (0..self.models).map(|model| (self.lookup)(name, model)).collect()
    }

    /// Elements of the tensor.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// Values under which a method can't merge a tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// The parameter to change.
    pub parameter: &'static str,
    /// Why, and to what.
    pub reason: String,
}

/// A part of a tensor in every model: elements from [`start`](Self::start) on, all slices of one length.
pub struct Tile<'a> {
    /// Flat index of the first element.
    pub start: usize,
    /// The base's values, `[elements]`, where there is a base.
    pub base: Option<&'a [f32]>,
    /// Every model's values in the recipe's order, `[elements]` each.
    pub models: &'a [&'a [f32]],
}

impl Tile<'_> {
    /// Elements.
    pub fn len(&self) -> usize {
        self.base.or(self.models.first().copied()).map_or(0, <[f32]>::len)
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Statistics over all tiles, in as many rounds as it takes.
pub trait Survey: Send + Sync {
    /// What the next round gathers; `None` when all is known.
    fn next(&self) -> Option<Sizes> {
        None
    }

    /// How many rounds look at all elements, as a rule.
    fn rounds(&self) -> usize {
        0
    }

    /// Adds a tile to this round's totals.
    fn look(&self, _tile: &Tile<'_>, _totals: &mut Totals) {}

    /// Takes a round's totals.
    fn learn(&mut self, _totals: &Totals) {}

    /// What was found, for [`Settings::whole`].
    fn learned(&self) -> Vec<f64> {
        Vec::new()
    }
}

/// A method at work on one tensor: first its rounds of statistics, then its values, tile by tile.
pub trait Kernel: Survey {
    /// Elements that must stand in one tile together, such as a row's. Tiles begin at multiples of it.
    fn granule(&self) -> usize {
        1
    }

    /// The merged values of a tile, `[elements]`.
    fn merge(&self, tile: &Tile<'_>, out: &mut [f32]);
}

impl fmt::Debug for dyn Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.about().name)
    }
}
