//! On a world of a few sentences.

use std::fs;
use std::path::Path;

use maec_checkpoint::{Weights, open_weights};
use maec_lab::{
    BaseModel, Catalog, Extraction, Ground, Kept, Lab, LabError, LabSettings, MaecChoice, Plan, Silent,
    Store, WorldGround,
};
use maec_merge::count_half_up;
use maec_recipe::{Parameters, Recipe};
use maec_train::KeyNeurons;

use super::{Counting, applied, positions};

const CHOICE: MaecChoice = MaecChoice {
    parameters: Parameters { alpha: 0.8, beta: 0.3, gamma: 1.0, eta: 1.0, k2: 0.8, lambda: 0.5 },
    mu: 0.5,
};

fn settings() -> LabSettings {
    LabSettings {
        width: 16,
        mlp: 24,
        layers: 1,
        base_steps: 6,
        ability_steps: 5,
        language_steps: 3,
        neuron_steps: 4,
        language_neuron_steps: 2,
        batch: 4,
        continual_batch: 4,
        heads: 2,
        heldout: 1,
        ..LabSettings::default()
    }
}

fn ground() -> WorldGround {
    WorldGround::new(settings(), 7).unwrap()
}

fn extraction(settings: &LabSettings) -> Extraction {
    let catalog = Catalog::of_world(settings, "arithmetic");
    Extraction::new(&catalog, CHOICE.parameters, &vec![CHOICE.mu; catalog.targets.len()])
}

/// Steps of everything.
const STEPS: u32 = 6 + 2 * 4 + 4 * 2 + 2 * 5 + 4 * 3;

fn write(ground: &WorldGround, store: &Store, out: &Path) {
    let extraction = extraction(&ground.settings);
    let lab = Lab { ground, store, watch: &Silent };
    extraction.train(&lab, true).unwrap().write(out, &BaseModel::Written(ground.texts())).unwrap();
}

#[test]
fn files_hold_what_the_equations_say() {
    let (folder, ground) = (tempfile::tempdir().unwrap(), ground());
    let (out, store) = (folder.path().join("out"), Store::memory());
    write(&ground, &store, &out);
    let base = open_weights(&out.join("base")).unwrap();
    let parameters = ground.model().parameters();
    let neurons = |name: &str| KeyNeurons::load(&out.join(name)).unwrap().0;
    for name in ["a", "en", "es", "zh", "bn", "te"] {
        for room in ["neurons", "neurons-exact"] {
            let found = neurons(&format!("{room}/{name}.safetensors"));
            assert_eq!(found.len(), count_half_up(0.05, parameters), "{room}/{name}");
        }
    }
    let union = neurons("neurons/a.safetensors").union(&neurons("neurons/en.safetensors"));
    let [ability, reference, vector, spanish, language] = ["a-l0", "l0", "r-a", "es", "r-es"]
        .map(|name| applied(&out.join(format!("{name}.safetensors")), &base));
    let (mut moved, mut kept) = (0, 0);
    for info in base.tensors() {
        let read = |weights: &dyn Weights| {
            let mut values = vec![0.0; info.elements()];
            weights.read_f64(&info.name, 0..info.elements(), &mut values).unwrap();
            values
        };
        let [o, a, l, r, s, rs] =
            [base.as_ref(), &ability, &reference, &vector, &spanish, &language].map(read);
        for i in 0..o.len() {
            let expected = o[i] + (0.8 * (a[i] - o[i]) - 0.3 * (l[i] - o[i]));
            assert_eq!(r[i] as f32, expected as f32, "{} {i}", info.name);
            assert_eq!(rs[i], s[i], "{} {i}", info.name);
            if union.of(&info.name).binary_search(&(i as u32)).is_err() {
                assert!(r[i] == o[i] && a[i] == o[i], "{} {i} is no key neuron", info.name);
                kept += 1;
            }
            moved += u32::from(r[i] != o[i]);
        }
        // What is not a key neuron is not even in the file.
        let stored = positions(&out.join("r-a.safetensors"), &info.name);
        assert!(stored.iter().all(|&at| union.of(&info.name).binary_search(&(at as u32)).is_ok()));
    }
    assert!(moved > 0 && kept > parameters * 8 / 10, "{moved} moved, {kept} kept");

    let recipe = Recipe::from_json(&fs::read_to_string(out.join("recipe.json")).unwrap()).unwrap();
    assert_eq!((recipe.base_model.as_str(), recipe.languages.len()), ("base", 4));
    assert_eq!(recipe.parameters, CHOICE.parameters);
    for model in [&recipe.ability.model, &recipe.reference.model, &recipe.languages[0].model] {
        assert!(out.join(model).is_file(), "{model}");
    }
    let json =
        |file: &str| serde_json::from_slice::<serde_json::Value>(&fs::read(out.join(file)).unwrap()).unwrap();
    let overlaps = json("overlap.json");
    // A against five languages, in both forms, and six sets against their other form.
    assert_eq!(overlaps.as_array().unwrap().len(), 16);
    assert_eq!(overlaps[0]["all"]["parameters"], parameters);
    let provenance = json("provenance.json");
    let hash = maec_checkpoint::model_hash(&ability).unwrap();
    assert_eq!(provenance["artefacts"]["a-l0.safetensors"]["hash"], hash.as_str());
    // Another may take its place, and nothing else.
    write(&ground, &store, &out);
    fs::remove_file(out.join("provenance.json")).unwrap();
    let lab = Lab { ground: &ground, store: &store, watch: &Silent };
    let extraction = extraction(&ground.settings);
    let refused = extraction.train(&lab, false).unwrap().write(&out, &BaseModel::Named("b".into()));
    assert!(matches!(refused, Err(LabError::Weights(maec_checkpoint::Error::WontReplace { .. }))));
}

