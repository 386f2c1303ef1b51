//! When to try again.

use std::time::Duration;

/// How often and how soon what failed is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// Tries in a row that bring nothing before it is given up.
    pub tries: u32,
    /// Wait after the first failure; it doubles with each further one.
    pub first_wait: Duration,
    /// Longest such wait.
    pub longest_wait: Duration,
    /// Longest `Retry-After` that is waited for.
    pub patience: Duration,
    /// Seed of the jitter, which keeps many clients from coming back at one moment.
    pub seed: u64,
}

impl Default for Retry {
    /// Six tries in about half a minute; a server may ask for two minutes.
    fn default() -> Self {
        Self {
            tries: 6,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(30),
            patience: Duration::from_secs(120),
            seed: 0,
        }
    }
}

impl Retry {
    /// The wait after the `failures`-th failure in a row (from 1): half to all of the doubled wait, and no less than the
    /// server asks for. `draw` numbers the waits.
    pub fn wait(&self, failures: u32, asked: Option<Duration>, draw: u64) -> Duration {
        let doubled =
            self.first_wait.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(self.longest_wait);
        let half = u64::try_from(doubled.as_millis() / 2).unwrap_or(u64::MAX);
        let jitter = splitmix(self.seed.wrapping_add(draw)) % (half + 1);
        let wait = Duration::from_millis(half + jitter);
        // Those who were asked to wait come back a little apart, too.
        asked.map_or(wait, |asked| wait.max(asked + Duration::from_millis(jitter.min(1000))))
    }
}

/// One step of SplitMix64.
fn splitmix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Retry;

    #[test]
    fn waits_double_up_to_the_longest_with_jitter() {
        let retry = Retry { seed: 7, ..Retry::default() };
        for failures in 1..70 {
            let full = Duration::from_secs(1 << (failures - 1).min(10)).min(Duration::from_secs(30));
            let waits: Vec<_> = (0..20).map(|draw| retry.wait(failures, None, draw)).collect();
            assert!(waits.iter().all(|wait| *wait >= full / 2 && *wait <= full), "{failures}: {waits:?}");
            assert!(waits.iter().any(|wait| *wait != waits[0]), "{failures}: no jitter");
        }
        assert_eq!(retry.wait(3, None, 5), retry.wait(3, None, 5), "the same seed waits the same");
        assert!(retry.wait(1, Some(Duration::from_secs(9)), 0) >= Duration::from_secs(9));
    }
}
