//! Starting: which engine, its worker, the pack, and what to do when a worker is lost.

use std::rc::Rc;
use std::sync::Arc;

use js_sys::Array;
use leptos::prelude::*;
use leptos::task::spawn_local;
use maec_protocol::{Reply, Request};

use super::{EngineState, Studio};
use crate::browser;
use crate::engine::{After, CallError, Choice, Engine, EngineKind, Loss, Wish, choose, probe};

/// The pack that opens when the address names none, relative to the page.
const DEFAULT_PACK: &str = "packs/demo/";

/// What the engine says when it answers with the wrong kind of message.
pub(super) const CONFUSED: &str = "The engine gave an answer of the wrong kind. Reload the page.";

/// Opens the studio: engine, pack, statistics and the address's link, in this order.
pub fn open(studio: Studio) {
    spawn_local(async move {
        let parameter = browser::query_parameter;
        let wish = Wish::new(parameter("engine").as_deref(), parameter("software").as_deref());
        let pack = parameter("pack").unwrap_or_else(|| DEFAULT_PACK.into());
        match browser::folder_url(&pack) {
            Some(url) => studio.with_hands(|hands| (hands.wish, hands.pack_url) = (wish, url)),
            None => {
                let message = format!(
                    "The address {pack} of a pack is no URL. Correct the part ?pack= of this page's address."
                );
                return studio.engine_state.set(EngineState::Broken(message));
            }
        }
        let gpu = probe().await;
        let choice = choose(&gpu, wish);
        studio.gpu.set(Some(gpu));
        studio.start(choice).await;
    });
}

impl Studio {
    /// The switch: another engine, because a person says so.
    pub fn switch_engine(self, kind: EngineKind) {
        let why = if kind == EngineKind::Gpu { "You chose the GPU." } else { "You chose the CPU." };
        spawn_local(self.start(Choice { kind, why: why.into() }));
    }

    /// From now on the engine runs models that people bring. The demo's CPU engine gives way to one that does; what was
    /// asked of it is asked again.
    pub(super) fn want_own_engine(self) {
        let is_new = self.with_hands(|hands| !std::mem::replace(&mut hands.own.wanted, true));
        let is_broken = self.engine_state.with_untracked(|state| matches!(state, EngineState::Broken(_)));
        if is_new && !is_broken && self.engine_kind.get_untracked() == EngineKind::Cpu {
            let why = self.engine_why.get_untracked();
            spawn_local(self.start(Choice { kind: EngineKind::Cpu, why }));
        }
    }

    /// Whether the switch may offer the GPU.
    pub fn gpu_offered(self) -> bool {
        let allow_software = self.hands.with_value(|hands| hands.wish.allow_software);
        self.losses.get().gpu_allowed()
            && self.gpu.with(|gpu| gpu.as_ref().is_some_and(|gpu| gpu.usable(allow_software)))
    }

    async fn start(self, choice: Choice) {
        match self.bring_up(choice).await {
            Ok(()) => self.score(),
            Err(CallError::Failed(sentence)) => {
                self.scoring.set(false);
                self.engine_state.set(EngineState::Broken(sentence));
                self.release();
            }
            // Whoever noticed the loss starts the next engine.
            Err(CallError::Lost | CallError::Cancelled) => {}
        }
    }

    async fn bring_up(self, choice: Choice) -> Result<(), CallError> {
        let kind = choice.kind;
        self.engine_kind.set(kind);
        self.engine_why.set(choice.why);
        self.engine_state.set(EngineState::Starting);
        browser::mark_body("engine", "");
        let on_loss = Box::new(move |loss| self.lost(kind, loss));
        let script = kind.script(self.with_hands(|hands| hands.own.wanted));
        let (engine, loaded) = Engine::spawn(script, on_loss).map_err(CallError::Failed)?;
        // The old engine ends here, and with it whatever was asked of it.
        let old = self.with_hands(|hands| hands.engine.replace(engine));
        drop(old);
        self.own_engine_ended();
        loaded.await.map_err(|_| CallError::Lost)?;

        let allow_software = self.hands.with_value(|hands| hands.wish.allow_software);
        // Asked together, so that the engine goes on to the pack at once.
        let url = self.with_hands(|hands| hands.pack_url.clone());
        let ask = |body| self.call(body, Array::new(), Rc::new(|_| ()), |hands| &mut hands.start);
        let start = ask(Request::Start { allow_software });
        let (started, opened) = futures::future::join(start, ask(Request::OpenPack { url })).await;
        let (Reply::Ready { backend }, Reply::PackOpened { pack }) = (started?.reply, opened?.reply) else {
            return Err(CallError::Failed(CONFUSED.into()));
        };
        let first = self.pack.with_untracked(Option::is_none);
        if first {
            self.recipe.set(pack.recipe.clone());
            self.problems.update(|problems| *problems = (*problems).min(pack.problems_per_language));
            self.pack.set(Some(Arc::new(pack)));
        }
        self.engine_state.set(EngineState::Ready(Arc::new(backend)));
        browser::mark_body("engine", kind.code());
        self.release();
        if first {
            // The page is there once the tasks that the pack caused have run.
            gloo_timers::future::TimeoutFuture::new(0).await;
            browser::mark_body("ready", "true");
            self.follow_address();
        }
        Ok(())
    }

    fn lost(self, kind: EngineKind, loss: Loss) {
        let mut losses = self.losses.get_untracked();
        let after = losses.after(kind, loss.gpu_unusable, loss.reason.trim_end_matches('.'));
        self.losses.set(losses);
        match after {
            After::Restart(choice) => {
                self.inform(choice.why.clone());
                spawn_local(self.start(choice));
            }
            After::GiveUp(sentence) => {
                self.scoring.set(false);
                self.engine_why.set("No engine is left to try.".into());
                self.notice.set(None);
                if self.pack.with_untracked(Option::is_some) {
                    self.warn(sentence.clone());
                }
                self.engine_state.set(EngineState::Broken(sentence));
                spawn_local(async move { self.release() });
            }
        }
    }
}
