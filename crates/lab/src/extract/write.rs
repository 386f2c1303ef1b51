//! The folder of an extraction.

use std::collections::BTreeMap;
use std::path::Path;

use maec_checkpoint::{
    AtomicFolder, ByteSink, DeltaPositions, Weights, fingerprint, read_file, write_delta, write_safetensors,
};
use serde_json::{Value, json};

use super::{Extracted, Found, Shifted};
use crate::error::LabError;
use crate::experiment::recipe;
use crate::extraction::LanguageVectors;
use crate::lab::Trained;
use crate::store::Provenance;

/// What stands in `provenance.json`, by which the folder is known.
const KEY: &str = "maec_extraction";
const PROVENANCE: &str = "provenance.json";

/// What the recipe calls Θo.
pub enum BaseModel {
    /// A name that a merge finds: a path, or `org/name@commit`.
    Named(String),
    /// `base`, a model folder that is written too; its texts by name, `config.json` among them.
    Written(BTreeMap<String, String>),
}

/// Whether a folder is an extraction's, which another may replace.
pub fn is_extraction(folder: &Path) -> bool {
    let text = read_file(&folder.join(PROVENANCE)).unwrap_or_default();
    serde_json::from_slice::<Value>(&text).is_ok_and(|value| value.get(KEY).is_some())
}

impl Extracted<'_> {
    /// Writes key neurons, deltas, R(A) and R(Lᵢ), overlaps, a recipe and the provenance of each. The folder appears whole or not
    /// at all.
    ///
    /// # Errors
    /// When it can't be written, or holds something else.
    pub fn write(&self, out: &Path, base: &BaseModel) -> Result<(), LabError> {
        let folder = AtomicFolder::create(out, is_extraction)?;
        let mut artefacts = BTreeMap::new();
        let other = format!("neurons-{}", self.extraction.other_form());
        for (room, neurons) in [("neurons", &self.neurons), (other.as_str(), &self.other_neurons)] {
            for (name, found) in neurons {
                artefacts.insert(
                    write_neurons(&folder, &format!("{room}/{name}.safetensors"), found)?,
                    said(&found.1),
                );
            }
        }
        let name = match base {
            BaseModel::Named(name) => name.clone(),
            BaseModel::Written(texts) => {
                self.write_base(&folder, texts)?;
                "base".to_owned()
            }
        };
        for (name, trained) in self.trained() {
            let file = format!("{name}.safetensors");
            let metadata = trained.provenance.metadata();
            write_onto(&folder, &file, self.base.as_ref(), trained.weights.as_ref(), &metadata)?;
            artefacts.insert(file, said(&trained.provenance));
        }
        for (file, made) in self.write_vectors(&folder)? {
            artefacts.insert(file, made);
        }
        let languages: Vec<(String, f64)> =
            self.extraction.languages.iter().map(|target| (target.code.clone(), target.weight)).collect();
        let (parameters, vectors) = (self.extraction.parameters, self.extraction.language_vectors);
        let recipe = recipe(&name, &languages, parameters, vectors);
        folder.write("recipe.json", recipe.to_json().as_bytes())?;
        folder.write("overlap.json", &pretty(&self.overlaps()))?;
        let provenance = json!({
            KEY: 1,
            "maec": env!("CARGO_PKG_VERSION"),
            "ability": self.extraction.ability,
            "reference": self.extraction.reference,
            "base": { "model": name, "fingerprint": fingerprint(self.base.as_ref())? },
            "identity": serde_json::from_str::<Value>(&self.ability.provenance.identity).unwrap_or_default(),
            "artefacts": artefacts,
        });
        folder.write(PROVENANCE, &pretty(&provenance))?;
        Ok(folder.finish()?)
    }

    /// The trained models by the names of their files.
    fn trained(&self) -> Vec<(String, &Trained)> {
        let languages = self.extraction.languages.iter().zip(&self.languages);
        let languages = languages.map(|(target, trained)| (target.code.clone(), trained));
        [("a-l0".to_owned(), &self.ability), ("l0".to_owned(), &self.reference)]
            .into_iter()
            .chain(languages)
            .collect()
    }

    fn write_base(&self, folder: &AtomicFolder, texts: &BTreeMap<String, String>) -> Result<(), LabError> {
        for (name, text) in texts {
            folder.write(&format!("base/{name}"), text.as_bytes())?;
        }
        let mut sink = folder.sink("base/model.safetensors")?;
        write_safetensors(&mut sink, self.base.tensors(), &BTreeMap::new(), &mut |info, write| {
            write(&self.base.read_bytes(&info.name)?)
        })?;
        Ok(Box::new(sink).finish()?)
    }

    /// R(A) and R(Lᵢ) in f32: put onto the base they give Θo + R.
    fn write_vectors(&self, folder: &AtomicFolder) -> Result<Vec<(String, Value)>, LabError> {
        let (base, parameters) = (self.base.as_ref(), self.extraction.parameters);
        let terms: Vec<(f64, &Trained)> =
            vec![(parameters.alpha, &self.ability), (-parameters.beta, &self.reference)];
        let formula = format!(
            "Eq. 2: R(A) = {}·(Θ_A,L0 − Θo) − {}·(Θ_L0 − Θo), added to Θo",
            parameters.alpha, parameters.beta
        );
        let mut vectors = vec![("r-a".to_owned(), formula, terms)];
        for (target, trained) in self.extraction.languages.iter().zip(&self.languages) {
            let (formula, terms) = match self.extraction.language_vectors {
                LanguageVectors::Plain => {
                    ("Eq. 3: R(Li) = Θ_Li − Θo, added to Θo".to_owned(), vec![(1.0, trained)])
                }
                LanguageVectors::TwoTerm => (
                    format!(
                        "Eq. 3 by Eq. 2: R(Li) = {}·(Θ_Li − Θo) − {}·(Θ_L0 − Θo), added to Θo",
                        parameters.alpha, parameters.beta
                    ),
                    vec![(parameters.alpha, trained), (-parameters.beta, &self.reference)],
                ),
            };
            vectors.push((format!("r-{}", target.code), formula, terms));
        }
        let mut made = Vec::new();
        for (name, formula, terms) in vectors {
            let of = json!({
                "formula": formula,
                "of": terms.iter().map(|(_, trained)| &trained.provenance.key).collect::<Vec<_>>(),
            });
            let metadata = BTreeMap::from([
                ("maec".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
                ("formula".to_owned(), formula),
                ("artefacts".to_owned(), of["of"].to_string()),
            ]);
            let terms =
                terms.iter().map(|(factor, trained)| (*factor, trained.weights.as_ref() as &dyn Weights));
            let shifted = Shifted::new(&name, base, terms.collect());
            let file = format!("{name}.safetensors");
            write_onto(folder, &file, base, &shifted, &metadata)?;
            made.push((file, of));
        }
        Ok(made)
    }
}

