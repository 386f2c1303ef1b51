//! One seed's numbers.

use std::collections::BTreeMap;
use std::sync::Arc;

use maec_checkpoint::Weights;
use maec_eval::ModelReport;
use maec_recipe::{MergeMethod, Parameters, Recipe, Select};
use maec_train::Random;
use maec_world::Language;
use serde::{Deserialize, Serialize};

use super::brief::Brief;
use super::study::{LayerPair, compare};
use super::tuned::Choices;
use crate::catalog::{Catalog, Way};
use crate::error::LabError;
use crate::exam::Exam;
use crate::extract::{Counts, Overlap};
use crate::ground::Ground as _;
use crate::lab::{Lab, Trained};
use crate::merging::{MaecChoice, Parts, merge};
use crate::run::{Form, Ranking, Run};
use crate::settings::LabSettings;
use crate::world::{TARGETS, WorldGround};

/// Places of Fig. 4, in tenths.
const RATIOS: [u32; 11] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

/// Table 8's kinds, by what their tensors' names hold.
const KINDS: [(&str, &[&str]); 9] = [
    ("Attention All", &[".self_attn."]),
    ("Attention Q", &["q_proj"]),
    ("Attention K", &["k_proj"]),
    ("Attention V", &["v_proj"]),
    ("Attention O", &["o_proj"]),
    ("MLP All", &[".mlp."]),
    ("MLP Up", &["up_proj"]),
    ("MLP Gate", &["gate_proj"]),
    ("MLP Down", &["down_proj"]),
];

/// One row: what was trained for it and how it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Its name in the tables.
    pub name: String,
    /// Tokens of all trainings that it needs beyond the backbone.
    pub tokens: u64,
    /// Seconds that these took, where they were done.
    pub seconds: f64,
    /// Its scores.
    pub scores: Brief,
    /// Its scores in the other abilities.
    pub elsewhere: BTreeMap<String, Brief>,
}

/// One ability's numbers of one seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Table 2's rows and the controls, the backbone first, MAEC last of the paper's.
    pub rows: Vec<Row>,
    /// Fig. 3.
    pub ablations: Vec<Row>,
    /// Fig. 4: k₂ and its row.
    pub ratios: Vec<(f64, Row)>,
    /// Table 8: the share of 𝒯 and its row.
    pub kinds: Vec<(f64, Row)>,
    /// Fig. 5: losses by name.
    pub losses: Vec<(String, Vec<f32>)>,
    /// Fig. 5: layer by layer.
    pub layers: Vec<LayerPair>,
    /// Eq. 1's sets, by what they are.
    pub overlaps: Vec<(String, Counts)>,
    /// Optimizer state of the masked runs over full Adam's, by run.
    pub state: Vec<(String, f64)>,
}

/// One seed's numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Numbers {
    /// The seed.
    pub seed: u64,
    /// By ability.
    pub abilities: BTreeMap<String, Measured>,
}

/// Every training that one seed needs: for progress, an upper bound since some are shared.
pub fn total_steps(settings: &LabSettings, abilities: usize) -> u64 {
    let LabSettings {
        ability_steps: a, language_steps: l, neuron_steps: n, language_neuron_steps: ln, ..
    } = *settings;
    let (targets, budget) = (TARGETS.len() as u32, settings.budget());
    let shared = settings.base_steps + 2 * n + targets * (ln + 3 * l) + 2 * a + 2 * budget + 2 * (budget - a);
    let each = 2 * n + 12 * a + 5 * budget;
    u64::from(shared) + abilities as u64 * u64::from(each)
}

/// What measuring an ability needs at hand.
struct Bench<'a> {
    lab: &'a Lab<'a>,
    ground: &'a WorldGround,
    catalog: Catalog<'a>,
    exam: Exam,
    ability: &'a str,
    choices: &'a Choices,
    backbone: ModelReport,
}

/// Trains what is missing, merges and examines.
///
/// # Errors
/// When a training diverges or is broken off, an ability has no choices, or the store can't be used.
pub fn measure(
    lab: &Lab<'_>,
    ground: &WorldGround,
    tuned: &super::Tuned,
    exam: Exam,
    say: &dyn Fn(&str),
) -> Result<Numbers, LabError> {
    let mut abilities = BTreeMap::new();
    let base = lab.base()?;
    let backbone = exam.report(ground, lab.store, "backbone", base.as_ref())?;
    for ability in ground.abilities() {
        let choices = tuned
            .abilities
            .get(ability)
            .ok_or_else(|| LabError::Settings(format!("tuned choices have none for `{ability}`")))?;
        let catalog = Catalog { settings: &ground.settings, ability };
        let backbone = backbone.clone();
        let bench = Bench { lab, ground, catalog, exam, ability, choices, backbone };
        abilities.insert(ability.to_owned(), bench.all(say)?);
    }
    Ok(Numbers { seed: ground.seed, abilities })
}

