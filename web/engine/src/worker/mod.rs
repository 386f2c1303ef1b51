//! The engine in a dedicated worker: its message loop, and the parts that both hosts share.

mod inbox;
mod scope;

#[cfg(feature = "cpu")]
pub mod cpu;
#[cfg(feature = "gpu")]
pub mod gpu;

use std::rc::Rc;

use maec_protocol::{FromEngine, Reply};
use wasm_bindgen_futures::spawn_local;

use crate::{Engine, Host};
use inbox::Inbox;

/// Listens, says so, and answers requests one after the other for ever.
fn serve<H: Host + 'static>(host: impl FnOnce(Rc<Inbox>) -> H) {
    console_error_panic_hook::set_once();
    let inbox = Inbox::listen();
    let mut engine = Engine::new(host(inbox.clone()));
    scope::post(&FromEngine { id: 0, body: Reply::Loaded }, Vec::new());
    spawn_local(async move {
        loop {
            let message = inbox.next().await;
            let id = message.id;
            engine.handle(message).await;
            inbox.close(id);
        }
    });
}
