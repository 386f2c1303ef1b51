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
    Choice, Draw, Exam, MOST_BYTES, Method, Objective, Plan, ReadError, Scores, Search, Space, Trial, Tuning,
    choices, read, scores,
};

/// Steps of a candidate's progress.
const STEPS: u64 = 1000;

/// The signals of this part of the studio. Copies are handles on the same.
#[derive(Clone, Copy)]
pub struct Tune {
    /// The search that is drawn.
    pub shown: RwSignal<Option<Arc<Tuning>>>,
    /// The number of the trial that is looked at; the best where none is.
    pub chosen: RwSignal<Option<u32>>,
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
    /// Grid or random draws.
    pub draw: Draw,
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
            let candidates = choices(&wanted.space, wanted.draw);
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
                        trials.push(trial(number as u32, *choice, scores, base));
                        let plan = plan(&pack, &wanted, trials.len() as u32);
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
fn plan(pack: &PackSummary, wanted: &Wanted, done: u32) -> Plan {
    let search = match wanted.draw.search() {
        Search::Random { .. } => Search::Random { trials: done },
        search => search,
    };
    Plan {
        maec: format!("studio {}", env!("CARGO_PKG_VERSION")),
        ability: "arithmetic".into(),
        method: Method::Maec,
        space: wanted.space.clone(),
        search,
        seed: wanted.draw.seed(),
        seeds: vec![pack.seed],
        exam: Exam {
            set: ProblemSet::Validation,
            problems: pack.validation_per_language,
            texts: pack.texts_per_language,
        },
        objective: Objective { perplexity_limit: wanted.limit },
        pack: Some(pack.id.clone()),
    }
}

fn trial(number: u32, choice: Choice, scores: Scores, base: Scores) -> Trial {
    Trial {
        number,
        choice,
        accuracy: scores.other_languages,
        perplexity_ratio: scores.perplexity / base.perplexity,
        seeds: vec![scores],
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

    fn wanted(draw: Draw) -> Wanted {
        let fixed = |value| Values::between(value, value);
        let space = Space::of([
            fixed(1.0),
            Values::between(0.0, 1.0),
            fixed(1.5),
            fixed(1.0),
            fixed(0.5),
            fixed(0.8),
        ]);
        Wanted { space, draw, limit: 1.1 }
    }

    #[test]
    fn a_search_here_is_saved_in_the_format_that_is_read() {
        let pack = PackSummary { validation_per_language: 40, texts_per_language: 100, ..pack() };
        let wanted = wanted(Draw::Random(3, 7));
        let base = Scores { other_languages: 0.1, perplexity: 4.0 };
        let trials: Vec<Trial> = (0..)
            .zip(choices(&wanted.space, wanted.draw))
            .map(|(number, choice)| {
                let scores = Scores { other_languages: 0.25 * f64::from(number), perplexity: 5.0 };
                trial(number, choice, scores, base)
            })
            .collect();
        let tuning = Tuning::new(plan(&pack, &wanted, 3), vec![base], trials).expect("there are trials");
        assert_eq!((tuning.best, tuning.trials[2].perplexity_ratio, tuning.within_limit), (0, 1.25, false));
        let json = serde_json::to_string(&tuning).expect("it is JSON");
        assert_eq!(read(&json), Ok(tuning));
        for part in [
            r#""space":{"alpha":{"list":[1.0]},"beta":{"range":{"low":0.0,"high":1.0}}"#,
            r#""search":{"random":{"trials":3}},"seed":7,"seeds":[1]"#,
            r#""exam":{"set":"validation","problems":40,"texts":100}"#,
            r#""pack":"0123456789abcdef""#,
        ] {
            assert!(json.contains(part), "{part} in {json}");
        }
    }

    #[test]
    fn a_candidate_is_the_packs_merge_with_its_numbers_alone() {
        let mut pack = pack();
        pack.recipe.select.include.push("*".into());
        let choice = choices(&wanted(Draw::Grid(2)).space, Draw::Grid(2))[1];
        let recipe = recipe(&pack, &choice);
        assert_eq!((recipe.parameters.beta, recipe.languages[0].weight), (1.0, 0.5));
        assert_eq!((&recipe.ability, &recipe.select), (&pack.recipe.ability, &Select::default()));
        assert_eq!(Axis::Beta.of(&choice), 1.0);
    }
}
