//! A tiny random pack in memory, and a host that answers from it.

#![allow(dead_code, reason = "each test file uses its own part")]

pub mod disk;
pub mod merges;
pub mod own;
pub mod web;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use burn::tensor::Device;
use maec_checkpoint::{
    DeltaPositions, DeltaRole, Dtype, FileSet, Manifest, MemoryFiles, MemorySink, MemoryWeights, PackDelta,
    PackFile, PackLanguage, TensorInfo, Weights, convert, sha256_hex, write_delta, write_safetensors,
};
use maec_engine::{Engine, Failure, Folder, Host, HubFiles, Remote, Started, Words, WordsTexts};
use maec_hub::MemoryStore;
use maec_model::{Storage, WordTokenizer};
use maec_protocol::{Backend, Destination, FromEngine, Reply, Request, RequestId, ToEngine};
use maec_recipe::Recipe;
use pollster::block_on;
use serde_json::json;

/// Where the pack lies.
pub const URL: &str = "https://studio.test/packs/tiny/";

const WORDS: [&str; 16] =
    ["<pad>", "<unk>", "<s>", "</s>", "0", "1", "2", "3", "4", "5", "Tom", "has", "how", "many", "?", ":"];

/// Files by URL.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Values around 0 from a linear congruential generator, bf16.
fn values(seed: u32, count: usize, scale: f64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(2_654_435_761);
    let draw = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (f64::from(state >> 8) / f64::from(1 << 23) - 1.0) * scale
    };
    std::iter::repeat_with(draw).take(count).collect()
}

/// The tensors of a two-layer decoder, sorted by name.
fn shapes() -> Vec<(String, Vec<usize>)> {
    let mut out = vec![
        ("model.embed_tokens.weight".to_owned(), vec![16, 16]),
        ("model.norm.weight".to_owned(), vec![16]),
    ];
    for layer in 0..2 {
        for (part, shape) in [
            ("input_layernorm", vec![16]),
            ("mlp.down_proj", vec![16, 24]),
            ("mlp.gate_proj", vec![24, 16]),
            ("mlp.up_proj", vec![24, 16]),
            ("post_attention_layernorm", vec![16]),
            ("self_attn.k_proj", vec![8, 16]),
            ("self_attn.o_proj", vec![16, 16]),
            ("self_attn.q_proj", vec![16, 16]),
            ("self_attn.v_proj", vec![8, 16]),
        ] {
            out.push((format!("model.layers.{layer}.{part}.weight"), shape));
        }
    }
    out.sort();
    out
}

/// The base (trained = 0), or a model that was trained from it.
pub fn model(trained: u32) -> MemoryWeights {
    let tensors = shapes().into_iter().zip(0..).map(|((name, shape), index)| {
        let count = shape.iter().product();
        let mut numbers = values(1 + index, count, 0.8);
        if trained > 0 {
            for (at, change) in values(1000 * trained + index, count, 0.2).into_iter().enumerate() {
                if !(at as u32).is_multiple_of(trained + 1) {
                    numbers[at] += change;
                }
            }
        }
        let mut bytes = Vec::new();
        convert::narrow(Dtype::BF16, &numbers, &mut bytes).unwrap();
        (TensorInfo { name, dtype: Dtype::BF16, shape }, bytes)
    });
    MemoryWeights::new("tiny", tensors.collect()).unwrap()
}

/// The pack's default recipe.
pub fn recipe() -> Recipe {
    Recipe::from_json(
        &json!({
            "version": 1, "merge_method": "maec", "base_model": "tiny/base",
            "ability": {"model": "a-l0"}, "reference": {"model": "l0"},
            "languages": [{"name": "es", "model": "es", "weight": 0.45}],
            "parameters": {"k2": 0.5, "gamma": 1.2},
        })
        .to_string(),
    )
    .unwrap()
}

/// `config.json` of the tiny models.
pub fn config() -> serde_json::Value {
    json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 16, "hidden_size": 16,
        "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
        "head_dim": 8, "rms_norm_eps": 1e-5, "rope_theta": 1e4, "max_position_embeddings": 32,
        "tie_word_embeddings": true, "bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0, "torch_dtype": "bfloat16",
    })
}

