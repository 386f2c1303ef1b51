//! The open pack, with everything that is kept between requests.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::tensor::Device;
use futures::future::try_join_all;
use maec_checkpoint::{DeltaWeights, Manifest, Pack, Weights};
use maec_eval::{HeldOut, Problem};
use maec_merge::TensorStats;
use maec_model::{Decoder, ModelConfig, WordTokenizer};
use maec_protocol::{Language, LanguageResult, PackSummary, ProblemSet, RecordedRow};
use maec_recipe::Recipe;

use crate::failure::sentence;
use crate::job::Job;
use crate::merging::Merge;
use crate::{Failure, Host, checks};

/// Example questions of a language.
const EXAMPLES: usize = 4;
/// Tokens of the comparison of a GPU's base with the CPU's.
const COMPARED_TOKENS: usize = 48;

/// The first so many problems of a set, in every language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Asked {
    /// Which problems.
    pub set: ProblemSet,
    /// How many.
    pub problems: u32,
}

/// A verified pack and what was computed from it.
pub(crate) struct Bench {
    pub(crate) pack: Pack,
    /// The base's stored tensors.
    pub(crate) weights: Arc<dyn Weights>,
    pub(crate) device: Device,
    pub(crate) config: ModelConfig,
    pub(crate) tokenizer: WordTokenizer,
    /// The pack's own.
    pub(crate) recipe: Recipe,
    pub(crate) problems: BTreeMap<String, Vec<Problem>>,
    /// Empty where the pack has none.
    pub(crate) validation: BTreeMap<String, Vec<Problem>>,
    pub(crate) heldout: BTreeMap<String, Vec<String>>,
    /// Base + delta, by the delta's id.
    pub(crate) deltas: BTreeMap<String, DeltaWeights>,
    pub(crate) base: Decoder,
    pub(crate) base_hash: String,
    /// The last statistics, with the recipe stripped of what does not matter for them.
    pub(crate) stats: Option<(Recipe, Vec<TensorStats>)>,
    /// The last merge.
    pub(crate) merged: Option<Merge>,
    /// The last task vector.
    pub(crate) task_vector: Option<Merge>,
    /// Results by model hash, language and what was asked.
    pub(crate) results: BTreeMap<(String, String, Asked), LanguageResult>,
}

impl Bench {
    /// Fetches and verifies the pack in the folder `url`, which ends in `/`.
    pub async fn open<H: Host>(
        job: &Job<'_, H>,
        url: &str,
        device: Device,
    ) -> Result<(Self, PackSummary), Failure> {
        let (manifest, files) = fetch(job, url).await?;
        let bytes = manifest.len() + files.values().map(Vec::len).sum::<usize>();
        let pack = Pack::from_files(&manifest, files)?;
        job.checkpoint().await?;
        let about = pack.manifest();
        let config = ModelConfig::from_json(pack.text(&about.config)?)?;
        let tokenizer = WordTokenizer::from_json(pack.text(&about.tokenizer)?)?;
        let recipe = Recipe::from_json(pack.text(&about.recipe)?)?;
        let recorded: Vec<RecordedRow> = serde_json::from_str(pack.text(&about.recorded)?)
            .map_err(|error| broken(&about.recorded, &error.to_string()))?;
        let read = |path: &str| -> Result<_, Failure> {
            let problems = Problem::from_lines(pack.text(path)?)?;
            Ok(by_language(problems, |problem| problem.language.clone()))
        };
        let problems = read(&about.problems)?;
        let validation = about.validation.as_deref().map(read).transpose()?.unwrap_or_default();
        let heldout =
            by_language(HeldOut::from_lines(pack.text(&about.heldout)?)?, |text| text.language.clone());
        let heldout: BTreeMap<String, Vec<String>> = heldout
            .into_iter()
            .map(|(code, texts)| (code, texts.into_iter().map(|text| text.text).collect()))
            .collect();
        for language in &about.languages {
            if !heldout.contains_key(&language.code) {
                return Err(broken(&about.heldout, &format!("it has no text in {}", language.name)));
            }
        }
        let mut deltas = BTreeMap::new();
        for delta in &about.deltas {
            deltas.insert(delta.id.clone(), pack.weights(&delta.id)?);
        }
        let weights = pack.base();
        let base = Decoder::load(config.clone(), weights.as_ref(), &device)?;
        let base_hash = maec_checkpoint::model_hash(weights.as_ref())?;
        let parameters = weights.tensors().iter().map(|info| info.elements() as u64).sum();
        let summary = PackSummary {
            id: pack.id().into(),
            title: about.title.clone(),
            parameters,
            bytes: bytes as u64,
            languages: about
                .languages
                .iter()
                .map(|language| Language { code: language.code.clone(), name: language.name.clone() })
                .collect(),
            tensors: weights.tensors().iter().map(|info| info.name.clone()).collect(),
            recipe: recipe.clone(),
            lambda: about.lambda,
            problems_per_language: fewest(about, &problems),
            validation_per_language: fewest(about, &validation),
            texts_per_language: fewest(about, &heldout),
            examples: examples(about, &problems),
            recorded,
            command: about.command.clone(),
            seed: about.seed,
        };
        let bench = Self {
            device,
            config,
            tokenizer,
            recipe,
            problems,
            validation,
            heldout,
            deltas,
            base,
            base_hash,
            stats: None,
            merged: None,
            task_vector: None,
            results: BTreeMap::new(),
            weights,
            pack,
        };
        bench.inputs(&bench.recipe)?;
        if H::GPU {
            bench.compare_base().await?;
        }
        Ok((bench, summary))
    }

