//! One acefleet at a time for one database: an exclusive lock on a file beside it, which the system lets go of
//! when its holder dies, however it dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Who holds a lock says so in fewer bytes.
const HOLDER_BYTES_MAX: u64 = 512;

/// The lock, for as long as this lives.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
pub enum Held {
    /// Somebody else has it.
    #[error("another acefleet works with this database already: {0}")]
    By(String),
    /// The file cannot be used.
    #[error(
        "the lock file {path} cannot be used ({source}): DB_URL has to name a folder that acefleet may write to"
    )]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Lock {
    /// Takes the lock that belongs to this database.
    pub fn take(database: &Path) -> Result<Self, Held> {
        let mut name = database.as_os_str().to_os_string();
        name.push(".lock");
        let path = PathBuf::from(name);
        let unusable = |source| Held::Unusable { path: path.clone(), source };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(unusable)?;
        }
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        // One that only somebody else may write to can still be held by him, and by us.
        let open = open.or_else(|error| File::open(&path).map_err(|_| error));
        let mut file = open.map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                drop((&mut file).take(HOLDER_BYTES_MAX).read_to_string(&mut holder));
                return Err(Held::By(holder.trim().escape_debug().to_string()));
            }
            Err(TryLockError::Error(source)) => return Err(unusable(source)),
        }
        // What is written is for people; whether the lock is held does not depend on it.
        let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
        let holder = format!("process {} on host {}\n", std::process::id(), host.trim());
        let written = file
            .set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| file.write_all(holder.as_bytes()));
        // A disk that is full, or a file of somebody else, takes no name; the lock is held all the same.
        drop(written);
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_taker_is_told_who_holds_the_lock_until_it_is_let_go() {
        let folder = std::env::temp_dir().join(format!("acefleet-lock-{}", std::process::id()));
        let database = folder.join("deeper").join("a.db");
        let lock = Lock::take(&database).unwrap();
        let Err(Held::By(holder)) = Lock::take(&database) else { panic!("taken twice") };
        assert!(holder.contains(&format!("process {}", std::process::id())), "{holder}");
        drop(lock);
        assert!(Lock::take(&database).is_ok());
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_lock_that_may_not_be_written_to_is_held_all_the_same() {
        let folder = std::env::temp_dir().join(format!("acefleet-lock-read-only-{}", std::process::id()));
        let database = folder.join("a.db");
        // Nobody can write to a folder, whatever his rights.
        std::fs::create_dir_all(folder.join("a.db.lock")).unwrap();
        let lock = Lock::take(&database).unwrap();
        assert!(matches!(Lock::take(&database), Err(Held::By(_))));
        drop(lock);
        assert!(Lock::take(&database).is_ok());
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_lock_in_a_place_that_cannot_be_written_says_what_to_do() {
        let Err(held) = Lock::take(Path::new("/proc/nowhere/a.db")) else { panic!("taken") };
        assert!(held.to_string().contains("DB_URL"), "{held}");
    }
}
