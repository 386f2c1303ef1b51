//! The loss on held-out text while a model is trained.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use maec_corpus::Blocks;
use maec_eval::{EvalError, HeldOut, perplexity};
use maec_model::kernels::cross_entropy;
use maec_model::{Batch, Decoder, WordTokenizer};

use super::Data;
use crate::failure::usage;
use crate::{input, interrupt};

/// Windows of a prepared corpus that are measured, evenly spaced.
const WINDOWS: u64 = 64;

/// Held-out text.
pub enum Measured {
    /// None: there is nothing to measure.
    Nothing,
    /// Texts by language.
    Texts(BTreeMap<String, Vec<String>>, WordTokenizer),
    /// Held-out sides of prepared corpora, in windows of so many tokens.
    Windows(Vec<Blocks>, usize),
}

impl Measured {
    /// The texts of these files; without any, what prepared corpora hold out. Fails where there is neither.
    pub fn read(files: &[PathBuf], data: &Data) -> Result<Self> {
        if files.is_empty() {
            return match (data.held_out(), data.seq_len()) {
                ([], _) | (_, None) => Err(usage(
                    "--evaluate-every has nothing to measure; give --heldout, or a prepared corpus that holds out a window",
                )),
                (blocks, Some(seq_len)) => Ok(Self::Windows(blocks.to_vec(), seq_len)),
            };
        }
        let tokenizer = WordTokenizer::from_json(&data.texts["tokenizer.json"]).context("--heldout")?;
        let mut languages: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for HeldOut { language, text } in input::held_out(files)?.0 {
            languages.entry(language).or_default().push(text);
        }
        Ok(Self::Texts(languages, tokenizer))
    }

    /// Mean negative log-likelihoods in nats a token, by language or corpus. What Ctrl-C cuts off is left out.
    pub fn losses(&self, model: &Decoder) -> Result<BTreeMap<String, f64>> {
        let mut losses = BTreeMap::new();
        match self {
            Self::Nothing => (),
            Self::Texts(languages, tokenizer) => {
                for (language, texts) in languages {
                    let progress = &mut |_, _| interrupt::flow();
                    match pollster::block_on(perplexity(model, tokenizer, texts, progress)) {
                        Ok(found) => losses.insert(language.clone(), found.nll_sum / found.tokens as f64),
                        Err(EvalError::Cancelled) => break,
                        Err(error) => return Err(error).context("--heldout"),
                    };
                }
            }
            Self::Windows(corpora, seq_len) => {
                for blocks in corpora {
                    if let Some(loss) = of_windows(model, blocks, *seq_len)? {
                        losses.insert(blocks.name().to_owned(), loss);
                    }
                }
            }
        }
        Ok(losses)
    }
}

/// The mean over evenly spaced windows; none after Ctrl-C.
fn of_windows(model: &Decoder, blocks: &Blocks, seq_len: usize) -> Result<Option<f64>> {
    let windows = blocks.windows(seq_len)?;
    let count = windows.min(WINDOWS);
    let mut sum = 0.0;
    for number in 0..count {
        if interrupt::requested() {
            return Ok(None);
        }
        let window = blocks.window(number * (windows / count), seq_len)?;
        let batch = Batch::packed(&[window.inputs().to_vec()]);
        let mean = cross_entropy(model.forward(&batch), window.targets()).into_data();
        let mean = mean.try_to_vec::<f32>().map_err(|error| anyhow::anyhow!("the device failed: {error}"))?;
        sum += f64::from(mean[0]);
    }
    Ok(Some(sum / count as f64))
}
