//! The store in processes of their own, which are killed, and to which the system refuses what they ask for.

mod child;
mod full;
mod killed;
mod refused;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A folder of its own for one test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("acefleet-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the folder");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Waits until something is so.
fn until(what: &str, so: impl Fn() -> bool) {
    const PATIENCE: Duration = Duration::from_secs(60);
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < PATIENCE, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
