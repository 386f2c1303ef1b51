//! Greedy generation with a key-value cache, for a batch of prompts at once.

use burn::tensor::Tensor;

use crate::cache::Cache;
use crate::decoder::Decoder;
use crate::layout::{Batch, Segment};

/// When a sequence ends.
#[derive(Debug, Clone)]
pub struct Stop {
    /// Tokens that end a sequence (not part of the output).
    pub tokens: Vec<u32>,
    /// New tokens at most.
    pub max_new_tokens: usize,
}

/// What was generated for one prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct Generated {
    /// New token ids, without the stop token.
    pub tokens: Vec<u32>,
    /// Whether a stop token ended it.
    pub stopped: bool,
    /// Smallest difference between the two largest logits over its steps.
    pub margin: f32,
}

/// Generates for several prompts, one token each a step, so that callers can stream, pause or cancel.
pub struct Generator<'a> {
    model: &'a Decoder,
    stop: Stop,
    cache: Cache,
    lengths: Vec<usize>,
    /// New tokens at most, of each: a longer neighbour takes nothing away.
    limits: Vec<usize>,
    width: usize,
    steps: usize,
    outputs: Vec<Generated>,
    /// After the prompts, or after the tokens before [`waiting`](Self::waiting).
    logits: Tensor<2>,
    /// The newest tokens, run through the model when a next one is asked for: the caller hears of them first.
    waiting: Option<Vec<Option<u32>>>,
}

impl<'a> Generator<'a> {
    /// Runs the prompts through the model.
    ///
    /// # Panics
    /// If there is no prompt, or one is empty or longer than the model's positions.
    pub fn new(model: &'a Decoder, prompts: &[Vec<u32>], stop: Stop) -> Self {
        assert!(prompts.iter().all(|prompt| !prompt.is_empty()), "a prompt needs at least one token");
        let width = prompts.iter().map(Vec::len).max().expect("at least one prompt");
        let positions = model.config().max_position_embeddings;
        let room = |prompt: &Vec<u32>| positions.saturating_sub(prompt.len()).min(stop.max_new_tokens);
        let limits: Vec<usize> = prompts.iter().map(room).collect();
        let mut cache = Cache::new(prompts.len(), width + limits.iter().max().copied().unwrap_or(0));
        let mut batch = Batch::default();
        let mut last_rows = Vec::with_capacity(prompts.len());
        for (index, prompt) in prompts.iter().enumerate() {
            let mut padded = prompt.clone();
            padded.resize(width, 0);
            batch.push(&padded, prompt.len());
            batch.segments[index].keys = cache.rows(index, width);
            last_rows.push((index * width + prompt.len() - 1) as u32);
        }
        let logits = model.forward_rows(&batch, &last_rows, Some(&mut cache));
        let output = Generated { tokens: Vec::new(), stopped: false, margin: f32::INFINITY };
        Self {
            model,
            stop,
            cache,
            lengths: prompts.iter().map(Vec::len).collect(),
            limits,
            width,
            steps: 0,
            outputs: vec![output; prompts.len()],
            logits,
            waiting: None,
        }
    }

    /// Appends one token to every sequence that goes on. Returns the new tokens (`None` for ended sequences), or
    /// nothing when all have ended.
    ///
    /// # Errors
    /// When the device is lost.
    pub async fn step(&mut self) -> Result<Option<Vec<Option<u32>>>, String> {
        if self.finished() {
            return Ok(None);
        }
        if let Some(tokens) = self.waiting.take() {
            self.advance(&tokens);
        }
        let data = self.logits.clone().into_data_async().await.map_err(|e| e.to_string())?;
        let logits = data.try_to_vec::<f32>().map_err(|e| format!("{e:?}"))?;
        let vocab = logits.len() / self.outputs.len();
        let mut next = Vec::with_capacity(self.outputs.len());
        let limits = self.limits.iter();
        for ((output, &limit), logits) in self.outputs.iter_mut().zip(limits).zip(logits.chunks_exact(vocab))
        {
            let (token, margin) = largest(logits);
            if output.stopped || output.tokens.len() >= limit {
                next.push(None);
                continue;
            }
            output.margin = output.margin.min(margin);
            if self.stop.tokens.contains(&token) {
                output.stopped = true;
                next.push(None);
            } else {
                output.tokens.push(token);
                next.push(Some(token));
            }
        }
        self.steps += 1;
        self.waiting = Some(next.clone());
        Ok(Some(next))
    }

    /// Runs to the end.
    ///
    /// # Errors
    /// When the device is lost.
    pub async fn run(mut self) -> Result<Vec<Generated>, String> {
        while self.step().await?.is_some() {}
        Ok(self.outputs)
    }

    /// Ends one sequence: what its text says is enough.
    pub fn end(&mut self, sequence: usize) {
        self.outputs[sequence].stopped = true;
    }

    /// What there is so far.
    pub fn outputs(&self) -> &[Generated] {
        &self.outputs
    }

    fn finished(&self) -> bool {
        let mut all = self.outputs.iter().zip(&self.limits);
        all.all(|(output, &limit)| output.stopped || output.tokens.len() >= limit)
    }

    /// One forward pass of the new tokens; ended sequences ride along with token 0.
    fn advance(&mut self, next: &[Option<u32>]) {
        let columns = self.width + self.steps;
        let mut batch = Batch::default();
        for (index, &token) in next.iter().enumerate() {
            batch.ids.push(token.unwrap_or(0));
            // An ended sequence stays where it ended, within the model's positions.
            let position = self.lengths[index] + self.outputs[index].tokens.len();
            batch.positions.push(position.saturating_sub(1) as u32);
            batch.segments.push(Segment {
                queries: index..index + 1,
                keys: self.cache.rows(index, columns),
                offset: columns - 1,
                hidden: self.lengths[index]..self.width,
            });
        }
        let rows: Vec<u32> = (0..next.len() as u32).collect();
        self.logits = self.model.forward_rows(&batch, &rows, Some(&mut self.cache));
    }
}

/// Index of the largest logit (the first of equals) and its lead over the second largest.
fn largest(logits: &[f32]) -> (u32, f32) {
    let (mut best, mut first, mut second) = (0, f32::NEG_INFINITY, f32::NEG_INFINITY);
    for (index, &logit) in logits.iter().enumerate() {
        if logit > first {
            (best, second, first) = (index, first, logit);
        } else if logit > second {
            second = logit;
        }
    }
    (best as u32, first - second)
}
