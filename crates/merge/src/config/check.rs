//! Everything that stands in a merge's way, from headers alone.

use std::collections::{BTreeMap, BTreeSet};

use maec_checkpoint::{TensorInfo, dtype};
use maec_recipe::mergekit::{Condition, Config, Setting, Values};

use super::arrange::{Arranged, Slice};
use super::{ConfigJob, Loaded, Problem};
use crate::methods::{self, About, Kind, METHODS, Method};

/// Parameters that other programs' files have and that change no result here.
const WITHOUT_EFFECT: &[&str] = &["int8_mask", "random_seed"];

/// The method that a configuration names.
///
/// # Errors
///
/// [`Problem::UnknownMethod`].
pub fn method(config: &Config) -> Result<&'static dyn Method, Box<Problem>> {
    let name = &config.merge_method.name;
    methods::named(name).ok_or_else(|| {
        let known: Vec<&'static str> = METHODS.iter().map(|method| method.about().name).collect();
        Box::new(Problem::UnknownMethod {
            name: maec_recipe::shown(name),
            line: config.merge_method.line,
            nearest: maec_recipe::nearest(name, &known),
            known,
        })
    })
}

/// Keys and filters, in every place where parameters stand.
pub(super) fn parameters(
    slices: &[Slice<'_>],
    tensors: &[Arranged],
    about: &About,
    problems: &mut Vec<Problem>,
) {
    let mut seen: Vec<&Values> = Vec::new();
    for slice in slices {
        for input in &slice.inputs {
            let own = input.own.into_iter().flat_map(|own| &own.0);
            for (key, _) in own.filter(|(key, _)| is_shared(&key.name, about)) {
                let (name, line) = (key.name.clone(), key.line);
                problems.push(Problem::Misplaced { name, line, method: about.name });
            }
        }
        for values in slice.shared.iter().copied().chain(slice.inputs.iter().filter_map(|input| input.own)) {
            if !seen.iter().any(|known| std::ptr::eq(*known, values)) {
                seen.push(values);
                keys(values, tensors, about, problems);
            }
        }
    }
}

/// Whether a parameter is one of the whole merge, which no model has for itself.
fn is_shared(name: &str, about: &About) -> bool {
    !WITHOUT_EFFECT.contains(&name)
        && about.parameters.iter().any(|parameter| parameter.name == name && !parameter.per_model)
}

fn keys(values: &Values, tensors: &[Arranged], about: &About, problems: &mut Vec<Problem>) {
    for (key, setting) in &values.0 {
        let Some(parameter) = about.parameters.iter().find(|parameter| parameter.name == key.name) else {
            if !WITHOUT_EFFECT.contains(&key.name.as_str()) {
                let known: Vec<&'static str> =
                    about.parameters.iter().map(|parameter| parameter.name).collect();
                problems.push(Problem::UnknownParameter {
                    name: maec_recipe::shown(&key.name),
                    line: key.line,
                    method: about.name,
                    nearest: maec_recipe::nearest(&key.name, &known),
                    known,
                });
            }
            continue;
        };
        if let Setting::Conditional(conditions) = setting {
            for condition in conditions {
                filter(condition, tensors, key, problems);
            }
        }
        for value in numbers(setting) {
            if let Some(range) = outside(parameter.kind, value) {
                problems.push(Problem::OutOfRange { name: parameter.name, value, range, line: key.line });
            }
        }
    }
}

fn filter(
    condition: &Condition,
    tensors: &[Arranged],
    key: &maec_recipe::mergekit::Key,
    problems: &mut Vec<Problem>,
) {
    if !tensors.iter().any(|tensor| condition.fits(&tensor.name)) {
        problems.push(Problem::MatchesNothing {
            filter: maec_recipe::shown(condition.filter.as_deref().unwrap_or("*")),
            name: key.name.clone(),
            line: key.line,
        });
    }
}

/// Every number of a setting.
fn numbers(setting: &Setting) -> Vec<f64> {
    match setting {
        Setting::Number(value) => vec![*value],
        Setting::Flag(flag) => vec![f64::from(u8::from(*flag))],
        Setting::Gradient(values) => values.clone(),
        Setting::Conditional(conditions) => conditions.iter().flat_map(|it| numbers(&it.value)).collect(),
        Setting::Text(_) => vec![f64::NAN],
    }
}

/// What a value should be, where it is not.
fn outside(kind: Kind, value: f64) -> Option<String> {
    match kind {
        Kind::Number(least, most) if !(least..=most).contains(&value) => {
            Some(format!("a number from {least} to {most}"))
        }
        Kind::Flag if value != 0.0 && value != 1.0 => Some("true or false".into()),
        Kind::Count(least) if !(value >= f64::from(least) && value.fract() == 0.0) => {
            Some(format!("a whole number of at least {least}"))
        }
        _ => None,
    }
}

/// Tensors that are missing, left over, of another shape, or no floats.
pub(super) fn shapes(
    slices: &[Slice<'_>],
    tensors: &[Arranged],
    models: &[Loaded],
    problems: &mut Vec<Problem>,
) {
    let mut missing: BTreeMap<(usize, usize), Vec<&str>> = BTreeMap::new();
    let mut differing: BTreeMap<(usize, usize), Vec<Differing<'_>>> = BTreeMap::new();
    let mut used: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
    for tensor in tensors {
        let slice = &slices[tensor.slice];
        let base = slice.base.iter().map(|(model, _)| *model).zip(&tensor.base);
        let all: Vec<(usize, &String)> =
            base.chain(slice.inputs.iter().map(|input| input.model).zip(&tensor.inputs)).collect();
        let infos = all.iter().map(|(model, name)| models[*model].weights.info(name).ok());
        let infos: Vec<Option<&TensorInfo>> = infos.collect();
        let first = infos.iter().position(Option::is_some).unwrap_or(0);
        let Some(expected) = infos.get(first).copied().flatten() else { continue };
        let other = all[first].0;
        let is_joined = all.len() > 1;
        for ((model, name), info) in all.into_iter().zip(infos) {
            used.entry(model).or_default().insert(name);
            match info {
                None => missing.entry((model, other)).or_default().push(name),
                Some(info) if info.shape != expected.shape => {
                    differing.entry((model, other)).or_default().push(Differing {
                        name,
                        found: info,
                        expected,
                    });
                }
                // Counters and masks are copied; whole matrices of integers are quantised weights.
                Some(info)
                    if !is_float(info)
                        && (info.dtype != expected.dtype || info.shape.len() > 1 && is_joined)
                        || info.dtype != expected.dtype && !is_float(expected) =>
                {
                    let (model, tensor) = (title(models, model), name.clone());
                    problems.push(Problem::NotFloat { model, tensor, dtype: info.dtype });
                }
                Some(_) => {}
            }
        }
    }
    for ((model, other), names) in missing {
        problems.push(Problem::Missing {
            model: title(models, model),
            tensor: names[0].into(),
            more: names.len() - 1,
            other: title(models, other),
        });
    }
    for ((model, other), found) in differing {
        differing_shapes(title(models, model), title(models, other), found, problems);
    }
    extra(slices, models, &used, problems);
}

/// A tensor whose shape is not that of another model's.
struct Differing<'a> {
    name: &'a str,
    found: &'a TensorInfo,
    expected: &'a TensorInfo,
}

impl Differing<'_> {
    /// Whether only the number of tokens differs.
    fn is_vocabulary(&self) -> bool {
        let rows_by = |info: &TensorInfo| (info.shape.len() == 2).then(|| info.shape[1]);
        (self.name.ends_with("embed_tokens.weight") || self.name == "lm_head.weight")
            && rows_by(self.found).is_some()
            && rows_by(self.found) == rows_by(self.expected)
    }
}

