//! Models by the names that recipes and command lines give them.
//!
//! A name is a Hugging Face folder, one safetensors file (its ending may be left out), a sparse delta, or an entry of
//! a pack: `PACK#a-l0`, `PACK/a-l0`, or plainly `a-l0` where the names are looked up in the pack's own folder. What is not
//! on the disk may be on the hub, `org/name` or `org/name@revision`, or behind a URL; it is fetched into the user's cache.

mod model;
mod place;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use maec_checkpoint::lora::Adapter;
use maec_checkpoint::{Error, Pack, SafetensorsReader, SparseDelta, Weights, fingerprint};
use maec_hub::Remote;
use maec_recipe::Recipe;
use maec_recipe::mergekit::ModelName;

use crate::remote::Cache;
use model::{BASE, entry};
pub use model::{Model, check_finite};
use place::Place;

/// Metadata by which a sparse delta is known.
const DELTA_KEY: &str = "maec_delta";
/// A pack's manifest.
const MANIFEST: &str = "manifest.json";

/// Looks models up, relative to a folder.
pub struct Models {
    folder: PathBuf,
    packs: BTreeMap<PathBuf, Arc<Pack>>,
    opened: Vec<Place>,
    remote: Cache,
    /// Whether remote models are fetched whole when they are opened, and not read by parts until [`fetch`](Self::fetch).
    whole: bool,
}

impl Models {
    /// Names are relative to `folder`, and the entries of the pack that it may be. Remote models are fetched when opened.
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            packs: BTreeMap::new(),
            opened: Vec::new(),
            remote: Cache::default(),
            whole: true,
        }
    }

    /// As [`in_folder`](Self::in_folder), for a look before anything large is fetched: of remote models come headers and texts, and
    /// the weights with [`fetch`](Self::fetch) or as they are read.
    pub fn to_plan(folder: &Path) -> Self {
        Self { whole: false, ..Self::in_folder(folder) }
    }

    /// Fetches whatever of the opened models is not here yet.
    pub fn fetch(&self) -> Result<()> {
        self.remote.fetch()
    }

    /// A model that stands on its own.
    pub fn open(&mut self, name: &str) -> Result<Model> {
        let place = self.find(name)?;
        if let Place::Entry(pack, id) = &place {
            return entry(pack, id);
        }
        if let Some(files) = place.files() {
            return Model::in_files(files);
        }
        let reader = reader(&place)?;
        if reader.metadata().contains_key(DELTA_KEY) {
            bail!(
                "`{}` is a sparse delta, which needs its base; name a whole model here",
                maec_checkpoint::Weights::name(&reader)
            );
        }
        Ok(Model { weights: Arc::new(reader), texts: BTreeMap::new() })
    }

    /// A model, which may be a sparse delta onto `base`; the delta's fingerprint of its base is checked.
    pub fn open_onto(&mut self, base: &Model, name: &str) -> Result<Model> {
        let place = self.find(name)?;
        if let Place::Entry(pack, id) = &place {
            check_base(pack, id, base)?;
            return entry(pack, id);
        }
        if let Some(files) = place.files() {
            return Model::in_files(files);
        }
        let reader = reader(&place)?;
        let weights: Arc<dyn Weights> = match (reader.metadata().contains_key(DELTA_KEY), place.source()?) {
            (true, Some(source)) => Arc::new(SparseDelta::open(source)?.apply(base.weights.clone())?),
            _ => Arc::new(reader),
        };
        Ok(Model { weights, texts: base.texts.clone() })
    }

    /// A model as mergekit's files name it, with its adapter put in, and its tensors as they are stored without.
    pub fn open_named(&mut self, name: &ModelName) -> Result<(Model, Arc<dyn Weights>)> {
        let with = |model: &str, revision: &Option<String>| match revision {
            Some(revision) => format!("{model}@{revision}"),
            None => model.to_owned(),
        };
        let mut model = self.open(&with(&name.model, &name.revision))?;
        let stored = model.weights.clone();
        if let Some(lora) = &name.lora {
            let adapter = self.adapter(&with(&lora.model, &lora.revision))?;
            model.weights = Arc::new(adapter.onto_f32(model.weights)?);
        }
        Ok((model, stored))
    }

    /// An adapter.
    pub fn adapter(&mut self, name: &str) -> Result<Adapter> {
        let place = self.find(name)?;
        let files = place.files();
        let files = files.with_context(|| format!("`{name}` is no folder; name an adapter's folder"))?;
        Ok(Adapter::open(files)?)
    }

    /// A name that finds the same bytes again: a fetched revision is its commit.
    pub fn pinned(&self, name: &str) -> String {
        self.remote.pinned(name).unwrap_or_else(|| name.to_owned())
    }

    /// Files and folders opened so far, none of which an output may overwrite.
    pub fn opened(&self) -> Vec<PathBuf> {
        self.opened.iter().filter_map(Place::path).chain(self.packs.keys().cloned()).collect()
    }

    /// Every file that was opened so far, those of the cache among them.
    pub fn files(&self) -> Vec<PathBuf> {
        let of_packs = self.packs.iter().flat_map(|(folder, pack)| {
            let files = pack.manifest().files.keys().map(String::as_str);
            files.chain([MANIFEST]).map(|file| folder.join(file)).collect::<Vec<_>>()
        });
        let mut files: Vec<PathBuf> = self.opened.iter().flat_map(Place::opened).chain(of_packs).collect();
        files.sort();
        files.dedup();
        files
    }

    /// Puts the commits that were fetched into a recipe's names, so that it finds the same bytes again.
    pub fn pin(&self, recipe: &mut Recipe) {
        let languages = recipe.languages.iter_mut().map(|language| &mut language.model);
        let names = [&mut recipe.base_model, &mut recipe.ability.model, &mut recipe.reference.model];
        for name in names.into_iter().chain(languages) {
            *name = self.pinned(name);
        }
    }

    fn find(&mut self, name: &str) -> Result<Place> {
        let place = self.look_up(name)?;
        self.opened.push(place.clone());
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
            return Ok(Place::folder(&path)?);
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
        match self.remote_name(name) {
            Some(remote) => Ok(Place::Remote(self.remote.open(name, &remote, self.whole)?)),
            None => Err(Error::Missing { path: path.display().to_string() }.into()),
        }
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
    std::fs::read_to_string(folder.join(MANIFEST)).is_ok_and(|text| text.contains("\"maec-pack\""))
}

