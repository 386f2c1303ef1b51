//! `adapter_config.json`.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::Value;

use super::pattern::Pattern;
use super::{CONFIG_FILE, LoraProblem};
use crate::error::shown;
use crate::files::find;
use crate::json::{MAX_DEPTH, is_deeper};
use crate::{Error, FileSet};

/// Longest configuration that is read; real ones have a few kilobytes.
const MAX_BYTES: u64 = 10_000_000;
/// Rank and α where the file has none, as in PEFT.
const DEFAULT: usize = 8;

/// The settings that change what the factors mean, and those that tell the base's story.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct AdapterConfig {
    /// `LORA`.
    pub peft_type: String,
    /// The model that the adapter was trained on, as its maker called it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_model_name_or_path: Option<String>,
    /// E.g. `CAUSAL_LM`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_type: Option<String>,
    /// The rank where no pattern matches. PEFT's default is 8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r: Option<usize>,
    /// α where no pattern matches. PEFT's default is 8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lora_alpha: Option<f64>,
    /// Whether the scale is α/√r instead of α/r.
    pub use_rslora: bool,
    /// Whether square layers of the base store their weights as `[in, out]`; others show it by their shape.
    pub fan_in_fan_out: bool,
    /// Ranks by pattern.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank_pattern: Option<Patterns<usize>>,
    /// α by pattern.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpha_pattern: Option<Patterns<f64>>,
    /// Names of the modules with factors: a list, or a pattern. The tensors decide, so that reading ignores it.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub target_modules: Value,
    /// Modules that were trained whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modules_to_save: Option<Vec<String>>,
    /// Which biases were trained: `none`, `all` or `lora_only`. The tensors decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bias: Option<String>,
}

/// Settings under which ΔW is not s·B·A or the base is changed, and what they do.
const UNSUPPORTED: [(&str, &str); 13] = [
    ("use_dora", "which scales the merged columns"),
    ("lora_bias", "which adds to the layers' biases"),
    ("use_qalora", "which pools the layers' inputs"),
    ("use_bdlora", "which cuts the factors into blocks"),
    ("alora_invocation_tokens", "which applies to some tokens only"),
    ("trainable_token_indices", "which changes single rows"),
    ("target_parameters", "which changes tensors that are no layers' weights"),
    ("layer_replication", "which repeats layers of the base"),
    ("megatron_config", "which cuts the layers over devices"),
    ("arrow_config", "which chooses among adapters by token"),
    ("kasa_config", "which scales every rank"),
    ("monteclora_config", "which samples the factors"),
    ("velora_config", "which is a layer of its own"),
];

/// Ways to start that take the adapter's first state out of the base. `init_lora_weights` names one.
const CHANGES_BASE: [&str; 5] = ["pissa", "olora", "corda", "loftq", "lora_ga"];

impl AdapterConfig {
    /// Reads the configuration of an adapter and refuses what could not be applied exactly.
    pub(super) fn read(files: &dyn FileSet) -> Result<Self, Error> {
        let not = |problem| Error::adapter(files.name(), problem);
        let source = find(files, CONFIG_FILE)?.ok_or_else(|| not(LoraProblem::NoConfig))?;
        if source.len() > MAX_BYTES {
            let reason = format!("it has {} bytes, more than {MAX_BYTES}", source.len());
            return Err(not(LoraProblem::ConfigNotJson { reason }));
        }
        let mut bytes = vec![0; source.len() as usize];
        source.read_at(0, &mut bytes)?;
        Self::parse(&bytes).map_err(not)
    }

    /// Parses the file's bytes, as reading an adapter does.
    pub fn parse(json: &[u8]) -> Result<Self, LoraProblem> {
        let bad = |reason: String| LoraProblem::ConfigNotJson { reason: shown(&reason) };
        if is_deeper(json, MAX_DEPTH) {
            return Err(bad(format!("it nests more than {MAX_DEPTH} levels")));
        }
        let value: Value = serde_json::from_slice(json).map_err(|error| bad(error.to_string()))?;
        check(&value)?;
        let config: Self = serde_json::from_slice(json).map_err(|error| bad(error.to_string()))?;
        config.rank_pattern.iter().try_for_each(|patterns| patterns.check("rank_pattern"))?;
        config.alpha_pattern.iter().try_for_each(|patterns| patterns.check("alpha_pattern"))?;
        Ok(config)
    }

