//! Parameters: numbers, gradients over the layers, filters over tensors' names, and which of several levels counts.

/// A name and the line it was read from. Keys are equal when their names are.
#[derive(Debug, Clone)]
pub struct Key {
    /// The name as written.
    pub name: String,
    /// Its line, counted from 1.
    pub line: Option<u64>,
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Key {}

impl From<&str> for Key {
    fn from(name: &str) -> Self {
        Self { name: name.into(), line: None }
    }
}

/// Parameters by name, in the file's order, each name once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Values(pub Vec<(Key, Setting)>);

impl Values {
    /// The setting of this name.
    pub fn get(&self, name: &str) -> Option<&Setting> {
        self.0.iter().find(|(key, _)| key.name == name).map(|(_, setting)| setting)
    }

    /// The key of this name, for the line it was read from.
    pub fn key(&self, name: &str) -> Option<&Key> {
        self.0.iter().find(|(key, _)| key.name == name).map(|(key, _)| key)
    }

    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What a parameter is set to.
#[derive(Debug, Clone, PartialEq)]
pub enum Setting {
    /// A number. A number in quotes is one too.
    Number(f64),
    /// `true` or `false`.
    Flag(bool),
    /// A word.
    Text(String),
    /// Numbers at even distances over the layers of a slice, interpolated linearly; at least one. Flags count as 0 and 1.
    Gradient(Vec<f64>),
    /// The first whose filter fits a tensor's name counts; at least one.
    Conditional(Vec<Condition>),
}

/// One entry of [`Setting::Conditional`].
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// A piece of the names of the tensors it is for; `*` and none are for all.
    pub filter: Option<String>,
    /// What holds for them: anything but another [`Setting::Conditional`].
    pub value: Setting,
}

impl Condition {
    /// Whether this is for a tensor of that name: the filter is a piece of it, letter for letter.
    pub fn fits(&self, tensor: &str) -> bool {
        self.catches_all() || self.filter.as_deref().is_some_and(|filter| tensor.contains(filter))
    }

    /// Whether this is for every tensor.
    pub fn catches_all(&self) -> bool {
        matches!(self.filter.as_deref(), None | Some("*"))
    }
}

impl Setting {
    /// The value for a tensor's name at gradient position t ∈ \[0, 1\] (see [`gradient_position`]); the first filter that
    /// fits wins. Flags are 0 and 1. `None` where no filter fits, and for a word.
    ///
    /// A gradient v₀…vₙ₋₁ has the value (1−f)·vᵢ + f·vᵢ₊₁ with i = ⌊t·(n−1)⌋ and f = t·(n−1) − i, as mergekit computes it,
    /// to the bit.
    pub fn at(&self, tensor: &str, t: f64) -> Option<f64> {
        match self.for_tensor(tensor)? {
            Self::Number(number) => Some(*number),
            Self::Flag(flag) => Some(f64::from(u8::from(*flag))),
            Self::Gradient(points) => interpolate(points, t),
            Self::Text(_) | Self::Conditional(_) => None,
        }
    }

    /// The same for a parameter that is `true` or `false`: numbers other than 0 are `true`, and of a list vᵢ with
    /// i = ⌊t·(n−1)⌋ holds, so that `[true, false]` is `true` but at the end.
    pub fn flag_at(&self, tensor: &str, t: f64) -> Option<bool> {
        match self.for_tensor(tensor)? {
            Self::Gradient(points) => points.get(place(points, t).0).map(|&point| point != 0.0),
            other => other.at(tensor, t).map(|number| number != 0.0),
        }
    }

    /// What is set for a tensor's name: this setting, or that of the first filter which fits.
    pub fn for_tensor(&self, tensor: &str) -> Option<&Self> {
        match self {
            Self::Conditional(conditions) => {
                conditions.iter().find(|condition| condition.fits(tensor)).map(|condition| &condition.value)
            }
            other => Some(other),
        }
    }
}

/// The point left of t ∈ \[0, 1\], and how far it is from there to the next, as a fraction.
fn place(points: &[f64], t: f64) -> (usize, f64) {
    let place = t.clamp(0.0, 1.0) * points.len().saturating_sub(1) as f64;
    (place as usize, place.fract())
}

/// The value of a gradient at t ∈ \[0, 1\].
fn interpolate(points: &[f64], t: f64) -> Option<f64> {
    let (left, fraction) = place(points, t);
    let right = points.get(left + 1).or(points.last())?;
    Some((1.0 - fraction) * points.get(left)? + fraction * right)
}

/// A parameter's value for a tensor: that of the first of `levels` which has one for this tensor. Levels go from the most
/// specific to the least: source, slice, module, whole file. A parameter of the method itself and not of one of its models
/// (`t`, `normalize`, `lambda`) is not looked for at the source.
pub fn value(levels: &[&Values], name: &str, tensor: &str, t: f64) -> Option<f64> {
    levels.iter().find_map(|level| level.get(name)?.at(tensor, t))
}

/// [`value`] for a parameter that is `true` or `false`, see [`Setting::flag_at`].
pub fn flag(levels: &[&Values], name: &str, tensor: &str, t: f64) -> Option<bool> {
    levels.iter().find_map(|level| level.get(name)?.flag_at(tensor, t))
}

/// Where a tensor stands on a gradient: t = layer/(layers − 1), with `layer` counted from 0 within its slice of so many
/// `layers`. A slice of one layer has t = 1. Tensors of no layer (embeddings, the final norm, lm_head) have t = 0.
pub fn gradient_position(layer: Option<usize>, layers: usize) -> f64 {
    match layer {
        None => 0.0,
        Some(_) if layers <= 1 => 1.0,
        Some(layer) => layer as f64 / (layers - 1) as f64,
    }
}
