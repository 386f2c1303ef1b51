//! The ways in which a link can be bad.

use crate::RecipeError;

/// Why a link is refused: one sentence that a visitor understands.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LinkError {
    /// The fragment does not start like a link.
    #[error("this address does not hold an experiment: a shared link has `#v1.` after the page's address")]
    NotALink,
    /// The fragment is longer than any link.
    #[error(
        "this link has {bytes} characters, more than the {} a link can have: ask for a new one",
        super::MAX_BYTES
    )]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// The link was made by a studio that writes another version.
    #[error("this link has version {version}, and this studio reads version 1: open it in a newer studio")]
    UnknownVersion {
        /// The link's version.
        version: u32,
    },
    /// The link's end is missing.
    #[error("this link is cut off: copy it again, up to its last character")]
    CutOff,
    /// The link holds a character that links do not have.
    #[error("this link holds {character:?}, which no link does: copy it again without what stands around it")]
    BadCharacter {
        /// The first such character.
        character: char,
    },
    /// The checksum is wrong.
    #[error("this link was altered or cut off on its way: copy it again")]
    Altered,
    /// The checksum is right and the compressed data is not.
    #[error("this link's data cannot be unpacked: ask for a new one")]
    Corrupt,
    /// The link unpacks to more than an experiment can be.
    #[error("this link unpacks to more than {} kB: ask for a new one", super::MAX_UNPACKED_BYTES / 1024)]
    TooLarge,
    /// Something follows the link's data.
    #[error("this link has something after its end: ask for a new one")]
    TrailingData,
    /// The link does not name its pack.
    #[error("this link does not name the pack it was made for: ask for a new one")]
    NoPack,
    /// The link's data does not describe an experiment.
    #[error(
        "this link does not describe an experiment ({message}): ask for a new one, or open it in a newer studio"
    )]
    NotAnExperiment {
        /// What the parser said.
        message: String,
    },
    /// The number of problems is not one that can be asked.
    #[error(
        "this link asks for {value} problems a language: give a number between 1 and {}",
        crate::Evaluation::MAX_PROBLEMS
    )]
    Problems {
        /// The number.
        value: u32,
    },
    /// The focused tensor's name cannot be one.
    #[error("this link looks at a tensor whose name is empty, too long or not plain text: ask for a new one")]
    FocusedTensor,
    /// The recipe is not valid.
    #[error("this link's recipe cannot be used: {0}")]
    Recipe(#[from] RecipeError),
}
