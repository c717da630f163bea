//! The way between the program and Docker, as a socket of its own that can be shut, blocked, and cut.
//!
//! It carries bytes and knows nothing of them. Docker itself, and whoever else talks to it, notices nothing.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How often is looked whether something else is wanted.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What happens to whatever comes along.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Passage {
    /// It passes.
    Free,
    /// Questions pass, and answers do not come until it is free again.
    AnswersHeld,
    /// Connections are refused, and those that there were are cut.
    Refused,
}

/// A way to Docker.
pub(crate) struct Way {
    path: PathBuf,
    shared: Arc<Shared>,
    porter: Option<JoinHandle<()>>,
}

struct Shared {
    docker: PathBuf,
    passage: AtomicU8,
    over: AtomicBool,
    open: Mutex<Vec<UnixStream>>,
}

impl Way {
    /// A way to the daemon with this socket.
    pub(crate) fn to(docker: &Path) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("acefleet-way-{}-{number}.sock", std::process::id()));
        let shared = Arc::new(Shared {
            docker: docker.into(),
            passage: AtomicU8::new(Passage::Free as u8),
            over: AtomicBool::new(false),
            open: Mutex::new(Vec::new()),
        });
        let porter = thread::spawn({
            let (shared, path) = (shared.clone(), path.clone());
            move || shared.admit(&path)
        });
        let way = Self { path, shared, porter: Some(porter) };
        while !way.path.exists() {
            thread::sleep(LOOK_EVERY);
        }
        way
    }

    /// What the program is told to take it.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        vec![("DOCKER_HOST", format!("unix://{}", self.path.display()))]
    }

    /// What happens from now on to whatever comes along.
    pub(crate) fn set(&self, passage: Passage) {
        self.shared.passage.store(passage as u8, Ordering::SeqCst);
        if passage == Passage::Refused {
            self.cut();
        }
    }

    /// Cuts every connection that there is now; new ones may come.
    pub(crate) fn cut(&self) {
        self.shared.cut();
    }
}

impl Shared {
    fn is(&self, passage: Passage) -> bool {
        self.passage.load(Ordering::SeqCst) == passage as u8
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    fn cut(&self) {
        for stream in self.open.lock().expect("nobody panics with it").drain(..) {
            // It may have ended by itself.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn admit(self: &Arc<Self>, path: &Path) {
        let mut door = None;
        while !self.is_over() {
            if self.is(Passage::Refused) {
                // Whoever connects to the file of a socket that nobody listens on is refused.
                door = None;
                thread::sleep(LOOK_EVERY);
                continue;
            }
            let listener = door.get_or_insert_with(|| {
                drop(fs::remove_file(path));
                let listener = UnixListener::bind(path).expect("a socket for the way to Docker");
                listener.set_nonblocking(true).expect("sockets need not block");
                listener
            });
            match listener.accept() {
                Ok((stream, _)) => self.lead(stream),
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(LOOK_EVERY),
                Err(error) => panic!("the way to Docker: {error}"),
            }
        }
    }

    fn lead(self: &Arc<Self>, near: UnixStream) {
        near.set_nonblocking(false).expect("sockets can block");
        // A daemon that is not there is as good as a connection that is cut.
        let Ok(far) = UnixStream::connect(&self.docker) else { return };
        let again = |stream: &UnixStream| stream.try_clone().expect("a socket has two ends");
        {
            let mut open = self.open.lock().expect("nobody panics with it");
            open.push(again(&near));
            open.push(again(&far));
        }
        let questions = (again(&near), again(&far), false);
        for (from, to, held) in [questions, (far, near, true)] {
            let shared = self.clone();
            thread::spawn(move || shared.carry(from, to, held));
        }
    }

    /// Carries what comes until there is no more; `held` if it can be held up.
    fn carry(&self, mut from: UnixStream, mut to: UnixStream, held: bool) {
        let mut bytes = vec![0; 16 << 10];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            while held && self.is(Passage::AnswersHeld) && !self.is_over() {
                thread::sleep(LOOK_EVERY);
            }
            if to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        // Docker ends what it has been asked for by half a connection, so each half is ended by itself.
        let _ = to.shutdown(Shutdown::Write);
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        self.cut();
        if let Some(porter) = self.porter.take() {
            drop(porter.join());
        }
        drop(fs::remove_file(&self.path));
    }
}
