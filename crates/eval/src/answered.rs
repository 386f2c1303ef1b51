//! What intervals need to know of an answer.

use crate::{Choice, Sample};

/// An answer that is right or wrong, to a question that stands or falls together with others.
pub trait Answered {
    /// What such questions have in common.
    type Cluster: Ord;

    /// The question's id.
    fn id(&self) -> &str;

    /// Whether it is right.
    fn is_correct(&self) -> bool;

    /// What the question has in common with others.
    fn cluster(&self) -> Self::Cluster;
}

/// Story problems are clustered by operand pair.
impl Answered for Sample {
    type Cluster = (u32, u32);

    fn id(&self) -> &str {
        &self.id
    }

    fn is_correct(&self) -> bool {
        self.correct
    }

    fn cluster(&self) -> (u32, u32) {
        self.pair
    }
}

/// Four-choice questions are clustered by the fact that decides them.
impl Answered for Choice {
    type Cluster = String;

    fn id(&self) -> &str {
        &self.id
    }

    fn is_correct(&self) -> bool {
        self.correct
    }

    fn cluster(&self) -> String {
        self.fact.clone()
    }
}
