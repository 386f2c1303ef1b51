//! Merging into files: what is merged, its plan, the writing, and what was written.

use js_sys::Array;
use leptos::prelude::*;
use leptos::task::spawn_local;
use maec_protocol::{Destination, FilePlan, ItemKind, Merging, MethodCard, PRIVATE_FOLDER, Reply, Request};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;

use super::{Entry, Look, Own, items};
use crate::engine::CallError;
use crate::format::{bytes, seconds};
use crate::studio::boot::CONFUSED;
use crate::studio::{Run, Studio};
use crate::{browser, storage};

/// Milliseconds that the text may rest before it is planned.
const PAUSE: u32 = 350;

/// A merge into files before it runs: what it will do, and what stands in its way.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Planned {
    /// Nothing where it cannot run.
    pub plan: Option<FilePlan>,
    /// Sentences that say what to do.
    pub problems: Vec<String>,
}

/// A merge that is in its files.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// Model hash, 64 hex digits.
    pub hash: String,
    /// All files with their lengths.
    pub files: Vec<(String, u64)>,
    /// Bytes of weights read.
    pub bytes_read: u64,
    /// Seconds it took.
    pub seconds: f64,
    /// Most bytes of the engine's memory.
    pub peak_bytes: u64,
    /// The files are in the origin's private storage.
    pub private: bool,
}

/// The signals of this part. Copies are handles on the same.
#[derive(Clone, Copy)]
pub struct Files {
    /// A mergekit file is merged, though there is a recipe.
    pub by_file: RwSignal<bool>,
    /// The mergekit file's text.
    pub yaml: RwSignal<String>,
    /// Every method, once the engine has said.
    pub methods: RwSignal<Vec<MethodCard>>,
    /// The method that a new file would have.
    pub method: RwSignal<String>,
    /// The largest file in GB, as typed.
    pub shard: RwSignal<String>,
    /// What would be merged, and the most bytes of a file.
    pub question: Memo<Option<(Merging, u64)>>,
    /// The answer to the last question.
    pub planned: RwSignal<Option<Planned>>,
    /// A newer answer is on its way.
    pub planning: RwSignal<bool>,
    /// Writing.
    pub run: RwSignal<Run>,
    /// How it ended, when not well.
    pub note: RwSignal<String>,
    /// What was written last.
    pub written: RwSignal<Option<Written>>,
}

impl Files {
    /// Nothing planned. The recipe's items are asked for apart from whether a load merges.
    pub fn new(
        entries: RwSignal<Vec<Entry>>,
        base: RwSignal<Option<u32>>,
        recipe: RwSignal<Option<(u32, maec_recipe::Recipe)>>,
    ) -> Self {
        let (by_file, yaml) = (RwSignal::new(false), RwSignal::new(String::new()));
        let shard = RwSignal::new(String::from("5"));
        let question = Memo::new(move |_| {
            let shard_bytes = shard.with(|shard| shard_bytes(shard))?;
            let recipe = recipe.with(|recipe| recipe.as_ref().map(|(_, recipe)| recipe.clone()));
            let question = entries.with(|entries| items::question(entries, base.get(), recipe.clone()));
            let items = question?.items;
            let merging = match recipe.filter(|_| !by_file.get()) {
                Some(recipe) => Merging::Recipe { items, recipe },
                None => Merging::Config { yaml: yaml.get(), items },
            };
            Some((merging, shard_bytes))
        });
        Self {
            by_file,
            yaml,
            methods: RwSignal::new(Vec::new()),
            method: RwSignal::new(String::new()),
            shard,
            question,
            planned: RwSignal::new(None),
            planning: RwSignal::new(false),
            run: RwSignal::new(Run::Idle),
            note: RwSignal::new(String::new()),
            written: RwSignal::new(None),
        }
    }

    /// The method that the text names.
    pub fn named(self) -> Option<MethodCard> {
        let name = self.yaml.with(|yaml| method_in(yaml).to_owned());
        self.methods.with(|methods| methods.iter().find(|method| method.name == name).cloned())
    }
}

