//! A model's tokenizer: what its files say of it, and the thing itself once its code is here.

use maec_checkpoint::{Error, ModelFolder};
use maec_tokenizer::{Outline, Tokenizer};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// The texts that a tokenizer is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WordsTexts {
    /// `tokenizer.json`.
    pub tokenizer: Option<String>,
    /// `tokenizer_config.json`.
    pub config: Option<String>,
    /// `chat_template.jinja`.
    pub chat: Option<String>,
}

/// A tokenizer, and the chat template where the model has one.
pub struct Words {
    /// Text to ids and back.
    pub tokenizer: Box<dyn Tokenizer>,
    /// Puts a user's message into the chat template.
    pub chat: Option<Chat>,
}

/// Puts a user's message into the chat template; fails with a sentence.
pub type Chat = Box<dyn Fn(&str) -> Result<String, String>>;

impl WordsTexts {
    /// Those of a folder.
    pub fn of(folder: &ModelFolder) -> Result<Self, Error> {
        Ok(Self {
            tokenizer: folder.text("tokenizer.json")?,
            config: folder.text("tokenizer_config.json")?,
            chat: folder.text("chat_template.jinja")?,
        })
    }

    /// Whether there is a chat template.
    pub fn has_chat(&self) -> bool {
        #[derive(Deserialize)]
        struct Config {
            chat_template: Option<IgnoredAny>,
        }
        let in_config = || serde_json::from_str::<Config>(self.config.as_ref()?).ok()?.chat_template;
        self.chat.is_some() || in_config().is_some()
    }

    /// Kind and size, or why there is no tokenizer.
    pub fn outline(&self) -> Result<Outline, String> {
        let text = self.tokenizer.as_deref().ok_or("there is no tokenizer.json")?;
        Outline::from_json(text).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_broken_tokenizer_says_so() {
        assert!(WordsTexts::default().outline().unwrap_err().contains("no tokenizer.json"));
        let broken = WordsTexts { tokenizer: Some("[]".into()), ..WordsTexts::default() };
        assert!(broken.outline().unwrap_err().contains("tokenizer.json"));
    }

    #[test]
    fn a_chat_template_stands_in_the_config_or_beside_it() {
        let config = |text: &str| WordsTexts { config: Some(text.into()), ..WordsTexts::default() };
        assert!(config(r#"{"chat_template": "{{ x }}"}"#).has_chat());
        assert!(config(r#"{"chat_template": [{"name": "default"}]}"#).has_chat());
        assert!(!config(r#"{"chat_template": null}"#).has_chat() && !config("{").has_chat());
        assert!(WordsTexts { chat: Some(String::new()), ..WordsTexts::default() }.has_chat());
    }
}
