//! Perplexity of what an experiment's general corpora hold out.

use std::collections::BTreeMap;
use std::path::Path;

use maec_corpus::{Blocks, Corpus as Prepared, Split};
use maec_model::kernels::cross_entropy;
use maec_model::{Batch, Decoder};

use crate::error::LabError;
use crate::experiment::{Experiment, ExperimentError};
use crate::watch::Watch;

/// The held-out side of every language's general corpus, in windows.
pub(super) struct HeldOut {
    /// By the language's code.
    blocks: BTreeMap<String, Blocks>,
    /// Tokens of a window.
    seq_len: usize,
    /// Windows of a corpus that are read, evenly spaced.
    windows: u64,
    /// Whether they are those halfway between the tables', where a corpus has enough.
    between: bool,
}

impl HeldOut {
    /// Opens what an experiment's corpora hold out, relative to `folder`.
    ///
    /// # Errors
    /// Everything that stands in the way.
    pub(super) fn open(
        experiment: &Experiment,
        folder: &Path,
        seq_len: usize,
        windows: usize,
        between: bool,
    ) -> Result<Self, Vec<LabError>> {
        let (mut blocks, mut problems) = (BTreeMap::new(), Vec::new());
        for code in experiment.codes() {
            match open(&folder.join(&experiment.general[code]), seq_len) {
                Ok(found) => drop(blocks.insert(code.to_owned(), found)),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() {
            Ok(Self { blocks, seq_len, windows: windows as u64, between })
        } else {
            Err(problems)
        }
    }

    /// Each corpus's content by language.
    pub(super) fn identities(&self) -> BTreeMap<&str, &str> {
        self.blocks.iter().map(|(code, blocks)| (code.as_str(), blocks.identity())).collect()
    }

    /// exp of the mean negative log-likelihood over the windows, by language.
    ///
    /// # Errors
    /// When a corpus can't be read, the device fails, or `watch` breaks off.
    pub(super) fn perplexity(
        &self,
        model: &Decoder,
        watch: &dyn Watch,
        name: &str,
    ) -> Result<BTreeMap<String, f64>, LabError> {
        let of = |(code, blocks): (&String, &Blocks)| {
            // JSON has no infinity.
            Ok((code.clone(), self.one(model, blocks, watch, name)?.min(f64::MAX)))
        };
        self.blocks.iter().map(of).collect()
    }

    fn one(&self, model: &Decoder, blocks: &Blocks, watch: &dyn Watch, name: &str) -> Result<f64, LabError> {
        let all = blocks.windows(self.seq_len)?;
        let count = all.min(self.windows);
        let apart = all / count;
        let first = if self.between { apart / 2 } else { 0 };
        let mut sum = 0.0;
        for number in 0..count {
            if watch.go_on().is_break() {
                return Err(LabError::Interrupted { doing: format!("reading with {name}") });
            }
            let window = blocks.window(first + number * apart, self.seq_len)?;
            let batch = Batch::packed(&[window.inputs().to_vec()]);
            let mean = cross_entropy(model.forward(&batch), window.targets()).into_data();
            let mean = mean.try_to_vec::<f32>().map_err(|error| LabError::Device(format!("{error:?}")))?;
            sum += f64::from(mean[0]);
        }
        Ok((sum / count as f64).exp())
    }
}

fn open(path: &Path, seq_len: usize) -> Result<Blocks, LabError> {
    let blocks = Prepared::open(path)?.blocks(Split::HeldOut)?;
    match blocks.windows(seq_len) {
        Ok(_) => Ok(blocks),
        Err(maec_corpus::Error::TooFewTokens { tokens, .. }) => {
            Err(ExperimentError::NoHeldOut { path: path.to_owned(), tokens, window: seq_len + 1 }.into())
        }
        Err(error) => Err(error.into()),
    }
}