/// Tokens and seconds of some trainings.
#[derive(Clone, Copy, Default)]
struct Cost(u64, f64);

impl Cost {
    fn of(trained: &Trained) -> Self {
        Self(trained.provenance.tokens, trained.provenance.seconds)
    }

    fn plus(self, other: Self) -> Self {
        Self(self.0 + other.0, self.1 + other.1)
    }
}

impl Bench<'_> {
    fn all(&self, say: &dyn Fn(&str)) -> Result<Measured, LabError> {
        let (masked, cost) = self.masked()?;
        let rows = self.rows(&masked, cost, say)?;
        let ablations = self.ablations(&masked, cost, say)?;
        let mut ratios = Vec::new();
        for tenths in RATIOS {
            let k2 = f64::from(tenths) / 10.0;
            say(&format!("{}: k₂ = {k2}", self.ability));
            let choice = self.with(|parameters| parameters.k2 = k2);
            ratios.push((k2, self.merged(&format!("k₂ {k2}"), &masked, &self.recipe(&choice), cost)?));
        }
        say(&format!("{}: tensor kinds", self.ability));
        let kinds = self.kinds(&masked, cost)?;
        say(&format!("{}: the empirical study", self.ability));
        let state = self.state()?;
        Ok(Measured {
            rows,
            ablations,
            ratios,
            kinds,
            losses: self.losses()?,
            layers: self.layers(&masked.base)?,
            overlaps: self.overlaps()?,
            state,
        })
    }

    /// MAEC's parts, with the cost of all masked trainings and of the runs that ranked their neurons.
    fn masked(&self) -> Result<(Parts, Cost), LabError> {
        let c = &self.catalog;
        let mut cost = Cost::default();
        let mut train = |run: Run| -> Result<Arc<dyn Weights>, LabError> {
            let trained = self.lab.train(&run)?;
            cost = cost.plus(Cost::of(&trained));
            Ok(trained.weights)
        };
        let ability = train(c.ability_and_reference())?;
        let reference = train(c.reference())?;
        let languages =
            TARGETS.into_iter().map(|language| train(c.language(language))).collect::<Result<_, _>>()?;
        let rankings =
            c.both_neurons().into_iter().chain(TARGETS.map(|language| c.language_neurons(language)));
        for ranking in rankings {
            let provenance = self.lab.rank(&ranking)?.1;
            cost = cost.plus(Cost(provenance.tokens, provenance.seconds));
        }
        Ok((Parts { base: self.lab.base()?, ability, reference, languages }, cost))
    }

    /// The task vectors' parts.
    fn task_vector(&self, way: Way) -> Result<(Parts, Cost), LabError> {
        let c = &self.catalog;
        let ability = self.lab.train(&c.ability_alone(way))?;
        let mut cost = Cost::of(&ability);
        let mut languages = Vec::new();
        for language in TARGETS {
            let trained = self.lab.train(&c.language_alone(language, way))?;
            cost = cost.plus(Cost::of(&trained));
            languages.push(trained.weights);
        }
        let base = self.lab.base()?;
        // No task vector reads Θ_{L0}.
        Ok((Parts { reference: base.clone(), base, ability: ability.weights, languages }, cost))
    }

    fn recipe(&self, choice: &MaecChoice) -> Recipe {
        choice.recipe(MergeMethod::Maec, &TARGETS.map(Language::code))
    }

    fn with(&self, change: impl FnOnce(&mut Parameters)) -> MaecChoice {
        let mut choice = self.choices.maec;
        change(&mut choice.parameters);
        choice
    }

    fn row(&self, name: &str, weights: &dyn Weights, cost: Cost) -> Result<Row, LabError> {
        let report = self.exam.report(self.ground, self.lab.store, name, weights)?;
        let brief = |ability: &str| Brief::of(&report, &self.backbone, ability);
        let others = self.ground.abilities().into_iter().filter(|other| *other != self.ability);
        let elsewhere =
            others.map(|other| Ok((other.to_owned(), brief(other)?))).collect::<Result<_, LabError>>()?;
        Ok(Row {
            name: name.to_owned(),
            tokens: cost.0,
            seconds: cost.1,
            scores: brief(self.ability)?,
            elsewhere,
        })
    }

    fn merged(&self, name: &str, parts: &Parts, recipe: &Recipe, cost: Cost) -> Result<Row, LabError> {
        self.row(name, &merge(parts, recipe)?.weights, cost)
    }

    fn trained(&self, name: &str, run: &Run) -> Result<Row, LabError> {
        let trained = self.lab.train(run)?;
        let mut cost = Cost::of(&trained);
        if let crate::run::Start::After(before) = &run.start {
            cost = cost.plus(Cost::of(&self.lab.train(before)?));
        }
        self.row(name, trained.weights.as_ref(), cost)
    }

    fn rows(&self, masked: &Parts, cost: Cost, say: &dyn Fn(&str)) -> Result<Vec<Row>, LabError> {
        let c = &self.catalog;
        let mut rows = vec![self.row("Backbone", masked.base.as_ref(), Cost::default())?];
        let mut add = |name: &str, run: Run| -> Result<(), LabError> {
            say(&format!("{}: {name}", self.ability));
            rows.push(self.trained(name, &run)?);
            Ok(())
        };
        add("F-CPT_{L&A}", c.languages_and_ability(Way::Full))?;
        add("L-CPT_{L&A}", c.languages_and_ability(Way::Lora))?;
        add("F-CPT_A", c.ability_only(Way::Full))?;
        add("F-CPT_L", c.languages_only(Way::Full))?;
        add("L-CPT_L", c.languages_only(Way::Lora))?;
        add("F-CPT_L & DA", c.languages_then_ability(Way::Full))?;
        add("L-CPT_L & DA", c.languages_then_ability(Way::Lora))?;
        add("F-CPT_{L&T}", c.languages_and_translated())?;
        add("F-CPT_T", c.translated_only())?;
        for (name, way, lambda) in
            [("F-TV", Way::Full, self.choices.full_lambda), ("L-TV", Way::Lora, self.choices.lora_lambda)]
        {
            say(&format!("{}: {name}", self.ability));
            let (parts, cost) = self.task_vector(way)?;
            let parameters = Parameters { lambda, ..Parameters::default() };
            let recipe = MaecChoice { parameters, mu: 1.0 }
                .recipe(MergeMethod::TaskVector, &TARGETS.map(Language::code));
            rows.push(self.merged(name, &parts, &recipe, cost)?);
        }
        say(&format!("{}: MAEC", self.ability));
        let recipe = self.recipe(&self.choices.maec);
        let maec = merge(masked, &recipe)?;
        rows.push(self.row("MAEC", &maec.weights, cost)?);

        // Controls and variants.
        say(&format!("{}: controls", self.ability));
        let selected = maec.report.tensors.iter().filter(|tensor| tensor.selected).count();
        rows.push(self.merged(
            "MAEC, random tensors",
            masked,
            &self.random_tensors(masked, selected),
            cost,
        )?);
        for (name, run) in [
            ("MAEC, random neurons", c.random_mask(self.ground.seed)),
            ("MAEC, ability corpus alone", c.ability_without_reference()),
            ("MAEC, exact Eq. 1", c.exact_ability()),
        ] {
            let ability = self.lab.train(&run)?.weights;
            let parts = Parts { ability, ..masked.clone() };
            rows.push(self.merged(name, &parts, &recipe, cost)?);
        }
        Ok(rows)
    }

    /// MAEC's recipe with as many tensors in 𝒯, but drawn at random.
    fn random_tensors(&self, parts: &Parts, count: usize) -> Recipe {
        let names: Vec<&str> = parts.base.tensors().iter().map(|info| info.name.as_str()).collect();
        let order = Random::new(self.ground.seed, 1 << 41).permutation(names.len());
        let include = order.into_iter().take(count).map(|index| names[index as usize].to_owned());
        self.only(include.collect())
    }

    /// MAEC's recipe with exactly these tensors in 𝒯.
    fn only(&self, include: Vec<String>) -> Recipe {
        let select = Select { include, exclude: Vec::new() };
        Recipe { select, ..self.recipe(&self.with(|parameters| parameters.k2 = 0.0)) }
    }

    fn ablations(&self, masked: &Parts, cost: Cost, say: &dyn Fn(&str)) -> Result<Vec<Row>, LabError> {
        say(&format!("{}: ablations", self.ability));
        let c = &self.catalog;
        let whole = |run: Run| -> Result<Arc<dyn Weights>, LabError> { Ok(self.lab.train(&run)?.weights) };
        let unmasked = Parts {
            base: masked.base.clone(),
            ability: whole(c.unmasked_ability())?,
            reference: whole(c.unmasked_reference())?,
            languages: TARGETS
                .into_iter()
                .map(|language| whole(c.language_alone(language, Way::Full)))
                .collect::<Result<_, _>>()?,
        };
        let maec = self.recipe(&self.choices.maec);
        let changed = |change: fn(&mut Parameters)| self.recipe(&self.with(change));
        Ok(vec![
            self.merged("MAEC", masked, &maec, cost)?,
            self.merged("−KNL", &unmasked, &maec, cost)?,
            self.merged("−AWO", masked, &changed(|p| (p.alpha, p.beta) = (1.0, 0.0)), cost)?,
            self.merged("−ATI", masked, &changed(|p| p.k2 = 1.0), cost)?,
            self.merged("−AAC", masked, &changed(|p| p.k2 = 0.0), cost)?,
        ])
    }

    fn kinds(&self, masked: &Parts, cost: Cost) -> Result<Vec<(f64, Row)>, LabError> {
        let recipe = self.recipe(&self.choices.maec);
        let maec = merge(masked, &recipe)?;
        let selected: Vec<&str> = maec
            .report
            .tensors
            .iter()
            .filter(|tensor| tensor.selected)
            .map(|t| t.stats.name.as_str())
            .collect();
        let mut rows = vec![(1.0, self.row("All Tensors", &maec.weights, cost)?)];
        for (name, parts) in KINDS {
            let of_kind = |tensor: &&&str| parts.iter().any(|part| tensor.contains(part));
            let include: Vec<String> =
                selected.iter().filter(of_kind).map(|name| (*name).to_owned()).collect();
            let share = include.len() as f64 / selected.len().max(1) as f64;
            rows.push((share, self.merged(name, masked, &self.only(include), cost)?));
        }
        Ok(rows)
    }

    fn losses(&self) -> Result<Vec<(String, Vec<f32>)>, LabError> {
        let c = &self.catalog;
        let percent = self.ground.settings.k1 * 100.0;
        let runs = [
            (format!("top {percent} %"), c.top_neurons()),
            (format!("random {percent} %"), c.random_neurons(self.ground.seed)),
            ("all parameters".to_owned(), c.ability_alone(Way::Full)),
        ];
        runs.into_iter()
            .map(|(name, run)| Ok((name, self.lab.train(&run)?.provenance.losses.clone())))
            .collect()
    }

    /// One ability in two languages, and two abilities in one language.
    fn layers(&self, base: &Arc<dyn Weights>) -> Result<Vec<LayerPair>, LabError> {
        let full = |run: Run| -> Result<Arc<dyn Weights>, LabError> { Ok(self.lab.train(&run)?.weights) };
        let here = full(self.catalog.ability_alone(Way::Full))?;
        let there = full(self.catalog.ability_in(Language::Zh))?;
        let layers = self.ground.model().num_hidden_layers;
        let mut pairs = vec![compare(
            "the same ability, en and zh",
            base.as_ref(),
            here.as_ref(),
            there.as_ref(),
            layers,
        )?];
        for ability in self.ground.abilities().into_iter().filter(|ability| *ability != self.ability) {
            let other = full(Catalog { settings: self.catalog.settings, ability }.ability_alone(Way::Full))?;
            let name = format!("{} and {ability}, both en", self.ability);
            pairs.push(compare(&name, base.as_ref(), here.as_ref(), other.as_ref(), layers)?);
        }
        Ok(pairs)
    }

    fn overlaps(&self) -> Result<Vec<(String, Counts)>, LabError> {
        let c = &self.catalog;
        let base = self.lab.base()?;
        let of_ability = self.lab.rank(&c.ability_neurons())?.0;
        let mut overlaps = Vec::new();
        let mut add = |name: String, other: &Ranking| -> Result<(), LabError> {
            let other = self.lab.rank(other)?.0;
            let overlap = Overlap::of(base.tensors(), ("first", &of_ability), ("second", &other));
            overlaps.push((name, overlap.all));
            Ok(())
        };
        add("𝒩_A and 𝒩_en".to_owned(), &c.reference_neurons())?;
        let exact = c.ability_neurons().by(Form::Gradient);
        add("𝒩_A: the paper's form and exact gradients".to_owned(), &exact)?;
        for language in TARGETS {
            add(format!("𝒩_A and 𝒩_{}", language.code()), &c.language_neurons(language))?;
        }
        for ability in self.ground.abilities().into_iter().filter(|ability| *ability != self.ability) {
            let other = Catalog { settings: c.settings, ability }.ability_neurons();
            add(format!("𝒩_A and 𝒩 of {ability}"), &other)?;
        }
        Ok(overlaps)
    }

    fn state(&self) -> Result<Vec<(String, f64)>, LabError> {
        let c = &self.catalog;
        let runs = [c.ability_and_reference(), c.reference(), c.ability_alone(Way::Full)];
        let mut state = Vec::new();
        for run in runs {
            let provenance = self.lab.train(&run)?.provenance;
            state.extend(provenance.memory.map(|memory| (run.name.clone(), memory.ratio())));
        }
        Ok(state)
    }
}