fn write_onto(
    folder: &AtomicFolder,
    file: &str,
    base: &dyn Weights,
    trained: &dyn Weights,
    metadata: &BTreeMap<String, String>,
) -> Result<(), LabError> {
    let mut sink = folder.sink(file)?;
    write_delta(&mut sink, base, trained, DeltaPositions::Changed, None, metadata)?;
    Ok(Box::new(sink).finish()?)
}

fn write_neurons(
    folder: &AtomicFolder,
    file: &str,
    (neurons, provenance): &Found,
) -> Result<String, LabError> {
    let mut sink = folder.sink(file)?;
    let failed = |source| LabError::training(&provenance.name, source);
    neurons.write(&mut sink, &provenance.metadata()).map_err(failed)?;
    Box::new(sink).finish()?;
    Ok(file.to_owned())
}

/// An artefact's provenance without the loss of every step.
fn said(provenance: &Provenance) -> Value {
    let mut value = serde_json::to_value(provenance).unwrap_or_default();
    if let Some(map) = value.as_object_mut() {
        map.remove("identity");
        map.remove("losses");
        let ends = provenance.losses.first().zip(provenance.losses.last());
        map.insert("loss".into(), json!(ends.map(|(first, last)| [first, last])));
    }
    value
}

fn pretty(value: &impl serde::Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("values serialise");
    bytes.push(b'\n');
    bytes
}
