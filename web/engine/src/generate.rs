//! Greedy generation, token by token.

use maec_eval::stop_tokens;
use maec_model::{Generator, Stop};
use maec_protocol::{Reply, StopReason, Subject};

use crate::bench::Bench;
use crate::job::Job;
use crate::{Failure, Host};

impl Bench {
    /// Lets a [prepared](Self::prepare) subject go on from a prompt. A cancellation ends it like a stop token does, with
    /// what was written so far.
    pub async fn generate<H: Host>(
        &self,
        job: &Job<'_, H>,
        subject: Subject,
        prompt: &str,
        max_new_tokens: u32,
    ) -> Result<Reply, Failure> {
        let (model, _) = self.subject(subject)?;
        let ids = self.tokenizer.encode(prompt);
        let positions = self.config.max_position_embeddings;
        if ids.is_empty() {
            return Err(Failure::refused("The prompt is empty.", "Write something."));
        }
        if ids.len() >= positions {
            let message = format!("The prompt has {} tokens, the model {positions} positions.", ids.len());
            return Err(Failure::refused(message, "Shorten it."));
        }
        // What follows a word starts with a space.
        let mut pending = if prompt.ends_with(char::is_whitespace) { String::new() } else { " ".to_owned() };
        let mut written = String::new();
        let stop =
            Stop { tokens: stop_tokens(model, &self.tokenizer), max_new_tokens: max_new_tokens as usize };
        let mut generator = Generator::new(model, &[ids], stop);
        let mut cancelled = false;
        while generator.step().await.map_err(Failure::Device)?.is_some() {
            let text = self.tokenizer.decode(&generator.outputs()[0].tokens);
            if let Some(new) = text.get(written.len()..).filter(|new| !new.is_empty()) {
                pending.push_str(new);
                job.post(Reply::Token { text: std::mem::take(&mut pending) });
                written = text;
            }
            if job.checkpoint().await.is_err() {
                cancelled = true;
                break;
            }
        }
        let output = &generator.outputs()[0];
        let reason = match (output.stopped, cancelled) {
            (true, _) => StopReason::EndOfText,
            (false, true) => StopReason::Cancelled,
            (false, false) => StopReason::Limit,
        };
        Ok(Reply::Generated { tokens: output.tokens.len() as u32, seconds: job.seconds(), stop: reason })
    }
}
