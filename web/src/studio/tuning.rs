//! Tuning: the search that is shown, a search in this tab, and what is done with a choice.

use std::rc::Rc;
use std::sync::Arc;

use js_sys::Array;
use leptos::prelude::*;
use leptos::task::spawn_local;
use maec_protocol::{LanguageResult, PackSummary, ProblemSet, Reply, Request, Subject};
use maec_recipe::{MergeMethod, Recipe, Select};
use wasm_bindgen_futures::JsFuture;
use web_sys::File;

use super::boot::CONFUSED;
use super::{Run, Studio, Working};
use crate::browser;
use crate::engine::CallError;
use crate::files::Brought;
use crate::format::{plural, seconds};
use crate::tuning::{
    self, Choice, Exam, MOST_BYTES, Method, Objective, Plan, ReadError, Scores, Search, Space, Trial, Tuning,
    read, scores,
};

/// Steps of a candidate's progress.
const STEPS: u64 = 1000;

/// The signals of this part of the studio. Copies are handles on the same.
#[derive(Clone, Copy)]
pub struct Tune {
    /// The search that is drawn.
    pub shown: RwSignal<Option<Arc<Tuning>>>,
    /// The number of the trial that is looked at; the best where none is.
    pub chosen: RwSignal<Option<usize>>,
    /// The search in progress.
    pub run: RwSignal<Run>,
    /// Why a file can't be drawn, or how a search ended when not well.
    pub note: RwSignal<String>,
    /// What is drawn was searched here.
    pub is_own: RwSignal<bool>,
}

impl Tune {
    /// Nothing is shown.
    pub fn new() -> Self {
        Self {
            shown: RwSignal::new(None),
            chosen: RwSignal::new(None),
            run: RwSignal::new(Run::Idle),
            note: RwSignal::new(String::new()),
            is_own: RwSignal::new(false),
        }
    }

    /// The trial that is looked at, with the method it is of.
    pub fn trial(self) -> Option<(Trial, Method)> {
        let chosen = self.chosen.get();
        self.shown.with(|shown| {
            let tuning = shown.as_ref()?;
            Some((tuning.trial(chosen.unwrap_or(tuning.best))?.clone(), tuning.plan.method))
        })
    }
}

/// What a person asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// The ranges.
    pub space: Space,
    /// A grid or random draws.
    pub search: Search,
    /// The seed of the draws.
    pub seed: u64,
    /// Highest perplexity over the base's.
    pub limit: f64,
}

impl Studio {
    /// Opens a search's JSON: the first of the files.
    pub fn open_tuning(self, brought: Brought) {
        let Some(file) = brought.files.into_iter().next() else { return };
        if self.tune.run.get_untracked() != Run::Idle {
            return self.tune.note.set("A search is running. Cancel it, then open the file.".into());
        }
        spawn_local(async move {
            let read = read_file(&file).await;
            match read {
                Ok(tuning) => {
                    self.show(tuning, false);
                    self.tune.note.set(String::new());
                    self.say(format!("{} is open.", file.name()));
                }
                Err(problem) => self.tune.note.set(format!("{}: {problem}", file.name())),
            }
        });
    }

    fn show(self, tuning: Tuning, is_own: bool) {
        self.tune.chosen.set(None);
        self.tune.is_own.set(is_own);
        self.tune.shown.set(Some(Arc::new(tuning)));
    }

    /// Sets the experiment's numbers to those of the trial that is looked at.
    pub fn use_choice(self) {
        let Some((trial, _)) = untrack(|| self.tune.trial()) else { return };
        self.edit(|recipe| trial.choice.put_into(recipe));
        self.say(format!(
            "The recipe has the numbers of trial {}. Merge and evaluate it on test problems.",
            trial.number
        ));
    }

    /// Downloads the search that was made here.
    pub fn save_tuning(self) {
        let saved = self.tune.shown.with_untracked(|shown| {
            let tuning = shown.as_ref()?;
            let name = format!("tune-{}.json", tuning.plan.pack.as_deref().unwrap_or("search"));
            let json = serde_json::to_string(tuning.as_ref()).ok()?;
            browser::download(&name, "application/json", json.as_bytes())?;
            Some(name)
        });
        match saved {
            Some(name) => self.say(format!("{name} is in your downloads.")),
            None => self.warn("The browser refused the download. Allow downloads for this page."),
        }
    }

