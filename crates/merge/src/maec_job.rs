//! MAEC and the task vector as a job of the streaming engine: the same bytes as [`merge_to_memory`](crate::merge_to_memory), on
//! all threads.

use std::ops::Range;

use maec_checkpoint::{TensorInfo, convert, model_hash};
use maec_recipe::Recipe;

use crate::engine::{Job, Learned, Pool, Scratch, TensorMerge};
use crate::method::method;
use crate::plan::{check, output_tensors};
use crate::report::InputReport;
use crate::select::Selection;
use crate::stats::{Sums, TensorStats, select_tensors};
use crate::tiles::{Tiles, ranges_from};
use crate::{Inputs, MergeError, Report};

/// Tensors whose sums are taken at once, for every thread of several.
const TENSORS_PER_THREAD: usize = 4;

/// Most tiles of one of them in a step: whoever is done with the last waits no longer than these take.
const TILES_PER_STEP: usize = 16;

/// A merge by a recipe.
pub struct MaecJob<'a> {
    inputs: &'a Inputs<'a>,
    recipe: &'a Recipe,
    outputs: Vec<TensorInfo>,
    survey: Survey,
    stats: Vec<TensorStats>,
    selection: Selection,
    allow_nonfinite: bool,
}

impl<'a> MaecJob<'a> {
    /// Most bytes that the buffers of a thread take: its f64 tiles, and the tiles that wait to be written.
    pub const MEMORY_PER_THREAD: u64 = 16 << 20;

    /// Plans a merge; `allow_nonfinite` as in [`Options`](crate::Options).
    ///
    /// # Errors
    ///
    /// The first problem that [`check`] finds.
    pub fn new(
        inputs: &'a Inputs<'a>,
        recipe: &'a Recipe,
        allow_nonfinite: bool,
    ) -> Result<Self, MergeError> {
        if let Err(problems) = check(inputs, recipe)
            && let Some(first) = problems.into_iter().next()
        {
            return Err(first);
        }
        let outputs = output_tensors(inputs, recipe);
        let selection = Selection { rank: Vec::new(), selected: Vec::new() };
        let survey = Survey::of(inputs.base.tensors());
        Ok(Self { inputs, recipe, outputs, survey, stats: Vec::new(), selection, allow_nonfinite })
    }

    /// The account of a merge that ran, with its model hash; `hash_inputs` reads every input once more, for its own.
    ///
    /// # Errors
    ///
    /// As reading the inputs has them.
    pub fn report(self, output_hash: String, hash_inputs: bool, pool: &Pool) -> Result<Report, MergeError> {
        let inputs = pool.map(self.inputs.models(self.recipe), |_, (part, model)| {
            let hash = hash_inputs.then(|| model_hash(model)).transpose()?;
            Ok(InputReport { part, model: model.name().to_owned(), hash })
        })?;
        Ok(Report::new(self.recipe, inputs, self.stats, &self.selection, output_hash))
    }
}

/// Eq. 4 under way.
struct Survey {
    /// Places of tensors that have not begun, the next one last.
    waiting: Vec<usize>,
    /// Those that have.
    begun: Vec<Begun>,
    /// What was found, by place.
    found: Vec<Option<TensorStats>>,
    is_done: bool,
}

/// The sums over a tensor's elements up to one.
struct Begun {
    place: usize,
    at: usize,
    sums: Sums,
}

impl Survey {
    fn of(infos: &[TensorInfo]) -> Self {
        // The largest first, or one thread is left with it at the end.
        let mut waiting: Vec<usize> = (0..infos.len()).collect();
        waiting.sort_by_key(|&place| (infos[place].elements(), std::cmp::Reverse(place)));
        Self { waiting, begun: Vec::new(), found: vec![None; infos.len()], is_done: false }
    }
}

