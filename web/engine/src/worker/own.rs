//! Files that people bring: dropped ones, and those of the hub with the browser's storage as their cache.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use maec_bytes::{DroppedFiles, TabHub, storage_estimate, tab_hub};
use maec_checkpoint::FileSet;
use web_sys::Blob;

use crate::{Failure, HubFiles, Remote};

/// The hub's client, made when it is first needed.
#[derive(Default)]
pub struct Bytes {
    hub: RefCell<Option<Rc<TabHub>>>,
}

impl Bytes {
    /// As [`crate::Host::remote`].
    pub async fn remote(&self, name: &str) -> Result<Rc<dyn Remote>, Failure> {
        let known = self.hub.borrow().clone();
        let hub = match known {
            Some(hub) => hub,
            None => {
                let hub = Rc::new(tab_hub(None).await.map_err(Failure::of)?);
                self.hub.borrow_mut().get_or_insert(hub).clone()
            }
        };
        Ok(Rc::new(HubFiles::open(hub, name).await?))
    }
}

/// As [`crate::Host::files`].
pub fn files(names: &[String], files: Vec<Blob>) -> Result<Arc<dyn FileSet>, Failure> {
    if names.len() != files.len() {
        let message = format!("{} files came for {} names.", files.len(), names.len());
        return Err(Failure::refused(message, "Drop them again."));
    }
    Ok(Arc::new(DroppedFiles::new(names.iter().cloned().zip(files).collect())))
}

/// As [`crate::Host::storage_free`].
pub async fn storage_free() -> Option<u64> {
    Some(storage_estimate().await?.free())
}