/// Their `tokenizer.json`.
pub fn tokenizer() -> serde_json::Value {
    let vocab: serde_json::Map<_, _> =
        WORDS.iter().zip(0..).map(|(word, id)| ((*word).to_owned(), id.into())).collect();
    let special = |id: u32| json!({"id": id, "content": WORDS[id as usize], "special": true});
    json!({
        "version": "1.0", "added_tokens": [special(0), special(1), special(2), special(3)],
        "model": {"type": "WordLevel", "unk_token": "<unk>", "vocab": vocab},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "WhitespaceSplit"}, {"type": "Digits", "individual_digits": true}]},
        "post_processor": {"type": "TemplateProcessing", "single": [
            {"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]},
    })
}

/// A model as a safetensors file.
pub fn safetensors(weights: &dyn Weights) -> Vec<u8> {
    let sink = MemorySink::new();
    let read = &mut |info: &TensorInfo,
                     write: &mut dyn FnMut(&[u8]) -> Result<(), maec_checkpoint::Error>| {
        write(&weights.read_bytes(&info.name)?)
    };
    write_safetensors(&mut sink.clone(), weights.tensors(), &BTreeMap::new(), read).unwrap();
    sink.take()
}

/// What training changed, as a sparse delta.
pub fn delta(base: &dyn Weights, trained: &dyn Weights) -> Vec<u8> {
    let sink = MemorySink::new();
    write_delta(&mut sink.clone(), base, trained, DeltaPositions::Changed, None, &BTreeMap::new()).unwrap();
    sink.take()
}

/// The pack's files by path, without the manifest.
fn contents() -> Files {
    let base = model(0);
    let mut files = Files::from([("model.safetensors".to_owned(), safetensors(&base))]);
    for (id, trained) in [("a-l0", 1), ("l0", 2), ("es", 3)] {
        files.insert(format!("{id}.safetensors"), delta(&base, &model(trained)));
    }
    let (mut problems, mut validation, mut texts) = (String::new(), String::new(), String::new());
    for language in ["en", "es"] {
        for number in 0..7_u32 {
            let question =
                format!("Tom has {} how many{} ? :", number % 6, " has".repeat(number as usize % 3));
            let problem = json!({"id": format!("{language}-{number:04}"), "language": language, "question": question,
                "answer": number, "a": number, "b": 1, "op": "add"});
            problems.push_str(&format!("{problem}\n"));
        }
        for number in 0..3_u32 {
            let problem = json!({"id": format!("{language}-v{number}"), "language": language,
                "question": format!("how many has Tom {number} ? :"), "answer": 5 - number, "a": number, "b": 1, "op": "add"});
            validation.push_str(&format!("{problem}\n"));
        }
        for text in ["Tom has 1 2", "how many ? Tom has 3", "has has Tom"] {
            texts.push_str(&format!("{}\n", json!({"language": language, "text": text, "kind": "general"})));
        }
    }
    let result = json!({"language": "en", "n": 7, "correct": 1, "low": 0.1, "high": 0.5, "perplexity": 3.0, "close_calls": []});
    let recorded = json!([{"label": "F-TV", "source": "maec quickstart", "languages": [result]}]);
    for (path, text) in [
        ("config.json", config().to_string()),
        ("tokenizer.json", tokenizer().to_string()),
        ("problems.jsonl", problems),
        ("validation.jsonl", validation),
        ("heldout.jsonl", texts),
        ("recipe.json", recipe().to_json()),
        ("recorded.json", recorded.to_string()),
    ] {
        files.insert(path.to_owned(), text.into_bytes());
    }
    files
}