    /// The file's bytes: what is set, in a form that PEFT reads.
    pub fn to_json(&self) -> Result<Vec<u8>, Error> {
        let bad = |error: serde_json::Error| LoraProblem::ConfigNotJson { reason: shown(&error.to_string()) };
        let mut json =
            serde_json::to_vec_pretty(self).map_err(|error| Error::adapter("the output", bad(error)))?;
        json.push(b'\n');
        Ok(json)
    }

    /// The rank of a module, by its name in the base without the prefix; 0 is no rank.
    pub fn rank(&self, module: &str) -> usize {
        let own = self.rank_pattern.as_ref().and_then(|patterns| patterns.get(module));
        own.or(self.r).unwrap_or(DEFAULT)
    }

    /// α of a module.
    pub fn alpha(&self, module: &str) -> f64 {
        let own = self.alpha_pattern.as_ref().and_then(|patterns| patterns.get(module));
        own.or(self.lora_alpha).unwrap_or(DEFAULT as f64)
    }

    /// The scale s of a module's ΔW = s·B·A: α/r, or α/√r with `use_rslora`.
    pub fn scale(&self, module: &str) -> f64 {
        let rank = self.rank(module) as f64;
        self.alpha(module) / if self.use_rslora { rank.sqrt() } else { rank }
    }
}

/// Refuses other formats and the settings that cannot be honoured.
fn check(value: &Value) -> Result<(), LoraProblem> {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let version = text("version").filter(|version| version.starts_with("adapters."));
    if version.is_some() || (value.get("peft_type").is_none() && value.get("model_class").is_some()) {
        let version = shown(version.unwrap_or("an old version"));
        return Err(LoraProblem::AdapterHub { version });
    }
    if text("peft_type") != Some("LORA") {
        let found = value.get("peft_type").map_or("missing".into(), |found| found.to_string());
        return Err(LoraProblem::OtherMethod { peft_type: shown(found.trim_matches('"')) });
    }
    let off = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    };
    for (field, why) in UNSUPPORTED {
        if let Some(value) = value.get(field).filter(|value| !off(value)) {
            return Err(LoraProblem::Unsupported { field, value: shown(&value.to_string()), why });
        }
    }
    if let Some(start) = text("init_lora_weights") {
        let lower = start.to_ascii_lowercase();
        if CHANGES_BASE.iter().any(|way| lower.starts_with(way)) {
            let why = "which takes the adapter's first state out of the base";
            return Err(LoraProblem::Unsupported { field: "init_lora_weights", value: shown(start), why });
        }
    }
    Ok(())
}

/// Values by pattern, in the file's order: the first that matches counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Patterns<T>(Vec<(String, Result<Pattern, &'static str>, T)>);

impl<T: Copy> Patterns<T> {
    /// Values by pattern, in the order given.
    pub fn new(entries: impl IntoIterator<Item = (String, T)>) -> Self {
        let parsed = |(key, value): (String, T)| {
            let pattern = Pattern::new(&key);
            (key, pattern, value)
        };
        Self(entries.into_iter().map(parsed).collect())
    }

    /// The value for a module: that of the first pattern that matches, else of the key that is its name.
    pub fn get(&self, module: &str) -> Option<T> {
        let matching = |(_, pattern, _): &&(String, Result<Pattern, _>, T)| {
            pattern.as_ref().is_ok_and(|pattern: &Pattern| pattern.matches(module))
        };
        let found = self.0.iter().find(matching);
        found.or_else(|| self.0.iter().find(|(key, _, _)| key == module)).map(|(_, _, value)| *value)
    }

    fn check(&self, field: &'static str) -> Result<(), LoraProblem> {
        let bad = self.0.iter().find_map(|(key, pattern, _)| Some((key, *pattern.as_ref().err()?)));
        match bad {
            Some((key, reason)) => Err(LoraProblem::Pattern { field, pattern: shown(key), reason }),
            None => Ok(()),
        }
    }
}

impl<T: Serialize> Serialize for Patterns<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, _, value)| (key, value)))
    }
}

impl<'de, T: Deserialize<'de> + Copy> Deserialize<'de> for Patterns<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de> + Copy> Visitor<'de> for Entries<T> {
            type Value = Patterns<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of patterns to numbers")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Patterns<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry::<String, T>()? {
                    entries.push(entry);
                }
                Ok(Patterns::new(entries))
            }
        }
        deserializer.deserialize_map(Entries(std::marker::PhantomData))
    }
}
