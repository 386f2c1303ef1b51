//! Which engine runs, and the plain sentence that says why. Pure, so that every case has a test.

/// The two worker programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    /// WebAssembly SIMD; always there.
    Cpu,
    /// WebGPU.
    Gpu,
}

impl EngineKind {
    /// The worker's loader, beside the page. On the CPU the demo has a smaller one of its own; `own` asks for the one
    /// that also runs models that people bring.
    pub fn script(self, own: bool) -> &'static str {
        match self {
            EngineKind::Cpu if own => "engine-own_loader.js",
            EngineKind::Cpu => "engine-cpu_loader.js",
            EngineKind::Gpu => "engine-gpu_loader.js",
        }
    }

    /// `cpu` or `gpu`, as the page's `data-engine` and the URL's `engine` say it.
    pub fn code(self) -> &'static str {
        match self {
            EngineKind::Cpu => "cpu",
            EngineKind::Gpu => "gpu",
        }
    }
}

/// What the browser offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gpu {
    /// `navigator.gpu` is missing.
    Missing,
    /// WebGPU is there, but no adapter.
    NoAdapter,
    /// An adapter that computes on the CPU.
    Software {
        /// Its description.
        name: String,
    },
    /// A real one.
    Hardware {
        /// Its description.
        name: String,
    },
}

impl Gpu {
    /// The sentence for people; it ends with what follows from it.
    pub fn sentence(&self) -> String {
        match self {
            Gpu::Missing => "This browser has no WebGPU, so the CPU computes.".into(),
            Gpu::NoAdapter => "The browser found no graphics card it may use, so the CPU computes.".into(),
            Gpu::Software { name } => {
                format!(
                    "The browser offers only a software adapter ({name}), slower than the CPU itself, so the CPU computes."
                )
            }
            Gpu::Hardware { name } => format!("The browser offers a graphics card ({name}), so it computes."),
        }
    }

    /// Whether a person may choose the GPU engine.
    pub fn usable(&self, allow_software: bool) -> bool {
        match self {
            Gpu::Hardware { .. } => true,
            Gpu::Software { .. } => allow_software,
            Gpu::Missing | Gpu::NoAdapter => false,
        }
    }
}

/// What the page's address or the switch asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wish {
    /// `?engine=cpu` or `?engine=gpu`.
    pub engine: Option<EngineKind>,
    /// `?software=1`: a software adapter counts as a GPU.
    pub allow_software: bool,
}

impl Wish {
    /// From the address's parameters `engine` and `software`; what they can't mean is left alone.
    pub fn new(engine: Option<&str>, software: Option<&str>) -> Self {
        let engine = match engine {
            Some("cpu") => Some(EngineKind::Cpu),
            Some("gpu") => Some(EngineKind::Gpu),
            _ => None,
        };
        Self { engine, allow_software: software == Some("1") }
    }
}

/// The engine that runs and the sentence that says why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Which.
    pub kind: EngineKind,
    /// Why, in one sentence.
    pub why: String,
}

/// Picks the engine: the GPU only where it is real or asked for, else the CPU.
pub fn choose(gpu: &Gpu, wish: Wish) -> Choice {
    match wish.engine {
        Some(EngineKind::Cpu) => Choice { kind: EngineKind::Cpu, why: "The CPU was chosen.".into() },
        Some(EngineKind::Gpu) if gpu.usable(wish.allow_software) => {
            Choice { kind: EngineKind::Gpu, why: "The GPU was chosen.".into() }
        }
        Some(EngineKind::Gpu) => Choice { kind: EngineKind::Cpu, why: gpu.sentence() },
        None => {
            let kind = if matches!(gpu, Gpu::Hardware { .. }) { EngineKind::Gpu } else { EngineKind::Cpu };
            Choice { kind, why: gpu.sentence() }
        }
    }
}

/// How often each engine was lost since the page was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Losses {
    /// The GPU engine.
    pub gpu: u32,
    /// The CPU engine.
    pub cpu: u32,
}

/// What to do after a loss.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum After {
    /// Start this engine and ask again; the sentence says what happened.
    Restart(Choice),
    /// Nothing is left to try; the sentence says what to do.
    GiveUp(String),
}

