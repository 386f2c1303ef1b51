//! Which tensors of which models make which tensor of the output, from names alone.

use std::collections::BTreeSet;
use std::ops::Range;

use maec_recipe::mergekit::{Config, Layout, ModelName, OutputSlice, Values, gradient_position};

use super::layers::{self, Place};
use super::{Loaded, Problem};
use crate::methods::{About, Base};

/// A run of the output's layers, and what it is merged from.
pub(super) struct Slice<'c> {
    /// What messages call it.
    pub place: String,
    /// The base's place in the loaded models, and its layers.
    pub base: Option<(usize, Range<usize>)>,
    /// The models beside the base.
    pub inputs: Vec<Input<'c>>,
    /// The parameters of the slice, of the module and of the file: those that all models share.
    pub shared: Vec<&'c Values>,
}

/// One model of a slice.
pub(super) struct Input<'c> {
    /// Its place in the loaded models.
    pub model: usize,
    /// Its layers.
    pub layers: Range<usize>,
    /// Its own parameters.
    pub own: Option<&'c Values>,
}

/// One tensor of the output.
pub(super) struct Arranged {
    /// Its name.
    pub name: String,
    /// The slice that it is in.
    pub slice: usize,
    /// Where it stands on gradients.
    pub t: f64,
    /// Its name in the base.
    pub base: Option<String>,
    /// Its name in every input.
    pub inputs: Vec<String>,
}

/// The slices of a configuration: `models` is one over all layers.
pub(super) fn slices<'c>(
    config: &'c Config,
    about: &About,
    models: &[Loaded],
    problems: &mut Vec<Problem>,
) -> Vec<Slice<'c>> {
    let mut shared = vec![&config.parameters];
    let mut layout = &config.layout;
    if let Layout::Modules(modules) = layout {
        for (name, _) in modules.iter().filter(|(name, _)| name != "default") {
            problems.push(Problem::Module { name: name.clone() });
        }
        let Some((_, module)) = modules.iter().find(|(name, _)| name == "default") else { return Vec::new() };
        shared.insert(0, &module.parameters);
        layout = &module.layout;
    }
    let arranger = Arranger { config, about, models };
    match layout {
        Layout::Models(entries) => {
            let list: Vec<_> = entries.iter().map(|entry| (&entry.model, None, &entry.parameters)).collect();
            vec![arranger.slice("models".into(), None, &list, shared, problems)]
        }
        Layout::Slices(slices) => {
            let one = |(number, slice): (usize, &'c OutputSlice)| {
                let source = |source: &'c maec_recipe::mergekit::SliceSource| {
                    (&source.model, Some(source.layers.clone()), &source.parameters)
                };
                let list: Vec<_> = slice.sources.iter().map(source).collect();
                let mut shared = shared.clone();
                shared.insert(0, &slice.parameters);
                let arranged = arranger.slice(
                    format!("slices[{number}]"),
                    slice.base_model.as_ref(),
                    &list,
                    shared,
                    problems,
                );
                arranger.check_layers(number, &arranged, problems);
                arranged
            };
            slices.iter().enumerate().map(one).collect()
        }
        Layout::Modules(_) => Vec::new(),
    }
}

struct Arranger<'a> {
    config: &'a Config,
    about: &'a About,
    models: &'a [Loaded],
}

