//! A mergekit configuration as a job of the streaming engine.
//!
//! [`ConfigJob::new`] plans from headers alone: it finds every problem, or which tensors of which models make which
//! tensor of the output with which parameters.

mod arrange;
mod chat;
mod check;
pub(crate) mod layers;
mod plan;
mod problem;
mod tokenizer;

use std::sync::Arc;

use maec_checkpoint::{Dtype, TensorInfo, Weights, dtype};
use maec_recipe::OutDtype;
use maec_recipe::mergekit::{Config, ModelName, flag, value};

pub use chat::chat_template;
pub use check::method;
pub use plan::ConfigPlan;
pub use problem::Problem;
pub use tokenizer::{Joined, join_vocabularies};

use crate::MergeError;
use crate::engine::{
    Copied, Job, Learned, Merged, PART, Pool, Shelf, Source, TILE, TensorMerge, tiles, with_tile,
};
use crate::methods::{Kind, Method, Parameter, Settings, Survey, Totals, Unfit};
use arrange::{Arranged, Slice};

/// A model of a configuration, opened.
#[derive(Clone)]
pub struct Loaded {
    /// As the configuration names it.
    pub name: ModelName,
    /// Its tensors, an adapter put in and the vocabulary joined.
    pub weights: Arc<dyn Weights>,
    /// Its tensors as they are stored, whose dtypes are the output's where the configuration has none.
    pub stored: Arc<dyn Weights>,
}

/// A merge by a configuration.
pub struct ConfigJob<'c> {
    config: &'c Config,
    method: &'static dyn Method,
    models: &'c [Loaded],
    slices: Vec<Slice<'c>>,
    tensors: Vec<Arranged>,
    outputs: Vec<TensorInfo>,
    whole: Vec<f64>,
    look: Option<WholeLook>,
    is_prepared: bool,
    shelf: Shelf,
    /// Go on where a value is NaN or infinite.
    pub allow_nonfinite: bool,
}

impl<'c> ConfigJob<'c> {
    /// Plans a merge of models, which are those of [`Config::models`] in any order.
    ///
    /// # Errors
    ///
    /// Everything that stands in its way.
    pub fn new(config: &'c Config, models: &'c [Loaded]) -> Result<Self, Vec<Problem>> {
        let method = check::method(config).map_err(|problem| vec![*problem])?;
        let mut problems = Vec::new();
        for model in models.iter().filter(|model| model.weights.tensors().is_empty()) {
            problems.push(Problem::NoTensors { model: model.name.to_string() });
        }
        let slices = arrange::slices(config, method.about(), models, &mut problems);
        let tensors = arrange::tensors(&slices, models);
        check::parameters(&slices, &tensors, method.about(), &mut problems);
        check::shapes(&slices, &tensors, models, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut job = Self {
            config,
            method,
            models,
            slices,
            tensors,
            outputs: Vec::new(),
            whole: Vec::new(),
            look: None,
            is_prepared: false,
            shelf: Shelf::default(),
            allow_nonfinite: false,
        };
        job.outputs = (0..job.tensors.len()).map(|index| job.output(index)).collect();
        check::values(&job, &mut problems);
        if problems.is_empty() { Ok(job) } else { Err(problems) }
    }

    /// The method.
    pub fn method(&self) -> &'static dyn Method {
        self.method
    }

    /// How many layers the output has.
    pub fn layers(&self) -> usize {
        layers::count(self.outputs.iter().map(|info| info.name.as_str()))
    }

    /// Bytes of the inputs' tensors that one pass reads.
    pub fn bytes_per_pass(&self) -> u64 {
        (0..self.tensors.len())
            .flat_map(|index| {
                let (base, inputs) = self.infos(index);
                base.into_iter().chain(inputs).map(|info| info.bytes() as u64)
            })
            .sum()
    }

    /// Whether a tensor is copied from the first model: it is no float, or has no elements.
    fn is_copied(&self, index: usize) -> bool {
        let info = &self.outputs[index];
        !dtype::is_float(info.dtype) || info.elements() == 0
    }

    /// Whether layers are left out, repeated or put together.
    pub fn is_sliced(&self) -> bool {
        self.slices.iter().any(|slice| slice.place != "models")
    }