fn differing_shapes(model: String, other: String, found: Vec<Differing<'_>>, problems: &mut Vec<Problem>) {
    let (vocabulary, rest): (Vec<_>, Vec<_>) = found.into_iter().partition(Differing::is_vocabulary);
    if let Some(first) = vocabulary.first() {
        let (found, expected) = (first.found.shape[0], first.expected.shape[0]);
        problems.push(Problem::Vocabulary { model: model.clone(), found, expected, other: other.clone() });
    }
    if let Some(first) = rest.first() {
        problems.push(Problem::Shape {
            model,
            tensor: first.name.into(),
            more: rest.len() - 1,
            found: first.found.shape.clone(),
            expected: first.expected.shape.clone(),
            other,
        });
    }
}

fn is_float(info: &TensorInfo) -> bool {
    dtype::is_float(info.dtype)
}

fn title(models: &[Loaded], model: usize) -> String {
    models[model].name.to_string()
}

/// Tensors that whole models have and no other does.
fn extra(
    slices: &[Slice<'_>],
    models: &[Loaded],
    used: &BTreeMap<usize, BTreeSet<&str>>,
    problems: &mut Vec<Problem>,
) {
    let [slice] = slices else { return };
    let Some(reference) =
        slice.base.as_ref().map(|(model, _)| *model).or(slice.inputs.first().map(|it| it.model))
    else {
        return;
    };
    for (model, used) in used.iter().filter(|(model, _)| **model != reference) {
        let infos = models[*model].weights.tensors().iter();
        let left: Vec<&str> =
            infos.map(|info| info.name.as_str()).filter(|name| !used.contains(name)).collect();
        // Slices leave layers out on purpose.
        if slice.place == "models"
            && let Some(tensor) = left.first()
        {
            problems.push(Problem::Extra {
                model: title(models, *model),
                tensor: (*tensor).into(),
                more: left.len() - 1,
                other: title(models, reference),
            });
        }
    }
}

/// Values that are missing, and values under which the method can't work.
pub(super) fn values(job: &ConfigJob<'_>, problems: &mut Vec<Problem>) {
    let about = job.method.about();
    let mut unset: BTreeMap<&'static str, Vec<&str>> = BTreeMap::new();
    for tensor in &job.tensors {
        for parameter in about.parameters.iter().filter(|parameter| parameter.default.is_none()) {
            let places = if parameter.per_model { tensor.inputs.len() } else { 1 };
            if (0..places).any(|place| job.value(tensor, parameter, place).is_none()) {
                unset.entry(parameter.name).or_default().push(&tensor.name);
            }
        }
    }
    let complete = unset.is_empty();
    for (name, tensors) in unset {
        problems.push(Problem::NoValue { name, tensor: tensors[0].into(), more: tensors.len() - 1 });
    }
    if !complete {
        return;
    }
    whole(job, problems);
    let mut unfit: Vec<(methods::Unfit, String, usize)> = Vec::new();
    for (index, tensor) in job.tensors.iter().enumerate().filter(|(index, _)| !job.is_copied(*index)) {
        let found = job.with_settings(index, |settings| match job.method.whole(settings)? {
            // The kernel needs what is not known before the whole model is read.
            Some(_) => Ok(()),
            None => job.method.kernel(settings).map(|_| ()),
        });
        if let Err(found) = found {
            match unfit.iter_mut().find(|(known, _, _)| *known == found) {
                Some((_, _, more)) => *more += 1,
                None => unfit.push((found, tensor.name.clone(), 0)),
            }
        }
    }
    for (methods::Unfit { parameter, reason }, tensor, more) in unfit {
        problems.push(Problem::Unfit { parameter, reason, tensor, more });
    }
}

/// Statistics of the whole model are taken once, so what they depend on must be the same for every tensor.
fn whole(job: &ConfigJob<'_>, problems: &mut Vec<Problem>) {
    let is_whole =
        |index| job.with_settings(index, |settings| job.method.whole(settings).is_ok_and(|it| it.is_some()));
    let Some(first) = job.tensors.first().filter(|_| is_whole(0)) else { return };
    for parameter in job.method.about().parameters.iter().filter(|parameter| parameter.per_model) {
        let of = |tensor: &Arranged| -> Vec<Option<f64>> {
            (0..tensor.inputs.len()).map(|place| job.value(tensor, parameter, place)).collect()
        };
        // Weights act where the tensor is merged; a share of the whole model is one number.
        let differing: Vec<&Arranged> = job
            .tensors
            .iter()
            .filter(|tensor| parameter.name != "weight" && of(tensor) != of(first))
            .collect();
        if let Some(tensor) = differing.first() {
            problems.push(Problem::Unfit {
                parameter: parameter.name,
                reason: "this dialect looks at the whole model at once; give each model one number for all its tensors"
                    .into(),
                tensor: tensor.name.clone(),
                more: differing.len() - 1,
            });
        }
    }
}
