//! Links: the whole experiment in the address, and back.

use leptos::prelude::*;
use leptos::task::spawn_local;
use maec_protocol::PackSummary;
use maec_recipe::{Evaluation, Experiment, LanguageModel, MergeMethod, Recipe, Tab, View, glob, link};

use super::{Run, Studio};
use crate::browser;

/// What an address's fragment means for the open pack.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Opened {
    /// An experiment to restore.
    Experiment(Box<Experiment>),
    /// Nothing to restore; the sentence says why.
    Refused(String),
}

/// Reads a fragment. Never fails: what cannot be restored comes with a sentence.
pub(super) fn read(fragment: &str, pack: &PackSummary) -> Opened {
    match link::decode(fragment, &preset(pack)) {
        Ok(decoded) => match decoded.other_pack {
            Some(other) => Opened::Refused(format!(
                "This link was made for another pack (id {other}). Open is {} (id {}), in its default view.",
                pack.title, pack.id
            )),
            None => match misfit(&decoded.experiment.recipe, pack) {
                Some(why) => Opened::Refused(format!("This link {why}. Here is the default view.")),
                None => Opened::Experiment(Box::new(decoded.experiment)),
            },
        },
        Err(error) => {
            Opened::Refused(format!("{}. Here is the default view.", capitalised(&error.to_string())))
        }
    }
}

/// What a valid recipe asks for that the page or its pack does not have.
fn misfit(recipe: &Recipe, pack: &PackSummary) -> Option<&'static str> {
    let own = &pack.recipe;
    let is_own = |language: &LanguageModel| {
        own.languages.iter().any(|other| (&other.name, &other.model) == (&language.name, &language.model))
    };
    let same_models = recipe.base_model == own.base_model
        && recipe.ability == own.ability
        && recipe.reference == own.reference
        && recipe.languages.iter().all(is_own);
    let matches = |pattern: &String| pack.tensors.iter().any(|name| glob::matches(pattern, name));
    let mut patterns = recipe.select.include.iter().chain(&recipe.select.exclude);
    if recipe.merge_method != MergeMethod::Maec {
        Some("merges by plain task vectors, which this page only compares with")
    } else if !same_models {
        Some("merges models that the open pack does not have")
    } else if !patterns.all(matches) {
        Some("chooses tensors by hand that the open pack does not have")
    } else {
        None
    }
}

/// The experiment that the pack's links are differences from.
fn preset(pack: &PackSummary) -> Experiment {
    Experiment::preset(pack.id.clone(), pack.recipe.clone())
}

fn capitalised(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map_or_else(String::new, |first| {
        std::iter::once(first.to_ascii_uppercase()).chain(letters).collect()
    })
}

impl Studio {
    /// Restores the address's link, if it has one, and listens for another one that is pasted into it.
    pub(super) fn follow_address(self) {
        self.restore(&browser::fragment());
        browser::on_fragment_change(move || self.restore(&browser::fragment()));
        // From the first link on, the address keeps up with the controls, so that it is never a stale one.
        let sync = move |_: Option<()>| {
            let fragment = self.fragment();
            if !browser::fragment().is_empty() {
                browser::set_fragment(&fragment);
            }
        };
        Effect::new(sync);
    }

    fn restore(self, fragment: &str) {
        // `#results` and the like are places on this page, and none of a link's business.
        if fragment.is_empty() || browser::exists(fragment) {
            return;
        }
        let Some(pack) = self.pack.get_untracked() else { return };
        match read(fragment, &pack) {
            Opened::Experiment(experiment) => {
                let Experiment { recipe, evaluation, view, .. } = *experiment;
                self.problems.set(evaluation.problems_per_language.min(pack.problems_per_language));
                self.metric.set(view.results_metric);
                self.focused.set(view.focused_tensor);
                self.set_recipe(recipe);
                self.notice.set(None);
                self.run_anew();
                self.tab.set(view.tab);
                self.go_to(section(view.tab));
                if view.tab != Tab::default() {
                    browser::show(section(view.tab));
                }
            }
            Opened::Refused(sentence) => {
                self.reset();
                self.warn(sentence);
                browser::set_fragment("");
            }
        }
    }

    /// The fragment that restores what is on the page.
    fn fragment(self) -> String {
        self.pack.with(|pack| {
            let Some(pack) = pack else { return String::new() };
            let experiment = Experiment {
                pack: pack.id.clone(),
                recipe: self.recipe.get(),
                evaluation: Evaluation { problems_per_language: self.problems.get() },
                view: View {
                    tab: self.tab.get(),
                    focused_tensor: self.focused.get(),
                    results_metric: self.metric.get(),
                },
            };
            link::encode(&experiment, &preset(pack))
        })
    }

    /// Puts the experiment into the address and on the clipboard.
    pub fn share(self) {
        let fragment = untrack(|| self.fragment());
        if fragment.len() > link::MAX_BYTES {
            return self.warn("Too many tensors were chosen by hand for a link. Take some choices back.");
        }
        let Some(address) = browser::set_fragment(&fragment) else {
            return self.warn("The browser does not let the page change its address.");
        };
        spawn_local(async move {
            let length = fragment.len() + 1;
            if browser::copy(&address).await {
                self.say(format!("Link copied: {length} characters after the address."));
            } else {
                self.say(format!("The link is in the address bar: {length} characters. Copy it from there."));
            }
        });
    }

