//! On a model and prepared corpora from files.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;
use maec_checkpoint::{Dtype, MemoryWeights, TensorInfo, Weights, convert, fingerprint, sha256_hex};
use maec_corpus::{HeldOut, InputFile, Job, ReadOptions, Source, TextUnit, prepare};
use maec_lab::{
    Backbone, Experiment, ExperimentError, FilesGround, Form, Ground, Kept, Lab, LabError, Plan, Silent,
    Store,
};
use maec_model::ModelConfig;
use maec_train::Random;
use maec_world::{World, WorldConfig};

use super::Counting;

/// An English and two other corpora, an ability's, and a random model of their vocabulary.
pub(super) struct Place {
    pub(super) folder: tempfile::TempDir,
    pub(super) base: Backbone,
    pub(super) tokenizer: String,
}

impl Place {
    pub(super) fn new(dtype: Dtype) -> Self {
        Self::holding_out(dtype, 0.0)
    }

    pub(super) fn holding_out(dtype: Dtype, share: f64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let world = World::new(WorldConfig {
            general_documents: 60,
            ability_documents: 60,
            ..WorldConfig::default()
        })
        .unwrap();
        let json = world.tokenizer_json();
        let tokenizer = maec_tokenizer::open_shared(&json, None).unwrap();
        let write = |name: &str, texts: Vec<String>| {
            let file = folder.path().join(format!("{name}.txt"));
            fs::write(&file, texts.join("\n")).unwrap();
            let read = ReadOptions { unit: TextUnit::Lines, ..ReadOptions::default() };
            let source =
                Source { name: name.into(), pattern: name.into(), files: vec![InputFile::new(&file)], read };
            let job = Job {
                sources: vec![source],
                tokenizer_json: json.clone(),
                tokenizer_config_json: None,
                end: tokenizer.id_of("</s>"),
                held_out: HeldOut::new(share).unwrap(),
                deduplicate: false,
                skip_bad_rows: false,
                journal_bytes: Job::JOURNAL_BYTES,
            };
            let go_on = &mut |_: &maec_corpus::Progress| ControlFlow::Continue(());
            prepare(&job, tokenizer.as_ref(), &folder.path().join(name), false, go_on).unwrap();
        };
        for language in [maec_world::Language::En, maec_world::Language::Es, maec_world::Language::Te] {
            write(language.code(), world.general(language).map(|document| document.text).collect());
        }
        write("science", world.ability_in(maec_world::Language::En).map(|document| document.text).collect());
        let config = serde_json::json!({
            "model_type": "llama", "vocab_size": tokenizer.vocab_size(), "hidden_size": 16, "intermediate_size": 24,
            "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8,
            "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "tie_word_embeddings": true,
        });
        let config = ModelConfig::from_json(&config.to_string()).unwrap();
        let weights = random(&config, dtype);
        let fingerprint = Some(fingerprint(&weights).unwrap());
        let sha256 = Some(sha256_hex(json.as_bytes()));
        let base = Backbone { weights: Arc::new(weights), config, tokenizer: sha256, fingerprint };
        Self { folder, base, tokenizer: json }
    }

    pub(super) fn experiment(&self, more: &str) -> Experiment {
        Experiment::from_yaml(&format!(
            "version: 1\nbase_model: base\nreference: en\ngeneral: {{en: en, es: es, te: te}}\n\
             languages: [{{name: es, weight: 1.5}}]\nabilities: [{{name: science, corpus: science}}]\n\
             training: {{tokens: 320, tokens_per_step: 64, seq_len: 32, learning_rate: 1e-2, checkpoint_every: 2}}\n\
             neurons: {{tokens: 192}}\n{more}"
        ))
        .unwrap()
    }

    pub(super) fn open(&self, experiment: Experiment) -> FilesGround {
        let opened = FilesGround::open(experiment, self.folder.path(), self.base.clone(), Device::flex());
        opened.unwrap_or_else(|problems| panic!("{problems:?}"))
    }

    fn problems(&self, experiment: Experiment, base: Backbone) -> Vec<LabError> {
        FilesGround::open(experiment, self.folder.path(), base, Device::flex()).err().unwrap_or_default()
    }

    pub(super) fn store(&self, name: &str) -> Store {
        Store::folder(self.folder.path().join(name))
    }
}

fn random(config: &ModelConfig, dtype: Dtype) -> MemoryWeights {
    let mut random = Random::new(5, 1);
    let tensors = config.tensors().into_iter().map(|(name, shape)| {
        let values: Vec<f64> =
            (0..shape.iter().product()).map(|_| f64::from(random.normal()) * 0.1).collect();
        let mut bytes = Vec::new();
        convert::narrow(dtype, &values, &mut bytes).unwrap();
        (TensorInfo { name, dtype, shape }, bytes)
    });
    MemoryWeights::new("base", tensors.collect()).unwrap()
}

