//! Links: an [`Experiment`] as the fragment of a URL.
//!
//! A link holds only what differs from the preset of its pack. Its form, version 1:
//!
//! ```text
//! v1.<body>z
//! body  = base64url, unpadded, of  CRC-32 (4 bytes, little-endian) of the rest ‖ raw DEFLATE
//! ```
//!
//! The DEFLATE stream has a fixed text (`dictionary-v1.txt`) as its preset dictionary and holds a JSON
//! object: `pack`, always, and the difference of the other keys from the preset (a JSON Merge Patch that also
//! looks into lists). The closing `z` is there because programs that turn addresses into links leave out a
//! final `-` or `_`, and because a link without it was cut off.
//!
//! A published link opens for ever: the form, the dictionary and the presets never change, a new form gets a new
//! version. Links come from strangers, so lengths are capped before and after decompression and every value is
//! checked.

mod error;
mod packed;
mod patch;

use base64::DecodeError;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Experiment;
use crate::error::{shown, without_place};
pub use error::LinkError;

/// Longest fragment that [`decode`] looks at, in bytes. An experiment that differs from its preset by some hundred
/// patterns can exceed it: compare before offering a link.
pub const MAX_BYTES: usize = 4000;

/// Largest JSON text in a link, in bytes.
pub const MAX_UNPACKED_BYTES: usize = 64 * 1024;

const PREFIX: &str = "v1.";
const END: char = 'z';

/// What a link says.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// The link's experiment; the unchanged preset when the link was made for another pack.
    pub experiment: Experiment,
    /// The id of the pack that the link was made for, when that is not the preset's: to be told to the user, because
    /// a difference from one pack's preset means nothing in another.
    pub other_pack: Option<String>,
}

/// The fragment (without `#`) that restores `experiment`, where `preset` is
/// [the preset](Experiment::preset) of the experiment's pack.
///
/// The experiment should be [valid](Experiment::validate): a link to any other is refused when it is opened.
pub fn encode(experiment: &Experiment, preset: &Experiment) -> String {
    let mut difference = patch::between(&tree(preset), &tree(experiment));
    if let Value::Object(map) = &mut difference {
        map.insert("pack".into(), Value::String(experiment.pack.clone()));
    }
    let body = BASE64.encode(packed::pack(difference.to_string().as_bytes()));
    format!("{PREFIX}{body}{END}")
}

/// The experiment of a fragment (with or without `#`). `preset` is the preset of the open pack.
///
/// # Errors
///
/// When the fragment is no link, is damaged, or says something that is not a valid experiment.
pub fn decode(fragment: &str, preset: &Experiment) -> Result<Decoded, LinkError> {
    let (pack, difference) = open(fragment)?;
    if pack != preset.pack {
        return Ok(Decoded { experiment: preset.clone(), other_pack: Some(pack) });
    }
    let mut tree = tree(preset);
    patch::apply(&mut tree, difference).map_err(|index| LinkError::NotAnExperiment {
        message: format!("a list has no element `{}`", shown(&index)),
    })?;
    // Through text: the page can read texts anyway, and one more reader would be 20 kB more to fetch.
    let experiment: Experiment = read(&tree.to_string())?;
    experiment.validate()?;
    Ok(Decoded { experiment, other_pack: None })
}

/// The id of the pack that a fragment was made for: to fetch the right pack before [`decode`] is called.
///
/// # Errors
///
/// When the fragment is no link or is damaged. What it says of the recipe is not looked at.
pub fn peek_pack(fragment: &str) -> Result<String, LinkError> {
    Ok(open(fragment)?.0)
}

/// The pack's id and the JSON object of a fragment.
fn open(fragment: &str) -> Result<(String, Value), LinkError> {
    let fragment = fragment.strip_prefix('#').unwrap_or(fragment);
    if fragment.len() > MAX_BYTES {
        return Err(LinkError::TooLong { bytes: fragment.len() });
    }
    let Some(body) = fragment.strip_prefix(PREFIX) else {
        return Err(match other_version(fragment) {
            Some(version) => LinkError::UnknownVersion { version },
            None => LinkError::NotALink,
        });
    };
    let body = body.strip_suffix(END).ok_or(LinkError::CutOff)?;
    let bytes = BASE64.decode(body).map_err(|error| match error {
        DecodeError::InvalidByte(at, _) => match body.get(at..).and_then(|rest| rest.chars().next()) {
            Some(character) => LinkError::BadCharacter { character },
            None => LinkError::Altered,
        },
        DecodeError::InvalidLength(_) => LinkError::CutOff,
        DecodeError::InvalidLastSymbol { .. } | DecodeError::InvalidPadding => LinkError::Altered,
    })?;
    let json = packed::unpack(&bytes, MAX_UNPACKED_BYTES)?;
    let json = str::from_utf8(&json).map_err(|_| LinkError::Corrupt)?;
    let mut difference: Value = read(json)?;
    match difference.as_object_mut().and_then(|map| map.remove("pack")) {
        Some(Value::String(pack)) if Experiment::is_pack_id(&pack) => Ok((pack, difference)),
        _ => Err(LinkError::NoPack),
    }
}