#[test]
fn nothing_is_trained_twice_and_a_kill_loses_one_run_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let ground = ground();
    let extraction = extraction(&ground.settings);
    let train = |watch: &Counting| {
        let store = Store::folder(folder.path().join("cache"));
        extraction.train(&Lab { ground: &ground, store: &store, watch }, false).map(drop)
    };
    // The base and the ability's neurons are whole after ten steps; the run at hand is lost.
    let killed = Counting::up_to(11);
    assert!(matches!(train(&killed), Err(LabError::Interrupted { .. })));
    let store = Store::folder(folder.path().join("cache"));
    let plan = Plan::new(&ground, Some(&store), &extraction.wanted(false), Some(100.0)).unwrap();
    let finished = plan.runs.iter().filter(|run| run.kept == Kept::Finished).count();
    assert_eq!((finished, plan.runs.len(), plan.steps), (2, 13, u64::from(STEPS - 10)));
    let again = Counting::default();
    train(&again).unwrap();
    assert_eq!(again.steps.get(), STEPS - 10);
    let third = Counting::default();
    train(&third).unwrap();
    assert_eq!(third.steps.get(), 0);
}

#[test]
fn a_changed_setting_trains_only_what_depends_on_it() {
    let folder = tempfile::tempdir().unwrap();
    let train = |settings: LabSettings| {
        let ground = WorldGround::new(settings, 7).unwrap();
        let (store, watch) = (Store::folder(folder.path()), Counting::default());
        let lab = Lab { ground: &ground, store: &store, watch: &watch };
        drop(extraction(&ground.settings).train(&lab, false).unwrap());
        watch.trained()
    };
    assert_eq!(train(settings()).len(), 13);
    assert_eq!(train(LabSettings { language_steps: 2, ..settings() }), ["bn", "es", "te", "zh"]);
    assert_eq!(train(LabSettings { ability_weight: 1.0, ..settings() }), ["arithmetic + en"]);
    // One share decides about every mask, and so about every masked run, but not about the base.
    assert_eq!(train(LabSettings { k1: 0.1, ..settings() }).len(), 12);
}

#[test]
fn a_damaged_artefact_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let ground = ground();
    let extraction = extraction(&ground.settings);
    let train = || {
        let store = Store::folder(folder.path());
        extraction.train(&Lab { ground: &ground, store: &store, watch: &Silent }, false).map(drop)
    };
    train().unwrap();
    let find = |name: &str, file: &str| {
        fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| {
                let text = fs::read_to_string(path.join("artefact.json")).unwrap_or_default();
                let artefact: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
                artefact["name"] == name
            })
            .unwrap()
            .join(file)
    };
    for (name, file) in [
        ("es", "delta.safetensors"),
        ("key neurons of es", "neurons.safetensors"),
        ("base", "weights.safetensors"),
    ] {
        let path = find(name, file);
        let whole = fs::read(&path).unwrap();
        for damage in
            [|bytes: &mut Vec<u8>| *bytes.last_mut().unwrap() ^= 1, |bytes: &mut Vec<u8>| bytes.truncate(40)]
        {
            let mut bytes = whole.clone();
            damage(&mut bytes);
            fs::write(&path, bytes).unwrap();
            let error = train().unwrap_err().to_string();
            assert!(
                error.starts_with(&path.display().to_string()) && error.contains("remove its folder"),
                "{error}"
            );
        }
        fs::write(&path, whole).unwrap();
    }
    let described = find("es", "artefact.json");
    fs::write(&described, "{}").unwrap();
    assert!(train().unwrap_err().to_string().contains("artefact.json is damaged"));
    // As its message says: without the folder it is made again.
    fs::remove_dir_all(described.parent().unwrap()).unwrap();
    train().unwrap();
}
