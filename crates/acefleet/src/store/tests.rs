//! What the store keeps, and what it does with files that it cannot use.

use super::*;

use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of its own for one test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("acefleet-store-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("orchestrator.db")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn stream(id: &str) -> RememberedStream {
    RememberedStream {
        engine: ContainerId::from_bytes([7; 32]),
        stream: id.into(),
        content: Content { kind: KeyType::Infohash, key: "'; DROP TABLE announced; --".into() },
        playback_session_id: "p".into(),
        stat_path: Some("/ace/stat/1".into()),
        command_path: None,
        is_live: true,
        started_at: Time::from_secs(5),
    }
}

#[tokio::test]
async fn what_is_kept_is_remembered_after_a_restart() {
    let folder = Folder::new();
    let store = Store::at(folder.file());
    assert_eq!(store.remembered().await, Ok(vec![]));
    store.keep(vec![stream("a"), stream("b")]);
    store.keep(vec![stream("b"), stream("c")]);
    drop(store);
    let store = Store::at(folder.file());
    assert_eq!(store.remembered().await, Ok(vec![stream("b"), stream("c")]));
}

#[tokio::test]
async fn a_database_of_another_program_is_left_alone() {
    let folder = Folder::new();
    let theirs = Connection::open(folder.file()).unwrap();
    theirs.execute_batch("CREATE TABLE engines (id TEXT); INSERT INTO engines VALUES ('x')").unwrap();
    drop(theirs);
    let before = std::fs::read(folder.file()).unwrap();
    for _ in 0..2 {
        let store = Store::at(folder.file());
        store.remembered().await.unwrap();
        store.keep(vec![stream("a")]);
    }
    assert_eq!(std::fs::read(folder.file()).unwrap(), before);
    let store = Store::at(folder.file());
    assert_eq!(store.remembered().await, Ok(vec![stream("a")]));
}

#[tokio::test]
async fn a_database_from_the_future_is_not_touched_and_said_to_be_one() {
    let folder = Folder::new();
    drop(Store::at(folder.file()).remembered().await);
    Connection::open(folder.file()).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let said = Store::at(folder.file()).remembered().await.unwrap_err();
    assert!(said.contains("newer acefleet"), "{said}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_an_error_and_not_the_end() {
    let folder = Folder::new();
    std::fs::write(folder.file(), [b'x'; 4096]).unwrap();
    let store = Store::at(folder.file());
    store.remembered().await.unwrap_err();
    store.keep(vec![stream("a")]);
    assert!(store.remembered().await.is_err());
    drop(store);
    assert_eq!(std::fs::read(folder.file()).unwrap(), [b'x'; 4096]);
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_an_error_and_not_the_end() {
    let store = Store::at(PathBuf::from("/proc/nowhere/a.db"));
    assert!(store.remembered().await.is_err());
}
