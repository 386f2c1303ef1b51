//! R(Lᵢ) by Eq. 2.

use std::fs;
use std::sync::Arc;

use maec_checkpoint::{Dtype, Weights, model_hash};
use maec_lab::{BaseModel, Experiment, Lab, LanguageVectors, Parts, Silent, Store, merge};
use maec_recipe::Recipe;

use super::applied;
use super::files::Place;

fn values(weights: &dyn Weights, name: &str) -> Vec<f64> {
    let mut values = vec![0.0; weights.info(name).unwrap().elements()];
    weights.read_f64(name, 0..values.len(), &mut values).unwrap();
    values
}

#[test]
fn two_terms_are_those_of_eq_2_and_what_the_recipe_merges() {
    for dtype in [Dtype::F32, Dtype::BF16] {
        let place = Place::new(dtype);
        let experiment =
            place.experiment("language_vectors: two_term\nparameters: {alpha: 0.7, beta: 0.4, k2: 0.5}\n");
        assert_eq!(experiment.language_vectors, LanguageVectors::TwoTerm);
        let (ground, store) = (place.open(experiment), Store::memory());
        let extraction = ground.extraction("science").unwrap();
        let out = place.folder.path().join("out");
        let lab = Lab { ground: &ground, store: &store, watch: &Silent };
        let extracted = extraction.train(&lab, false).unwrap();
        extracted.write(&out, &BaseModel::Named("base".into())).unwrap();

        let base = place.base.weights.clone();
        let [ability, reference, spanish, vector] =
            ["a-l0", "l0", "es", "r-es"].map(|name| -> Arc<dyn Weights> {
                Arc::new(applied(&out.join(format!("{name}.safetensors")), &base))
            });
        let mut beyond = 0;
        for info in base.tensors() {
            let [o, l, s, r] =
                [&base, &reference, &spanish, &vector].map(|model| values(model.as_ref(), &info.name));
            for i in 0..o.len() {
                let expected = (o[i] + (0.7 * (s[i] - o[i]) - 0.4 * (l[i] - o[i]))) as f32;
                assert_eq!(r[i], f64::from(expected), "{} {i}", info.name);
                beyond += usize::from(r[i] != s[i]);
            }
        }
        assert!(beyond > 0);

        // The recipe takes Θo + R(Lᵢ) where it takes Θ_{Li} otherwise, so that a merge knows of one form only.
        let recipe = Recipe::from_json(&fs::read_to_string(out.join("recipe.json")).unwrap()).unwrap();
        assert_eq!(recipe.languages[0].model, "r-es.safetensors");
        let by_name = Parts {
            base: base.clone(),
            ability,
            reference,
            languages: vec![spanish],
            language_vectors: ground.catalog("science").unwrap().language_vectors,
        };
        let parts = Parts {
            languages: vec![vector.clone()],
            language_vectors: LanguageVectors::Plain,
            ..by_name.clone()
        };
        let merged = merge(&parts, &recipe).unwrap();
        let kept = merged.report.tensors.iter().filter(|tensor| !tensor.selected);
        let mut tensors = 0;
        for tensor in kept {
            let [o, r, m] = [base.as_ref(), vector.as_ref(), &merged.weights]
                .map(|model| values(model, &tensor.stats.name));
            for i in 0..o.len() {
                let expected = o[i] + 1.5 * (r[i] - o[i]);
                let step = if dtype == Dtype::F32 { f64::from(f32::EPSILON) } else { 1.0 / 256.0 };
                assert!((m[i] - expected).abs() <= step * expected.abs(), "{} {i}", tensor.stats.name);
            }
            tensors += 1;
        }
        assert!(tensors > 0);
        // The tables' merges take the trained models, and come to the same bits.
        let again = merge(&by_name, &recipe).unwrap();
        assert_eq!(model_hash(&again.weights).unwrap(), model_hash(&merged.weights).unwrap());
        let plain = merge(&Parts { language_vectors: LanguageVectors::Plain, ..by_name }, &recipe).unwrap();
        assert_ne!(model_hash(&plain.weights).unwrap(), model_hash(&merged.weights).unwrap());
    }
}

#[test]
fn a_file_without_it_says_nothing_of_it() {
    let plain = Place::new(Dtype::F32).experiment("language_vectors: plain\n");
    assert_eq!(plain.language_vectors, LanguageVectors::Plain);
    assert!(!serde_json::to_string(&plain).unwrap().contains("language_vectors"));
    assert!(
        Experiment::from_yaml("version: 1\nlanguage_vectors: both\n")
            .unwrap_err()
            .to_string()
            .contains("two_term")
    );
}
