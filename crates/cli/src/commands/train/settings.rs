//! The settings of `maec train` as typed, over a preset.

use clap::ValueEnum;
use maec_train::TrainConfig;

use crate::args::LoopArgs;

/// Settings to begin with.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Preset {
    /// For small models on a desktop.
    Default,
    /// The paper's: learning rate 5e-5, 1 M tokens a step, 2,000 steps; a cosine to a tenth after 60 steps.
    Published,
}

/// How long a run is, and how its steps are made up.
#[derive(Debug, clap::Args)]
pub struct SettingsArgs {
    /// Settings to begin with; what is given beside replaces them.
    #[arg(long, value_enum, default_value = "default")]
    preset: Preset,
    /// Optimizer steps [default: 400].
    #[arg(long)]
    steps: Option<u32>,
    /// Predicted tokens of a step, in place of a count of sequences.
    #[arg(long, value_name = "N", conflicts_with = "batch")]
    tokens_per_step: Option<u64>,
    /// Sequences of one forward and backward pass; fewer take less memory [default: the whole step's].
    #[arg(long, value_name = "N")]
    micro_sequences: Option<u32>,
    /// Keep only the layers' inputs for the backward pass: less memory for one more forward pass, the same bits on a CPU.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    activation_checkpointing: Option<bool>,
    /// What a cosine ends at, as a share of the peak learning rate [default: 0].
    #[arg(long, value_name = "SHARE")]
    final_ratio: Option<f64>,
    /// Decoupled weight decay, of trained elements only [default: 0].
    #[arg(long)]
    weight_decay: Option<f64>,
}

impl SettingsArgs {
    /// The settings of a run.
    pub fn config(&self, training: &LoopArgs) -> TrainConfig {
        let preset = match self.preset {
            Preset::Default => TrainConfig::default(),
            Preset::Published => TrainConfig::published(),
        };
        let config = training.over(preset);
        TrainConfig {
            steps: self.steps.unwrap_or(config.steps),
            tokens_per_step: self.tokens_per_step.or(config.tokens_per_step),
            micro_sequences: self.micro_sequences.or(config.micro_sequences),
            activation_checkpointing: self
                .activation_checkpointing
                .unwrap_or(config.activation_checkpointing),
            final_ratio: self.final_ratio.unwrap_or(config.final_ratio),
            weight_decay: self.weight_decay.unwrap_or(config.weight_decay),
            ..config
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        settings: SettingsArgs,
        #[command(flatten)]
        training: LoopArgs,
    }

    fn config(line: &str) -> TrainConfig {
        let typed = Typed::parse_from(format!("train {line}").split_whitespace());
        typed.settings.config(&typed.training)
    }

    #[test]
    fn without_a_word_it_is_the_preset() {
        assert_eq!(config(""), TrainConfig::default());
        assert_eq!(config("--preset published"), TrainConfig::published());
    }

    #[test]
    fn what_is_given_replaces_the_preset() {
        let published = TrainConfig::published();
        let line = "--preset published --steps 7 --lr 1e-4 --clip 0 --activation-checkpointing=false";
        let expected = TrainConfig {
            steps: 7,
            learning_rate: 1e-4,
            clip_norm: None,
            activation_checkpointing: false,
            ..published.clone()
        };
        assert_eq!(config(line), expected);
        let by_count = config("--preset published --batch 4");
        assert_eq!((by_count.sequences_per_step, by_count.tokens_per_step), (4, None));
        assert!(config("--activation-checkpointing").activation_checkpointing);
        assert!(Typed::try_parse_from(["train", "--batch", "4", "--tokens-per-step", "9"]).is_err());
    }
}
