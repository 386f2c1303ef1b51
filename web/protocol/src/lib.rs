//! The typed messages between the studio's page and its engine worker.
//!
//! Every message is posted as one JavaScript array `[json, bytes…]`: a JSON string of [`ToEngine`] or
//! [`FromEngine`], then the transferred `ArrayBuffer`s it speaks of (only [`Reply::Exported`] has any). A
//! request is answered by any number of [`Reply::Progress`] and [`Reply::Token`], then by exactly one other reply.

mod files;
mod own;

pub use files::{
    Destination, FilePlan, HeatMap, Magnitudes, Merging, MethodCard, PRIVATE_FOLDER, TensorLook,
};
pub use own::{AdapterCard, Cost, DeltaCard, Item, ItemId, ItemKind, Mismatch, ModelCard, Place};

use maec_recipe::Recipe;
use serde::{Deserialize, Serialize};

/// Chosen by the page, repeated in every reply to the request.
pub type RequestId = u32;

/// A message from the page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToEngine {
    /// Repeated in the replies.
    pub id: RequestId,
    /// What is asked.
    pub body: Request,
}

/// What the page can ask for. Externally tagged, as replies are: an internal tag would have every message buffered
/// before it is read, by code that alone takes a tenth of the page's size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Sent first: starts the backend and, on a GPU, checks every kernel against the CPU → [`Reply::Ready`].
    Start {
        /// Accept a software WebGPU adapter (the tests do; the page treats it as "no GPU").
        allow_software: bool,
    },
    /// Fetch and verify a pack from a folder URL ending in `/` → [`Reply::PackOpened`].
    OpenPack {
        /// Absolute URL of the pack's folder.
        url: String,
    },
    /// Statistics of Eq. 4 for a recipe → [`Reply::Scored`].
    Score {
        /// The recipe; k₂ and `select` do not matter here.
        recipe: Recipe,
    },
    /// Merge for evaluation and hash the CPU executor's bytes → [`Reply::Merged`].
    Merge {
        /// What to merge.
        recipe: Recipe,
    },
    /// Accuracy and perplexity of the subjects → [`Reply::Evaluated`]. Merges first where what the engine holds is of
    /// another recipe.
    Evaluate {
        /// What `Merged` is a merge of; its languages and weights are the task vector's too.
        recipe: Recipe,
        /// Models, in the order they are evaluated.
        subjects: Vec<Subject>,
        /// Which problems.
        set: ProblemSet,
        /// The first so many of them in every language.
        problems_per_language: u32,
        /// λ of the task vector.
        lambda: f64,
    },
    /// Greedy generation → many [`Reply::Token`], then [`Reply::Generated`]. Merges first as [`Request::Evaluate`] does.
    Generate {
        /// What `Merged` is a merge of.
        recipe: Recipe,
        /// Which model.
        subject: Subject,
        /// The text to go on from.
        prompt: String,
        /// Stop after so many new tokens.
        max_new_tokens: u32,
    },
    /// The merged model as files → [`Reply::Exported`].
    Export {
        /// What to merge.
        recipe: Recipe,
    },
    /// Read what is somewhere from its headers alone → [`Reply::Looked`].
    Look {
        /// Where it is.
        place: Place,
    },
    /// Compare items with the first of them, and say what loading costs → [`Reply::Weighed`].
    Weigh {
        /// The base (or a pack), then deltas and other models.
        items: Vec<ItemId>,
        /// What would be merged; nothing is where there is none.
        recipe: Option<Recipe>,
    },
    /// Load the first item, merging as the recipe says, each tile straight into its parameter → [`Reply::OwnLoaded`].
    Load {
        /// As for [`Request::Weigh`].
        items: Vec<ItemId>,
        /// As for [`Request::Weigh`].
        recipe: Option<Recipe>,
    },
    /// Greedy generation from what was loaded → many [`Reply::Token`], then [`Reply::Generated`].
    GenerateOwn {
        /// The text to go on from.
        prompt: String,
        /// Put the prompt into the model's chat template.
        chat: bool,
        /// Stop after so many new tokens.
        max_new_tokens: u32,
    },
    /// A benchmark on what was loaded; its `File` follows the JSON → [`Reply::Report`].
    EvaluateOwn {
        /// `mgsm`, `gsm8k`, `mmlu`, `text` (perplexity) or `jsonl`.
        task: String,
        /// The dropped files' names.
        names: Vec<String>,
        /// Language code of the file, where the task has languages.
        language: String,
        /// Only the first so many.
        limit: Option<u32>,
    },
    /// A mergekit file of a method for some items, the first of them as its base, to begin with → [`Reply::Config`].
    Template {
        /// The method; a common one where there is none.
        method: Option<String>,
        /// The models.
        items: Vec<ItemId>,
    },
    /// A mergekit file with one more filter on a parameter → [`Reply::Config`].
    Filter {
        /// The file's text.
        yaml: String,
        /// What tensors' names must contain.
        filter: String,
        /// The parameter.
        parameter: String,
        /// Its value for those tensors.
        value: f64,
    },
    /// Plan a merge into files, from headers alone → [`Reply::Planned`].
    Plan {
        /// What is merged.
        merging: Merging,
        /// Most bytes of a file of weights.
        shard_bytes: u64,
    },
    /// Merge into files; the folder's handle follows the JSON where one was picked → [`Reply::Written`].
    Write {
        /// What is merged.
        merging: Merging,
        /// Most bytes of a file of weights.
        shard_bytes: u64,
        /// Where the files go.
        destination: Destination,
    },
    /// Statistics of models, and how they differ → [`Reply::Inspected`].
    Inspect {
        /// What differences are taken from.
        base: Option<ItemId>,
        /// The models.
        items: Vec<ItemId>,
    },
    /// Stop an earlier request, which then answers [`Reply::Cancelled`]. Has no reply of its own.
    Cancel {
        /// The request to stop.
        target: RequestId,
    },
}

