//! An experiment's base model and corpora, opened.

use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result};
use burn::tensor::Device;
use maec_checkpoint::{Weights, fingerprint, sha256_hex};
use maec_lab::{Backbone, Experiment, FilesExam, FilesGround, LabError, Questions, Store};
use maec_tokenizer::Tokenizer;

use crate::failure::{self, usage};
use crate::models::{Model, Models, check_finite};

/// An experiment that nothing stands in the way of.
pub struct Opened {
    /// Its base and corpora.
    pub ground: FilesGround,
    /// What a recipe finds the base by, from any folder.
    pub name: String,
    /// Files and folders that are read.
    pub inputs: Vec<PathBuf>,
    base: Model,
    /// The experiment's own.
    folder: PathBuf,
}

impl Opened {
    /// Opens everything that an experiment names, relative to its file. A look at headers alone fetches no weights.
    ///
    /// # Errors
    /// Everything that stands in the way.
    pub fn open(
        path: &Path,
        experiment: Experiment,
        store: &Store,
        device: Device,
        look: bool,
    ) -> Result<Self, Vec<String>> {
        let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut models = Models::to_plan(folder);
        let found = models.open(&experiment.base_model).and_then(|model| Ok((model.config()?, model)));
        let (config, base) = match found {
            Ok(found) => found,
            Err(error) => {
                let error = error.context("base_model");
                let others = FilesGround::problems_without_base(&experiment, folder);
                return Err([failure::one_line(&error)].into_iter().chain(said(others)).collect());
            }
        };
        let one = |error: Error| vec![failure::one_line(&error)];
        let local = local(folder, &experiment.base_model);
        let name = match &local {
            Some(path) => path.display().to_string(),
            None => models.pinned(&experiment.base_model),
        };
        let mut backbone = Backbone {
            weights: base.weights.clone(),
            config,
            tokenizer: base.texts.get("tokenizer.json").map(|text| sha256_hex(text.as_bytes())),
            fingerprint: None,
        };
        let corpora = experiment.general.values().chain(
            experiment
                .abilities
                .iter()
                .flat_map(|ability| [&ability.corpus].into_iter().chain(ability.translated.values())),
        );
        let benchmarks = experiment
            .evaluation
            .iter()
            .flat_map(|evaluation| evaluation.abilities.values().chain(evaluation.validation.values()));
        let questions = benchmarks.flatten().flat_map(|asked| asked.files.iter().chain(&asked.data));
        let inputs =
            [path.to_owned()].into_iter().chain(corpora.chain(questions).map(|input| folder.join(input)));
        let inputs = inputs.chain(models.opened()).collect();
        // What is in the way is said before anything large is fetched.
        let open = |backbone: &Backbone| {
            FilesGround::open(experiment.clone(), folder, backbone.clone(), device.clone())
                .map_err(|p| said(p).collect::<Vec<_>>())
        };
        let ground = open(&backbone)?;
        if !look {
            models.fetch().map_err(one)?;
        }
        backbone.fingerprint =
            known_fingerprint(base.weights.as_ref(), &name, store, look && local.is_none()).map_err(one)?;
        let ground = if backbone.fingerprint.is_some() { open(&backbone)? } else { ground };
        Ok(Self { ground, name, inputs, base, folder: folder.to_owned() })
    }

    /// What the experiment asks its models, with the base's tokenizer.
    ///
    /// # Errors
    /// Everything that stands in the way.
    pub fn exam(&self, questions: Questions<'_>) -> Result<FilesExam, Vec<String>> {
        let found = self
            .tokenizer()
            .and_then(|tokenizer| Ok((self.base.stop_tokens(tokenizer.as_ref())?, tokenizer)));
        let (stop, tokenizer) = found.map_err(|error| vec![failure::one_line(&error)])?;
        FilesExam::open(&self.ground, &self.folder, tokenizer, stop, questions)
            .map_err(|problems| said(problems).collect())
    }

    fn tokenizer(&self) -> Result<Box<dyn Tokenizer + Send + Sync>> {
        let text = |name: &str| self.base.texts.get(name).map(String::as_str);
        let name = || self.base.weights.name().to_owned();
        let json = text("tokenizer.json").with_context(|| format!("`{}` has no tokenizer.json", name()))?;
        maec_tokenizer::open_shared(json, text("tokenizer_config.json")).with_context(name)
    }

    /// Refuses a base with values that nothing can be trained from.
    ///
    /// # Errors
    /// Names the tensor.
    pub fn check_values(&self) -> Result<()> {
        Ok(check_finite(self.base.weights.as_ref())?)
    }
}

/// The fingerprint of a base. It reads a few blocks of every tensor, so that of a remote base that is only looked at nothing is
/// read, but what the store remembers of the pinned name is believed.
fn known_fingerprint(
    weights: &dyn Weights,
    name: &str,
    store: &Store,
    remembered: bool,
) -> Result<Option<String>> {
    let key = sha256_hex(format!("fingerprint {name}").as_bytes());
    if remembered {
        let unknown = || Err(LabError::Interrupted { doing: "looking at headers".into() });
        return Ok(store.value(&key, unknown).ok());
    }
    let fingerprint = fingerprint(weights)?;
    if name.contains('@') {
        store.value(&key, || Ok(fingerprint.clone()))?;
    }
    Ok(Some(fingerprint))
}

/// Where a model's name leads on the disk: a path, or a pack's entry.
fn local(folder: &Path, name: &str) -> Option<PathBuf> {
    let (path, entry) = name.split_once('#').map_or((name, None), |(path, entry)| (path, Some(entry)));
    let plain = folder.join(path);
    let with_ending = folder.join(format!("{path}.safetensors"));
    let found = [plain, with_ending].into_iter().find_map(|path| path.canonicalize().ok())?;
    Some(match entry {
        Some(entry) => PathBuf::from(format!("{}#{entry}", found.display())),
        None => found,
    })
}

fn said(problems: Vec<LabError>) -> impl Iterator<Item = String> {
    problems.into_iter().map(|problem| failure::one_line(&problem.into()))
}

/// The first of several problems as an error of usage; `command` lists all.
pub fn first(problems: Vec<String>, command: &str, path: &Path) -> Error {
    let more = match problems.len() {
        0 | 1 => String::new(),
        n => format!(" ({} more; `maec {command} {} --plan` lists all)", n - 1, path.display()),
    };
    usage(format!("{}{more}", problems.first().map_or("", String::as_str)))
}
