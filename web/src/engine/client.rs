//! One engine worker: requests with ids, their progress and their answers.

use std::cell::RefCell;
use std::rc::Rc;

use futures::channel::oneshot;
use js_sys::{Array, ArrayBuffer};
use maec_protocol::{FromEngine, Reply, Request, RequestId, ToEngine};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{ErrorEvent, Event, MessageEvent, Worker, WorkerOptions, WorkerType};

use super::tree;

/// A request's last reply and the files that came with it.
#[derive(Debug)]
pub struct Answer {
    /// The reply.
    pub reply: Reply,
    /// Files, for [`Reply::Exported`] only.
    pub buffers: Vec<ArrayBuffer>,
}

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallError {
    /// It was cancelled.
    Cancelled,
    /// The engine refused or failed; the sentences are for people.
    Failed(String),
    /// The worker is gone; ask again once another one runs.
    Lost,
}

/// A worker that ended by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// What it said, on one line.
    pub reason: String,
    /// The GPU failed a check and should not be tried again.
    pub gpu_unusable: bool,
}

type Outcome = Result<Answer, CallError>;
type OnLoss = Box<dyn FnOnce(Loss)>;

struct Pending {
    done: oneshot::Sender<Outcome>,
    on_event: Rc<dyn Fn(Reply)>,
}

struct State {
    next: RequestId,
    /// A handful, in the order in which they were asked.
    pending: Vec<(RequestId, Pending)>,
    loaded: Option<oneshot::Sender<()>>,
    on_loss: Option<OnLoss>,
}

/// A running worker. Dropping it ends the worker and answers everything pending with [`CallError::Lost`].
pub struct Engine {
    worker: Worker,
    state: Rc<RefCell<State>>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(Event)>,
}

impl Engine {
    /// Starts a worker. `on_loss` is called at most once, when the worker ends by itself. The receiver fires when the
    /// worker listens: what is posted before that is dropped.
    pub fn spawn(script: &str, on_loss: OnLoss) -> Result<(Self, oneshot::Receiver<()>), String> {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let worker = Worker::new_with_options(script, &options)
            .map_err(|_| format!("the worker {script} cannot be started"))?;
        let (loaded, ready) = oneshot::channel();
        let state = Rc::new(RefCell::new(State {
            next: 1,
            pending: Vec::new(),
            loaded: Some(loaded),
            on_loss: Some(on_loss),
        }));

        let shared = state.clone();
        let on_message = Closure::new(move |event: MessageEvent| match read(&event.data()) {
            Some((message, buffers)) => receive(&shared, message, buffers),
            None => lose(&shared, Loss { reason: "its message cannot be read".into(), gpu_unusable: false }),
        });
        let shared = state.clone();
        let on_error = Closure::new(move |event: Event| {
            event.prevent_default();
            lose(&shared, Loss { reason: reason(&event), gpu_unusable: false });
        });
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        Ok((Self { worker, state, _on_message: on_message, _on_error: on_error }, ready))
    }

    /// Posts a request with what it speaks of, files or a folder's handle, which the worker uses in place. Progress and tokens go to
    /// `on_event`; the receiver gets the one answer, or is dropped with the engine.
    pub fn ask(
        &self,
        body: Request,
        with: &Array,
        on_event: Rc<dyn Fn(Reply)>,
    ) -> (RequestId, oneshot::Receiver<Outcome>) {
        let (done, answer) = oneshot::channel();
        let id = {
            let mut state = self.state.borrow_mut();
            let id = state.next;
            state.next += 1;
            state.pending.push((id, Pending { done, on_event }));
            id
        };
        self.post(&ToEngine { id, body }, with);
        (id, answer)
    }

    /// Asks the engine to stop a request, which then answers [`CallError::Cancelled`].
    pub fn cancel(&self, target: RequestId) {
        let id = {
            let mut state = self.state.borrow_mut();
            state.next += 1;
            state.next - 1
        };
        self.post(&ToEngine { id, body: Request::Cancel { target } }, &Array::new());
    }

    /// Posts `[json, files…]`.
    fn post(&self, message: &ToEngine, with: &Array) {
        let posted = serde_json::to_string(message).ok().and_then(|json| {
            let parts = Array::of1(&JsValue::from_str(&json)).concat(with);
            self.worker.post_message(&parts).ok()
        });
        if posted.is_none() {
            let sentence = "The request cannot be sent to the engine.";
            finish(&self.state, message.id, Err(CallError::Failed(sentence.into())));
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
        self.worker.terminate();
        self.state.borrow_mut().on_loss = None;
        fail_all(&self.state);
    }
}

/// `[json, bytes…]` → message and files.
fn read(data: &JsValue) -> Option<(FromEngine, Vec<ArrayBuffer>)> {
    let parts: &Array = data.dyn_ref()?;
    let message = tree::parse(&parts.get(0).as_string()?)?;
    let buffers = parts.iter().skip(1).map(|part| part.dyn_into().ok()).collect::<Option<_>>()?;
    Some((message, buffers))
}

/// What an error event says, on one line. A program that cannot be loaded gives a plain event without words.
fn reason(event: &Event) -> String {
    let message = event.dyn_ref::<ErrorEvent>().map(ErrorEvent::message).unwrap_or_default();
    let line = message.lines().next().unwrap_or_default().trim_start_matches("Uncaught ");
    if line.is_empty() { "its program cannot be loaded".into() } else { line.into() }
}

fn receive(shared: &Rc<RefCell<State>>, message: FromEngine, buffers: Vec<ArrayBuffer>) {
    match message.body {
        Reply::Loaded => {
            if let Some(loaded) = shared.borrow_mut().loaded.take() {
                let _ = loaded.send(());
            }
        }
        event @ (Reply::Progress { .. } | Reply::Token { .. }) => {
            // The borrow ends before the handler runs, which may ask again.
            let of = |pending: &&(RequestId, Pending)| pending.0 == message.id;
            let on_event = shared.borrow().pending.iter().find(of).map(|pending| pending.1.on_event.clone());
            if let Some(on_event) = on_event {
                on_event(event);
            }
        }
        Reply::Failed { message: what, gpu_unusable: true, .. } => {
            lose(shared, Loss { reason: what, gpu_unusable: true });
        }
        Reply::Cancelled => finish(shared, message.id, Err(CallError::Cancelled)),
        Reply::Failed { message: what, hint, .. } => {
            let sentence = hint.map_or(what.clone(), |hint| format!("{what} {hint}"));
            finish(shared, message.id, Err(CallError::Failed(sentence)));
        }
        reply => finish(shared, message.id, Ok(Answer { reply, buffers })),
    }
}

fn finish(shared: &Rc<RefCell<State>>, id: RequestId, outcome: Outcome) {
    let pending = {
        let list = &mut shared.borrow_mut().pending;
        list.iter().position(|pending| pending.0 == id).map(|place| list.remove(place).1)
    };
    if let Some(pending) = pending {
        let _ = pending.done.send(outcome);
    }
}

fn lose(shared: &Rc<RefCell<State>>, loss: Loss) {
    let on_loss = shared.borrow_mut().on_loss.take();
    if let Some(on_loss) = on_loss {
        on_loss(loss);
    }
    fail_all(shared);
}

fn fail_all(shared: &Rc<RefCell<State>>) {
    let pending = std::mem::take(&mut shared.borrow_mut().pending);
    for (_, pending) in pending {
        let _ = pending.done.send(Err(CallError::Lost));
    }
}
