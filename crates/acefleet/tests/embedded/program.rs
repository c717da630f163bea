//! The program on a dock: always within this process, because that is where the dock is.

use crate::ground::Link;
use acefleet::embedded::Embedded;
use std::collections::BTreeMap;
use std::path::Path;

pub(crate) use crate::within::Within as Program;

impl Program {
    /// Starts it with these settings; what it says goes into a file.
    pub(crate) fn start(dock: &Link, env: BTreeMap<String, String>, folder: &Path, log: &Path) -> Self {
        Self::begin(|settings| Embedded::new(dock.api(settings.engine.label.clone())), env, folder, log)
    }
}