    fn weights(&self, model: usize) -> &Arc<dyn Weights> {
        &self.models[model].weights
    }

    /// A tensor's description in the base and in every input; what is missing has been found out before.
    fn infos(&self, index: usize) -> (Option<&TensorInfo>, Vec<&TensorInfo>) {
        let tensor = &self.tensors[index];
        let slice = &self.slices[tensor.slice];
        let base = slice.base.as_ref().zip(tensor.base.as_ref());
        let base = base.and_then(|((model, _), name)| self.weights(*model).info(name).ok());
        let inputs = slice.inputs.iter().zip(&tensor.inputs);
        (base, inputs.filter_map(|(input, name)| self.weights(input.model).info(name).ok()).collect())
    }

    /// The output's shape is that of its inputs, its dtype the configuration's or the narrowest that holds all inputs.
    fn output(&self, index: usize) -> TensorInfo {
        let (base, inputs) = self.infos(index);
        let first = base.or(inputs.first().copied());
        // An adapter or a joined vocabulary is read in F32; what is written follows what was stored.
        let tensor = &self.tensors[index];
        let slice = &self.slices[tensor.slice];
        let base = slice.base.iter().map(|(model, _)| *model).zip(&tensor.base);
        let all = base.chain(slice.inputs.iter().map(|input| input.model).zip(&tensor.inputs));
        let stored =
            all.filter_map(|(model, name)| self.models[model].stored.info(name).ok().map(|info| info.dtype));
        let widest = stored.reduce(common).unwrap_or(Dtype::F32);
        let chosen = self.config.out_dtype.or(self.config.dtype).filter(|_| dtype::is_float(widest));
        let dtype = match chosen {
            None => widest,
            Some(OutDtype::Float32) => Dtype::F32,
            Some(OutDtype::Float16) => Dtype::F16,
            Some(OutDtype::Bfloat16) => Dtype::BF16,
        };
        let shape = first.map_or(Vec::new(), |info| info.shape.clone());
        TensorInfo { name: self.tensors[index].name.clone(), dtype, shape }
    }

    /// A parameter's value, its default where the configuration has none; `place` is the input's, where every model has one.
    fn value(&self, tensor: &Arranged, parameter: &Parameter, place: usize) -> Option<f64> {
        let slice = &self.slices[tensor.slice];
        let own = slice.inputs.get(place).and_then(|input| input.own).filter(|_| parameter.per_model);
        let levels: Vec<_> = own.into_iter().chain(slice.shared.iter().copied()).collect();
        let found = match parameter.kind {
            Kind::Flag => {
                flag(&levels, parameter.name, &tensor.name, tensor.t).map(|it| f64::from(u8::from(it)))
            }
            _ => value(&levels, parameter.name, &tensor.name, tensor.t),
        };
        found.or(parameter.default)
    }

    /// A tensor's parameters.
    fn with_settings<R>(&self, index: usize, run: impl FnOnce(&Settings<'_>) -> R) -> R {
        let tensor = &self.tensors[index];
        let lookup = |name: &str, place: usize| {
            let parameter = self.method.about().parameters.iter().find(|parameter| parameter.name == name);
            parameter.and_then(|parameter| self.value(tensor, parameter, place)).unwrap_or(f64::NAN)
        };
        run(&Settings {
            tensor: &tensor.name,
            shape: &self.outputs[index].shape,
            has_base: tensor.base.is_some(),
            models: tensor.inputs.len(),
            dialect: self.config.dialect,
            seed: self.config.seed.unwrap_or(0),
            whole: &self.whole,
            lookup: &lookup,
        })
    }

    fn sources(&self, index: usize) -> Result<(Option<Source>, Vec<Source>), MergeError> {
        let tensor = &self.tensors[index];
        let slice = &self.slices[tensor.slice];
        let base = slice.base.as_ref().zip(tensor.base.as_ref());
        let base =
            base.map(|((model, _), name)| Source::new(self.weights(*model).clone(), name)).transpose()?;
        let inputs = slice.inputs.iter().zip(&tensor.inputs);
        let inputs = inputs.map(|(input, name)| Source::new(self.weights(input.model).clone(), name));
        Ok((base, inputs.collect::<Result<_, _>>()?))
    }
}

/// The narrowest float that holds both; equal dtypes are themselves.
fn common(a: Dtype, b: Dtype) -> Dtype {
    if dtype::holds(a, b) {
        a
    } else if dtype::holds(b, a) {
        b
    } else {
        Dtype::F32
    }
}

impl Job for ConfigJob<'_> {
    fn outputs(&self) -> &[TensorInfo] {
        &self.outputs
    }