/// The version of a fragment that looks like a link: `v` and a number before the first dot.
fn other_version(fragment: &str) -> Option<u32> {
    let (version, _) = fragment.strip_prefix('v')?.split_once('.')?;
    version.bytes().all(|byte| byte.is_ascii_digit()).then(|| version.parse().ok())?
}

fn tree(experiment: &Experiment) -> Value {
    let text = serde_json::to_string(experiment).expect("an experiment holds only strings and numbers");
    serde_json::from_str(&text).expect("just written")
}

fn read<T: DeserializeOwned>(json: &str) -> Result<T, LinkError> {
    serde_json::from_str(json)
        .map_err(|error| LinkError::NotAnExperiment { message: shown(without_place(&error.to_string())) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PACK: &str = "0123456789abcdef";

    fn preset() -> Experiment {
        let recipe = crate::Recipe::from_json(
            r#"{"version": 1, "merge_method": "maec", "base_model": "b", "ability": {"model": "a"},
                "reference": {"model": "r"}, "languages": [{"name": "es", "model": "m", "weight": 1}]}"#,
        );
        Experiment::preset(PACK, recipe.unwrap())
    }

    /// What a well-made link that holds this JSON gives.
    fn holding(json: &str) -> Result<Decoded, LinkError> {
        let fragment = format!("{PREFIX}{}{END}", BASE64.encode(packed::pack(json.as_bytes())));
        decode(&fragment, &preset())
    }

    fn changes(json: &str) -> Result<Decoded, LinkError> {
        holding(&format!(r#"{{"pack": "{PACK}", {json}}}"#))
    }

    #[test]
    fn the_pack_alone_is_the_preset() {
        let read = holding(&format!(r#"{{"pack": "{PACK}"}}"#));
        assert_eq!(read, Ok(Decoded { experiment: preset(), other_pack: None }));
    }

    #[test]
    fn every_link_names_a_pack() {
        for json in ["{}", "[]", "1", "null", r#"{"pack": 1}"#, r#"{"pack": "0123456789ABCDEF"}"#] {
            assert_eq!(holding(json), Err(LinkError::NoPack), "{json}");
        }
    }

    #[test]
    fn what_is_no_experiment_is_refused() {
        for json in ["", "{", "{}{}", "\u{0}", "v1"] {
            assert!(matches!(holding(json), Err(LinkError::NotAnExperiment { .. })), "{json}");
        }
        for json in [
            r#""recipe": null"#,
            r#""recipe": 1"#,
            r#""recipe": {"base_model": null}"#,
            r#""recipe": {"gama": 1}"#,
            r#""recipe": {"parameters": {"gamma": 1e999}}"#,
            r#""recipe": {"parameters": {"gamma": "1"}}"#,
            r#""recipe": {"languages": {"0": 1}}"#,
            r#""recipe": {"languages": {"1": {"weight": 1}}}"#,
            r#""recipe": {"languages": {"es": {"weight": 1}}}"#,
            r#""recipe": {"languages": {"0": {"weight": null}}}"#,
            r#""view": {"tab": "other"}"#,
            r#""evaluation": {"problems_per_language": -1}"#,
            r#""evaluation": {"problems_per_language": 4294967296}"#,
            r#""theme": "dark""#,
        ] {
            assert!(matches!(changes(json), Err(LinkError::NotAnExperiment { .. })), "{json}");
        }
        assert!(matches!(changes(r#""recipe": {"base_model": ""}"#), Err(LinkError::Recipe(_))));
    }

    #[test]
    fn depth_is_limited() {
        let json = format!(r#""recipe": {}{}"#, "[".repeat(30_000), "]".repeat(30_000));
        assert!(matches!(changes(&json), Err(LinkError::NotAnExperiment { .. })));
    }

    #[test]
    fn size_is_limited() {
        let json = format!(r#""recipe": "{}""#, "x".repeat(MAX_UNPACKED_BYTES));
        assert_eq!(changes(&json), Err(LinkError::TooLarge));
    }

    #[test]
    fn messages_are_one_short_line() {
        let error = changes(&format!(r#""a\n{}": 1"#, "x".repeat(10_000))).unwrap_err().to_string();
        assert!(!error.contains('\n') && error.len() < 400, "{error}");
    }

    proptest! {
        #[test]
        fn any_json_is_safe(
            recipe in r#"[\[\]{}:,"a-z0-9.-]{0,60}"#,
            key in "recipe|languages|0|1|99999999999999999999|parameters|k2|pack",
        ) {
            let _ = changes(&format!(r#""recipe": {recipe}"#));
            let _ = changes(&format!(r#""recipe": {{"languages": {{"{key}": {{"weight": 0.5}}}}}}"#));
            let _ = changes(&format!(r#""{key}": {{"{key}": {recipe}}}"#));
        }
    }
}