fn has_entry(pack: &Pack, name: &str) -> bool {
    name == BASE || pack.manifest().delta(name).is_ok()
}

/// The one file of a place.
fn reader(place: &Place) -> Result<SafetensorsReader> {
    let source = place.source()?;
    let missing = || Error::Missing { path: place.path().unwrap_or_default().display().to_string() };
    Ok(SafetensorsReader::open(source.ok_or_else(missing)?)?)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_is_read_is_known_in_folders_shards_and_packs() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests");
        let mut models = Models::in_folder(&root);
        models.open("goldens/qwen2_bf16_sharded").unwrap();
        let below = |models: &Models, folder: &str| -> Vec<String> {
            let folder = root.join(folder);
            let files = models.files().into_iter();
            files.filter_map(|file| Some(file.strip_prefix(&folder).ok()?.to_str()?.to_owned())).collect()
        };
        let sharded = below(&models, "goldens/qwen2_bf16_sharded");
        let is_shard = |file: &&String| file.starts_with("model-") && file.ends_with(".safetensors");
        assert!(sharded.iter().filter(is_shard).count() > 1, "{sharded:?}");
        assert!(sharded.iter().any(|file| file == "model.safetensors.index.json"), "{sharded:?}");
        // What stands beside a model and is none of its files is not watched.
        assert!(!sharded.iter().any(|file| file == "golden.safetensors"), "{sharded:?}");
        models.open("packs/tiny#base").unwrap();
        let pack = below(&models, "packs/tiny");
        assert!(pack.iter().any(|file| file == MANIFEST), "{pack:?}");
        assert!(pack.iter().any(|file| file.starts_with("deltas/")), "{pack:?}");
    }
}
