//! Whether a run fits into the machine's memory, before it is killed for not fitting.
//!
//! What is compared is the least that it needs: activations come on top, and depend on the text's lengths. So nothing that
//! could run is refused.

use anyhow::{Result, bail};
use maec_train::StateMemory;

use crate::size;

/// What to lower, in the order of its effect.
const ADVICE: &str = "train key neurons (--neurons) or low-rank factors (--lora-rank) in place of everything, hold matrices in 16 bits \
                      (--bf16), take a smaller model, or spread the run over machines (docs/scaling.md)";

/// Refuses weights that are larger than what is free; `bytes` is what they take on the device.
///
/// # Errors
/// When they do not fit.
pub fn for_weights(bytes: u64) -> Result<()> {
    check("the weights", bytes, free())
}

/// Refuses a run whose optimizer state and gradients are larger than what is free beside the weights, which are there.
///
/// # Errors
/// When they do not fit.
pub fn for_state(memory: &StateMemory) -> Result<()> {
    check("gradients and optimizer state", least(memory), free())
}

/// State and one f32 gradient of everything trained.
fn least(memory: &StateMemory) -> u64 {
    memory.state() + 4 * memory.trained
}

fn check(what: &str, needed: u64, free: Option<u64>) -> Result<()> {
    match free {
        Some(free) if needed > free => bail!(
            "out of memory before the first step: {what} take {} at least, {} are free; {ADVICE}; --micro-sequences and \
             --activation-checkpointing lower what activations take on top",
            size::shown(needed),
            size::shown(free),
        ),
        _ => Ok(()),
    }
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
        let memory = StateMemory {
            parameters: 1_000_000_000,
            trained: 1_000_000_000,
            weights: 4_000_000_000,
            moments: 8_000_000_000,
            masters: 0,
            positions: 0,
            full_adam: 8_000_000_000,
        };
        assert_eq!(least(&memory), 12_000_000_000);
        let refused = check("the state", least(&memory), Some(11_999_999_999)).unwrap_err().to_string();
        assert!(
            refused.contains("12") && refused.contains("--neurons") && !refused.contains('\n'),
            "{refused}"
        );
        check("the state", least(&memory), Some(12_000_000_000)).expect("it fits");
        check("the state", u64::MAX, None).expect("nothing is known");
    }
}
