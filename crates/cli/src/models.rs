//! Models by the names that recipes and command lines give them.
//!
//! A name is a Hugging Face folder, one safetensors file (its ending may be left out), a sparse delta, or an entry of
//! a pack: `PACK#a-l0`, `PACK/a-l0`, or plainly `a-l0` where the names are looked up in the pack's own folder. What is not
//! on the disk may be on the hub, `org/name` or `org/name@revision`, or behind a URL; it is fetched into the user's cache.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use burn::tensor::Device;
use maec_checkpoint::{
    Error, FileSource, ModelFolder, Pack, SafetensorsReader, SparseDelta, Weights, convert, fingerprint,
};
use maec_hub::Remote;
use maec_model::{Decoder, ModelConfig, Storage, WordTokenizer};
use maec_recipe::Recipe;
use maec_tokenizer::Tokenizer;

use crate::{input, remote};

/// Metadata by which a sparse delta is known.
const DELTA_KEY: &str = "maec_delta";
/// What recipes and command lines call a pack's base.
const BASE: &str = "base";
/// Text files of a model folder that go along with its weights.
const TEXTS: [&str; 9] = [
    "chat_template.jinja",
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "generation_config.json",
    "vocab.json",
    "merges.txt",
];

/// A model: its tensors, and the text files that belong to them.
#[derive(Clone)]
pub struct Model {
    /// The tensors.
    pub weights: Arc<dyn Weights>,
    /// `config.json`, `tokenizer.json` and others, by name; none where the model is one file.
    pub texts: BTreeMap<String, String>,
}

impl Model {
    /// The configuration. Fails where there is none, or it is of another architecture.
    pub fn config(&self) -> Result<ModelConfig> {
        ModelConfig::from_json(self.text("config.json")?).with_context(|| self.weights.name().to_owned())
    }

    /// The tokenizer. Fails where there is none, or it is of another kind.
    pub fn tokenizer(&self) -> Result<WordTokenizer> {
        WordTokenizer::from_json(self.text("tokenizer.json")?).with_context(|| self.weights.name().to_owned())
    }

    /// The tokenizer, of any kind.
    pub fn full_tokenizer(&self) -> Result<Box<dyn Tokenizer>> {
        let config = self.texts.get("tokenizer_config.json").map(String::as_str);
        maec_tokenizer::open(self.text("tokenizer.json")?, config)
            .with_context(|| self.weights.name().to_owned())
    }

    /// The tokens that end a text: those of generation_config.json and of config.json, else `</s>`.
    pub fn stop_tokens(&self, tokenizer: &dyn Tokenizer) -> Result<Vec<u32>> {
        let mut stop = self.config()?.eos_token_ids;
        if let Some(text) = self.texts.get("generation_config.json")
            && let Ok(json) = serde_json::from_str::<serde_json::Value>(text)
        {
            let ids = match &json["eos_token_id"] {
                serde_json::Value::Array(ids) => ids.clone(),
                one => vec![one.clone()],
            };
            stop.extend(ids.iter().filter_map(|id| u32::try_from(id.as_u64()?).ok()));
        }
        if stop.is_empty() {
            stop.extend(tokenizer.id_of("</s>"));
        }
        stop.sort_unstable();
        stop.dedup();
        Ok(stop)
    }

    /// The decoder on a device. Fails where the weights do not fit the configuration or hold a NaN or infinity.
    pub fn load(&self, device: &Device) -> Result<Decoder> {
        let config = self.config()?;
        check_finite(self.weights.as_ref())?;
        Ok(Decoder::load(config, self.weights.as_ref(), device)?)
    }

    /// The decoder for inference: on the CPU, bf16 weights stay bf16. Fails as [`load`](Self::load).
    pub fn load_to_run(&self, device: &Device) -> Result<Decoder> {
        let config = self.config()?;
        check_finite(self.weights.as_ref())?;
        let storage = match maec_model::kernels::runs_on_flex(device) {
            true => Storage::on_cpu(self.weights.as_ref()),
            false => Storage::default(),
        };
        Ok(Decoder::load_as(config, self.weights.as_ref(), device, storage)?)
    }

    fn text(&self, name: &str) -> Result<&str> {
        let found = self.texts.get(name).map(String::as_str);
        found.with_context(|| {
            format!("`{}` has no {name}; give a model folder that has one", self.weights.name())
        })
    }
}