    fn prepare(&mut self, pool: &Pool, most_tiles: usize) -> Result<Option<Learned>, MergeError> {
        let Some(mut look) = self.look.take().map_or_else(|| self.first_look(), |look| Ok(Some(look)))?
        else {
            return Ok(None);
        };
        let Some(sizes) = look.survey.next() else {
            self.whole = look.survey.learned();
            self.is_prepared = true;
            return Ok(None);
        };
        let totals = look.totals.get_or_insert_with(|| Totals::new(sizes));
        let info = &self.outputs[look.tensor];
        let left = info.elements() - look.at;
        let learned = if dtype::is_float(info.dtype) {
            let (base, inputs) = self.sources(look.tensor)?;
            let (survey, nonfinite) = (&*look.survey, self.allow_nonfinite);
            let some: Vec<_> = tiles(info.elements(), 1)
                .skip(look.at / TILE)
                .take(most_tiles.saturating_mul(pool.threads()).max(1))
                .collect();
            let end = some.last().map_or(look.at, |range| range.end);
            let part = look.part.get_or_insert_with(|| Totals::new(sizes));
            pool.gather(part, some, |scratch, range, totals| {
                with_tile((base.as_ref(), &inputs), range, PART, nonfinite, scratch, |tile, _| {
                    survey.look(tile, totals);
                    Ok(())
                })
            })?;
            end - look.at
        } else {
            left
        };
        let step = Learned { tensor: look.tensor, elements: learned };
        look.at += learned;
        if learned == left {
            // A tensor's sums are added as a whole.
            if let Some(part) = look.part.take() {
                totals.add(&part);
            }
            (look.tensor, look.at) = (look.tensor + 1, 0);
            if look.tensor == self.outputs.len() {
                look.survey.learn(totals);
                (look.totals, look.tensor) = (None, 0);
            }
        }
        self.look = Some(look);
        Ok(Some(step))
    }

    fn tensor(&self, index: usize) -> Result<Box<dyn TensorMerge + '_>, MergeError> {
        let info = self.outputs[index].clone();
        let (base, mut inputs) = self.sources(index)?;
        let allow_nonfinite = self.allow_nonfinite;
        if self.is_copied(index) {
            let from = base.unwrap_or_else(|| inputs.remove(0));
            return Ok(Box::new(Copied { info, from, allow_nonfinite }));
        }
        let kernel = self.with_settings(index, |settings| self.method.kernel(settings));
        let kernel = kernel.map_err(|unfit| self.unfit(index, unfit))?;
        Ok(Box::new(Merged::new(info, (base, inputs), kernel, allow_nonfinite, &self.shelf)))
    }
}

/// The method's survey of the whole model under way.
struct WholeLook {
    survey: Box<dyn Survey>,
    /// Of this round, of all tensors before this one.
    totals: Option<Totals>,
    /// Of this tensor so far.
    part: Option<Totals>,
    tensor: usize,
    /// The element that comes next.
    at: usize,
}

impl ConfigJob<'_> {
    /// The survey that the method takes of the whole model before the first tensor is merged, if it takes one.
    fn first_look(&self) -> Result<Option<WholeLook>, MergeError> {
        if self.tensors.is_empty() || self.is_prepared {
            return Ok(None);
        }
        let survey = self.with_settings(0, |settings| self.method.whole(settings));
        let survey = survey.map_err(|unfit| self.unfit(0, unfit))?;
        Ok(survey.map(|survey| WholeLook { survey, totals: None, part: None, tensor: 0, at: 0 }))
    }

    fn unfit(&self, index: usize, unfit: Unfit) -> MergeError {
        let tensor = self.tensors[index].name.clone();
        let Unfit { parameter, reason } = unfit;
        MergeError::Problem(Box::new(Problem::Unfit { parameter, reason, tensor, more: 0 }))
    }
}