impl Arranger<'_> {
    fn slice<'c>(
        &self,
        place: String,
        base: Option<&ModelName>,
        list: &[(&'c ModelName, Option<Range<usize>>, &'c Values)],
        shared: Vec<&'c Values>,
        problems: &mut Vec<Problem>,
    ) -> Slice<'c> {
        let mut seen = BTreeSet::new();
        let mut inputs = Vec::new();
        let is_whole = list.iter().all(|(_, layers, _)| layers.is_none());
        for (name, layers, own) in list {
            let Some(model) = self.place_of(name) else { continue };
            if !seen.insert(model) {
                problems.push(Problem::Twice {
                    place: place.clone(),
                    model: name.to_string(),
                    line: name.line,
                });
            }
            let layers = layers.clone().unwrap_or(0..self.layers(model));
            inputs.push(Input { model, layers, own: Some(own) });
        }
        let named = base.or(self.config.base_model.as_ref()).and_then(|name| self.place_of(name));
        let base = match (self.about.base, named) {
            // As in mergekit, a base of whole models that is not listed is one more of them.
            (Base::Unused, Some(named)) => {
                if is_whole && !inputs.iter().any(|input| input.model == named) {
                    inputs.insert(0, Input { model: named, layers: 0..self.layers(named), own: None });
                }
                None
            }
            (_, None) => None,
            (_, Some(named)) => {
                let like = inputs.first().map_or(0..self.layers(named), |input| input.layers.clone());
                let listed = inputs.iter().position(|input| input.model == named);
                Some((named, listed.map_or(like, |at| inputs.remove(at).layers)))
            }
        };
        if self.about.base == Base::Required && base.is_none() {
            problems.push(Problem::NoBase { method: self.about.name });
        }
        let (least, most) = self.about.models;
        if !(least..=most).contains(&inputs.len()) {
            let beside = if base.is_some() { " beside the base" } else { "" };
            let needed = match (least, most) {
                (1, 1) => format!("one model{beside}"),
                (least, most) if least == most => format!("{least} models{beside}"),
                (least, _) => format!("at least {least} models{beside}"),
            };
            problems.push(Problem::ModelCount {
                method: self.about.name,
                place: place.clone(),
                needed,
                found: inputs.len(),
            });
        }
        Slice { place, base, inputs, shared }
    }

    fn check_layers(&self, number: usize, slice: &Slice<'_>, problems: &mut Vec<Problem>) {
        let base = slice.base.iter().map(|(model, layers)| (*model, layers));
        let ranges: Vec<_> =
            slice.inputs.iter().map(|input| (input.model, &input.layers)).chain(base).collect();
        for (model, range) in &ranges {
            let layers = self.layers(*model);
            if range.end > layers {
                let model = self.models[*model].name.to_string();
                problems.push(Problem::Layers {
                    slice: number,
                    start: range.start,
                    end: range.end,
                    model,
                    layers,
                });
            }
        }
        let lengths: BTreeSet<usize> = ranges.iter().map(|(_, range)| range.len()).collect();
        if lengths.len() != 1 || lengths.contains(&0) {
            problems.push(Problem::SliceLengths { slice: number });
        }
    }

    fn place_of(&self, name: &ModelName) -> Option<usize> {
        self.models.iter().position(|model| model.name == *name)
    }

    fn layers(&self, model: usize) -> usize {
        layers::count(self.models[model].weights.tensors().iter().map(|info| info.name.as_str()))
    }
}

/// The output's tensors, sorted by name.
pub(super) fn tensors(slices: &[Slice<'_>], models: &[Loaded]) -> Vec<Arranged> {
    let mut found = Vec::new();
    let mut first_layer = 0;
    // A head of its own in any model gives the output one.
    let all = slices.iter().flat_map(|slice| {
        slice.inputs.iter().map(|input| input.model).chain(slice.base.iter().map(|(model, _)| *model))
    });
    let has_head = all.into_iter().any(|model| models[model].has(LM_HEAD));
    for (number, slice) in slices.iter().enumerate() {
        // Names are those of the base, or of the first model.
        let Some((reference, range)) = slice
            .base
            .clone()
            .or_else(|| slice.inputs.first().map(|input| (input.model, input.layers.clone())))
        else {
            continue;
        };
        let (is_first, is_last) = (number == 0, number + 1 == slices.len());
        let mut names: BTreeSet<&str> =
            models[reference].weights.tensors().iter().map(|info| info.name.as_str()).collect();
        if has_head {
            names.insert(LM_HEAD);
        }
        for name in names {
            let layer = match layers::place(name) {
                Place::Before if is_first => None,
                Place::After if is_last => None,
                Place::Layer(layer) if range.contains(&layer) => Some(layer - range.start),
                _ => continue,
            };
            let of = |model: usize, layers: &Range<usize>| match layer {
                Some(layer) => layers::renumbered(name, layers.start + layer),
                None => models[model].tied(name),
            };
            found.push(Arranged {
                name: layer.map_or(name.to_owned(), |layer| layers::renumbered(name, first_layer + layer)),
                slice: number,
                t: gradient_position(layer, range.len()),
                base: slice.base.as_ref().map(|(model, layers)| of(*model, layers)),
                inputs: slice.inputs.iter().map(|input| of(input.model, &input.layers)).collect(),
            });
        }
        first_layer += range.len();
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// The head that a model with tied embeddings does not store.
const LM_HEAD: &str = "lm_head.weight";

impl Loaded {
    fn has(&self, tensor: &str) -> bool {
        self.weights.info(tensor).is_ok()
    }

    /// The tensor's name here: a head that is not stored is the embedding.
    fn tied(&self, name: &str) -> String {
        let embedding = "model.embed_tokens.weight";
        let is_tied = name == LM_HEAD && !self.has(LM_HEAD) && self.has(embedding);
        if is_tied { embedding.into() } else { name.into() }
    }
}
