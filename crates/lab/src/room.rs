//! Whether a training fits into the machine's memory, before it is killed for not fitting.
//!
//! A training is refused where the least that it needs is more than what is free, so that nothing that could run is refused, and
//! warned of where what it likely needs is.

use maec_train::{ActivationMemory, TrainError, Trainer};
use thiserror::Error;

/// What to lower, in the words of whoever is told, in the order of its effect.
#[derive(Debug, Clone, Copy)]
pub struct Advice {
    /// For weights and optimizer state.
    pub state: &'static str,
    /// For activations.
    pub activations: &'static str,
}

impl Advice {
    /// In arguments of `maec train`.
    pub const FLAGS: Self = Self {
        state: "train key neurons (--neurons) or low-rank factors (--lora-rank) in place of everything, hold matrices in 16 bits \
                (--bf16), take a smaller model, or spread the run over machines (docs/scaling.md)",
        activations: "lower --micro-sequences or --seq-len, or give --activation-checkpointing",
    };

    /// In keys of an experiment's file.
    pub const KEYS: Self = Self {
        state: "lower k1, hold matrices in 16 bits (training: bf16), or take a smaller model",
        activations: "lower micro_sequences or seq_len, or set activation_checkpointing (all in training)",
    };
}

/// A training that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NoRoom {
    /// Its weights alone are larger than what is free.
    #[error("out of memory before the first step: the weights take {}, {} are free; {advice}", shown(*.needed), shown(*.free))]
    Weights {
        /// Bytes of the weights on the device.
        needed: u64,
        /// Bytes that are free.
        free: u64,
        /// What to lower.
        advice: String,
    },
    /// A step is larger than what is free beside the weights.
    #[error("out of memory before the first step: {} are needed at least ({parts}), {} are free; {advice}", shown(*.needed), shown(*.free))]
    Step {
        /// Bytes that a step needs at least.
        needed: u64,
        /// What they are of.
        parts: String,
        /// Bytes that are free.
        free: u64,
        /// What to lower.
        advice: String,
    },
}

/// Refuses weights of so many bytes on the device where fewer are free.
///
/// # Errors
/// [`NoRoom::Weights`].
pub fn check_weights(bytes: u64, free: u64, advice: &Advice) -> Result<(), NoRoom> {
    match bytes > free {
        true => Err(NoRoom::Weights { needed: bytes, free, advice: advice.state.to_owned() }),
        false => Ok(()),
    }
}

/// Bytes that a training takes beside its weights, which are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// Optimizer state that is yet to be taken.
    pub state: u64,
    /// The gradient of everything that is trained.
    pub gradient: u64,
    /// Activations of the largest micro-batch of the first step.
    pub activations: ActivationMemory,
}

impl Need {
    /// What a trainer's next step needs. It draws the step's sequences and puts them back.
    ///
    /// # Errors
    /// When the data can't be read.
    pub fn of(trainer: &mut Trainer) -> Result<Self, TrainError> {
        let (memory, activations) = (trainer.memory(), trainer.activations()?);
        // What goes on has its state already.
        let state = if trainer.steps_done() > 0 { 0 } else { memory.state() };
        Ok(Self { state, gradient: 4 * memory.trained, activations })
    }

    /// Refuses what is larger than what is free. Where it is only likely so, what to tell of it.
    ///
    /// # Errors
    /// [`NoRoom::Step`].
    pub fn check(&self, free: u64, advice: &Advice) -> Result<Option<String>, NoRoom> {
        let Self { state, gradient, activations } = *self;
        // Of one micro-batch the gradient comes as its activations go; of several there is a sum already.
        let sum = if activations.micro_batches > 1 { gradient } else { 0 };
        let least = state + (sum + activations.least).max(gradient);
        let likely = state + sum + activations.likely;
        if least.max(likely) <= free {
            return Ok(None);
        }
        let (of_state, of_activations) = (advice.state, advice.activations);
        let advice = match state + gradient > activations.least {
            true => format!("{of_state}; for activations, {of_activations}"),
            false => format!("{of_activations}; or {of_state}"),
        };
        let parts = format!(
            "optimizer state {}, gradients {}, activations {}",
            shown(state),
            shown(gradient),
            shown(activations.least)
        );
        if least > free {
            return Err(NoRoom::Step { needed: least, parts, free, advice });
        }
        let (likely, free) = (shown(likely), shown(free));
        Ok(Some(format!(
            "a step likely takes {likely} ({parts} at least), {free} are free; if it is killed, {advice}"
        )))
    }
}

/// Bytes that Linux could give this process; `None` where it does not say.
pub fn free_memory() -> Option<u64> {
    available(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

/// `MemAvailable` of `/proc/meminfo`, in bytes.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// A size for people: `1.45 GB`.
pub fn shown(bytes: u64) -> String {
    let units = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    let unit = units.into_iter().find(|(size, _)| bytes as f64 >= *size);
    unit.map_or(format!("{bytes} bytes"), |(size, name)| format!("{:.2} {name}", bytes as f64 / size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_says_is_read() {
        let text = "MemTotal:       16000000 kB\nMemAvailable:    2048 kB\n";
        assert_eq!(available(text), Some(2048 * 1024));
        assert_eq!(available("MemTotal: 5 kB\n"), None);
        assert_eq!(available("MemAvailable: much\n"), None);
    }

    #[test]
    fn what_does_not_fit_is_said_with_what_to_lower() {
        let check = |activations, free, advice| {
            Need { state: 8_000_000_000, gradient: 4_000_000_000, activations }.check(free, &advice)
        };
        let of = |least, likely, micro_batches| ActivationMemory { least, likely, micro_batches };
        let refused = |activations, free, advice, first: &str| {
            let said = check(activations, free, advice).unwrap_err().to_string();
            let advice = said.rsplit_once(" are free; ").map_or("", |(_, advice)| advice);
            assert!(advice.starts_with(first) && !said.contains('\n'), "{said}");
        };
        let (flags, keys) = (Advice::FLAGS, Advice::KEYS);
        // 12 GB of state and gradient, whatever the activations are.
        refused(of(1, 1, 1), 11_999_999_999, flags, "train key neurons");
        assert_eq!(check(of(1, 1, 1), 12_000_000_000, flags), Ok(None));
        // One micro-batch's activations are gone when the gradient is whole; beside others' they are not.
        assert_eq!(check(of(4_000_000_000, 4_000_000_000, 1), 12_000_000_000, flags), Ok(None));
        refused(of(4_000_000_000, 4_000_000_000, 2), 15_999_999_999, keys, "lower k1");
        refused(of(90_000_000_000, 95_000_000_000, 1), 20_000_000_000, flags, "lower --micro-sequences");
        refused(of(90_000_000_000, 95_000_000_000, 1), 20_000_000_000, keys, "lower micro_sequences");
        let warned = check(of(90_000_000_000, 95_000_000_000, 1), 99_000_000_000, flags).unwrap();
        assert!(
            warned.is_some_and(|said| said.contains("103") && said.contains("--activation-checkpointing"))
        );
        let said = check_weights(3_000_000_000, 2_000_000_000, &keys).unwrap_err().to_string();
        assert!(said.contains("the weights take 3.00 GB, 2.00 GB are free; lower k1"), "{said}");
        assert_eq!(check_weights(2, 2, &keys), Ok(()));
    }
}
