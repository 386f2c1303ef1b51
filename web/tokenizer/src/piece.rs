//! What JavaScript sees of a tokenizer. Errors are thrown as `Error` with a message of one line.

use std::fmt::Display;

use js_sys::{Date as JsDate, Error};
use maec_tokenizer::{ChatError, ChatTemplate, Date, Message, open};
use wasm_bindgen::prelude::wasm_bindgen;

/// A model's tokenizer and chat template.
#[wasm_bindgen]
pub struct Tokenizer {
    tokenizer: Box<dyn maec_tokenizer::Tokenizer>,
    chat: Option<ChatTemplate>,
}

#[wasm_bindgen]
impl Tokenizer {
    /// From the texts of `tokenizer.json` and, where the model has them, `tokenizer_config.json` and `chat_template.jinja`.
    ///
    /// `today` (`2024-07-26`) is the day that a chat template may ask for; without it, the browser's.
    ///
    /// # Errors
    /// Throws when a file can't be read or honoured.
    #[wasm_bindgen(constructor)]
    pub fn new(
        tokenizer_json: &str,
        tokenizer_config_json: Option<String>,
        chat_template: Option<String>,
        today: Option<String>,
    ) -> Result<Tokenizer, Error> {
        let config = tokenizer_config_json.as_deref();
        let tokenizer = open(tokenizer_json, config).map_err(thrown)?;
        let today = match today {
            Some(text) => text.parse().map_err(thrown)?,
            None => browsers_day().ok_or_else(|| thrown("the browser's clock is past the year 9999"))?,
        };
        let chat = match ChatTemplate::from_config(config, chat_template.as_deref(), today) {
            Ok(template) => Some(template),
            Err(ChatError::Missing) => None,
            Err(error) => return Err(thrown(error)),
        };
        Ok(Self { tokenizer, chat })
    }

    /// Token ids of a text; `special` adds what the tokenizer puts around a text, such as the start token.
    ///
    /// # Errors
    /// Throws when the text can't be encoded.
    pub fn encode(&self, text: &str, special: bool) -> Result<Vec<u32>, Error> {
        self.tokenizer.encode(text, special).map_err(thrown)
    }

    /// The text of token ids, special tokens left out.
    ///
    /// # Errors
    /// Throws when the tokens can't be put together.
    pub fn decode(&self, ids: &[u32]) -> Result<String, Error> {
        self.tokenizer.decode(ids).map_err(thrown)
    }

    /// Number of tokens.
    pub fn vocab_size(&self) -> usize {
        self.tokenizer.vocab_size()
    }

    /// The id of one token, or `undefined`.
    pub fn id_of(&self, token: &str) -> Option<u32> {
        self.tokenizer.id_of(token)
    }

    /// `BPE with 49152 tokens`.
    pub fn describe(&self) -> String {
        self.tokenizer.describe()
    }

    /// Has a chat template.
    pub fn has_chat(&self) -> bool {
        self.chat.is_some()
    }

    /// The prompt of `[{"role": "user", "content": "…"}]`; encode it without special tokens, since it holds its own.
    ///
    /// # Errors
    /// Throws when there is no template, or it refuses the messages.
    pub fn chat(&self, messages_json: &str, add_generation_prompt: bool) -> Result<String, Error> {
        let messages: Vec<Message> = serde_json::from_str(messages_json).map_err(thrown)?;
        let template = self.chat.as_ref().ok_or_else(|| thrown(ChatError::Missing))?;
        template.render(&messages, add_generation_prompt).map_err(thrown)
    }
}

fn browsers_day() -> Option<Date> {
    let now = JsDate::new_0();
    let year = u16::try_from(now.get_full_year()).ok()?;
    Date::new(year, now.get_month() as u8 + 1, now.get_date() as u8)
}

fn thrown(error: impl Display) -> Error {
    Error::new(&error.to_string())
}
