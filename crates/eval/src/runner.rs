//! A decoder with its tokenizer, as benchmarks ask it: generation, likelihoods, and texts of any length.

use std::collections::BTreeMap;

use burn::tensor::Tensor;
use maec_model::kernels::cross_entropy;
use maec_model::{Batch, Decoder, Generator, Stop};
use maec_tasks::{Continuation, Generation, LanguageModel, ModelError, Nll};
use maec_tokenizer::{TextStream, Tokenizer};

/// Tokens that go through the model together.
const BATCH_TOKENS: usize = 2048;
/// Rows whose logits are held at once: a large vocabulary makes them the largest thing there is.
const LOGIT_ROWS: usize = 128;

/// A model that benchmarks can ask.
pub struct Runner<'a> {
    model: &'a Decoder,
    tokenizer: &'a dyn Tokenizer,
    stop: Vec<u32>,
    stopped: &'a dyn Fn() -> bool,
}

impl<'a> Runner<'a> {
    /// `stop` are the tokens that end a text; `stopped` is asked between steps whether to break off.
    pub fn new(
        model: &'a Decoder,
        tokenizer: &'a dyn Tokenizer,
        stop: Vec<u32>,
        stopped: &'a dyn Fn() -> bool,
    ) -> Self {
        Self { model, tokenizer, stop, stopped }
    }

    fn encode(&self, text: &str, special: bool) -> Result<Vec<u32>, ModelError> {
        let ids = self.tokenizer.encode(text, special).map_err(ModelError::new)?;
        let rows = self.model.config().vocab_size as u32;
        match ids.iter().find(|&&id| id >= rows) {
            Some(id) => Err(ModelError::new(format!(
                "the tokenizer gives token {id}, the model's vocabulary has {rows}; use the model's own tokenizer"
            ))),
            None => Ok(ids),
        }
    }

    /// What stands before the first token of a text, so that it can be predicted.
    fn prefix(&self) -> Option<u32> {
        let config = self.model.config();
        config.bos_token_id.or_else(|| config.eos_token_ids.first().copied())
    }

    fn go_on(&self) -> Result<(), ModelError> {
        if (self.stopped)() { Err(ModelError::Cancelled) } else { Ok(()) }
    }

    /// Consecutive inputs in groups of about [`BATCH_TOKENS`].
    fn groups<T>(inputs: Vec<(T, Vec<u32>)>) -> Vec<Vec<(T, Vec<u32>)>> {
        let mut groups: Vec<Vec<(T, Vec<u32>)>> = Vec::new();
        let mut tokens = usize::MAX;
        for (item, ids) in inputs {
            if tokens.saturating_add(ids.len()) > BATCH_TOKENS {
                groups.push(Vec::new());
                tokens = 0;
            }
            tokens += ids.len();
            groups.last_mut().expect("one was pushed").push((item, ids));
        }
        groups
    }
}

/// A pair of texts in tokens: everything but the last token goes in, `targets` is what should come out at the end.
struct Asked {
    pair: usize,
    targets: Vec<u32>,
}