    /// Searches on the open pack's validation problems.
    pub fn search(self, wanted: Wanted) {
        let pack = self.pack.get_untracked().filter(|pack| pack.validation_per_language > 0);
        let Some(pack) = pack else { return };
        if !self.begin(self.tune.run, self.tune.note, |hands| &mut hands.tune) {
            return;
        }
        spawn_local(async move {
            let started = browser::now();
            let candidates = wanted.search.choices(&wanted.space, wanted.seed).unwrap_or_default();
            let total = candidates.len();
            let mut base = None;
            let mut trials = Vec::new();
            let outcome = loop {
                let number = trials.len();
                let Some(choice) = candidates.get(number) else { break Ok(()) };
                let at = Place { number, total, started };
                match self.candidate(&pack, choice, at).await {
                    Ok((of_base, scores)) => {
                        let base = *base.get_or_insert(of_base);
                        trials.push(Trial::new(number, *choice, vec![scores], &[base]));
                        let plan = plan(&pack, &wanted, trials.len());
                        if let Some(tuning) = Tuning::new(plan, vec![base], trials.clone()) {
                            self.show_more(tuning, number == 0);
                        }
                    }
                    Err(CallError::Lost) if !self.with_hands(|hands| hands.tune.cancelled) => {}
                    Err(error) => break Err(error),
                }
            };
            self.tune.run.set(Run::Idle);
            let done = format!("{} of {}", trials.len(), plural(total, "candidate"));
            match outcome {
                Ok(()) => self.say(format!("The search is done, in {}.", seconds(browser::now() - started))),
                Err(CallError::Failed(sentence)) => self.tune.note.set(sentence),
                Err(CallError::Cancelled | CallError::Lost) => {
                    self.tune.note.set(format!("Stopped after {done}."))
                }
            }
        });
    }

    /// Stops the search; what it found stays.
    pub fn cancel_search(self) {
        self.cancel(|hands| &mut hands.tune);
    }

    /// Shows one more trial of a search; a person's choice among its trials stays.
    fn show_more(self, tuning: Tuning, is_first: bool) {
        match is_first {
            true => self.show(tuning, true),
            false => self.tune.shown.set(Some(Arc::new(tuning))),
        }
    }

    /// Merges one candidate and asks it; the scores of the base and of the merge.
    async fn candidate(
        self,
        pack: &PackSummary,
        choice: &Choice,
        at: Place,
    ) -> Result<(Scores, Scores), CallError> {
        self.engine_ready(|hands| &mut hands.tune).await?;
        let run = self.tune.run;
        run.set(at.working(0, 1));
        let on_event = Rc::new(move |event| {
            if let Reply::Progress { done, total, .. } = event {
                run.set(at.working(done, total));
            }
        });
        let request = Request::Evaluate {
            recipe: recipe(pack, choice),
            subjects: vec![Subject::Base, Subject::Merged],
            set: ProblemSet::Validation,
            problems_per_language: pack.validation_per_language,
            lambda: pack.lambda,
        };
        let reply = self.call(request, Array::new(), on_event, |hands| &mut hands.tune).await?.reply;
        let Reply::Evaluated { results, .. } = reply else { return Err(CallError::Failed(CONFUSED.into())) };
        let reference = pack.languages.first().map_or("", |language| language.code.as_str());
        let of = |place: usize| -> Option<Scores> {
            let languages: &[LanguageResult] = &results.get(place)?.languages;
            Some(scores(languages, reference))
        };
        of(0).zip(of(1)).ok_or_else(|| CallError::Failed(CONFUSED.into()))
    }
}

/// Which candidate of a search is being merged.
#[derive(Clone, Copy)]
struct Place {
    number: usize,
    total: usize,
    started: f64,
}

impl Place {
    /// The search's progress when so much of the candidate is done.
    fn working(self, done: u64, total: u64) -> Run {
        Run::Working(Working {
            label: format!("Candidate {} of {}", self.number + 1, self.total),
            done: self.number as u64 * STEPS + done.min(total) * STEPS / total.max(1),
            total: self.total as u64 * STEPS,
            seconds: browser::now() - self.started,
            memory: (0, 0),
        })
    }
}

