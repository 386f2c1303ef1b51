//! Equal to an outside numpy float64 reference and to mergekit: `tests/goldens/method` and `method_tiny_exact`.
#![cfg(not(target_arch = "wasm32"))]

mod common;

use std::path::Path;
use std::sync::Arc;

use common::{go_on, recipe, values};
use maec_checkpoint::{MemorySource, MemoryWeights, SafetensorsReader, Weights, model_hash};
use maec_merge::{
    Inputs, Options, Report, maec, merge_to_memory, rank, select, select_tensors, task_vector, tensor_stats,
};
use maec_recipe::{MergeMethod, OutDtype, Parameters, Recipe, Select};
use serde_json::Value;

const FOLDERS: [&str; 2] = ["method", "method_tiny_exact"];

/// A folder of goldens.
struct Golden {
    base: SafetensorsReader,
    ability: SafetensorsReader,
    reference: SafetensorsReader,
    languages: Vec<SafetensorsReader>,
    expected: SafetensorsReader,
    json: Value,
}

impl Golden {
    fn open(folder: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens").join(folder);
        let open = |name: &str| {
            let path = folder.join(format!("{name}.safetensors"));
            let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            SafetensorsReader::open(Arc::new(MemorySource::new(name, bytes))).expect("a safetensors file")
        };
        let json = std::fs::read(folder.join("expected.json")).expect("expected.json");
        let json: Value = serde_json::from_slice(&json).expect("JSON");
        let languages = (1..=numbers(&json["mu"]).len()).map(|i| open(&format!("L{i}"))).collect();
        Self {
            base: open("base"),
            ability: open("A_L0"),
            reference: open("L0"),
            languages,
            expected: open("expected"),
            json,
        }
    }

    fn inputs(&self) -> Inputs<'_> {
        Inputs {
            base: &self.base,
            ability: &self.ability,
            reference: &self.reference,
            languages: self.languages.iter().map(|model| model as &dyn Weights).collect(),
        }
    }

    fn number(&self, key: &str) -> f64 {
        self.json[key].as_f64().expect(key)
    }

    /// The recipe of the folder's Eq. 2–5.
    fn maec(&self) -> Recipe {
        let parameters = Parameters {
            alpha: self.number("alpha"),
            beta: self.number("beta"),
            gamma: self.number("gamma"),
            eta: self.number("eta"),
            k2: self.number("k2"),
            ..Parameters::default()
        };
        recipe(parameters, &numbers(&self.json["mu"]))
    }

    fn tensors(&self) -> impl Iterator<Item = &str> {
        self.base.tensors().iter().map(|info| info.name.as_str())
    }

    /// Merges into memory.
    fn merge(&self, recipe: &Recipe) -> (MemoryWeights, Report) {
        let (merged, report) =
            merge_to_memory(&self.inputs(), recipe, &Options::default(), &mut go_on).expect("merged");
        assert_eq!(model_hash(&merged).expect("hashed"), report.output_hash);
        (merged, report)
    }

    /// Compares a merge with `<tag>:` in float32 and with `<tag>.stored:` in the base's dtypes, bit for bit.
    fn assert_merges_to(&self, tag: &str, recipe: Recipe) {
        let wide = Recipe { out_dtype: Some(OutDtype::Float32), ..recipe.clone() };
        for (tag, recipe) in [(tag.to_owned(), wide), (format!("{tag}.stored"), recipe)] {
            let (merged, _) = self.merge(&recipe);
            for name in self.tensors() {
                let golden = format!("{tag}:{name}");
                assert_eq!(
                    merged.info(name).unwrap().dtype,
                    self.expected.info(&golden).unwrap().dtype,
                    "{golden}"
                );
                assert_eq!(
                    merged.read_bytes(name).unwrap(),
                    self.expected.read_bytes(&golden).unwrap(),
                    "{golden}: found {:?}, expected {:?}",
                    merged.read_f32(name).unwrap(),
                    self.expected.read_f32(&golden).unwrap(),
                );
            }
        }
    }

    /// Compares f64 values, rounded to f32, with a golden bit for bit.
    fn assert_rounds_to(&self, golden: &str, values: &[f64]) {
        let found: Vec<f32> = values.iter().map(|&x| x as f32).collect();
        assert_eq!(found, self.expected.read_f32(golden).expect("the golden"), "{golden}");
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|x| x.as_f64().expect("a number")).collect()
}