/// Which of a pack's problems are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemSet {
    /// For choosing hyper-parameters; a pack may be without.
    Validation,
    /// For results.
    Test,
}

/// A model the engine can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// Θo.
    Base,
    /// Θo + λ[(Θ_{A,L0} − Θo) + Σ μᵢ(Θ_{Li} − Θo)], from the pack's deltas.
    TaskVector,
    /// The request's recipe, merged.
    Merged,
}

/// A message from the engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FromEngine {
    /// The request answered.
    pub id: RequestId,
    /// The answer.
    pub body: Reply,
}

/// What the engine answers.
#[allow(clippy::large_enum_variant, reason = "one message at a time, and a pack is opened once")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// The worker's module runs; posted once with id 0 before anything was asked.
    Loaded,
    /// The backend runs.
    Ready {
        /// What it runs on.
        backend: Backend,
    },
    /// A pack is open.
    PackOpened {
        /// What is in it.
        pack: PackSummary,
    },
    /// Statistics, in the base's tensor order (sorted by name).
    Scored {
        /// One for each tensor.
        tensors: Vec<TensorScore>,
    },
    /// A merge is done.
    Merged {
        /// Model hash of the CPU executor's output, 64 hex digits.
        hash: String,
        /// Names of the tensors in 𝒯, in ranking order.
        selected: Vec<String>,
        /// Seconds the merge took, hashing included.
        seconds: f64,
        /// GPU dispatches counted during the merge; 0 on the CPU.
        dispatches: u64,
        /// Largest |GPU − CPU| over all merged values; 0 on the CPU.
        max_difference: f64,
    },
    /// An evaluation is done.
    Evaluated {
        /// One for each subject.
        results: Vec<SubjectResult>,
        /// Seconds it took.
        seconds: f64,
        /// GPU dispatches counted during the forwards; 0 on the CPU.
        dispatches: u64,
    },
    /// One more piece of generated text.
    Token {
        /// The piece, ready to append.
        text: String,
    },
    /// Generation ended.
    Generated {
        /// New tokens.
        tokens: u32,
        /// Seconds it took.
        seconds: f64,
        /// Why it ended.
        stop: StopReason,
    },
    /// The export's files; the bytes follow the JSON in this order.
    Exported {
        /// File names, relative to the model's folder.
        names: Vec<String>,
        /// Model hash, as in [`Reply::Merged`].
        hash: String,
    },
    /// What was looked at.
    Looked {
        /// A pack, a model, a delta or a recipe.
        item: Item,
    },
    /// Items compared, and the cost of loading them.
    Weighed {
        /// Every mismatch with the first item.
        mismatches: Vec<Mismatch>,
        /// What loading costs.
        cost: Cost,
    },
    /// What was asked for is loaded and can generate.
    OwnLoaded {
        /// Seconds it took.
        seconds: f64,
        /// Bytes of weights on the device.
        device_bytes: u64,
        /// Tensors that the merge changed; 0 where nothing was merged.
        merged_tensors: u32,
    },
    /// A benchmark is done.
    Report {
        /// The report, as the companion's JSON.
        json: String,
        /// The same as a small table for people: header row first.
        table: Vec<Vec<String>>,
        /// Seconds it took.
        seconds: f64,
    },
    /// A mergekit file, and what else could be in it.
    Config {
        /// Its text.
        yaml: String,
        /// All methods, sorted by name.
        methods: Vec<MethodCard>,
    },
    /// A merge into files, planned.
    Planned {
        /// What it will do; nothing where it can't run.
        plan: Option<FilePlan>,
        /// Everything that stands in its way, each in one sentence that says what to do.
        problems: Vec<String>,
    },
    /// A merge is in its files.
    Written {
        /// Model hash, 64 hex digits.
        hash: String,
        /// All files with their lengths in bytes, in the order in which they were written.
        files: Vec<(String, u64)>,
        /// Bytes of weights read.
        bytes_read: u64,
        /// Seconds it took.
        seconds: f64,
        /// Most bytes of the engine's memory at any time.
        peak_bytes: u64,
    },
    /// What is inside models.
    Inspected {
        /// Metrics by layer and kind, for every model; metrics that have no values are left out.
        maps: Vec<HeatMap>,
        /// Every tensor, sorted by name.
        tensors: Vec<TensorLook>,
    },
    /// Long work goes on.
    Progress {
        /// What is being done, for people: "Answering in Spanish (task vector)".
        label: String,
        /// Units done.
        done: u64,
        /// Units in all.
        total: u64,
        /// Bytes of the engine's memory now; 0 where the host does not say.
        #[serde(default)]
        memory_bytes: u64,
    },
    /// The request was cancelled.
    Cancelled,
    /// The request failed; the engine goes on.
    Failed {
        /// One sentence that names the thing.
        message: String,
        /// What to do, when there is something.
        hint: Option<String>,
        /// The GPU was lost or failed its check: the page should start the CPU engine.
        gpu_unusable: bool,
    },
}

