//! Chat templates: the Jinja text that turns messages into a prompt, as model folders bring it along.

mod date;
mod python;

use minijinja::{Environment, Value, context};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::error::line;
pub use date::Date;
use python::{Limited, describe, failure};

/// The most bytes of a template; the largest known have a tenth of it.
const MAX_TEMPLATE: usize = 256 << 10;

/// Steps that a template may take; a message takes some dozens.
const FUEL: u64 = 5_000_000;

const NAME: &str = "chat_template";

/// One message of a chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// `system`, `user` or `assistant`.
    pub role: String,
    /// What is said.
    pub content: String,
}

/// Why a chat can't be rendered.
#[derive(Debug, Error)]
pub enum ChatError {
    /// tokenizer_config.json is not JSON, or its template is not text.
    #[error("tokenizer_config.json is not readable: {0}")]
    Config(String),
    /// The model has no template.
    #[error("the model has no chat template: give it a plain prompt, or use its instruct version")]
    Missing,
    /// The template is too large.
    #[error("the chat template has {bytes} bytes; at most {limit} are read")]
    TooLarge {
        /// Bytes of the template.
        bytes: usize,
        /// The most that are read.
        limit: usize,
    },
    /// The template is not Jinja.
    #[error("the chat template is not readable: {0}")]
    Syntax(String),
    /// The template refuses these messages, in its own words.
    #[error("the chat template refuses the messages: {0}")]
    Raised(String),
    /// The template takes too many steps or writes too much.
    #[error("the chat template does not come to an end within its limits")]
    Endless,
    /// A day that does not exist.
    #[error("`{0}` is not a day: write it as 2024-07-26")]
    Date(String),
    /// The template fails.
    #[error("the chat template fails: {0}")]
    Render(String),
}

/// A model's chat template, compiled.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    /// `bos_token`, `eos_token`, …
    special: Value,
}

impl ChatTemplate {
    /// Reads the template of a `tokenizer_config.json`, or the one in a file of its own (`chat_template.jinja`), which goes first.
    ///
    /// The day is what `strftime_now` tells the template, so that one prompt is always the same.
    ///
    /// # Errors
    /// [`ChatError::Missing`] when there is none, else what is wrong with it.
    pub fn from_config(
        tokenizer_config_json: Option<&str>,
        chat_template: Option<&str>,
        today: Date,
    ) -> Result<Self, ChatError> {
        let config: Config = tokenizer_config_json
            .map_or(Ok(Config::default()), serde_json::from_str)
            .map_err(|error| ChatError::Config(line(&error)))?;
        let text = match (chat_template, config.chat_template) {
            (Some(text), _) => text.to_owned(),
            (None, Some(Source::One(text))) => text,
            (None, Some(Source::Named(list))) => {
                list.into_iter().find(|named| named.name == "default").ok_or(ChatError::Missing)?.template
            }
            (None, None) => return Err(ChatError::Missing),
        };
        if text.len() > MAX_TEMPLATE {
            return Err(ChatError::TooLarge { bytes: text.len(), limit: MAX_TEMPLATE });
        }
        let special = config.rest.iter().filter(|(name, _)| name.ends_with("_token"));
        let special = special.filter_map(|(name, token)| {
            Some((name.as_str(), token.get("content").unwrap_or(token).as_str()?))
        });
        let special = Value::from_pairs(special);
        let mut environment = python::environment().map_err(|error| failure(&error))?;
        environment.set_fuel(Some(FUEL));
        environment.add_function("strftime_now", move |format: &str| today.format(format));
        environment
            .add_template_owned(NAME, python::without_generation_tags(&text))
            .map_err(|error| ChatError::Syntax(describe(&error)))?;
        Ok(Self { environment, special })
    }

    /// The prompt of a chat; `add_generation_prompt` opens the assistant's answer at its end.
    ///
    /// It holds its special tokens already: encode it without adding them.
    ///
    /// # Errors
    /// When the template refuses the messages, fails, or does not end.
    pub fn render(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String, ChatError> {
        let template = self.environment.get_template(NAME).map_err(|error| failure(&error))?;
        let messages = messages.iter().map(|message| {
            Value::from_pairs([("role", message.role.as_str()), ("content", message.content.as_str())])
        });
        let values = context! {
            messages => messages.collect::<Vec<_>>(),
            add_generation_prompt,
            tools => (),
            documents => (),
            ..self.special.clone(),
        };
        let mut prompt = Limited::default();
        template.render_captured_to(values, &mut prompt).map_err(|error| failure(&error))?;
        String::from_utf8(prompt.bytes).map_err(|_| ChatError::Endless)
    }
}

#[derive(Default, Deserialize)]
struct Config {
    #[serde(default)]
    chat_template: Option<Source>,
    #[serde(flatten)]
    rest: serde_json::Map<String, serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Source {
    One(String),
    Named(Vec<Named>),
}

#[derive(Deserialize)]
struct Named {
    name: String,
    template: String,
}
