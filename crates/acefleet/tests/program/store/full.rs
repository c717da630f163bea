//! A disk that is full, really: a small one that only the process has which is tested, and that goes with it.

use super::child::{self, DATABASE, Said};
use super::{Folder, until};
use crate::command_line::{ask, free_port};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What is in the way of everything else on the disk.
const BALLAST: &str = "ballast";

/// A process with a disk of its own; both go with the test.
struct OnSmallDisk {
    child: Child,
    disk: PathBuf,
}

impl Drop for OnSmallDisk {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The beginning of a command line: whoever follows has a small disk in this place. Its number of MiB, and whether it
/// is full from the beginning. The disk is seen by that process alone, so nothing is left of it afterwards, however the
/// test ends.
fn with_disk(place: &Path, mib: u32, full: bool) -> [String; 5] {
    let place = place.display();
    let fill = if full { format!("cat /dev/zero >'{place}/{BALLAST}' 2>&-;") } else { String::new() };
    let script =
        format!("mount -t tmpfs -o size={mib}m acefleet '{place}' && {{ {fill} exec \"$0\" \"$@\"; }}");
    ["unshare", "--mount", "sh", "-c", &script].map(str::to_owned)
}

/// Whether this machine lets us have such disks. If not, only a limit on the size of files is tested, and whoever looks
/// at what a test prints is told.
fn may_mount(folder: &Path) -> bool {
    let [program, arguments @ ..] = with_disk(folder, 1, false);
    let tried = Command::new(program).args(arguments).arg("true").stderr(Stdio::null()).status();
    let may = tried.is_ok_and(|status| status.success());
    if !may {
        eprintln!(
            "NOT TESTED: a disk that is full. This user may not mount one (unshare --mount); the test with a limit on \
             the size of files has to do"
        );
    }
    may
}

impl OnSmallDisk {
    fn start(command: &Command, place: &Path, mib: u32, full: bool, said: Stdio) -> Self {
        let with = with_disk(place, mib, full);
        let with: Vec<&str> = with.iter().map(String::as_str).collect();
        let child = child::by(&with, command).stderr(said).spawn().expect("it starts");
        // As the process sees it.
        let disk = PathBuf::from(format!("/proc/{}/root{}", child.id(), place.display()));
        Self { child, disk }
    }

    /// Takes all the room that there is.
    fn fill(&self) {
        let mut ballast = File::create(self.disk.join(BALLAST)).expect("a file");
        for piece in [1 << 16, 1] {
            while ballast.write_all(&vec![0; piece]).is_ok() {}
        }
    }

    fn make_room(&self) {
        fs::remove_file(self.disk.join(BALLAST)).expect("it is in the way");
    }
}

#[test]
fn a_full_disk_is_said_once_loses_nothing_that_was_committed_and_is_written_to_again() {
    let folder = Folder::new("full-disk");
    let disk = folder.path().join("disk");
    fs::create_dir(&disk).expect("a place for it");
    if !may_mount(&disk) {
        return;
    }
    let command = child::on(&disk, child::command(folder.path(), true));
    let process = OnSmallDisk::start(&command, &disk, 64, false, Stdio::null());
    let said = || child::said(folder.path());
    let how_often = |what: Said| said().into_iter().filter(|said| *said == what).count();
    let committed = || said().into_iter().filter(|said| matches!(said, Said::Committed(_))).count();
    // What the process, which alone sees the disk, finds there of what it has seen written.
    let kept = || -> Vec<(u64, u64)> {
        let kept = said().into_iter().filter_map(|said| match said {
            Said::Kept(committed, kept) => Some((committed, kept)),
            Said::Began(_) | Said::Recorded(_) | Said::Committed(_) | Said::Trouble | Said::Well => None,
        });
        kept.collect()
    };
    until("something is there", || committed() > 10);
    process.fill();
    until("it is said", || how_often(Said::Trouble) > 0 && !kept().is_empty());
    let before = committed();
    // Each of these is another try.
    let tries = || said().into_iter().filter(|said| matches!(said, Said::Recorded(_))).count();
    let tried = tries();
    until("it is tried again", || tries() > tried + 2);
    process.make_room();
    until("it comes back by itself", || how_often(Said::Well) > 0 && committed() > before + 10);
    assert_eq!((how_often(Said::Trouble), how_often(Said::Well)), (1, 1));
    // While the disk is full, and afterwards.
    let [full, well] = &kept()[..] else { panic!("{:?}", kept()) };
    assert!(
        full.0 > 0 && full.0 == full.1,
        "{full:?}: what was committed cannot be read while the disk is full"
    );
    assert!(well.0 == well.1, "{well:?}: what was committed is lost");
}

#[test]
fn a_program_that_starts_on_a_full_disk_serves_says_it_once_and_writes_when_there_is_room() {
    let folder = Folder::new("full-from-the-start");
    let disk = folder.path().join("disk");
    fs::create_dir(&disk).expect("a place for it");
    if !may_mount(&disk) {
        return;
    }
    let port = free_port();
    let mut command = Command::new(env!("CARGO_BIN_EXE_acefleet"));
    command.arg("serve").env("APP_PORT", port.to_string()).env("DOCKER_HOST", "unix:///nowhere/docker.sock");
    command.env("DB_URL", format!("sqlite:///{}", disk.join(DATABASE).display()));
    let log = folder.path().join("log");
    let said = File::create(&log).expect("a file");
    let process = OnSmallDisk::start(&command, &disk, 8, true, said.into());
    let metric = |line: &str| ask(port, "/metrics").is_some_and(|text| text.lines().any(|told| told == line));
    let failures = || -> Option<u64> {
        let text = ask(port, "/metrics")?;
        let number =
            text.lines().find_map(|line| line.strip_prefix("acefleet_store_failures_total{kind=\"full\"} "));
        number?.parse().ok()
    };
    until("it has tried again and again", || {
        metric("acefleet_store_usable 0") && failures().is_some_and(|failures| failures >= 3)
    });
    let status = ask(port, "/orchestrator/status").expect("it answers");
    assert!(status.contains("history is not written: the disk is full"), "{status}");
    process.make_room();
    until("it comes back by itself", || metric("acefleet_store_usable 1"));
    assert!(process.disk.join(DATABASE).exists());
    let log = || fs::read_to_string(&log).expect("a log");
    until("it is said", || log().contains("the store can be used again"));
    assert_eq!(log().matches("the store cannot be used").count(), 1, "{}", log());
}
