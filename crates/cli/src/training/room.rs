//! Whether a run fits into the machine's memory, before it is killed for not fitting.
//!
//! A run is refused where the least that it needs is more than what is free, so that nothing that could run is refused, and warned of
//! where what it likely needs is.

use anyhow::{Result, bail};
use maec_train::{ActivationMemory, Trainer};

use crate::size;

/// What to lower for weights and optimizer state, in the order of its effect.
const OF_STATE: &str = "train key neurons (--neurons) or low-rank factors (--lora-rank) in place of everything, hold matrices in 16 bits \
                        (--bf16), take a smaller model, or spread the run over machines (docs/scaling.md)";
/// What to lower for activations.
const OF_ACTIVATIONS: &str = "lower --micro-sequences or --seq-len, or give --activation-checkpointing";

/// Refuses weights that are larger than what is free; `bytes` is what they take on the device.
///
/// # Errors
/// When they do not fit.
pub fn for_weights(bytes: u64) -> Result<()> {
    match free() {
        Some(free) if bytes > free => bail!(
            "out of memory before the first step: the weights take {}, {} are free; {OF_STATE}",
            size::shown(bytes),
            size::shown(free)
        ),
        _ => Ok(()),
    }
}

/// Refuses a run whose optimizer state, gradients and activations are larger than what is free beside the weights, which are there.
/// Where they are only likely so, what to tell of it.
///
/// # Errors
/// When they do not fit.
pub fn for_run(trainer: &mut Trainer) -> Result<Option<String>> {
    let (memory, activations) = (trainer.memory(), trainer.activations()?);
    // What goes on has its state already.
    let state = if trainer.steps_done() > 0 { 0 } else { memory.state() };
    check(state, 4 * memory.trained, &activations, free())
}

/// All in bytes; `state` is what is yet to be taken, `gradient` of everything that is trained.
fn check(
    state: u64,
    gradient: u64,
    activations: &ActivationMemory,
    free: Option<u64>,
) -> Result<Option<String>> {
    let Some(free) = free else { return Ok(None) };
    // Of one micro-batch the gradient comes as its activations go; of several there is a sum already.
    let sum = if activations.micro_batches > 1 { gradient } else { 0 };
    let least = state + (sum + activations.least).max(gradient);
    let likely = state + sum + activations.likely;
    if least.max(likely) <= free {
        return Ok(None);
    }
    let advice = match state + gradient > activations.least {
        true => format!("{OF_STATE}; for activations, {OF_ACTIVATIONS}"),
        false => format!("{OF_ACTIVATIONS}; or {OF_STATE}"),
    };
    let parts = format!(
        "optimizer state {}, gradients {}, activations {}",
        size::shown(state),
        size::shown(gradient),
        size::shown(activations.least)
    );
    let too_little = least > free;
    let (least, likely, free_bytes) = (size::shown(least), size::shown(likely), size::shown(free));
    if too_little {
        bail!(
            "out of memory before the first step: {least} are needed at least ({parts}), {free_bytes} are free; {advice}"
        );
    }
    Ok(Some(format!(
        "a step likely takes {likely} ({parts} at least), {free_bytes} are free; if it is killed, {advice}"
    )))
}

/// Bytes that Linux could give this process; `None` where it does not say.
fn free() -> Option<u64> {
    available(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

/// `MemAvailable` of `/proc/meminfo`, in bytes.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
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
        let check = |activations, free| check(8_000_000_000, 4_000_000_000, &activations, free);
        let of = |least, likely, micro_batches| ActivationMemory { least, likely, micro_batches };
        let refused = |activations, free, first: &str| {
            let said = check(activations, Some(free)).unwrap_err().to_string();
            let advice = said.rsplit_once(" are free; ").map_or("", |(_, advice)| advice);
            assert!(advice.starts_with(first) && !said.contains('\n'), "{said}");
        };
        // 12 GB of state and gradient, whatever the activations are.
        refused(of(1, 1, 1), 11_999_999_999, "train key neurons");
        assert_eq!(check(of(1, 1, 1), Some(12_000_000_000)).unwrap(), None);
        // One micro-batch's activations are gone when the gradient is whole; beside others' they are not.
        assert_eq!(check(of(4_000_000_000, 4_000_000_000, 1), Some(12_000_000_000)).unwrap(), None);
        refused(of(4_000_000_000, 4_000_000_000, 2), 15_999_999_999, "train key neurons");
        refused(of(90_000_000_000, 95_000_000_000, 1), 20_000_000_000, "lower --micro-sequences");
        let warned = check(of(90_000_000_000, 95_000_000_000, 1), Some(99_000_000_000)).unwrap();
        assert!(
            warned.is_some_and(|said| said.contains("103") && said.contains("--activation-checkpointing"))
        );
        assert_eq!(check(of(u64::MAX / 2, u64::MAX / 2, 1), None).unwrap(), None);
    }
}
