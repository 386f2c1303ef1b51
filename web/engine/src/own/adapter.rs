//! A LoRA adapter, known from its configuration and its header.

use std::collections::BTreeSet;

use maec_checkpoint::lora::{self, WEIGHTS_FILE};
use maec_checkpoint::{Error, FileSet, shown};
use maec_protocol::AdapterCard;

/// An adapter that was looked at.
pub(crate) struct Adapter {
    pub lora: lora::Adapter,
    pub card: AdapterCard,
}

impl Adapter {
    /// The file that holds its weights, as the place's set names it.
    pub const FILE: &str = WEIGHTS_FILE;

    /// Reads the configuration and the header. Fails where it is none that can be applied exactly.
    pub fn open(files: &dyn FileSet) -> Result<Self, Error> {
        let lora = lora::Adapter::open(files)?;
        let card = card(&lora);
        Ok(Self { lora, card })
    }
}

fn card(lora: &lora::Adapter) -> AdapterCard {
    let (config, tensors) = (lora.config(), lora.weights().tensors());
    let ranks = range(lora.modules().iter().map(|module| module.rank as f64));
    let alphas = range(lora.modules().iter().map(|module| config.alpha(&module.name)));
    let scale = if config.use_rslora { "α/√r" } else { "α/r" };
    let rank = match lora.modules() {
        [] => "none: no module has factors".into(),
        _ => shown(&format!("{ranks}, α {alphas}, scaled by {scale}")),
    };
    let kinds: BTreeSet<&str> = lora.modules().iter().map(|module| last(&module.name)).collect();
    let kinds: Vec<&str> = kinds.into_iter().collect();
    let mut targets =
        vec![format!("{}: {}", plural(lora.modules().len(), "module"), shown(&kinds.join(", ")))];
    if !lora.saved().is_empty() {
        targets.push(format!("{} in the place of the model's", plural(lora.saved().len(), "tensor")));
    }
    AdapterCard {
        rank,
        targets: targets.join("; "),
        tensors: tensors.len() as u32,
        bytes: tensors.iter().map(|info| info.bytes() as u64).sum(),
        base: shown(config.base_model_name_or_path.as_deref().unwrap_or_default()),
    }
}

/// `8`, or `4 to 16`.
fn range(values: impl Iterator<Item = f64> + Clone) -> String {
    let (least, most) =
        (values.clone().fold(f64::INFINITY, f64::min), values.fold(f64::NEG_INFINITY, f64::max));
    if least < most { format!("{least} to {most}") } else { most.to_string() }
}

/// A module's kind: its name without what it is in.
fn last(module: &str) -> &str {
    module.rsplit('.').next().unwrap_or(module)
}

/// `1 module`, `2 modules`.
fn plural(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}
