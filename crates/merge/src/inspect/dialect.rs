//! What a configuration makes under each definition of its method, in numbers.

use std::collections::BTreeMap;
use std::ops::Range;

use maec_checkpoint::{Dtype, convert, dtype};
use maec_recipe::OutDtype;
use maec_recipe::mergekit::{Config, Dialect};
use serde::Serialize;

use super::grid::Kind;
use crate::MergeError;
use crate::config::{ConfigJob, Loaded, Problem};
use crate::engine::{Job, Pool, ProgressFn, Scratch, TILES_PER_THREAD, TensorMerge, prepare, survey, tiles};

/// A configuration under every dialect that defines its method otherwise than mergekit.
#[derive(Debug, Clone, Serialize)]
pub struct DialectReport {
    /// The method.
    pub method: &'static str,
    /// Its formula.
    pub formula: &'static str,
    /// The dialect that the configuration has.
    pub chosen: &'static str,
    /// What mergekit does, which the others are compared with: the name of its dialect.
    pub reference: &'static str,
    /// The dialects that differ; empty where all define the method alike.
    pub dialects: Vec<Dialects>,
}

/// One dialect against mergekit's.
#[derive(Debug, Clone, Serialize)]
pub struct Dialects {
    /// Its name.
    pub name: &'static str,
    /// What it does otherwise, in one sentence.
    pub otherwise: &'static str,
    /// The tensors that were merged, sorted by name.
    pub tensors: Vec<DialectTensor>,
    /// All of them together.
    pub all: Difference,
    /// Why it can't merge the configuration, where it can't.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// One tensor under two dialects.
#[derive(Debug, Clone, Serialize)]
pub struct DialectTensor {
    /// Its name.
    pub name: String,
    /// How far its values are apart.
    #[serde(flatten)]
    pub difference: Difference,
}

/// How far merged values x are from mergekit's y, both in f32 as they are before they are rounded to the output's dtype.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Difference {
    /// How many values were compared.
    pub elements: u64,
    /// Those that are not the same.
    pub differing: u64,
    /// differing / elements.
    pub share: f64,
    /// The largest |x − y|.
    pub max: f64,
    /// ‖x − y‖ / ‖y‖ (Frobenius); 0 where both are zero.
    pub relative: f64,
    #[serde(skip)]
    apart: f64,
    #[serde(skip)]
    reference: f64,
}

impl Difference {
    fn of(x: &[f32], y: &[f32]) -> Self {
        let mut sums = Self { elements: x.len() as u64, ..Self::default() };
        for (x, y) in x.iter().zip(y) {
            let (apart, y) = (f64::from(*x) - f64::from(*y), f64::from(*y));
            sums.differing += u64::from(apart != 0.0);
            sums.max = if apart.abs() > sums.max { apart.abs() } else { sums.max };
            sums.apart += apart * apart;
            sums.reference += y * y;
        }
        sums
    }

    fn add(&mut self, next: &Self) {
        self.elements += next.elements;
        self.differing += next.differing;
        self.max = self.max.max(next.max);
        self.apart += next.apart;
        self.reference += next.reference;
        let of = |part: f64, whole: f64| if part == 0.0 { 0.0 } else { part / whole };
        self.share = of(self.differing as f64, self.elements as f64);
        self.relative = of(self.apart.sqrt(), self.reference.sqrt());
    }
}