/// Where the engine computes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backend {
    /// `flex` (CPU) or `wgpu`.
    pub name: String,
    /// The adapter's name, or "CPU (WebAssembly SIMD)".
    pub device: String,
    /// The adapter is software.
    pub software: bool,
    /// Kernels compared with the CPU at start-up, and the largest relative difference of each.
    pub checks: Vec<KernelCheck>,
}

/// One kernel's start-up check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KernelCheck {
    /// The kernel: `matmul`, `rms_norm`, `merge_selected`, …
    pub kernel: String,
    /// Largest |GPU − CPU| / (1 + |CPU|).
    pub max_difference: f64,
    /// The difference allowed.
    pub tolerance: f64,
}

/// What the page needs to know of a pack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PackSummary {
    /// First 16 hex digits of the manifest's SHA-256.
    pub id: String,
    /// The pack's title.
    pub title: String,
    /// Parameters of the base.
    pub parameters: u64,
    /// Bytes fetched.
    pub bytes: u64,
    /// All languages, the reference language first.
    pub languages: Vec<Language>,
    /// Names of the base's tensors, sorted.
    pub tensors: Vec<String>,
    /// The default recipe.
    pub recipe: Recipe,
    /// λ of the task vector, tuned by the command that made the pack.
    pub lambda: f64,
    /// Test problems there are in every language.
    pub problems_per_language: u32,
    /// Validation problems there are in every language; 0 where the pack has none.
    pub validation_per_language: u32,
    /// Held-out texts there are in every language.
    pub texts_per_language: u32,
    /// Example questions: (language code, question).
    pub examples: Vec<(String, String)>,
    /// Rows recorded when the pack was made, each with its source.
    pub recorded: Vec<RecordedRow>,
    /// The command that made the pack.
    pub command: String,
    /// The seed it was made with.
    pub seed: u64,
}

/// A language of the pack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Language {
    /// `en`, `es`, …
    pub code: String,
    /// English name.
    pub name: String,
}

/// A result that was measured when the pack was made and is not recomputed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedRow {
    /// `F-TV`, …
    pub label: String,
    /// Where the numbers come from: the command and file.
    pub source: String,
    /// One for each language, in the pack's order.
    pub languages: Vec<LanguageResult>,
}

/// Statistics of one tensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TensorScore {
    /// Hugging Face name.
    pub name: String,
    /// Shape.
    pub shape: Vec<u64>,
    /// S(τ) of Eq. 4.
    pub similarity: f64,
    /// ‖R(A)\[τ\]‖₂.
    pub ability_norm: f64,
    /// ‖R_Lang\[τ\]‖₂.
    pub language_norm: f64,
    /// ‖Θo\[τ\]‖₂.
    pub base_norm: f64,
    /// Entries of R(A) that are not zero.
    pub ability_nonzero: u64,
}

/// Results of one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubjectResult {
    /// Which model.
    pub subject: Subject,
    /// One for each language, in the pack's order.
    pub languages: Vec<LanguageResult>,
}

/// Accuracy and perplexity in one language.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LanguageResult {
    /// `en`, …
    pub language: String,
    /// Problems asked.
    pub n: u32,
    /// Answered correctly.
    pub correct: u32,
    /// Lower end of the 95 % Wilson interval of the accuracy, 0–1.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// Held-out perplexity.
    pub perplexity: f64,
    /// Ids of problems answered while the two largest logits were within 1e-3.
    pub close_calls: Vec<String>,
}

/// Why a generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// The model wrote its end token.
    EndOfText,
    /// The limit was reached.
    Limit,
    /// The page cancelled.
    Cancelled,
}
