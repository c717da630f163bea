//! What has to outlive the program: the sessions that other programs have announced, in SQLite.
//!
//! One thread writes; nobody who decides ever waits for the disk. A store that cannot be used is said loudly, once,
//! and tried again; meanwhile the program works without it.

mod lock;
mod sessions;

pub use lock::{Held, Lock};
pub use sessions::{Remembered, Store};