/// Merges a sample of at most so many tensors, spread over kinds, under each dialect that defines the method otherwise, and
/// compares the values with mergekit's. A dialect that needs to know the whole model reads it.
///
/// # Errors
///
/// Everything that stands in the way of the merge as mergekit does it, or what went wrong while reading.
pub fn dialects(
    config: &Config,
    models: &[Loaded],
    sample: usize,
    pool: &Pool,
    progress: &mut ProgressFn<'_>,
) -> Result<DialectReport, DialectError> {
    let under = |dialect| {
        // Values are compared before they are rounded.
        Config { dialect, out_dtype: Some(OutDtype::Float32), ..config.clone() }
    };
    let reference_config = under(Dialect::Mergekit);
    let mut reference = ConfigJob::new(&reference_config, models).map_err(DialectError::Problems)?;
    let method = reference.method();
    prepare(&mut reference, pool, progress)?;
    let sample = spread(&reference, sample);
    let mut dialects = Vec::new();
    for &(dialect, otherwise) in method.dialects() {
        let mut found = Dialects {
            name: dialect.name(),
            otherwise,
            tensors: Vec::new(),
            all: Difference::default(),
            problem: None,
        };
        let config = under(dialect);
        match ConfigJob::new(&config, models) {
            Err(problems) => found.problem = problems.first().map(Problem::to_string),
            Ok(mut job) => {
                prepare(&mut job, pool, progress)?;
                for &index in &sample {
                    let difference = compare(&reference, &job, index, pool)?;
                    found.all.add(&difference);
                    found.tensors.push(DialectTensor { name: job.outputs()[index].name.clone(), difference });
                }
            }
        }
        dialects.push(found);
    }
    let about = method.about();
    Ok(DialectReport {
        method: about.name,
        formula: about.formula,
        chosen: config.dialect.name(),
        reference: Dialect::Mergekit.name(),
        dialects,
    })
}

/// Why dialects can't be compared.
#[derive(Debug, thiserror::Error)]
pub enum DialectError {
    /// The configuration can't be merged: everything that stands in its way.
    #[error("{}", .0.first().map_or_else(String::new, Problem::to_string))]
    Problems(Vec<Problem>),
    /// Reading or merging failed.
    #[error(transparent)]
    Merge(#[from] MergeError),
}

/// Places of at most `count` float tensors: of every kind one, from the middle of its layers, before any second one; where there
/// are more kinds than that, kinds evenly apart.
fn spread(job: &dyn Job, count: usize) -> Vec<usize> {
    let mut kinds: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, info) in job.outputs().iter().enumerate() {
        if dtype::is_float(info.dtype) {
            kinds.entry(Kind::of(&info.name).kind).or_default().push(index);
        }
    }
    let mut kinds: Vec<Vec<usize>> = kinds.into_values().collect();
    let mut chosen = Vec::new();
    while !kinds.is_empty() && chosen.len() < count {
        let n = kinds.len().min(count - chosen.len());
        let taken: Vec<usize> = (0..n).map(|i| i * kinds.len() / n).collect();
        for place in taken {
            let middle = kinds[place].len() / 2;
            chosen.push(kinds[place].remove(middle));
        }
        kinds.retain(|left| !left.is_empty());
    }
    chosen.sort_unstable();
    chosen
}

/// One tensor under two dialects, tile by tile.
fn compare(
    a: &ConfigJob<'_>,
    b: &ConfigJob<'_>,
    index: usize,
    pool: &Pool,
) -> Result<Difference, MergeError> {
    let elements = a.outputs()[index].elements();
    let (mut a, mut b) = (a.tensor(index)?, b.tensor(index)?);
    survey(a.as_mut(), elements, pool)?;
    survey(b.as_mut(), elements, pool)?;
    let granule = a.granule().max(b.granule());
    let mut work = tiles(elements, granule);
    let mut total = Difference::default();
    loop {
        let wave: Vec<Range<usize>> = work.by_ref().take(pool.threads() * TILES_PER_THREAD).collect();
        if wave.is_empty() {
            return Ok(total);
        }
        let parts = pool.map(wave, |scratch, range| {
            Ok(Difference::of(
                &merged(b.as_ref(), range.clone(), scratch)?,
                &merged(a.as_ref(), range, scratch)?,
            ))
        })?;
        parts.iter().for_each(|part| total.add(part));
    }
}

fn merged(
    tensor: &dyn TensorMerge,
    range: Range<usize>,
    scratch: &mut Scratch,
) -> Result<Vec<f32>, MergeError> {
    let mut bytes = Vec::with_capacity(range.len() * size_of::<f32>());
    tensor.merge(range, scratch, &mut bytes)?;
    Ok(convert::decode_f32(Dtype::F32, &bytes)?)
}