/// [`Error::NonFinite`] at the first NaN or infinity.
pub fn check_finite(weights: &dyn Weights) -> Result<(), Error> {
    for info in weights.tensors() {
        if let Some(index) = convert::first_non_finite(info.dtype, &weights.read_bytes(&info.name)?) {
            return Err(Error::NonFinite { name: weights.name().into(), tensor: info.name.clone(), index });
        }
    }
    Ok(())
}

/// Looks models up, relative to a folder.
pub struct Models {
    folder: PathBuf,
    packs: BTreeMap<PathBuf, Arc<Pack>>,
    opened: Vec<PathBuf>,
    /// What remote names led to, and the names that find the same again.
    remote: BTreeMap<String, remote::Fetched>,
}

/// Where a name leads.
enum Place {
    File(PathBuf),
    Folder(PathBuf),
    Entry(Arc<Pack>, String),
}

impl Models {
    /// Names are relative to `folder`, and the entries of the pack that it may be.
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            packs: BTreeMap::new(),
            opened: Vec::new(),
            remote: BTreeMap::new(),
        }
    }

    /// A model that stands on its own.
    pub fn open(&mut self, name: &str) -> Result<Model> {
        match self.find(name)? {
            Place::Folder(path) => open_folder(&path),
            Place::Entry(pack, id) => entry(&pack, &id),
            Place::File(path) => {
                let reader = open_file(&path)?;
                if reader.metadata().contains_key(DELTA_KEY) {
                    bail!(
                        "`{}` is a sparse delta, which needs its base; name a whole model here",
                        path.display()
                    );
                }
                Ok(Model { weights: Arc::new(reader), texts: BTreeMap::new() })
            }
        }
    }

    /// A model, which may be a sparse delta onto `base`; the delta's fingerprint of its base is checked.
    pub fn open_onto(&mut self, base: &Model, name: &str) -> Result<Model> {
        match self.find(name)? {
            Place::Folder(path) => open_folder(&path),
            Place::Entry(pack, id) => {
                check_base(&pack, &id, base)?;
                entry(&pack, &id)
            }
            Place::File(path) => {
                let reader = open_file(&path)?;
                let weights: Arc<dyn Weights> = if reader.metadata().contains_key(DELTA_KEY) {
                    let delta = SparseDelta::open(Arc::new(FileSource::open(&path)?))?;
                    Arc::new(delta.apply(base.weights.clone())?)
                } else {
                    Arc::new(reader)
                };
                Ok(Model { weights, texts: base.texts.clone() })
            }
        }
    }

    /// A folder that is no whole model, such as an adapter's.
    pub fn folder(&mut self, name: &str) -> Result<PathBuf> {
        match self.find(name)? {
            Place::Folder(path) => Ok(path),
            Place::File(_) | Place::Entry(..) => bail!("`{name}` is no folder; name an adapter's folder"),
        }
    }

    /// A name that finds the same bytes again: a fetched revision is its commit.
    pub fn pinned(&self, name: &str) -> String {
        self.remote.get(name).map_or_else(|| name.to_owned(), |fetched| fetched.pinned.clone())
    }

    /// Files and folders opened so far, none of which an output may overwrite.
    pub fn opened(&self) -> impl Iterator<Item = &Path> {
        self.opened.iter().chain(self.packs.keys()).map(PathBuf::as_path)
    }

    /// Puts the commits that were fetched into a recipe's names, so that it finds the same bytes again.
    pub fn pin(&self, recipe: &mut Recipe) {
        let languages = recipe.languages.iter_mut().map(|language| &mut language.model);
        let names = [&mut recipe.base_model, &mut recipe.ability.model, &mut recipe.reference.model];
        for name in names.into_iter().chain(languages) {
            if let Some(fetched) = self.remote.get(name.as_str()) {
                *name = fetched.pinned.clone();
            }
        }
    }

    fn find(&mut self, name: &str) -> Result<Place> {
        let place = self.look_up(name)?;
        if let Place::Folder(path) | Place::File(path) = &place {
            self.opened.push(path.clone());
        }
        Ok(place)
    }

    fn look_up(&mut self, name: &str) -> Result<Place> {
        if let Some(pack) = self.pack(&self.folder.clone())?
            && has_entry(&pack, name)
        {
            return Ok(Place::Entry(pack, name.into()));
        }
        // Plain names stay plain in messages.
        let path = if self.folder == Path::new(".") { PathBuf::from(name) } else { self.folder.join(name) };
        if path.is_dir() {
            if self.pack(&path)?.is_some() {
                bail!("`{name}` is a pack; name one of its models, for example `{name}#{BASE}`");
            }
            return Ok(Place::Folder(path));
        }
        if path.is_file() {
            return Ok(Place::File(path));
        }
        if let Some((folder, id)) = name.rsplit_once(['#', '/'])
            && let Some(pack) = self.pack(&self.folder.join(folder))?
        {
            return Ok(Place::Entry(pack, id.into()));
        }
        let mut with_ending = path.clone().into_os_string();
        with_ending.push(".safetensors");
        let with_ending = PathBuf::from(with_ending);
        if with_ending.is_file() {
            return Ok(Place::File(with_ending));
        }
        if let Some(remote) = self.remote_name(name) {
            if !self.remote.contains_key(name) {
                self.remote.insert(name.into(), remote::fetch(&remote)?);
            }
            let path = self.remote[name].path.clone();
            return Ok(if path.is_dir() { Place::Folder(path) } else { Place::File(path) });
        }
        Err(Error::Missing { path: path.display().to_string() }.into())
    }

    /// A name that can't be meant for the disk: `a/b` is looked for on the hub only where there is no folder `a`.
    fn remote_name(&self, name: &str) -> Option<Remote> {
        let plain = !name.contains("://") && !name.contains('@');
        let folder = name.split('/').next().unwrap_or_default();
        if plain && self.folder.join(folder).exists() {
            return None;
        }
        Remote::parse(name).ok()
    }

    /// The pack in a folder, if there is one.
    fn pack(&mut self, folder: &Path) -> Result<Option<Arc<Pack>>> {
        if let Some(pack) = self.packs.get(folder) {
            return Ok(Some(pack.clone()));
        }
        if !is_pack(folder) {
            return Ok(None);
        }
        let pack = Pack::open(folder).with_context(|| format!("pack `{}`", folder.display()))?;
        let pack = Arc::new(pack);
        self.packs.insert(folder.to_owned(), pack.clone());
        Ok(Some(pack))
    }
}