impl Losses {
    /// Whether the GPU engine may run again: it did not fail its check, and was lost once at most.
    pub fn gpu_allowed(self) -> bool {
        self.gpu < 2
    }

    /// Counts a loss and says what follows. `unusable`: the GPU failed its check, so it is not tried again.
    pub fn after(&mut self, kind: EngineKind, unusable: bool, reason: &str) -> After {
        match kind {
            EngineKind::Gpu => {
                self.gpu = if unusable { 2 } else { self.gpu + 1 };
                if self.gpu_allowed() {
                    let why = format!("The GPU engine stopped ({reason}) and was started again.");
                    return After::Restart(Choice { kind, why });
                }
                let why = if unusable {
                    format!("The GPU cannot be used here ({reason}), so the CPU computes.")
                } else {
                    format!("The GPU engine stopped twice ({reason}), so the CPU computes from now on.")
                };
                After::Restart(Choice { kind: EngineKind::Cpu, why })
            }
            EngineKind::Cpu => {
                self.cpu += 1;
                if self.cpu < 3 {
                    let why = format!("The engine stopped ({reason}) and was started again.");
                    return After::Restart(Choice { kind, why });
                }
                After::GiveUp(format!(
                    "The engine stopped three times ({reason}). Reload the page to try again."
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn software() -> Gpu {
        Gpu::Software { name: "SwiftShader".into() }
    }

    fn hardware() -> Gpu {
        Gpu::Hardware { name: "Apple M3".into() }
    }

    #[test]
    fn only_real_graphics_cards_are_taken_by_default() {
        for gpu in [Gpu::Missing, Gpu::NoAdapter, software()] {
            let choice = choose(&gpu, Wish::default());
            assert_eq!(choice.kind, EngineKind::Cpu);
            assert!(choice.why.ends_with("so the CPU computes."), "{}", choice.why);
        }
        let choice = choose(&hardware(), Wish::default());
        assert_eq!(choice.kind, EngineKind::Gpu);
        assert!(choice.why.contains("Apple M3"));
    }

    #[test]
    fn the_address_can_force_either_engine() {
        assert_eq!(choose(&hardware(), Wish::new(Some("cpu"), None)).kind, EngineKind::Cpu);
        assert_eq!(choose(&software(), Wish::new(Some("gpu"), None)).kind, EngineKind::Cpu);
        assert_eq!(choose(&software(), Wish::new(Some("gpu"), Some("1"))).kind, EngineKind::Gpu);
        assert_eq!(choose(&Gpu::Missing, Wish::new(Some("gpu"), Some("1"))).kind, EngineKind::Cpu);
        assert_eq!(Wish::new(Some("tpu"), Some("true")), Wish::default());
    }

    #[test]
    fn a_lost_gpu_is_tried_once_more_and_then_left_alone() {
        let mut losses = Losses::default();
        assert!(matches!(
            losses.after(EngineKind::Gpu, false, "device lost"),
            After::Restart(Choice { kind: EngineKind::Gpu, .. })
        ));
        let After::Restart(second) = losses.after(EngineKind::Gpu, false, "device lost") else {
            panic!("gave up")
        };
        assert_eq!(second.kind, EngineKind::Cpu);
        assert!(second.why.contains("twice") && !losses.gpu_allowed());
    }

    #[test]
    fn a_failed_check_turns_the_gpu_off_at_once() {
        let mut losses = Losses::default();
        let After::Restart(next) = losses.after(EngineKind::Gpu, true, "matmul differs") else {
            panic!("gave up")
        };
        assert_eq!(next.kind, EngineKind::Cpu);
        assert!(next.why.contains("matmul differs") && !losses.gpu_allowed());
    }

    #[test]
    fn the_cpu_engine_is_not_restarted_for_ever() {
        let mut losses = Losses::default();
        for _ in 0..2 {
            assert!(matches!(losses.after(EngineKind::Cpu, false, "trap"), After::Restart(_)));
        }
        assert!(matches!(losses.after(EngineKind::Cpu, false, "trap"), After::GiveUp(_)));
    }
}
