//! The hub's token, which is shown to nobody but the hub.

use std::{env, fmt};

use crate::Error;

/// A secret for the hub. It has no way to be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// The token in the environment variable `HF_TOKEN`; none where that is unset or empty. Fails with [`Error::BadSetting`] where
    /// it can't stand in a header.
    pub fn from_env() -> Result<Option<Self>, Error> {
        match env::var("HF_TOKEN") {
            Ok(text) if text.trim().is_empty() => Ok(None),
            Ok(text) => Self::new(&text).map(Some),
            Err(env::VarError::NotPresent) => Ok(None),
            Err(env::VarError::NotUnicode(_)) => Err(bad()),
        }
    }

    /// A token; surrounding white space is dropped.
    pub fn new(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(bad());
        }
        Ok(Self(text.into()))
    }

    /// The value of the `Authorization` header.
    pub(super) fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

fn bad() -> Error {
    Error::BadSetting {
        name: "HF_TOKEN",
        reason: "it is no token of the hub; set it again or unset it".into(),
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::Token;

    #[test]
    fn a_token_shows_itself_in_no_message() {
        let token = Token::new(" hf_secret\n").expect("a token");
        assert_eq!(format!("{token:?} {:#?}", Some(&token)).matches("hf_secret").count(), 0);
        assert_eq!(token.header(), "Bearer hf_secret");
        for bad in ["", " ", "hf_se cret", "hf_secret\r\nHost: x", "hf_sécret"] {
            let error = Token::new(bad).expect_err(bad);
            assert!(!format!("{error} {error:?}").contains("cret"), "{error}");
        }
    }
}
