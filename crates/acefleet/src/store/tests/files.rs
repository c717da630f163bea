//! Files that cannot be used, or not any more.

use super::*;
use rusqlite::Connection;
use std::os::unix::fs::FileExt;

/// A store in which something has been written, closed again.
async fn filled(file: &Path) {
    let store = Store::at(file.to_owned());
    store.remembered().await.unwrap();
    store.keep(vec![session("a")]);
    store.record(News {
        journal: (1..=2_000).map(|id| engine_entry(id, "acestream-1")).collect(),
        ..News::default()
    });
    store.close();
}

#[tokio::test]
async fn a_database_of_another_program_is_left_alone() {
    let folder = Folder::new();
    let theirs = Connection::open(folder.file()).unwrap();
    theirs.pragma_update(None, "journal_mode", "WAL").unwrap();
    theirs
        .execute_batch(
            "CREATE TABLE engines (engine_key VARCHAR(128) NOT NULL, port INTEGER, PRIMARY KEY (engine_key));
            CREATE TABLE streams (id VARCHAR(256) NOT NULL, status VARCHAR(16), PRIMARY KEY (id));
            INSERT INTO engines VALUES ('x', 1)",
        )
        .unwrap();
    drop(theirs);
    let before = std::fs::read(folder.file()).unwrap();
    let ours = folder.0.join("orchestrator.acefleet.db");
    assert_eq!(look(&folder.file()), Ok(Seen::Anothers("the Python orchestrator's database", ours.clone())));
    assert_eq!(folder.named(""), [folder.file()], "a look leaves nothing behind");
    for _ in 0..2 {
        let store = Store::at(folder.file());
        store.remembered().await.unwrap();
        store.keep(vec![session("a")]);
    }
    assert_eq!(std::fs::read(folder.file()).unwrap(), before);
    assert!(ours.exists());
    let store = Store::at(folder.file());
    assert_eq!(store.remembered().await, Ok(vec![session("a")]));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_alone_as_well() {
    let folder = Folder::new();
    std::fs::write(folder.file(), [b'x'; 4096]).unwrap();
    let ours = folder.0.join("orchestrator.acefleet.db");
    assert_eq!(look(&folder.file()), Ok(Seen::Anothers("a file of another program", ours)));
    filled(&folder.file()).await;
    assert_eq!(std::fs::read(folder.file()).unwrap(), [b'x'; 4096]);
    assert_eq!(Store::at(folder.file()).remembered().await, Ok(vec![session("a")]));
}

#[tokio::test]
async fn an_empty_file_is_filled_where_it_is() {
    let folder = Folder::new();
    std::fs::write(folder.file(), []).unwrap();
    filled(&folder.file()).await;
    assert_eq!(folder.named("orchestrator"), [folder.file()]);
    assert_eq!(Store::at(folder.file()).remembered().await, Ok(vec![session("a")]));
}

#[tokio::test]
async fn tables_of_an_earlier_version_are_brought_to_the_present_one() {
    let folder = Folder::new();
    let old = Connection::open(folder.file()).unwrap();
    old.pragma_update(None, "application_id", 0x0ace_f1ee).unwrap();
    old.execute_batch(tables::MIGRATIONS[0]).unwrap();
    old.pragma_update(None, "user_version", 1).unwrap();
    drop(old);
    filled(&folder.file()).await;
    let store = Store::at(folder.file());
    assert_eq!(store.remembered().await, Ok(vec![session("a")]));
    assert_eq!(entries(&store).await.len(), 2_000);
}

#[tokio::test]
async fn a_database_from_the_future_is_not_touched_and_said_to_be_one() {
    let folder = Folder::new();
    filled(&folder.file()).await;
    Connection::open(folder.file()).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(look(&folder.file()).unwrap_err().contains("newer acefleet (version 99"));
    let before = std::fs::read(folder.file()).unwrap();
    let store = Store::at(folder.file());
    let said = store.remembered().await.unwrap_err();
    assert!(said.contains("newer acefleet (version 99"), "{said}");
    assert!(store.trouble().unwrap().contains("newer acefleet"));
    drop(store);
    assert_eq!(std::fs::read(folder.file()).unwrap(), before);
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_an_error_and_not_the_end() {
    let store = Store::at("/proc/nowhere/a.db".into());
    let said = store.remembered().await.unwrap_err();
    assert!(said.contains("/proc/nowhere") && said.contains("DB_URL"), "{said}");
    // What it is told meanwhile is what a core that is built anew has to know.
    store.keep(vec![session("a")]);
    assert_eq!(store.remembered().await, Ok(vec![session("a")]));
    assert!(store.readers().journal(Default::default(), 1).await.is_err());
}

#[tokio::test]
async fn a_folder_where_the_file_should_be_is_called_one() {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.file()).unwrap();
    let store = Store::at(folder.file());
    let said = [store.remembered().await.unwrap_err(), look(&folder.file()).unwrap_err()];
    for said in said {
        assert!(said.contains("it is a folder and not a file") && said.contains("DB_URL"), "{said}");
    }
}

#[tokio::test]
async fn the_latest_entries_of_a_program_that_does_not_run_are_read_and_nothing_is_changed() {
    let folder = Folder::new();
    assert_eq!(latest_entries(&folder.file(), 3), Ok(Vec::new()));
    assert_eq!(folder.named(""), Vec::<PathBuf>::new());
    filled(&folder.file()).await;
    let before = std::fs::read(folder.file()).unwrap();
    let ids = |limit| -> Vec<u64> {
        let read = latest_entries(&folder.file(), limit).expect("it can be read");
        read.into_iter().map(|line| line.id).collect()
    };
    assert_eq!(ids(3), [2_000, 1_999, 1_998]);
    // While a program has it open, too.
    let store = Store::at(folder.file());
    store.record(News { journal: [engine_entry(2_001, "acestream-1")].into(), ..News::default() });
    store.written().await;
    assert_eq!(ids(1), [2_001]);
    drop(store);
    assert_eq!(ids(5_000).len(), 2_001);
    std::fs::remove_file(folder.file()).unwrap();
    std::fs::write(folder.file(), &before[..before.len() / 2]).unwrap();
    assert!(matches!(latest_entries(&folder.file(), 5_000), Err(Unread::Unusable(_))));
}

#[tokio::test]
async fn a_folder_that_is_missing_is_made_and_what_waited_is_written() {
    let folder = Folder::new();
    // A file stands where the folder should be.
    let in_the_way = folder.0.join("data");
    std::fs::write(&in_the_way, "x").unwrap();
    let store = Store::at(in_the_way.join("deeper").join("a.db"));
    store.record(News { journal: [engine_entry(1, "acestream-1")].into(), ..News::default() });
    until("it is said", || store.trouble().is_some_and(|said| said.contains("its folder"))).await;
    std::fs::remove_file(&in_the_way).unwrap();
    until("it comes back by itself", || store.trouble().is_none()).await;
    assert_eq!(entries(&store).await, [1]);
}

#[tokio::test]
async fn a_page_that_is_damaged_has_the_file_moved_aside_and_a_new_one_begun() {
    let folder = Folder::new();
    filled(&folder.file()).await;
    // All of it but for the first pages: whatever is written next meets damage.
    let file = std::fs::OpenOptions::new().write(true).open(folder.file()).unwrap();
    let bytes = file.metadata().unwrap().len();
    for at in (4_096 * 2..bytes).step_by(4_096) {
        file.write_all_at(&[0xff; 4_096], at).unwrap();
    }
    drop(file);
    let damaged = std::fs::read(folder.file()).unwrap();
    let store = Store::at(folder.file());
    store.keep(vec![session("b")]);
    store.record(News { journal: [engine_entry(5_000, "acestream-1")].into(), ..News::default() });
    store.written().await;
    assert_eq!(store.trouble(), None);
    assert_eq!(entries(&store).await, [5_000]);
    assert_eq!(store.remembered().await, Ok(vec![session("b")]));
    let aside: Vec<_> = folder.named(".damaged-");
    assert!(aside.iter().any(|path| std::fs::read(path).unwrap() == damaged), "{aside:?}");
}

#[tokio::test]
async fn damage_that_only_a_reader_meets_is_acted_upon_too() {
    let folder = Folder::new();
    filled(&folder.file()).await;
    let connection = Connection::open(folder.file()).unwrap();
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'states'";
    let page: u64 = connection.query_row(root, (), |row| row.get::<_, i64>(0)).unwrap().unsigned_abs();
    drop(connection);
    let file = std::fs::OpenOptions::new().write(true).open(folder.file()).unwrap();
    file.write_all_at(&[0xff; 4_096], (page - 1) * 4_096).unwrap();
    drop(file);
    let store = Store::at(folder.file());
    store.written().await;
    assert!(store.readers().states(States::default(), 10).await.is_err());
    until("it is moved aside", || !folder.named(".damaged-").is_empty()).await;
    store.written().await;
    assert_eq!(store.readers().states(States::default(), 10).await, Ok(vec![]));
}

#[tokio::test]
async fn the_log_of_a_file_that_somebody_removed_is_not_taken_for_that_of_the_new_one() {
    let folder = Folder::new();
    let old = Folder::new();
    let store = Store::at(old.file());
    store.keep(vec![session("old")]);
    store.written().await;
    // What a crash leaves, without the file itself.
    let log = old.named("-wal");
    std::fs::copy(&log[0], folder.0.join("orchestrator.db-wal")).unwrap();
    let store = Store::at(folder.file());
    assert_eq!(store.remembered().await, Ok(vec![]));
    assert!(folder.named(".damaged-").iter().any(|path| path.to_string_lossy().ends_with("-wal")));
}

#[tokio::test]
async fn a_file_that_another_holds_is_waited_for() {
    let folder = Folder::new();
    filled(&folder.file()).await;
    let other = Connection::open(folder.file()).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let store = Store::at(folder.file());
    store.record(News { journal: [engine_entry(5_000, "acestream-1")].into(), ..News::default() });
    until("it is said", || store.trouble().is_some_and(|said| said.contains("locked"))).await;
    other.execute_batch("ROLLBACK").unwrap();
    until("it comes back by itself", || store.trouble().is_none()).await;
    assert_eq!(entries(&store).await.last(), Some(&5_000));
}

#[tokio::test]
async fn a_file_that_is_removed_while_it_is_open_is_made_anew() {
    let folder = Folder::new();
    let store = Store::at(folder.file());
    store.keep(vec![session("a")]);
    let totals = Some(sums(7));
    store.record(News { streams: [stream("s", 1, None)].into(), totals, ..News::default() });
    store.written().await;
    for name in folder.named("orchestrator") {
        std::fs::remove_file(name).unwrap();
    }
    store.record(News {
        journal: [engine_entry(2, "acestream-1")].into(),
        samples: [sample("s", 1, 2)].into(),
        ..News::default()
    });
    store.written().await;
    assert!(folder.file().exists());
    assert_eq!(entries(&store).await, [2]);
    assert_eq!(store.readers().samples("s".into(), None, (None, None), 9).await.unwrap().len(), 1);
    drop(store);
    let store = Store::at(folder.file());
    assert_eq!(store.remembered().await, Ok(vec![session("a")]));
    assert_eq!(store.beginning().unwrap().totals, sums(7));
}