    /// The GPU's logits of some held-out text must be the CPU's: the kernels at this model's own shapes.
    async fn compare_base(&self) -> Result<(), Failure> {
        let on_cpu = Decoder::load(self.config.clone(), self.weights.as_ref(), &Device::flex())?;
        let mut texts: Vec<Vec<u32>> = Vec::new();
        for text in self.heldout.values().flatten() {
            let ids = self.tokenizer.encode(text);
            let room = COMPARED_TOKENS.saturating_sub(texts.iter().map(Vec::len).sum());
            if ids.len() > room.min(self.config.max_position_embeddings) {
                break;
            }
            texts.push(ids);
        }
        checks::compare_models(&self.base, &on_cpu, &texts).await
    }

    /// The language's English name.
    pub fn language_name(&self, code: &str) -> String {
        let languages = &self.pack.manifest().languages;
        languages
            .iter()
            .find(|language| language.code == code)
            .map_or(code.into(), |language| language.name.clone())
    }
}

/// The manifest and every file that it lists, all from one folder.
async fn fetch<H: Host>(
    job: &Job<'_, H>,
    url: &str,
) -> Result<(Vec<u8>, BTreeMap<String, Vec<u8>>), Failure> {
    if !url.ends_with('/') {
        return Err(Failure::refused(
            format!("`{url}` is not a pack's folder."),
            "End the address with a slash.",
        ));
    }
    let get = async |path: &str| {
        let bytes = job.host().fetch(&format!("{url}{path}")).await;
        bytes.map_err(|why| {
            Failure::refused(
                format!("The pack's file `{path}` cannot be fetched: {why}."),
                "Check the pack's address.",
            )
        })
    };
    let bytes = get("manifest.json").await?;
    let manifest = Manifest::parse(&bytes)?;
    let total = manifest.files.len() as u64;
    let done = std::cell::Cell::new(0);
    let files = manifest.files.keys().map(async |path| {
        let bytes = get(path).await?;
        done.set(done.get() + 1);
        job.progress(|| "Fetching the pack".into(), done.get(), total);
        Ok::<_, Failure>((path.clone(), bytes))
    });
    let files = try_join_all(files).await?;
    job.checkpoint().await?;
    Ok((bytes, files.into_iter().collect()))
}

fn broken(file: &str, reason: &str) -> Failure {
    let message = sentence(&format!("the pack's file `{file}` cannot be used: {reason}"));
    Failure::refused(message, "Make the pack again.")
}

fn by_language<T>(items: Vec<T>, code: impl Fn(&T) -> String) -> BTreeMap<String, Vec<T>> {
    let mut out: BTreeMap<String, Vec<T>> = BTreeMap::new();
    for item in items {
        out.entry(code(&item)).or_default().push(item);
    }
    out
}

/// How many there are in every language.
fn fewest<T>(about: &Manifest, items: &BTreeMap<String, Vec<T>>) -> u32 {
    let counts = about.languages.iter().map(|language| items.get(&language.code).map_or(0, Vec::len));
    counts.min().unwrap_or(0) as u32
}

fn examples(about: &Manifest, problems: &BTreeMap<String, Vec<Problem>>) -> Vec<(String, String)> {
    let of = |code: &String| {
        let first = problems.get(code).into_iter().flatten().take(EXAMPLES);
        first.map(|problem| (code.clone(), problem.question.clone())).collect::<Vec<_>>()
    };
    about.languages.iter().flat_map(|language| of(&language.code)).collect()
}