/// The pack's models merged by a choice; choices by hand are left out, since Eq. 4's k₂ is searched.
fn recipe(pack: &PackSummary, choice: &Choice) -> Recipe {
    let mut recipe = Recipe {
        merge_method: MergeMethod::Maec,
        select: Select::default(),
        out_dtype: None,
        ..pack.recipe.clone()
    };
    choice.put_into(&mut recipe);
    recipe
}

/// What was searched so far. A search that was stopped is a whole one of fewer draws.
fn plan(pack: &PackSummary, wanted: &Wanted, done: usize) -> Plan {
    let search = match wanted.search {
        Search::Random { .. } => Search::Random { trials: done },
        search => search,
    };
    Plan {
        maec: format!("studio {}", env!("CARGO_PKG_VERSION")),
        ability: "arithmetic".into(),
        method: Method::Maec,
        space: wanted.space.clone(),
        search,
        seed: wanted.seed,
        seeds: vec![pack.seed],
        exam: Exam {
            set: tuning::ProblemSet::Validation,
            problems: pack.validation_per_language as usize,
            texts: pack.texts_per_language as usize,
        },
        objective: Objective { perplexity_limit: wanted.limit },
        settings: None,
        pack: Some(pack.id.clone()),
    }
}

async fn read_file(file: &File) -> Result<Tuning, ReadError> {
    if file.size() > MOST_BYTES as f64 {
        return Err(ReadError::TooLarge);
    }
    let text = JsFuture::from(file.text()).await.ok().and_then(|text| text.as_string());
    read(&text.ok_or(ReadError::NoTuning)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::studio::tests::pack;
    use crate::tuning::{Axis, Values};

    fn wanted(search: Search) -> Wanted {
        let values = [
            Values::fixed(1.0),
            Values::range(0.0, 1.0),
            Values::fixed(1.5),
            Values::fixed(1.0),
            Values::fixed(0.5),
            Values::fixed(0.8),
        ];
        let named = Method::Maec.axes().iter().zip(values);
        let space = named.fold(Space::default(), |space, (axis, values)| space.with(*axis, values));
        Wanted { space, search, seed: 7, limit: 1.1 }
    }

    /// The companion's tests read the same file.
    #[test]
    fn a_search_here_is_saved_in_the_format_that_is_read() {
        let pack = PackSummary { validation_per_language: 40, texts_per_language: 100, ..pack() };
        let wanted = wanted(Search::Random { trials: 3 });
        let base = Scores { other_languages: 0.125, perplexity: 4.0 };
        let choices = wanted.search.choices(&wanted.space, wanted.seed).unwrap();
        let trials = (0..).zip(choices).zip([(0.25, 5.0), (0.5, 4.25), (0.375, 3.5)]);
        let trials = trials.map(|((number, choice), (other_languages, perplexity))| {
            Trial::new(number, choice, vec![Scores { other_languages, perplexity }], &[base])
        });
        let plan = Plan { maec: "studio 0.1.0".into(), ..plan(&pack, &wanted, 3) };
        let tuning = Tuning::new(plan, vec![base], trials.collect()).expect("there are trials");
        assert_eq!((tuning.best, tuning.trials[0].perplexity_ratio, tuning.within_limit), (1, 1.25, true));
        let json = serde_json::to_string(&tuning).expect("it is JSON");
        assert_eq!(json, include_str!("../../../tests/tuning/page.json").trim_end());
        assert_eq!(read(&json), Ok(tuning));
    }

    #[test]
    fn a_candidate_is_the_packs_merge_with_its_numbers_alone() {
        let mut pack = pack();
        pack.recipe.select.include.push("*".into());
        let wanted = wanted(Search::Grid { per: 2 });
        let choice = wanted.search.choices(&wanted.space, wanted.seed).unwrap()[1];
        let recipe = recipe(&pack, &choice);
        assert_eq!((recipe.parameters.beta, recipe.languages[0].weight), (1.0, 0.5));
        assert_eq!((&recipe.ability, &recipe.select), (&pack.recipe.ability, &Select::default()));
        assert_eq!(Axis::Beta.of(&choice), 1.0);
    }
}