/// Other programs have files of this name too, so a pack's must say what it is.
fn is_pack(folder: &Path) -> bool {
    std::fs::read_to_string(folder.join("manifest.json")).is_ok_and(|text| text.contains("\"maec-pack\""))
}

fn open_file(path: &Path) -> Result<SafetensorsReader> {
    Ok(SafetensorsReader::open(Arc::new(FileSource::open(path)?))?)
}

fn open_folder(path: &Path) -> Result<Model> {
    let weights = ModelFolder::open(path)?;
    let mut texts = BTreeMap::new();
    for name in TEXTS {
        if path.join(name).is_file() {
            texts.insert(name.to_owned(), input::text(&path.join(name))?);
        }
    }
    Ok(Model { weights: Arc::new(weights), texts })
}

fn has_entry(pack: &Pack, name: &str) -> bool {
    name == BASE || pack.manifest().delta(name).is_ok()
}

/// A pack's base, or its base with a delta put in.
pub fn entry(pack: &Pack, id: &str) -> Result<Model> {
    let weights: Arc<dyn Weights> = if id == BASE { pack.base() } else { Arc::new(pack.weights(id)?) };
    let about = pack.manifest();
    let mut texts = BTreeMap::new();
    for path in [&about.config, &about.tokenizer] {
        texts.insert(path.rsplit('/').next().unwrap_or(path).to_owned(), pack.text(path)?.to_owned());
    }
    let beside = about.tokenizer.replace("tokenizer.json", "tokenizer_config.json");
    if let Ok(text) = pack.text(&beside) {
        texts.insert("tokenizer_config.json".into(), text.to_owned());
    }
    Ok(Model { weights, texts })
}

/// An entry of a pack stands on the pack's own base, which must be the one at hand.
fn check_base(pack: &Pack, id: &str, base: &Model) -> Result<(), Error> {
    let (expected, found) = (pack.base_fingerprint(), fingerprint(base.weights.as_ref())?);
    if expected == found {
        return Ok(());
    }
    let digits = |text: &str| text.chars().take(16).collect();
    Err(Error::OtherBase {
        name: id.into(),
        base: base.weights.name().into(),
        expected: digits(expected),
        found: digits(&found),
    })
}