impl LanguageModel for Runner<'_> {
    async fn generate(
        &mut self,
        prompts: &[String],
        until: &[String],
        max_new_tokens: usize,
    ) -> Result<Vec<Generation>, ModelError> {
        let ids = prompts.iter().map(|prompt| self.encode(prompt, true)).collect::<Result<Vec<_>, _>>()?;
        if let Some(index) = ids.iter().position(Vec::is_empty) {
            return Err(ModelError::new(format!("prompt {} has no token", index + 1)));
        }
        let stop = Stop { tokens: self.stop.clone(), max_new_tokens };
        let mut generator = Generator::new(self.model, &ids, stop);
        let mut streams: Vec<TextStream<'_>> = ids.iter().map(|_| TextStream::new(self.tokenizer)).collect();
        let mut texts = vec![String::new(); ids.len()];
        while let Some(tokens) = generator.step().await.map_err(ModelError::new)? {
            self.go_on()?;
            for (index, token) in tokens.into_iter().enumerate() {
                let Some(token) = token else { continue };
                texts[index] += &streams[index].push(token).map_err(ModelError::new)?;
                if until.iter().any(|end| !end.is_empty() && texts[index].contains(end)) {
                    generator.end(index);
                }
            }
        }
        let outputs = generator.outputs().iter().zip(streams).zip(texts);
        let generation =
            |((output, stream), mut text): ((&maec_model::Generated, TextStream<'_>), String)| {
                text += &stream.finish().map_err(ModelError::new)?;
                let ends =
                    until.iter().filter(|end| !end.is_empty()).filter_map(|end| text.find(end.as_str()));
                let cut = ends.min();
                text.truncate(cut.unwrap_or(text.len()));
                let stopped = output.stopped || cut.is_some();
                Ok(Generation { text, tokens: output.tokens.len(), stopped })
            };
        outputs.map(generation).collect()
    }

    async fn log_likelihood(&mut self, pairs: &[(String, String)]) -> Result<Vec<Continuation>, ModelError> {
        let positions = self.context_tokens();
        // Choices of one question differ in their last token alone, so one pass answers them all.
        let mut inputs: BTreeMap<Vec<u32>, Vec<Asked>> = BTreeMap::new();
        for (pair, (context, continuation)) in pairs.iter().enumerate() {
            let bare = context.trim_end();
            let whole = self.encode(&format!("{context}{continuation}"), true)?;
            let mut start = self.encode(bare, true)?.len().min(whole.len());
            let mut ids = whole;
            if start == 0 {
                let prefix = self.prefix().ok_or_else(|| {
                    ModelError::new("an empty context needs a start token, and config.json names none")
                })?;
                ids.insert(0, prefix);
                start = 1;
            }
            if ids.len() > positions + 1 {
                let drop = ids.len() - positions - 1;
                if drop >= start {
                    return Err(ModelError::new(format!(
                        "a continuation has more tokens than the model's {positions} positions"
                    )));
                }
                ids.drain(..drop);
                start -= drop;
            }
            let targets = ids.split_off(start);
            ids.extend(&targets[..targets.len().saturating_sub(1)]);
            inputs.entry(ids).or_default().push(Asked { pair, targets });
        }
        let mut results = vec![Continuation { log_likelihood: 0.0, tokens: 0, greedy: true }; pairs.len()];
        let mut by_length: Vec<(Vec<Asked>, Vec<u32>)> =
            inputs.into_iter().map(|(ids, asked)| (asked, ids)).collect();
        by_length.sort_by_key(|(_, ids)| ids.len());
        for group in Self::groups(by_length) {
            self.go_on()?;
            let sequences: Vec<&[u32]> = group.iter().map(|(_, ids)| ids.as_slice()).collect();
            let hidden = self.model.hidden(&Batch::packed(&sequences), None);
            let mut end = 0;
            for (asked, ids) in &group {
                end += ids.len();
                let longest = asked.iter().map(|one| one.targets.len()).max().unwrap_or(0);
                let logits = self.logits(hidden.clone().narrow(0, end - longest, longest)).await?;
                let vocab = logits.len() / longest.max(1);
                for one in asked {
                    let rows = logits.chunks_exact(vocab).skip(longest - one.targets.len());
                    let result = &mut results[one.pair];
                    result.tokens = one.targets.len();
                    for (row, &target) in rows.zip(&one.targets) {
                        let (log_likelihood, greedy) = likelihood(row, target);
                        result.log_likelihood += log_likelihood;
                        result.greedy &= greedy;
                    }
                }
            }
        }
        Ok(results)
    }

    async fn rolling(&mut self, texts: &[String]) -> Result<Vec<Nll>, ModelError> {
        let positions = self.context_tokens();
        let mut results = vec![Nll { sum: 0.0, tokens: 0 }; texts.len()];
        // Windows of one text overlap by the one token that predicts the next window's first.
        let mut windows = Vec::new();
        for (text, content) in texts.iter().enumerate() {
            let mut ids = self.encode(content, false)?;
            if let Some(prefix) = self.prefix().filter(|prefix| ids.first() != Some(prefix)) {
                ids.insert(0, prefix);
            }
            let mut first = 0;
            while first + 1 < ids.len() {
                let last = (first + positions).min(ids.len() - 1);
                windows.push(((text, ids[first + 1..=last].to_vec()), ids[first..last].to_vec()));
                first = last;
            }
        }
        for group in Self::groups(windows) {
            self.go_on()?;
            let sequences: Vec<&[u32]> = group.iter().map(|(_, ids)| ids.as_slice()).collect();
            let hidden = self.model.hidden(&Batch::packed(&sequences), None);
            let mut start = 0;
            for ((text, targets), _) in &group {
                for (part, targets) in targets.chunks(LOGIT_ROWS).enumerate() {
                    let rows = hidden.clone().narrow(0, start + part * LOGIT_ROWS, targets.len());
                    let mean = values(cross_entropy(self.model.logits(rows), targets)).await?[0];
                    results[*text].sum += f64::from(mean) * targets.len() as f64;
                }
                results[*text].tokens += targets.len();
                start += targets.len();
            }
        }
        Ok(results)
    }

    fn context_tokens(&self) -> usize {
        self.model.config().max_position_embeddings
    }

    fn count(&self, text: &str) -> usize {
        self.tokenizer.encode(text, true).map_or(usize::MAX, |ids| ids.len())
    }
}

impl Runner<'_> {
    /// Logits of some rows, read back from the device, `[rows, vocab]` flat.
    async fn logits(&self, hidden: Tensor<2>) -> Result<Vec<f32>, ModelError> {
        values(self.model.logits(hidden)).await
    }
}

async fn values<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, ModelError> {
    let data = tensor.into_data_async().await.map_err(|error| ModelError::new(error.to_string()))?;
    data.try_to_vec::<f32>().map_err(|error| ModelError::new(format!("{error:?}")))
}

/// ln softmax(logits)[target], and whether no logit is larger.
fn likelihood(logits: &[f32], target: u32) -> (f64, bool) {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|&logit| f64::from(logit - largest).exp()).sum();
    let own = logits[target as usize];
    (f64::from(own - largest) - sum.ln(), own >= largest)
}
