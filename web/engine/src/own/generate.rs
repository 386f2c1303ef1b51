//! Greedy generation from what was loaded, in whole characters.

use maec_model::{Generator, Stop};
use maec_protocol::{Reply, StopReason};
use maec_tokenizer::TextStream;

use super::load::Loaded;
use crate::failure::sentence;
use crate::job::Job;
use crate::{Failure, Host};

impl Loaded {
    /// Goes on from a prompt. A cancellation ends it like a stop token does, with what was written so far.
    pub async fn generate<H: Host>(
        &self,
        job: &Job<'_, H>,
        prompt: &str,
        chat: bool,
        max_new_tokens: u32,
    ) -> Result<Reply, Failure> {
        let tokenizer = self.words.tokenizer.as_ref();
        let ids = self.prompt(prompt, chat)?;
        let stop = Stop { tokens: self.stops.clone(), max_new_tokens: max_new_tokens as usize };
        let mut generator = Generator::new(&self.model, &[ids], stop);
        let mut stream = TextStream::new(tokenizer);
        let mut cancelled = false;
        while let Some(next) = generator.step().await.map_err(Failure::Device)? {
            if let Some(token) = next[0] {
                say(job, stream.push(token)?);
            }
            if job.checkpoint().await.is_err() {
                cancelled = true;
                break;
            }
        }
        say(job, stream.finish()?);
        let output = &generator.outputs()[0];
        let stop = match (output.stopped, cancelled) {
            (true, _) => StopReason::EndOfText,
            (false, true) => StopReason::Cancelled,
            (false, false) => StopReason::Limit,
        };
        Ok(Reply::Generated { tokens: output.tokens.len() as u32, seconds: job.seconds(), stop })
    }

    /// The prompt's token ids, in the chat template if that was asked for.
    fn prompt(&self, prompt: &str, chat: bool) -> Result<Vec<u32>, Failure> {
        let (tokenizer, config) = (&self.words.tokenizer, self.model.config());
        let ids = match (chat, &self.words.chat) {
            (false, _) => tokenizer.encode(prompt, true)?,
            (true, Some(template)) => {
                let text = template(prompt).map_err(|why| Failure::Refused {
                    message: sentence(&format!("the chat template cannot be used: {why}")),
                    hint: Some("Ask without the chat template.".into()),
                })?;
                // The template writes the special tokens itself.
                tokenizer.encode(&text, false)?
            }
            (true, None) => {
                let message = "This model has no chat template.";
                return Err(Failure::refused(message, "Ask without it."));
            }
        };
        let positions = config.max_position_embeddings;
        if ids.is_empty() {
            return Err(Failure::refused("The prompt is empty.", "Write something."));
        }
        if ids.len() >= positions {
            let message = format!("The prompt has {} tokens, the model {positions} positions.", ids.len());
            return Err(Failure::refused(message, "Shorten it."));
        }
        if let Some(&id) = ids.iter().find(|&&id| id as usize >= config.vocab_size) {
            let message =
                format!("The tokenizer gives the id {id}, the embedding has {} rows.", config.vocab_size);
            return Err(Failure::refused(message, "Use the tokenizer.json that belongs to the weights."));
        }
        Ok(ids)
    }
}

fn say<H: Host>(job: &Job<'_, H>, text: String) {
    if !text.is_empty() {
        job.post(Reply::Token { text });
    }
}