/// GB as typed, in bytes; nothing where it is no size that a file may have.
pub fn shard_bytes(typed: &str) -> Option<u64> {
    let size = typed.trim().parse().ok().filter(|size: &f64| (0.001..=1000.0).contains(size))?;
    Some((size * 1e9) as u64)
}

fn method_in(yaml: &str) -> &str {
    let line = yaml.lines().find_map(|line| line.strip_prefix("merge_method:"));
    line.unwrap_or_default().split('#').next().unwrap_or_default().trim().trim_matches(['"', '\''])
}

impl Own {
    /// Whether a mergekit file is merged, and not the recipe.
    pub fn merges_by_file(self) -> bool {
        self.files.by_file.get() || self.recipe.with(Option::is_none)
    }
}

impl Studio {
    /// Plans from now on, as long as the caller's owner lives.
    pub fn keep_planning(self) {
        let files = self.own.files;
        Effect::new(move |_| match files.question.get() {
            Some((merging, shard_bytes)) => {
                files.planning.set(true);
                spawn_local(async move {
                    // An empty text begins with a template, which also brings the methods.
                    if files.methods.with_untracked(Vec::is_empty) {
                        self.begin_file(None).await;
                    }
                    let request = Request::Plan { merging, shard_bytes };
                    let answer = self.ask_latest(PAUSE, request, |hands| &mut hands.own.plan).await;
                    let Some(answer) = answer else { return };
                    let failed = |sentence: String| Planned { plan: None, problems: vec![sentence] };
                    files.planned.set(Some(match answer {
                        Ok(Reply::Planned { plan, problems }) => Planned { plan, problems },
                        Ok(_) => failed(CONFUSED.into()),
                        Err(sentence) => failed(sentence),
                    }));
                    files.planning.set(false);
                });
            }
            None => {
                self.forget_latest(|hands| &mut hands.own.plan);
                files.planning.set(false);
                files.planned.set(None);
            }
        });
    }

    /// Has the engine begin a mergekit file with the method that was chosen, in place of the present text.
    pub fn begin_chosen_file(self) {
        let method = self.own.files.method.get_untracked();
        spawn_local(self.begin_file(Some(method)));
    }

    /// As [`Studio::begin_chosen_file`]; without a method it gets the methods, and a text only where there is none.
    async fn begin_file(self, method: Option<String>) {
        let keep = method.is_none();
        let items = self.own.question.get_untracked().map(|question| question.items).unwrap_or_default();
        self.replace_file(Request::Template { method, items }, keep).await;
    }

    /// Sets a parameter of the mergekit file for the tensors whose names contain `filter`.
    pub fn add_filter(self, filter: String, parameter: String, value: f64) {
        let yaml = self.own.files.yaml.get_untracked();
        self.own.files.by_file.set(true);
        spawn_local(self.replace_file(Request::Filter { yaml, filter, parameter, value }, false));
    }

    async fn replace_file(self, request: Request, keep: bool) {
        let files = self.own.files;
        match self.ask(request, |hands| &mut hands.own.template).await {
            Ok(Reply::Config { yaml, methods }) => {
                if !keep || files.yaml.with_untracked(String::is_empty) {
                    files.method.set(method_in(&yaml).into());
                    files.yaml.set(yaml);
                }
                files.methods.set(methods);
                files.note.set(String::new());
            }
            Err(CallError::Failed(sentence)) => files.note.set(sentence),
            // The next plan asks again.
            _ => {}
        }
    }

