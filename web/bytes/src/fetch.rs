//! HTTP through `fetch`.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use gloo_timers::callback::Timeout;
use js_sys::{Promise, Reflect, Uint8Array};
use maec_hub::{Address, Answer, Body, Get, Head, Transport, TransportError};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, Headers, ReadableStreamDefaultReader, Request, RequestCache, RequestCredentials,
    RequestInit, Response,
};

use crate::js::{self, NO_WORKER, worker};

const STALL: Duration = Duration::from_secs(30);

/// Answers GET requests with the browser's `fetch`: without cookies, past the browser's own cache. Dropping a request or its body
/// ends the transfer.
#[derive(Debug, Clone, Copy)]
pub struct FetchTransport {
    stall: Duration,
}

impl Default for FetchTransport {
    fn default() -> Self {
        Self { stall: STALL }
    }
}

impl FetchTransport {
    /// Changes how long a server may be silent.
    pub fn with_stall_timeout(self, stall: Duration) -> Self {
        Self { stall }
    }
}

/// Ends a transfer when dropped.
#[derive(Debug)]
struct Transfer {
    controller: AbortController,
    stall: Duration,
}

impl Drop for Transfer {
    fn drop(&mut self) {
        self.controller.abort();
    }
}

impl Transfer {
    /// Waits for a promise, but not longer than a server may be silent.
    async fn wait(&self, promise: Promise) -> Result<JsValue, TransportError> {
        let stalled = Rc::new(Cell::new(false));
        let millis = u32::try_from(self.stall.as_millis()).unwrap_or(u32::MAX);
        let _timer = Timeout::new(millis, {
            let (stalled, controller) = (Rc::clone(&stalled), self.controller.clone());
            move || {
                stalled.set(true);
                controller.abort();
            }
        });
        JsFuture::from(promise).await.map_err(|e| match stalled.get() {
            true => TransportError::Stalled { secs: self.stall.as_secs() },
            false => broken(&e),
        })
    }
}

/// The browser does not tell a page why another site can't be read.
fn broken(error: &JsValue) -> TransportError {
    let reason = match error.is_instance_of::<js_sys::TypeError>() {
        true => "there is no network, or the server does not let other sites read it (CORS)".into(),
        false => js::message(error),
    };
    TransportError::Broken { reason }
}

fn request(get: &Get<'_>, controller: &AbortController) -> Result<Request, JsValue> {
    let headers = Headers::new()?;
    if let Some(range) = get.range_header() {
        headers.set("range", &range)?;
    }
    let init = RequestInit::new();
    init.set_headers_headers(&headers);
    init.set_cache(RequestCache::NoStore);
    init.set_credentials(RequestCredentials::Omit);
    init.set_signal(Some(&controller.signal()));
    Request::new_with_str_and_init(&get.address.to_string(), &init)
}

impl Transport for FetchTransport {
    type Body = FetchBody;

    async fn get(&self, get: &Get<'_>) -> Result<Answer<FetchBody>, TransportError> {
        let refused = |reason: String| TransportError::Refused { reason };
        let worker = worker().ok_or_else(|| refused(NO_WORKER.into()))?;
        let controller = AbortController::new().map_err(|e| refused(js::message(&e)))?;
        let request = request(get, &controller).map_err(|e| refused(js::message(&e)))?;
        let transfer = Transfer { controller, stall: self.stall };
        let response = transfer.wait(worker.fetch_with_request(&request)).await?;
        let response: Response = response.dyn_into().map_err(|e| broken(&e))?;
        let headers = response.headers();
        let from = Address::parse(response.url().split('#').next().unwrap_or_default());
        let elsewhere = response.redirected() && from.is_ok_and(|from| !from.same_origin(get.address));
        let head = Head::new(response.status(), elsewhere, |name| headers.get(name).ok().flatten());
        let reader = match response.body() {
            Some(body) => Some(ReadableStreamDefaultReader::new(&body).map_err(|e| broken(&e))?),
            None => None,
        };
        Ok(Answer { head, body: FetchBody { reader, transfer } })
    }
}

/// A body on its way.
#[derive(Debug)]
pub struct FetchBody {
    reader: Option<ReadableStreamDefaultReader>,
    transfer: Transfer,
}

impl Body for FetchBody {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, TransportError> {
        let Some(reader) = &self.reader else { return Ok(None) };
        loop {
            let read = self.transfer.wait(reader.read()).await?;
            let field = |name: &str| Reflect::get(&read, &name.into()).map_err(|e| broken(&e));
            if field("done")?.is_truthy() {
                return Ok(None);
            }
            let bytes: Uint8Array = field("value")?.dyn_into().map_err(|e| broken(&e))?;
            if bytes.length() > 0 {
                return Ok(Some(bytes.to_vec()));
            }
        }
    }
}