/// The pack's files by URL, manifest included.
pub fn pack() -> Files {
    let contents = contents();
    let delta = |id: &str, role, language: Option<&str>| PackDelta {
        id: id.into(),
        role,
        language: language.map(Into::into),
        file: format!("{id}.safetensors"),
    };
    let language = |code: &str, name: &str| PackLanguage { code: code.into(), name: name.into() };
    let entry = |bytes: &Vec<u8>| PackFile { sha256: sha256_hex(bytes), bytes: bytes.len() as u64 };
    let manifest = Manifest {
        format: Manifest::FORMAT.into(),
        version: Manifest::VERSION,
        title: "Tiny".into(),
        seed: 7,
        command: "maec pack --seed 7".into(),
        versions: BTreeMap::new(),
        lambda: 0.3,
        languages: vec![language("en", "English"), language("es", "Spanish")],
        base: "model.safetensors".into(),
        config: "config.json".into(),
        tokenizer: "tokenizer.json".into(),
        deltas: vec![
            delta("a-l0", DeltaRole::Ability, None),
            delta("l0", DeltaRole::Reference, None),
            delta("es", DeltaRole::Language, Some("es")),
        ],
        problems: "problems.jsonl".into(),
        validation: Some("validation.jsonl".into()),
        heldout: "heldout.jsonl".into(),
        recipe: "recipe.json".into(),
        recorded: "recorded.json".into(),
        files: contents.iter().map(|(path, bytes)| (path.clone(), entry(bytes))).collect(),
    };
    let mut files: Files =
        contents.into_iter().map(|(path, bytes)| (format!("{URL}{path}"), bytes)).collect();
    files.insert(format!("{URL}manifest.json"), serde_json::to_vec(&manifest).unwrap());
    files
}

/// Makes the pack one that was made without validation problems.
pub fn without_validation(files: &mut Files) {
    let manifest = format!("{URL}manifest.json");
    let mut json: serde_json::Value = serde_json::from_slice(&files[&manifest]).unwrap();
    json.as_object_mut().unwrap().remove("validation");
    json["files"].as_object_mut().unwrap().remove("validation.jsonl");
    files.insert(manifest, json.to_string().into_bytes());
    files.remove(&format!("{URL}validation.jsonl"));
}

/// What a test sees and changes of its host.
#[derive(Default)]
pub struct World {
    /// Files by URL.
    pub files: RefCell<Files>,
    /// What was posted.
    pub posted: RefCell<Vec<(FromEngine, Vec<Vec<u8>>)>>,
    /// This request is cancelled at the pause of this number, counted from 1.
    pub cancel: Cell<Option<(RequestId, u32)>>,
    /// URLs asked for.
    pub fetched: RefCell<Vec<String>>,
    /// Pauses so far.
    pub pauses: Cell<u32>,
    /// Dropped files by name.
    pub dropped: RefCell<Files>,
    /// Where merges are written.
    pub disk: disk::Shared,
    /// Bytes that the site has served.
    pub served: Cell<u64>,
    /// What was fetched from it.
    pub store: MemoryStore,
    /// Memory for weights.
    pub memory: Cell<Option<u64>>,
    /// Milliseconds since the start.
    pub clock: Cell<f64>,
}

/// A host on the CPU device. With `GPU`, the engine treats that device as a GPU to be checked.
pub struct TestHost<const GPU: bool>(pub Rc<World>);

impl<const GPU: bool> Host for TestHost<GPU> {
    const GPU: bool = GPU;

    async fn start(&self, _: bool) -> Result<Started, Failure> {
        let backend =
            Backend { name: "flex".into(), device: "test".into(), software: false, checks: Vec::new() };
        let (storage, memory_bytes) = (Storage::default(), self.0.memory.get());
        Ok(Started { device: Device::flex(), backend, storage, memory_bytes })
    }

    async fn fetch(&self, url: &str) -> Result<Vec<u8>, String> {
        self.0.fetched.borrow_mut().push(url.into());
        self.0.files.borrow().get(url).cloned().ok_or_else(|| "the server says 404".into())
    }

    fn files(&self, _: RequestId, names: &[String]) -> Result<Arc<dyn FileSet>, Failure> {
        let dropped = self.0.dropped.borrow();
        // As in a browser, a folder that all files lie in is the set's name.
        let folder = names.first().and_then(|name| Some(name.split_once('/')?.0));
        let folder = folder.filter(|folder| names.iter().all(|name| name.starts_with(&format!("{folder}/"))));
        let below = folder.map_or(0, |folder| folder.len() + 1);
        let file = |name: &String| (name[below..].to_owned(), dropped[name].clone());
        let title = folder.map_or_else(|| format!("{} files", names.len()), str::to_owned);
        Ok(Arc::new(MemoryFiles::new(title, names.iter().map(file))))
    }