impl Job for MaecJob<'_> {
    fn outputs(&self) -> &[TensorInfo] {
        &self.outputs
    }

    /// Eq. 4. A tensor's sums are taken by one thread in element order, so that no bit depends on the number of threads.
    fn prepare(&mut self, pool: &Pool, most_tiles: usize) -> Result<Option<Learned>, MergeError> {
        let infos = self.inputs.base.tensors();
        let survey = &mut self.survey;
        // One thread reads one tensor after the other, which is how they lie in files.
        let at_once = if pool.threads() == 1 { 1 } else { TENSORS_PER_THREAD * pool.threads() };
        while survey.begun.len() < at_once
            && let Some(place) = survey.waiting.pop()
        {
            survey.begun.push(Begun { place, at: 0, sums: Sums::default() });
        }
        let Some(tensor) = survey.begun.first().map(|begun| begun.place) else {
            if !survey.is_done {
                survey.is_done = true;
                self.stats = survey.found.drain(..).flatten().collect();
                self.selection = select_tensors(&self.stats, self.recipe);
            }
            return Ok(None);
        };
        let each = (most_tiles / at_once.div_ceil(pool.threads())).clamp(1, TILES_PER_STEP);
        let begun = pool.map(std::mem::take(&mut survey.begun), |scratch, mut begun: Begun| {
            let info = &infos[begun.place];
            let buffers = std::mem::take(&mut scratch.maec);
            let mut tiles = Tiles::with(self.inputs, self.recipe, self.allow_nonfinite, buffers);
            let before = begun.at;
            for elements in ranges_from(begun.at, info.elements()).take(each) {
                begun.at = elements.end;
                tiles.each(&info.name, elements, true, &mut |_, _| (), |_, terms| {
                    begun.sums.add(terms);
                    Ok(())
                })?;
            }
            scratch.maec = tiles.into_buffers();
            Ok((begun.at - before, begun))
        })?;
        let mut elements = 0;
        for (read, begun) in begun {
            elements += read;
            let info = &infos[begun.place];
            if begun.at == info.elements() {
                survey.found[begun.place] = Some(begun.sums.finish(info));
            } else {
                survey.begun.push(begun);
            }
        }
        Ok(Some(Learned { tensor, elements }))
    }

    fn tensor(&self, index: usize) -> Result<Box<dyn TensorMerge + '_>, MergeError> {
        Ok(Box::new(MaecTensor { job: self, index }))
    }
}

/// Eq. 5 for one tensor.
struct MaecTensor<'j> {
    job: &'j MaecJob<'j>,
    index: usize,
}

impl TensorMerge for MaecTensor<'_> {
    fn merge(
        &self,
        elements: Range<usize>,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<(), MergeError> {
        let MaecJob { inputs, recipe, outputs, selection, allow_nonfinite, .. } = self.job;
        let (info, selected) = (&outputs[self.index], selection.selected[self.index]);
        let method = method(recipe.merge_method);
        let mut buffers = std::mem::take(&mut scratch.maec);
        let mut merged = std::mem::take(&mut buffers.merged);
        let mut tiles = Tiles::with(inputs, recipe, *allow_nonfinite, buffers);
        let with_ability = method.reads_ability(selected);
        let narrowed = tiles.each(&info.name, elements, with_ability, &mut |_, _| (), |part, terms| {
            merged.resize(part.len(), 0.0);
            method.merge(terms, &recipe.parameters, selected, &mut merged);
            let begin = out.len();
            convert::narrow(info.dtype, &merged, out)?;
            // Finite inputs may still leave the output's range.
            match convert::first_non_finite(info.dtype, &out[begin..]) {
                Some(index) if !allow_nonfinite => Err(MergeError::Overflow {
                    tensor: info.name.clone(),
                    index: part.start + index,
                    dtype: info.dtype,
                }),
                _ => Ok(()),
            }
        });
        scratch.maec = tiles.into_buffers();
        scratch.maec.merged = merged;
        narrowed
    }
}
