//! Models that people bring: what was opened, what it costs, what was loaded, and what it wrote.

mod evaluate;
mod files;
mod inside;
mod items;
mod load;
mod look;
mod say;
mod weigh;

use std::collections::VecDeque;

use leptos::prelude::*;
use maec_protocol::{Cost, Item, ItemId, Mismatch, StopReason};
use maec_recipe::Recipe;
use web_sys::File;

use super::asking::Slot;
use super::{Run, Studio};

pub use evaluate::{Measured, TASKS, guess};
pub use files::{Files, Written, shard_bytes};
pub use inside::{AUTO, Found, Inside};
use items::recipe_in;
pub use items::{base_of, bases};

/// The page's own number of something that was opened; it outlasts engines, whose numbers do not.
pub type Key = u32;

/// Something that was opened.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its number.
    pub key: Key,
    /// What it is called until the engine says.
    pub name: String,
    /// What the engine says of it; kept while it is looked at again.
    pub item: Option<Item>,
    /// How far looking at it is.
    pub look: Look,
}

/// How far looking at something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// The engine reads its headers, or will.
    Going,
    /// The engine knows it under its item's number.
    Done,
    /// It cannot be opened; the sentence says why and what to do.
    Failed(String),
}

/// What [`Request::Weigh`](maec_protocol::Request::Weigh) and `Load` ask about.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The base, then the others.
    pub items: Vec<ItemId>,
    /// What is merged; nothing where the base runs as it is.
    pub recipe: Option<Recipe>,
}

/// The engine's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Weighed {
    /// What was asked.
    pub question: Question,
    /// Differences from the base.
    pub mismatches: Vec<Mismatch>,
    /// What loading costs.
    pub cost: Cost,
}

impl Weighed {
    /// Why it cannot be loaded as it is.
    pub fn obstacle(&self) -> Option<String> {
        let fatal = self.question.recipe.is_some() && self.mismatches.iter().any(|mismatch| mismatch.fatal);
        let unmergeable = || "What is marked as stopping the merge comes first.".to_owned();
        self.cost.obstacle.clone().or(fatal.then(unmergeable))
    }
}

/// What can generate.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// What was asked for.
    pub question: Question,
    /// Its base's title.
    pub title: String,
    /// It has a chat template.
    pub chat: bool,
    /// Seconds it took.
    pub seconds: f64,
    /// Bytes of weights on the device.
    pub device_bytes: u64,
    /// Tensors that the merge changed.
    pub merged_tensors: u32,
}

/// What was generated last.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Said {
    /// The prompt; empty before the first.
    pub prompt: String,
    /// What the model wrote so far.
    pub text: String,
    /// It is writing.
    pub busy: bool,
    /// Pieces since the first, and the seconds since: the rate while it goes on.
    pub pace: (u32, f64),
    /// Tokens, seconds and why it ended.
    pub end: Option<(u32, f64, StopReason)>,
}

/// The signals of this part of the studio. Copies are handles on the same.
#[derive(Clone, Copy)]
pub struct Own {
    /// What was opened, in order.
    pub entries: RwSignal<Vec<Entry>>,
    /// The base that a person chose.
    pub base: RwSignal<Option<Key>>,
    /// The recipe as it is edited, and whose it is.
    pub recipe: RwSignal<Option<(Key, Recipe)>>,
    /// Merge by the recipe; else the base runs as it is.
    pub merge: RwSignal<bool>,
    /// What would be loaded; nothing while something is looked at or no base is there.
    pub question: Memo<Option<Question>>,
    /// The answer to the last question, or why there is none.
    pub weighed: RwSignal<Option<Result<Weighed, String>>>,
    /// A newer answer is on its way.
    pub weighing: RwSignal<bool>,
    /// Loading.
    pub loading: RwSignal<Run>,
    /// How the last load ended, when not well.
    pub load_note: RwSignal<String>,
    /// What can generate.
    pub loaded: RwSignal<Option<Loaded>>,
    /// What was generated last.
    pub said: RwSignal<Said>,
    /// How the last generation ended, when not well.
    pub say_note: RwSignal<String>,
    /// Evaluating.
    pub evaluating: RwSignal<Run>,
    /// How the last evaluation ended, when not well.
    pub evaluate_note: RwSignal<String>,
    /// The last evaluation.
    pub measured: RwSignal<Option<Measured>>,
    /// Merging into files.
    pub files: Files,
    /// A look inside.
    pub inside: Inside,
    /// Read out to those who do not see the page change.
    pub news: RwSignal<String>,
}

/// What is no signal.
#[derive(Default)]
pub(super) struct OwnHands {
    /// The engine has to run models that people bring.
    pub(super) wanted: bool,
    next: Key,
    sources: Vec<(Key, Source)>,
    queue: VecDeque<Key>,
    /// The queue is being worked off.
    pumping: bool,
    look: (Key, Slot),
    weigh: Slot,
    pub(super) load: Slot,
    pub(super) say: Slot,
    pub(super) evaluate: Slot,
    template: Slot,
    plan: Slot,
    write: Slot,
    inspect: Slot,
}

/// Where something comes from. The page keeps files, since another engine has to be given them again.
#[derive(Clone)]
enum Source {
    Files { names: Vec<String>, files: Vec<File> },
    Remote { name: String },
}

impl Own {
    /// Nothing opened.
    pub fn new() -> Self {
        let entries = RwSignal::new(Vec::new());
        let base = RwSignal::new(None);
        let recipe = RwSignal::new(None::<(Key, Recipe)>);
        let merge = RwSignal::new(true);
        let question = Memo::new(move |_| {
            let recipe = recipe.with(|recipe| recipe.as_ref().map(|(_, recipe)| recipe.clone()));
            entries.with(|entries| items::question(entries, base.get(), recipe.filter(|_| merge.get())))
        });
        Self {
            entries,
            base,
            recipe,
            merge,
            question,
            weighed: RwSignal::new(None),
            weighing: RwSignal::new(false),
            loading: RwSignal::new(Run::Idle),
            load_note: RwSignal::new(String::new()),
            loaded: RwSignal::new(None),
            said: RwSignal::new(Said::default()),
            say_note: RwSignal::new(String::new()),
            evaluating: RwSignal::new(Run::Idle),
            evaluate_note: RwSignal::new(String::new()),
            measured: RwSignal::new(None),
            files: Files::new(entries, base, recipe),
            inside: Inside::new(),
            news: RwSignal::new(String::new()),
        }
    }
}

impl Studio {
    fn with_own<T>(self, act: impl FnOnce(&mut OwnHands) -> T) -> T {
        self.with_hands(|hands| act(&mut hands.own))
    }
}