fn bytes(weights: &dyn Weights) -> BTreeMap<String, Vec<u8>> {
    weights
        .tensors()
        .iter()
        .map(|info| (info.name.clone(), weights.read_bytes(&info.name).unwrap()))
        .collect()
}

#[test]
fn a_run_goes_on_from_its_checkpoint_to_the_same_bits() {
    for (dtype, more) in [(Dtype::F32, ""), (Dtype::BF16, "")] {
        let place = Place::new(dtype);
        let ground = place.open(place.experiment(more));
        let extraction = ground.extraction("science").unwrap();
        let straight = Store::memory();
        let straight = Lab { ground: &ground, store: &straight, watch: &Silent };
        let ranked = straight.rank(&extraction.ability_neurons).unwrap().0;
        let expected = straight.train(&extraction.ability_run).unwrap();
        assert_eq!(expected.weights.tensors()[0].dtype, dtype);
        assert_eq!(expected.provenance.tokens, 5 * 64);

        // Three steps rank each mask and five train; stopped in the middle of the ranking and of the training.
        let mut steps = 0;
        for stop in [2, 3, 3] {
            let (watch, store) = (Counting::up_to(stop), place.store("cache"));
            let stopped =
                Lab { ground: &ground, store: &store, watch: &watch }.train(&extraction.ability_run);
            assert!(matches!(stopped, Err(LabError::Interrupted { .. })), "after {stop}");
            steps += watch.steps.get();
        }
        let plan = Plan::new(&ground, Some(&place.store("cache")), &extraction.wanted(false), None).unwrap();
        let begun = plan.runs.iter().find(|run| run.kept == Kept::Begun).unwrap();
        assert_eq!(begun.name, "science + en");
        let (watch, store) = (Counting::default(), place.store("cache"));
        let lab = Lab { ground: &ground, store: &store, watch: &watch };
        let resumed = lab.train(&extraction.ability_run).unwrap();
        assert_eq!(steps + watch.steps.get(), 3 + 3 + 5);
        assert_eq!(*lab.rank(&extraction.ability_neurons).unwrap().0, *ranked);
        assert_eq!(bytes(resumed.weights.as_ref()), bytes(expected.weights.as_ref()));
        assert_eq!(resumed.provenance.hash, expected.provenance.hash);
        let left = fs::read_dir(place.folder.path().join("cache")).unwrap();
        let left = left.filter(|entry| entry.as_ref().unwrap().path().is_file()).count();
        assert_eq!(left, 0, "checkpoints of finished runs are removed");
    }
}

#[test]
fn matrices_held_in_bf16_train_the_same_neurons() {
    let place = Place::new(Dtype::BF16);
    let ground = place.open(place.experiment("k1: 0.1\n"));
    let narrow = Experiment {
        training: maec_lab::Training { bf16: true, ..ground.experiment().training.clone() },
        ..ground.experiment().clone()
    };
    let narrow = place.open(narrow);
    assert_ne!(narrow.identity(), ground.identity());
    let store = Store::memory();
    let extraction = narrow.extraction("science").unwrap();
    let lab = Lab { ground: &narrow, store: &store, watch: &Silent };
    let trained = lab.train(&extraction.reference_run).unwrap();
    let memory = trained.provenance.memory.unwrap();
    assert!(memory.masters > 0 && memory.weights < 4 * memory.parameters);
    let plan = Plan::new(&narrow, None, &[maec_lab::Wanted::Weights(extraction.reference_run.clone())], None)
        .unwrap();
    let planned = plan.runs.last().unwrap();
    assert_eq!((planned.trained, planned.weights_bytes), (memory.trained, memory.weights));
    // Masters are counted for all, though vectors need none.
    assert!(
        planned.state_bytes >= memory.state() && planned.state_bytes - memory.state() <= 4 * memory.trained
    );
}

#[test]
fn another_language_or_weight_trains_nothing_again() {
    let place = Place::new(Dtype::F32);
    let train = |experiment: Experiment| {
        let ground = place.open(experiment);
        let (store, watch) = (place.store("cache"), Counting::default());
        let extraction = ground.extraction("science").unwrap();
        extraction.train(&Lab { ground: &ground, store: &store, watch: &watch }, false).unwrap();
        watch.trained()
    };
    let first = place.experiment("");
    assert_eq!(train(first.clone()).len(), 6);
    let mut second = first.clone();
    second.languages.push(maec_lab::TargetLanguage { name: "te".into(), weight: 1.2 });
    assert_eq!(train(second.clone()), ["key neurons of te", "te"]);
    second.languages[0].weight = 0.3;
    second.parameters.alpha = 0.1;
    assert_eq!(train(second.clone()).len(), 0);
    // The ability's run alone stands on the way in which corpora are mixed.
    second.ability_corpus = maec_lab::AbilityCorpus::Alone;
    assert_eq!(train(second.clone()), ["science + en"]);
    second.importance = Form::Gradient;
    assert_eq!(train(second.clone()).len(), 8);
    second.training.beta2 = 0.9;
    assert_eq!(train(second).len(), 8);
}