fn names(value: &Value) -> Vec<&str> {
    value.as_array().expect("a list").iter().map(|x| x.as_str().expect("a name")).collect()
}

#[test]
fn eq_2_and_3_give_the_vectors() {
    for golden in FOLDERS.map(Golden::open) {
        for name in golden.tensors() {
            let base = values(&golden.base, name);
            let (ability, reference) = (values(&golden.ability, name), values(&golden.reference, name));
            let mut vector = vec![0.0; base.len()];
            let (alpha, beta) = (golden.number("alpha"), golden.number("beta"));
            maec::ability_vector(&base, &ability, &reference, alpha, beta, &mut vector);
            golden.assert_rounds_to(&format!("RA:{name}"), &vector);
            vector.fill(0.0);
            for (model, weight) in golden.languages.iter().zip(numbers(&golden.json["mu"])) {
                maec::add_language(&base, &values(model, name), weight, &mut vector);
            }
            golden.assert_rounds_to(&format!("RL:{name}"), &vector);
        }
    }
}

#[test]
fn eq_4_gives_the_scores_the_ranking_and_the_selection() {
    for golden in FOLDERS.map(Golden::open) {
        let recipe = golden.maec();
        let stats = tensor_stats(&golden.inputs(), &recipe, &mut go_on).expect("statistics");
        for tensor in &stats {
            let expected = golden.json["scores"][&tensor.name].as_f64().expect("a score");
            // The reference sums in another order, so the last bits may differ.
            assert!((tensor.similarity - expected).abs() <= 1e-14, "{}: {}", tensor.name, tensor.similarity);
        }
        let scores: Vec<(&str, f64)> = stats.iter().map(|t| (t.name.as_str(), t.similarity)).collect();
        let ranking: Vec<&str> = rank(&scores).into_iter().map(|i| scores[i].0).collect();
        assert_eq!(ranking, names(&golden.json["rank"]));
        let chosen: Vec<&str> = select_tensors(&stats, &recipe).indices().map(|i| scores[i].0).collect();
        assert_eq!(chosen, names(&golden.json["T"]));
        for (k2, expected) in golden.json["T_by_k2"].as_object().expect("k2 → T") {
            let selection = select(&scores, k2.parse().expect("k2"), &Select::default());
            let chosen: Vec<&str> = selection.indices().map(|i| scores[i].0).collect();
            assert_eq!(chosen, names(expected), "k2 = {k2}");
        }
    }
}

#[test]
fn eq_5_gives_the_merged_bytes() {
    for golden in FOLDERS.map(Golden::open) {
        golden.assert_merges_to("out", golden.maec());
    }
}

#[test]
fn the_report_tells_what_was_merged() {
    let golden = Golden::open("method");
    let (_, report) = golden.merge(&golden.maec());
    let mut ranked: Vec<_> = report.tensors.iter().collect();
    ranked.sort_by_key(|tensor| tensor.rank);
    assert_eq!(ranked.iter().map(|t| t.stats.name.as_str()).collect::<Vec<_>>(), names(&golden.json["rank"]));
    assert_eq!((ranked[0].rank, ranked.last().unwrap().rank), (1, 10));
    let chosen: Vec<&str> = ranked.iter().filter(|t| t.selected).map(|t| t.stats.name.as_str()).collect();
    assert_eq!(chosen, names(&golden.json["T"]));
    assert_eq!(report.selected, 3);
    for tensor in &report.tensors {
        let golden = |tag: &str| golden.expected.read_f32(&format!("{tag}:{}", tensor.stats.name)).unwrap();
        let norm = |x: Vec<f32>| x.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
        // The goldens are rounded to f32.
        assert!((tensor.stats.ability_norm - norm(golden("RA"))).abs() <= 1e-6);
        assert!((tensor.stats.language_norm - norm(golden("RL"))).abs() <= 1e-6);
        assert_eq!(tensor.stats.ability_nonzero, golden("RA").iter().filter(|&&x| x != 0.0).count() as u64);
    }
    let json = serde_json::to_value(&report).expect("JSON");
    assert_eq!(serde_json::from_value::<Report>(json.clone()).expect("a report"), report);
    assert_eq!(json["tensors"][0]["name"], "model.embed_tokens.weight");
    assert_eq!(json["tensors"][0]["dtype"], "F32");
    assert_eq!(json["recipe"]["parameters"]["k2"], 0.3);
    assert_eq!(json["output_hash"].as_str().map(str::len), Some(64));
}