    /// Everything as the pack has it.
    pub fn reset(self) {
        let Some(pack) = self.pack.get_untracked() else { return };
        self.problems.set(Evaluation::default().problems_per_language.min(pack.problems_per_language));
        self.focused.set(None);
        self.metric.set(Default::default());
        self.tab.set(Tab::default());
        self.set_recipe(pack.recipe.clone());
    }

    /// Puts another recipe in place; statistics are asked for when they depend on what changed.
    pub fn set_recipe(self, recipe: Recipe) {
        let old = self.recipe.get_untracked();
        let (a, b) = (&old.parameters, &recipe.parameters);
        let same_statistics = a.alpha == b.alpha && a.beta == b.beta && old.languages == recipe.languages;
        self.recipe.set(recipe);
        if !same_statistics {
            self.score();
        }
    }

    /// Changes the recipe.
    pub fn edit(self, change: impl FnOnce(&mut Recipe)) {
        let mut recipe = self.recipe.get_untracked();
        change(&mut recipe);
        self.set_recipe(recipe);
    }

    /// Whether results belong to other settings than the present ones.
    pub fn is_stale(self) -> bool {
        let (recipe, problems) = (self.recipe.get(), self.problems.get());
        self.outcome
            .with(|outcome| outcome.as_ref().is_some_and(|o| o.recipe != recipe || o.problems != problems))
    }

    /// Whether a merge or evaluation is in progress.
    pub fn is_running(self) -> bool {
        self.run.with(|run| *run != Run::Idle)
    }
}

/// The id of a tab's section.
pub fn section(tab: Tab) -> &'static str {
    match tab {
        Tab::Tensors => "workbench",
        Tab::Results => "results",
        Tab::Try => "try",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::studio::tests::pack;

    #[test]
    fn a_link_restores_recipe_evaluation_and_view() {
        let pack = pack();
        let mut experiment = preset(&pack);
        experiment.recipe.parameters.k2 = 0.55;
        experiment.recipe.select.exclude.push("model.norm.weight".into());
        experiment.evaluation.problems_per_language = 25;
        experiment.view.tab = Tab::Results;
        let fragment = link::encode(&experiment, &preset(&pack));
        assert!(fragment.len() < 400, "{} characters", fragment.len());
        assert_eq!(read(&fragment, &pack), Opened::Experiment(Box::new(experiment)));
    }

    #[test]
    fn bad_links_get_a_sentence() {
        let pack = pack();
        for bad in ["nonsense", "v1.", "v9.AAAAz", "v1.%%%z", &"v1.A".repeat(5000)] {
            let Opened::Refused(sentence) = read(bad, &pack) else { panic!("{bad} was read") };
            assert!(
                sentence.starts_with("This ") && sentence.ends_with("Here is the default view."),
                "{sentence}"
            );
        }
    }

    #[test]
    fn a_link_for_another_pack_is_announced() {
        let pack = pack();
        let other = Experiment::preset("00000000000000ff", pack.recipe.clone());
        let fragment = link::encode(&other, &other);
        let Opened::Refused(sentence) = read(&fragment, &pack) else { panic!("it was substituted") };
        assert!(sentence.contains("00000000000000ff") && sentence.contains(&pack.id));
    }

    /// What opening the preset's link after a change gives.
    fn opened(change: impl FnOnce(&mut Recipe)) -> Opened {
        let pack = pack();
        let mut experiment = preset(&pack);
        change(&mut experiment.recipe);
        read(&link::encode(&experiment, &preset(&pack)), &pack)
    }

    #[test]
    fn a_link_that_the_pack_cannot_follow_is_announced() {
        type Refusal = (fn(&mut Recipe), &'static str);
        let refusals: [Refusal; 7] = [
            (|recipe| recipe.merge_method = MergeMethod::TaskVector, "task vectors"),
            (|recipe| recipe.base_model = "world/other".into(), "merges models"),
            (|recipe| recipe.ability.model = "world/l0".into(), "merges models"),
            (|recipe| recipe.reference.model = "x".into(), "merges models"),
            (|recipe| recipe.languages[0].model = "world/bn".into(), "merges models"),
            (|recipe| recipe.languages[0].name = "x".repeat(360), "merges models"),
            (|recipe| recipe.select.exclude.push("model.nothing.*".into()), "tensors by hand"),
        ];
        for (change, words) in refusals {
            let Opened::Refused(sentence) = opened(change) else { panic!("{words} was opened") };
            assert!(sentence.contains(words), "{sentence}");
        }
    }

    #[test]
    fn fewer_languages_in_another_order_are_no_misfit() {
        assert!(matches!(opened(|recipe| recipe.languages.clear()), Opened::Experiment(_)));
        assert!(matches!(opened(|recipe| recipe.languages.reverse()), Opened::Experiment(_)));
    }
}