#[test]
fn a_plan_counts_what_is_trained() {
    let place = Place::new(Dtype::F32);
    let ground = place.open(place.experiment(""));
    let extraction = ground.extraction("science").unwrap();
    let store = Store::memory();
    let plan = Plan::new(&ground, Some(&store), &extraction.wanted(false), Some(10.0)).unwrap();
    assert_eq!((plan.runs.len(), plan.steps), (6, 3 * 3 + 3 * 5));
    assert_eq!(plan.tokens, 64 * plan.steps);
    assert!(plan.seconds.is_some_and(|seconds| (seconds - 6.4 * plan.steps as f64).abs() < 1e-9));
    extraction.train(&Lab { ground: &ground, store: &store, watch: &Silent }, false).unwrap();
    let parameters = plan.parameters;
    for (run, of) in plan.runs.iter().zip(extraction.wanted(false)) {
        let provenance = match of {
            maec_lab::Wanted::Neurons(ranking) => {
                Lab { ground: &ground, store: &store, watch: &Silent }.rank(&ranking).unwrap().1
            }
            maec_lab::Wanted::Weights(run) => {
                Lab { ground: &ground, store: &store, watch: &Silent }.train(&run).unwrap().provenance
            }
        };
        let memory = provenance.memory.unwrap();
        assert_eq!((run.tokens, run.weights_bytes), (provenance.tokens, memory.weights), "{}", run.name);
        assert!(
            run.trained >= memory.trained && run.state_bytes >= memory.state(),
            "{}: {run:?} {memory:?}",
            run.name
        );
        assert!(run.trained <= memory.trained + parameters / 20 + 1, "{}", run.name);
    }
}

#[test]
fn everything_in_the_way_is_said() {
    let place = Place::new(Dtype::F32);
    let experiment = place.experiment("");
    let said = |experiment: Experiment, base: Backbone| -> Vec<String> {
        place.problems(experiment, base).iter().map(ToString::to_string).collect()
    };
    let base = || place.base.clone();
    let missing = Experiment {
        general: BTreeMap::from([("en".into(), "nowhere".into()), ("es".into(), "es".into())]),
        ..experiment.clone()
    };
    let problems = said(missing, base());
    assert!(problems.len() == 1 && problems[0].contains("nowhere"), "{problems:?}");
    let other = Backbone { tokenizer: Some("0".repeat(64)), ..base() };
    assert_eq!(said(experiment.clone(), other).len(), 4);
    assert!(said(experiment.clone(), Backbone { tokenizer: None, ..base() })[0].contains("tokenizer.json"));
    let small = ModelConfig { vocab_size: 10, ..base().config };
    let weights = Arc::new(random(&small, Dtype::F32));
    let problems = said(experiment.clone(), Backbone { weights, config: small, ..base() });
    assert!(problems.len() == 4 && problems[0].contains("the base's is 10"), "{problems:?}");
    let deeper = ModelConfig { num_hidden_layers: 2, ..base().config };
    assert!(
        said(experiment.clone(), Backbone { config: deeper, ..base() })[0]
            .contains("no tensor `model.layers.1")
    );
    let flat = ModelConfig { num_hidden_layers: 0, ..base().config };
    let problems = place.problems(experiment.clone(), Backbone { config: flat, ..base() });
    assert!(matches!(problems[0], LabError::Experiment(ExperimentError::ExtraTensor { .. })), "{problems:?}");
    let long = |seq_len| {
        let mut experiment = experiment.clone();
        experiment.training.seq_len = Some(seq_len);
        experiment
    };
    assert!(said(long(65), base())[0].contains("64 positions"));
    let rounds = place.experiment("");
    let rounds = Experiment { training: maec_lab::Training { bf16: true, ..rounds.training }, ..rounds };
    assert!(said(rounds, base())[0].contains("bf16 would round"));
    // A corpus that fills no window.
    let folder = place.folder.path().join("es/train-tokens.bin");
    assert!(folder.is_file());
    let wide = ModelConfig { max_position_embeddings: 1 << 20, ..base().config };
    let problems = said(long(1 << 20), Backbone { config: wide, ..base() });
    assert!(problems.len() == 4 && problems[0].contains("tokens"), "{problems:?}");
    let only = experiment.only("arithmetic").unwrap_err().to_string();
    assert_eq!(only, "the experiment has no ability `arithmetic`: give `science`");
    assert!(FilesGround::problems_without_base(&experiment, Path::new("/nowhere")).len() == 4);
}