    /// Merges what was planned: into a folder that the person picks, where the browser has a picker, else into the
    /// origin's private storage. Called from a click, whose moment the picker needs.
    pub fn write_files(self) {
        let files = self.own.files;
        let Some((merging, shard_bytes)) = files.question.get_untracked() else { return };
        if !self.begin(files.run, files.note, |hands| &mut hands.own.write) {
            return;
        }
        let picked = storage::pick_folder();
        spawn_local(async move {
            files.run.set(Run::labelled("Waiting for a folder"));
            let private = picked.is_none();
            let folder = match picked {
                Some(picked) => JsFuture::from(picked).await.map(|handle| Array::of1(&handle)),
                None => Ok(Array::new()),
            };
            files.run.set(Run::waiting());
            let outcome = match folder {
                Ok(folder) => self.try_write(merging, shard_bytes, folder, private).await,
                Err(error) => Err(CallError::Failed(no_folder(&error))),
            };
            let here = browser::has_focus("files-cancel");
            files.run.set(Run::Idle);
            match outcome {
                Ok(written) => {
                    let size = written.files.iter().map(|file| file.1).sum();
                    let done = format!("Merged {} in {}.", bytes(size), seconds(written.seconds));
                    self.own.news.set(done);
                    files.written.set(Some(written));
                    if here {
                        gloo_timers::future::TimeoutFuture::new(30).await;
                        browser::focus("files-written");
                    }
                }
                Err(CallError::Failed(sentence)) => files.note.set(sentence),
                Err(CallError::Cancelled) => {
                    files.note.set("Stopped. The unfinished files were removed.".into())
                }
                Err(CallError::Lost) => files.note.set(
                    "The engine stopped in the middle of the merge. What it left is not whole; merge again to replace it.".into(),
                ),
            }
        });
    }

    async fn try_write(
        self,
        merging: Merging,
        shard_bytes: u64,
        folder: Array,
        private: bool,
    ) -> Result<Written, CallError> {
        let destination = if private { Destination::Private } else { Destination::Folder };
        if private {
            // What an earlier merge left there goes.
            self.own.files.written.set(None);
            browser::keep_storage();
        }
        let request = Request::Write { merging, shard_bytes, destination };
        match self.long(self.own.files.run, request, folder, |hands| &mut hands.own.write).await? {
            Reply::Written { hash, files, bytes_read, seconds, peak_bytes } => {
                Ok(Written { hash, files, bytes_read, seconds, peak_bytes, private })
            }
            _ => Err(CallError::Failed(CONFUSED.into())),
        }
    }

    /// Stops the merge into files.
    pub fn cancel_write(self) {
        self.cancel(|hands| &mut hands.own.write);
    }

    /// Hands a file that was written into private storage to the browser's downloads.
    pub fn download_file(self, name: String) {
        spawn_local(async move {
            if storage::download(PRIVATE_FOLDER, &name).await.is_none() {
                self.own
                    .files
                    .note
                    .set(format!("{name} is no longer in this browser’s storage. Merge again."));
            }
        });
    }

    /// Removes what was written from private storage.
    pub fn forget_files(self) {
        spawn_local(async move {
            storage::remove(PRIVATE_FOLDER).await;
            self.own.files.written.set(None);
            self.own.news.set("Removed.".into());
            browser::focus("files-title");
        });
    }

    /// A mergekit file was opened: it is what is merged now.
    pub(super) fn take_file(self, kind: &ItemKind) {
        if let ItemKind::Config { yaml, .. } = kind {
            self.own.files.method.set(method_in(yaml).into());
            self.own.files.yaml.set(yaml.clone());
            self.own.files.by_file.set(true);
        }
    }

    /// Whether something is being looked at.
    pub fn is_looking(self) -> bool {
        self.own.entries.with(|entries| entries.iter().any(|entry| entry.look == Look::Going))
    }
}

/// Why there is no folder; nothing where a person closed the dialog.
fn no_folder(error: &JsValue) -> String {
    match storage::error_name(error).as_str() {
        "AbortError" => String::new(),
        _ => "The browser does not let this page write into that folder. Choose another one.".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_method_is_read_from_its_line() {
        assert_eq!(method_in("base_model: a\nmerge_method: ties # or dare\n"), "ties");
        assert_eq!(method_in("merge_method: \"slerp\""), "slerp");
        assert_eq!(method_in("models: []"), "");
    }

    #[test]
    fn a_size_is_given_in_gigabytes() {
        assert_eq!(shard_bytes(" 0.5 "), Some(500_000_000));
        assert_eq!(shard_bytes("5"), Some(5_000_000_000));
        for typed in ["", "0", "-1", "x", "1e9", "NaN"] {
            assert_eq!(shard_bytes(typed), None, "{typed}");
        }
    }
}
