//! The progress of several trainings.

use std::cell::RefCell;
use std::ops::ControlFlow;

use indicatif::ProgressBar;
use maec_lab::{News, Watch};

use crate::{interrupt, progress, table};

/// A bar over the steps that are not in the store.
pub struct Bar {
    bar: ProgressBar,
    /// What the trainings are for, where that is said.
    stage: RefCell<String>,
    /// The training at hand and its steps so far: one that goes on from a checkpoint begins further on.
    at: RefCell<(String, u32)>,
}

impl Bar {
    /// A bar over so many steps.
    pub fn new(label: &str, steps: u64) -> Self {
        Self { bar: progress::bar(label, steps), stage: RefCell::default(), at: RefCell::default() }
    }

    /// Says what comes next.
    pub fn say(&self, stage: &str) {
        self.bar.set_message(stage.to_owned());
        self.stage.replace(format!("{stage} · "));
    }

    /// Takes it away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Watch for Bar {
    fn step(&self, news: News<'_>) -> ControlFlow<()> {
        let mut at = self.at.borrow_mut();
        if at.0 != news.name {
            *at = (news.name.to_owned(), 0);
        }
        self.bar.inc(u64::from(news.step.saturating_sub(at.1)));
        at.1 = news.step;
        let (stage, rate) = (self.stage.borrow(), table::count(news.tokens_per_second as u64));
        self.bar.set_message(format!("{stage}{} · loss {:.3} · {rate} tokens/s", news.name, news.loss));
        interrupt::flow()
    }

    fn warn(&self, message: &str) {
        self.bar.println(message);
    }

    fn go_on(&self) -> ControlFlow<()> {
        interrupt::flow()
    }
}