    async fn folder(&self, _: RequestId, destination: Destination) -> Result<Rc<dyn Folder>, Failure> {
        if destination == Destination::Private {
            self.0.disk.0.files.borrow_mut().clear();
        }
        Ok(Rc::new(self.0.disk.clone()))
    }

    async fn remote(&self, name: &str) -> Result<Rc<dyn Remote>, Failure> {
        Ok(Rc::new(HubFiles::open(web::hub(&self.0), name).await?))
    }

    async fn storage_free(&self) -> Option<u64> {
        Some(1 << 30)
    }

    async fn words(&self, texts: WordsTexts) -> Result<Words, String> {
        let text = texts.tokenizer.as_deref().ok_or("there is no tokenizer.json")?;
        let tokenizer = WordTokenizer::from_json(text).map_err(|error| error.to_string())?;
        let chat = |text: &str| -> Result<String, String> {
            if text == "!" { Err("no".into()) } else { Ok(format!("<s> {text} </s>")) }
        };
        let chat = texts.has_chat().then(|| Box::new(chat) as maec_engine::Chat);
        Ok(Words { tokenizer: Box::new(tokenizer), chat })
    }

    async fn pause(&self) {
        self.0.pauses.set(self.0.pauses.get() + 1);
    }

    fn is_cancelled(&self, id: RequestId) -> bool {
        self.0.cancel.get().is_some_and(|(target, pause)| target == id && self.0.pauses.get() >= pause)
    }

    fn post(&self, message: &FromEngine, files: Vec<Vec<u8>>) {
        self.0.posted.borrow_mut().push((message.clone(), files));
    }

    fn now(&self) -> f64 {
        // Every look at the clock takes 60 ms, so that progress and pauses are always due.
        self.0.clock.set(self.0.clock.get() + 60.0);
        self.0.clock.get()
    }

    fn dispatches(&self) -> u64 {
        0
    }

    fn lost(&self, reason: &str) {
        panic!("the device was lost: {reason}");
    }
}

/// An engine with its host's world.
pub struct Bed<const GPU: bool> {
    engine: Engine<TestHost<GPU>>,
    /// The host's world.
    pub world: Rc<World>,
    next: RequestId,
}

impl<const GPU: bool> Bed<GPU> {
    /// An engine that has started and opened the tiny pack.
    pub fn open() -> Self {
        let mut bed = Self::closed();
        let reply = bed.ask(Request::OpenPack { url: URL.into() });
        assert!(matches!(reply, Reply::PackOpened { .. }), "{reply:?}");
        bed
    }

    /// An engine that has started.
    pub fn closed() -> Self {
        Self::with(World { files: RefCell::new(pack()), ..World::default() })
    }

    /// An engine that has started in this world.
    pub fn with(world: World) -> Self {
        let world = Rc::new(world);
        let mut bed = Self { engine: Engine::new(TestHost(world.clone())), world, next: 0 };
        assert!(matches!(bed.ask(Request::Start { allow_software: false }), Reply::Ready { .. }));
        bed
    }

    /// The number of the next request.
    pub fn next_id(&self) -> RequestId {
        self.next + 1
    }

    /// Asks; the last reply.
    pub fn ask(&mut self, body: Request) -> Reply {
        self.ask_all(body).pop().unwrap().0
    }

    /// Asks; all replies with their files.
    pub fn ask_all(&mut self, body: Request) -> Vec<(Reply, Vec<Vec<u8>>)> {
        self.next += 1;
        block_on(self.engine.handle(ToEngine { id: self.next, body }));
        let posted: Vec<_> = self.world.posted.borrow_mut().drain(..).collect();
        assert!(posted.iter().all(|(message, _)| message.id == self.next));
        let last = |reply: &Reply| !matches!(reply, Reply::Progress { .. } | Reply::Token { .. });
        let (end, before) = posted.split_last().unwrap();
        assert!(last(&end.0.body) && !before.iter().any(|(message, _)| last(&message.body)), "{posted:?}");
        posted.into_iter().map(|(message, files)| (message.body, files)).collect()
    }
}
