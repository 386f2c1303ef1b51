//! Requests in the order of their arrival, and which of them were cancelled.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use js_sys::Array;
use maec_protocol::{Request, RequestId, ToEngine};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::MessageEvent;
#[cfg(feature = "own")]
use web_sys::{Blob, FileSystemDirectoryHandle};

use super::scope;

/// What the page has posted.
#[derive(Default)]
pub struct Inbox {
    queue: RefCell<VecDeque<ToEngine>>,
    /// Waiting or being answered.
    open: RefCell<BTreeSet<RequestId>>,
    cancelled: RefCell<BTreeSet<RequestId>>,
    /// The `File`s and folders that came with open requests.
    brought: RefCell<BTreeMap<RequestId, Array>>,
    current: Cell<RequestId>,
    waker: RefCell<Option<Waker>>,
}

impl Inbox {
    /// Starts to listen to the page, for as long as the worker lives.
    pub fn listen() -> Rc<Self> {
        let inbox = Rc::new(Self::default());
        let own = inbox.clone();
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            let parts: Array = event.data().dyn_into().unwrap_or_default();
            let json = parts.get(0).as_string().unwrap_or_default();
            let brought = parts.slice(1, parts.length());
            match serde_json::from_str(&json) {
                Ok(message) => own.receive(message, brought),
                // The page and its engine are of different versions.
                Err(error) => scope::fail(&format!("the engine cannot read a request: {error}")),
            }
        });
        scope::get().set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        on_message.forget();
        inbox
    }

    fn receive(&self, message: ToEngine, brought: Array) {
        if let Request::Cancel { target } = message.body {
            if self.open.borrow().contains(&target) {
                self.cancelled.borrow_mut().insert(target);
            }
            return;
        }
        self.open.borrow_mut().insert(message.id);
        self.brought.borrow_mut().insert(message.id, brought);
        self.queue.borrow_mut().push_back(message);
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    /// The next request, once there is one.
    pub async fn next(&self) -> ToEngine {
        let message = poll_fn(|context| match self.queue.borrow_mut().pop_front() {
            Some(message) => Poll::Ready(message),
            None => {
                *self.waker.borrow_mut() = Some(context.waker().clone());
                Poll::Pending
            }
        });
        let message = message.await;
        self.current.set(message.id);
        message
    }

    /// A request is answered.
    pub fn close(&self, id: RequestId) {
        self.open.borrow_mut().remove(&id);
        self.cancelled.borrow_mut().remove(&id);
        self.brought.borrow_mut().remove(&id);
    }

    /// The `File`s that came with a request that is not answered yet.
    #[cfg(feature = "own")]
    pub fn files(&self, id: RequestId) -> Vec<Blob> {
        self.brought(id)
    }

    /// The folder that came with a request that is not answered yet.
    #[cfg(feature = "own")]
    pub fn folder(&self, id: RequestId) -> Option<FileSystemDirectoryHandle> {
        self.brought(id).pop()
    }

    /// What came with a request and is of this class.
    #[cfg(feature = "own")]
    fn brought<T: JsCast>(&self, id: RequestId) -> Vec<T> {
        let brought = self.brought.borrow();
        let all = brought.get(&id).into_iter().flat_map(Array::iter);
        all.filter_map(|part| part.dyn_into().ok()).collect()
    }

    /// Whether the page has cancelled a request.
    pub fn is_cancelled(&self, id: RequestId) -> bool {
        self.cancelled.borrow().contains(&id)
    }

    /// The request that is being answered, or was last.
    #[cfg(feature = "gpu")]
    pub fn current(&self) -> RequestId {
        self.current.get()
    }
}
