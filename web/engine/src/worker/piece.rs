//! Tokenizers: a small one that is here, and all others in a piece that is fetched when a model first needs it.

use std::rc::Rc;

use js_sys::{Array, Error, Function, Promise, Reflect};
use maec_tokenizer::{Tokenizer, TokenizerError, WordTokenizer};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use super::scope;
use crate::{Chat, Words, WordsTexts};

/// The piece's script, beside the engine's.
const SCRIPT: &str = "tokenizer.js";

// There is no other way to `import()`.
#[wasm_bindgen(inline_js = "export function import_module(url) { return import(url); }")]
extern "C" {
    fn import_module(url: &str) -> Promise;
}

#[wasm_bindgen]
extern "C" {
    /// The piece's class `Tokenizer`.
    type Piece;

    #[wasm_bindgen(method, catch)]
    fn encode(this: &Piece, text: &str, special: bool) -> Result<Vec<u32>, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn decode(this: &Piece, ids: &[u32]) -> Result<String, JsValue>;

    #[wasm_bindgen(method)]
    fn vocab_size(this: &Piece) -> u32;

    #[wasm_bindgen(method)]
    fn id_of(this: &Piece, token: &str) -> Option<u32>;

    #[wasm_bindgen(method)]
    fn describe(this: &Piece) -> String;

    #[wasm_bindgen(method)]
    fn has_chat(this: &Piece) -> bool;

    #[wasm_bindgen(method, catch)]
    fn chat(this: &Piece, messages: &str, add_generation_prompt: bool) -> Result<String, JsValue>;

    #[wasm_bindgen(method)]
    fn free(this: &Piece);
}

/// As [`crate::Host::words`].
pub async fn words(texts: WordsTexts) -> Result<Words, String> {
    if !texts.has_chat()
        && let Some(text) = &texts.tokenizer
        && let Ok(tokenizer) = WordTokenizer::from_json(text)
    {
        return Ok(Words { tokenizer: Box::new(tokenizer), chat: None });
    }
    let piece = make(texts).await.map_err(|error| line(&error))?;
    let tokenizer = Rc::new(Fetched(piece));
    let chat = tokenizer.0.has_chat().then(|| {
        let tokenizer = tokenizer.clone();
        Box::new(move |text: &str| {
            let messages = serde_json::json!([{"role": "user", "content": text}]).to_string();
            tokenizer.0.chat(&messages, true).map_err(|error| line(&error))
        }) as Chat
    });
    Ok(Words { tokenizer: Box::new(Shared(tokenizer)), chat })
}

/// Fetches the piece, where that was not done before, and makes a tokenizer of it.
async fn make(texts: WordsTexts) -> Result<Piece, JsValue> {
    let address = web_sys::Url::new_with_base(SCRIPT, &scope::get().location().href())?.href();
    let module = JsFuture::from(import_module(&address)).await?;
    let start: Function = Reflect::get(&module, &"default".into())?.dyn_into()?;
    // The second time it knows that it has started.
    JsFuture::from(Promise::resolve(&start.call0(&JsValue::UNDEFINED)?)).await?;
    let class: Function = Reflect::get(&module, &"Tokenizer".into())?.dyn_into()?;
    let text = |text: Option<String>| text.map_or(JsValue::UNDEFINED, JsValue::from);
    let given = Array::of3(&text(texts.tokenizer), &text(texts.config), &text(texts.chat));
    Ok(Reflect::construct(&class, &given)?.unchecked_into())
}

/// What was thrown, in one line.
fn line(thrown: &JsValue) -> String {
    let message = thrown.dyn_ref::<Error>().map(|error| String::from(error.message()));
    message.or_else(|| thrown.as_string()).unwrap_or_else(|| "it cannot be loaded".into())
}

/// A tokenizer of the piece; its memory is given back with it.
struct Fetched(Piece);

impl Drop for Fetched {
    fn drop(&mut self) {
        self.0.free();
    }
}

/// The same for two users.
struct Shared(Rc<Fetched>);

impl Tokenizer for Shared {
    fn encode(&self, text: &str, special: bool) -> Result<Vec<u32>, TokenizerError> {
        self.0.0.encode(text, special).map_err(|error| TokenizerError::Encode(line(&error)))
    }

    fn decode(&self, ids: &[u32]) -> Result<String, TokenizerError> {
        self.0.0.decode(ids).map_err(|error| TokenizerError::Decode(line(&error)))
    }

    fn vocab_size(&self) -> usize {
        self.0.0.vocab_size() as usize
    }

    fn id_of(&self, token: &str) -> Option<u32> {
        self.0.0.id_of(token)
    }

    fn describe(&self) -> String {
        self.0.0.describe()
    }
}