#[test]
fn input_hashes_are_those_of_the_models() {
    let golden = Golden::open("method");
    let options = Options { hash_inputs: true, ..Options::default() };
    let (_, report) = merge_to_memory(&golden.inputs(), &golden.maec(), &options, &mut go_on).unwrap();
    let models: [(&str, &dyn Weights); 5] = [
        ("base", &golden.base),
        ("ability", &golden.ability),
        ("reference", &golden.reference),
        ("language L1", &golden.languages[0]),
        ("language L2", &golden.languages[1]),
    ];
    assert_eq!(report.inputs.len(), models.len());
    for (input, (part, model)) in report.inputs.iter().zip(models) {
        assert_eq!((input.part.as_str(), input.model.as_str()), (part, model.name()));
        assert_eq!(input.hash.as_deref(), Some(model_hash(model).unwrap().as_str()));
    }
}

#[test]
fn the_task_vector_is_mergekits_task_arithmetic() {
    // Weights 1 and λ 1, where the two formulas coincide to the bit.
    let golden = Golden::open("method_tiny_exact");
    assert_eq!(numbers(&golden.json["weights"]), [1.0, 1.0]);
    let parameters = Parameters { lambda: golden.number("lambda"), ..Parameters::default() };
    let task_vector = Recipe { merge_method: MergeMethod::TaskVector, ..recipe(parameters, &[1.0]) };
    golden.assert_merges_to("task_arithmetic", task_vector);

    // mergekit weighs the ability too: λ·(w·δ_A + Σ wᵢ·δᵢ) = λw·(δ_A + Σ (wᵢ/w)·δᵢ), to a few f64 roundings.
    let golden = Golden::open("method");
    let weights = numbers(&golden.json["weights"]);
    let languages: Vec<f64> = weights[1..].iter().map(|w| w / weights[0]).collect();
    let parameters = Parameters { lambda: golden.number("lambda") * weights[0], ..Parameters::default() };
    let task_vector = Recipe {
        merge_method: MergeMethod::TaskVector,
        out_dtype: Some(OutDtype::Float32),
        ..recipe(parameters, &languages)
    };
    let (merged, _) = golden.merge(&task_vector);
    for name in golden.tensors() {
        let expected = golden.expected.read_f32(&format!("task_arithmetic:{name}")).unwrap();
        for (found, expected) in merged.read_f32(name).unwrap().into_iter().zip(expected) {
            assert!((found - expected).abs() <= f32::EPSILON * expected.abs(), "{name}: {found}, {expected}");
        }
    }
}

#[test]
fn the_task_vectors_kernel_gives_mergekits_bits_for_any_weights() {
    let golden = Golden::open("method");
    for name in golden.tensors() {
        let base = values(&golden.base, name);
        let zero = vec![0.0; base.len()];
        let (mut sum, mut out) = (zero.clone(), zero.clone());
        let models = [&golden.ability, &golden.languages[0], &golden.languages[1]];
        for (model, weight) in models.into_iter().zip(numbers(&golden.json["weights"])) {
            maec::add_language(&base, &values(model, name), weight, &mut sum);
        }
        task_vector::merge(&base, &zero, &sum, golden.number("lambda"), &mut out);
        golden.assert_rounds_to(&format!("task_arithmetic:{name}"), &out);
    }
}
