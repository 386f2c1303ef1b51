//! Counting checks: what a test run prints, summed up.

use std::fmt;
use std::ops::AddAssign;

/// How many checks passed, failed and were left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Checks that passed.
    pub passed: usize,
    /// Checks that failed.
    pub failed: usize,
    /// Checks that did not run: ignored tests, and steps whose tools are missing.
    pub skipped: usize,
}

impl Tally {
    /// One check that passed.
    pub const PASSED: Self = Self { passed: 1, failed: 0, skipped: 0 };
    /// One check that failed.
    pub const FAILED: Self = Self { passed: 0, failed: 1, skipped: 0 };
    /// One check that did not run.
    pub const SKIPPED: Self = Self { passed: 0, failed: 0, skipped: 1 };

    /// The counts in a line `test result: ok. 3 passed; 0 failed; 1 ignored; …`, or `None` for any other line.
    pub fn of_line(line: &str) -> Option<Self> {
        let (_, counts) = line.trim().strip_prefix("test result: ")?.split_once(". ")?;
        let mut tally = Self::default();
        for count in counts.split(';') {
            match count.trim().split_once(' ') {
                Some((number, "passed")) => tally.passed = number.parse().ok()?,
                Some((number, "failed")) => tally.failed = number.parse().ok()?,
                Some((number, "ignored")) => tally.skipped = number.parse().ok()?,
                _ => {}
            }
        }
        Some(tally)
    }

    /// The counts of a run that printed `self` and ended well or not: a run that breaks without a failed test
    /// (it does not build, or a test ends the process) is one failure.
    pub fn ended(mut self, success: bool) -> Self {
        if !success && self.failed == 0 {
            self.failed = 1;
        }
        self
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_are_counted() {
        let line =
            "test result: ok. 12 passed; 0 failed; 2 ignored; 0 measured; 5 filtered out; finished in 0.01s";
        assert_eq!(Tally::of_line(line), Some(Tally { passed: 12, failed: 0, skipped: 2 }));
        let line = "test result: FAILED. 1 passed; 3 failed; 0 ignored; 0 filtered out; finished in 1.2s";
        assert_eq!(Tally::of_line(line), Some(Tally { passed: 1, failed: 3, skipped: 0 }));
    }

    #[test]
    fn other_lines_are_not() {
        for line in ["", "test result", "test a::b ... ok", "running 3 tests", "  test result: nonsense"] {
            assert_eq!(Tally::of_line(line), None, "{line}");
        }
    }

    #[test]
    fn a_run_that_breaks_is_one_failure() {
        assert_eq!(Tally::PASSED.ended(false), Tally { passed: 1, failed: 1, skipped: 0 });
        assert_eq!(Tally::FAILED.ended(false), Tally::FAILED);
        assert_eq!(Tally::PASSED.ended(true), Tally::PASSED);
    }

    #[test]
    fn the_last_line_names_skipped_checks_only_where_there_are_some() {
        let mut sum = Tally::PASSED;
        assert_eq!(sum.to_string(), "1 passed, 0 failed");
        sum += Tally::SKIPPED;
        assert_eq!(sum.to_string(), "1 passed, 0 failed, 1 skipped");
    }
}
