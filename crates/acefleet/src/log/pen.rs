//! Lines on their way out: to standard error, and to the file of DEBUG_MODE.
//!
//! A disk may hang, and so may whoever reads the other end of a pipe. Nobody who logs waits for that: lines are put
//! down in memory, and one thread writes them. What there is no room for, and what cannot be written, is counted and
//! said.

use prometheus_client::metrics::counter::Counter;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tracing::{info, warn};
use tracing_subscriber::fmt::MakeWriter;

/// What may wait to be written.
pub(super) const WAITING_MAX_BYTES: usize = 4 << 20;
/// That lines are missing is said no more often than this.
const SAID_EVERY: Duration = Duration::from_secs(10);

/// Where lines are put down. Clones write to the same.
#[derive(Clone, Debug)]
pub(super) struct Pen(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// What is written to, for people.
    to: &'static str,
    waiting: Mutex<Waiting>,
    /// There is something to write.
    bell: Condvar,
    /// Everything has been written.
    done: Condvar,
    lost: Counter,
}

#[derive(Default, Debug)]
struct Waiting {
    bytes: Vec<u8>,
    lines: u64,
    /// There was no room for so many since somebody was told.
    no_room: u64,
    /// The thread is at it.
    writing: bool,
}

impl Pen {
    /// One that writes there, on a thread of its own. What is lost is counted.
    pub(super) fn new(to: &'static str, out: impl Write + Send + 'static, lost: Counter) -> io::Result<Self> {
        let (waiting, bell, done) = (Mutex::default(), Condvar::new(), Condvar::new());
        let shared = Arc::new(Shared { to, waiting, bell, done, lost });
        let writer =
            Writing { shared: shared.clone(), out, torn: false, failing: None, said_at: None, unsaid: 0 };
        thread::Builder::new().name("log".into()).spawn(move || writer.run())?;
        Ok(Self(shared))
    }

    /// Waits until everything has been written, and not for ever.
    pub(super) fn finish(&self, at_most: Duration) {
        let until = Instant::now() + at_most;
        let mut waiting = self.0.lock();
        while waiting.writing || !waiting.bytes.is_empty() {
            let Some(left) = until.checked_duration_since(Instant::now()) else { return };
            waiting = self.0.done.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put_down(&self, line: &[u8]) {
        let mut waiting = self.lock();
        if waiting.bytes.len() + line.len() > WAITING_MAX_BYTES {
            waiting.no_room += 1;
            drop(waiting);
            self.lost.inc();
            return;
        }
        waiting.bytes.extend_from_slice(line);
        waiting.lines += 1;
        drop(waiting);
        self.bell.notify_one();
    }

    /// What is to be written now, how many lines that is, and for how many there was no room before.
    fn take(&self) -> (Vec<u8>, u64, u64) {
        let mut waiting = self.lock();
        waiting.writing = false;
        while waiting.bytes.is_empty() {
            self.done.notify_all();
            waiting = self.bell.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        waiting.writing = true;
        let Waiting { bytes, lines, no_room, .. } = &mut *waiting;
        (std::mem::take(bytes), std::mem::take(lines), std::mem::take(no_room))
    }
}

/// The thread's own.
struct Writing<W> {
    shared: Arc<Shared>,
    out: W,
    /// The last line may have been written in part.
    torn: bool,
    /// Writing fails, and so many lines have been lost to that.
    failing: Option<u64>,
    said_at: Option<Instant>,
    unsaid: u64,
}

impl<W: Write> Writing<W> {
    fn run(mut self) {
        loop {
            let (bytes, lines, no_room) = self.shared.take();
            match self.write(&bytes) {
                Ok(()) => self.written(),
                Err(error) => self.failed(&error, lines),
            }
            self.say_what_is_missing(no_room);
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.torn {
            self.out.write_all(b"\n")?;
            self.torn = false;
        }
        let written = self.out.write_all(bytes).and_then(|()| self.out.flush());
        self.torn = written.is_err();
        written
    }

    fn written(&mut self) {
        if let Some(lines) = self.failing.take() {
            info!(lines, "{} can be written to again: so many lines are missing there", self.shared.to);
        }
    }

    fn failed(&mut self, error: &io::Error, lines: u64) {
        self.shared.lost.inc_by(lines);
        if self.failing.is_none() {
            // It is heard where lines still arrive.
            warn!(%error, "{} cannot be written to: lines are lost until it can", self.shared.to);
        }
        *self.failing.get_or_insert(0) += lines;
    }

    fn say_what_is_missing(&mut self, no_room: u64) {
        self.unsaid += no_room;
        let is_early = self.said_at.is_some_and(|at| at.elapsed() < SAID_EVERY);
        if self.unsaid > 0 && !is_early {
            let lines = std::mem::take(&mut self.unsaid);
            self.said_at = Some(Instant::now());
            warn!(
                lines,
                "{} takes lines more slowly than they come: so many are missing there", self.shared.to
            );
        }
    }
}

/// One event is put down at once, as one line.
pub(super) struct Line<'a>(&'a Shared);

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.put_down(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Pen {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// Long enough for any machine.
    const PATIENCE: Duration = Duration::from_secs(30);

    /// A disk: each write waits until somebody says how it comes out, and what was written is told.
    struct Disk {
        verdicts: Receiver<io::Result<()>>,
        written: Sender<String>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let verdict = self.verdicts.recv().unwrap_or(Ok(()));
            verdict.map(|()| {
                drop(self.written.send(String::from_utf8_lossy(bytes).into_owned()));
                bytes.len()
            })
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn pen() -> (Pen, Counter, Sender<io::Result<()>>, Receiver<String>) {
        let ((say, verdicts), (written, read)) = (channel(), channel());
        let lost = Counter::default();
        let pen = Pen::new("the disk", Disk { verdicts, written }, lost.clone()).expect("a thread");
        (pen, lost, say, read)
    }

    fn put_down(pen: &Pen, line: &str) {
        pen.make_writer().write_all(line.as_bytes()).expect("memory");
    }

    #[test]
    fn nobody_waits_for_a_disk_that_hangs_and_what_there_is_no_room_for_is_counted() {
        let (pen, lost, say, read) = pen();
        let line = "x".repeat(1 << 10);
        // One more than fits, beside what the thread may already have taken.
        let lines = 2 * WAITING_MAX_BYTES / line.len() + 1;
        (0..lines).for_each(|_| put_down(&pen, &line));
        pen.finish(Duration::from_millis(1));
        assert!(lost.get() >= 1, "there was room for everything");
        drop(say);
        pen.finish(PATIENCE);
        let written: usize = read.try_iter().map(|piece| piece.len()).sum();
        assert_eq!(written / line.len() + usize::try_from(lost.get()).expect("few"), lines);
    }

    #[test]
    fn lines_that_a_disk_refuses_are_counted_and_the_next_one_begins_on_a_line_of_its_own() {
        let (pen, lost, say, read) = pen();
        say.send(Err(io::ErrorKind::StorageFull.into())).expect("it is there");
        put_down(&pen, "first\n");
        pen.finish(Duration::from_millis(1));
        while lost.get() == 0 {
            thread::yield_now();
        }
        drop(say);
        put_down(&pen, "second\n");
        pen.finish(PATIENCE);
        assert_eq!(read.try_iter().collect::<String>(), "\nsecond\n");
        assert_eq!(lost.get(), 1);
    }
}
