//! The lab: Docker daemons of our own for tests, with the stand-ins' images, apart from whatever else runs here.
//!
//! Each daemon has its own socket, data, and bridge, so that a test may freeze or restart one without anybody else
//! noticing. What the lab starts, it ends; what a lab that was killed has left, the next one clears away.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::house::{House, Stop, output, run};
use crate::setup;

/// The variable that tells where the daemons are.
pub(crate) const FOLDER: &str = "ACEFLEET_TEST_LAB";

/// One daemon is shared by tests that keep to containers of their own, each other one is for one test at a time.
const DAEMONS: u8 = 4;
/// How long a daemon may take to answer.
const DAEMON_STARTS_WITHIN: Duration = Duration::from_secs(60);
/// How long a daemon may take to end, before it is killed.
const DAEMON_ENDS_WITHIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The program that the images are made of has to run without anything else in the image.
const STATIC_TARGET: &str = "x86_64-unknown-linux-gnu";

/// Daemons that run, for as long as this lives.
pub(crate) struct Lab {
    folder: PathBuf,
    daemons: Vec<Daemon>,
}

/// One daemon.
struct Daemon {
    folder: PathBuf,
    bridge: String,
    child: Child,
}

impl Lab {
    /// What this machine lacks for a lab, after what can be installed has been.
    pub(crate) fn lacks() -> Option<String> {
        if !is_root() {
            return Some("root: Docker daemons for tests are started with networks of their own".into());
        }
        setup::provide(&[&setup::DOCKERD, &setup::DOCKER, &setup::IP, &setup::BUSYBOX]).err()
    }

    /// Starts the daemons and builds the images.
    pub(crate) fn up(house: &House) -> Result<Self, Stop> {
        clear_leftovers();
        let folder = std::env::temp_dir().join(format!("{PREFIX}{}", std::process::id()));
        let mut lab = Self { folder, daemons: Vec::new() };
        for number in 0..DAEMONS {
            let daemon = Daemon::start(&lab.folder, number)?;
            lab.daemons.push(daemon);
        }
        lab.build_images(house)?;
        println!("{DAEMONS} Docker daemons for tests run in {}", lab.folder.display());
        Ok(lab)
    }

    /// Tells a command where the daemons are.
    pub(crate) fn tell(&self, command: &mut Command) {
        let shared = self.folder.join("0").join("docker.sock");
        command.env("ACEFLEET_TEST_DOCKER", format!("unix://{}", shared.display()));
        command.env(FOLDER, &self.folder);
    }

    /// How many tests find work here at the same time.
    pub(crate) fn tests_at_once(&self) -> usize {
        self.daemons.len()
    }

    fn build_images(&self, house: &House) -> Result<(), Stop> {
        let mut build = house.cargo(&[
            "build",
            "--quiet",
            "--locked",
            "-p",
            "testbed",
            "--bin",
            "standin",
            "--target",
            STATIC_TARGET,
        ]);
        run(build.env("RUSTFLAGS", "-C target-feature=+crt-static"))?;
        let standin = house.target_dir()?.join(STATIC_TARGET).join("debug").join("standin");
        for daemon in &self.daemons {
            let mut images =
                house.cargo(&["run", "--quiet", "--locked", "-p", "testbed", "--example", "images", "--"]);
            output(images.arg(&standin).arg(daemon.host()))?;
        }
        Ok(())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for daemon in &mut self.daemons {
            daemon.end();
        }
        drop(fs::remove_dir_all(&self.folder));
    }
}

const PREFIX: &str = "acefleet-lab-";

impl Daemon {
    fn start(lab: &Path, number: u8) -> Result<Self, Stop> {
        let folder = lab.join(number.to_string());
        fs::create_dir_all(&folder)
            .map_err(|error| Stop::Failed(format!("{}: {error}", folder.display())))?;
        let bridge = format!("acelab{number}");
        quietly("ip", &["link", "delete", &bridge]);
        for args in [
            &["link", "add", &bridge, "type", "bridge"][..],
            &["addr", "add", &format!("10.77.{number}.1/24"), "dev", &bridge],
            &["link", "set", &bridge, "up"],
        ] {
            run(Command::new("ip").args(args))?;
        }
        let log = fs::File::create(folder.join("log")).map_err(|error| Stop::Failed(error.to_string()))?;
        let again = log.try_clone().map_err(|error| Stop::Failed(error.to_string()))?;
        let path = |name: &str| folder.join(name).display().to_string();
        let child = Command::new("dockerd")
            .args(["-H", &format!("unix://{}", path("docker.sock")), "--data-root", &path("data")])
            .args(["--exec-root", &path("exec"), "--pidfile", &path("pid"), "--bridge", &bridge])
            .args(["--default-address-pool", &format!("base=10.{}.0.0/16,size=24", 78 + number)])
            // Daemons that all write the host's one set of rules get in each other's way. Bridges work without.
            .args(["--iptables=false", "--shutdown-timeout", "1"])
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(again)
            .spawn()
            .map_err(|error| Stop::Failed(format!("dockerd: {error}")))?;
        let mut daemon = Self { folder, bridge, child };
        daemon.wait_for_answer()?;
        Ok(daemon)
    }

    fn host(&self) -> String {
        format!("unix://{}", self.folder.join("docker.sock").display())
    }

    fn wait_for_answer(&mut self) -> Result<(), Stop> {
        let began = Instant::now();
        loop {
            if quietly("docker", &["-H", &self.host(), "version"]) {
                return Ok(());
            }
            let ended = self.child.try_wait().ok().flatten();
            if ended.is_some() || began.elapsed() > DAEMON_STARTS_WITHIN {
                let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                let last: Vec<&str> = log.lines().rev().take(5).collect();
                let words = last.into_iter().rev().collect::<Vec<_>>().join("\n");
                self.end();
                return Err(Stop::Failed(format!(
                    "a Docker daemon for tests does not answer; it said:\n{words}"
                )));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn end(&mut self) {
        let pid = self.child.id().to_string();
        // A test that was killed may have left it frozen.
        quietly("kill", &["-CONT", &pid]);
        let host = self.host();
        let containers = Command::new("docker").args(["-H", &host, "ps", "-aq"]).output();
        let containers = containers.map(|listed| String::from_utf8_lossy(&listed.stdout).into_owned());
        let ids: Vec<String> = containers.unwrap_or_default().split_whitespace().map(Into::into).collect();
        if !ids.is_empty() {
            let remove = ["-H", &host, "rm", "-f", "-v"].into_iter().chain(ids.iter().map(String::as_str));
            quietly("docker", &remove.collect::<Vec<_>>());
        }
        quietly("kill", &["-TERM", &pid]);
        let began = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if began.elapsed() > DAEMON_ENDS_WITHIN {
                drop(self.child.kill());
                drop(self.child.wait());
                break;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        unmount_below(&self.folder);
        quietly("ip", &["link", "delete", &self.bridge]);
    }
}

/// `cargo xtask lab`: the daemons, until Ctrl-C or the end of standard input, for running single tests by hand.
pub(crate) fn command(house: &House, args: &[String]) -> Result<(), Stop> {
    if let Some(arg) = args.first() {
        return Err(Stop::Usage(format!("`lab` does not know `{arg}`")));
    }
    if let Some(lacks) = Lab::lacks() {
        return Err(Stop::Failed(format!("this machine lacks {lacks}")));
    }
    let lab = Lab::up(house)?;
    let mut told = Command::new("true");
    lab.tell(&mut told);
    for (name, value) in told.get_envs() {
        println!("export {}={}", name.display(), value.unwrap_or_default().display());
    }
    println!("the lab is there until standard input ends (Ctrl-D)");
    drop(std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    drop(lab);
    Ok(())
}

/// What labs have left whose processes are gone.
fn clear_leftovers() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(pid) = name.strip_prefix(PREFIX).and_then(|pid| pid.parse::<u32>().ok()) else { continue };
        if Path::new("/proc").join(pid.to_string()).exists() {
            continue;
        }
        let folder = entry.path();
        for number in 0..DAEMONS {
            end_leftover(&folder.join(number.to_string()));
        }
        unmount_below(&folder);
        drop(fs::remove_dir_all(&folder));
    }
}

/// Ends the daemon that was started in this folder, if it is that daemon which has its number now.
fn end_leftover(folder: &Path) {
    let Ok(pid) = fs::read_to_string(folder.join("pid")) else { return };
    let pid = pid.trim();
    let line = fs::read(Path::new("/proc").join(pid).join("cmdline")).unwrap_or_default();
    if !String::from_utf8_lossy(&line).contains(&folder.display().to_string()) {
        return;
    }
    quietly("kill", &["-CONT", pid]);
    quietly("kill", &["-TERM", pid]);
    let began = Instant::now();
    while Path::new("/proc").join(pid).exists() && began.elapsed() < DAEMON_ENDS_WITHIN {
        std::thread::sleep(LOOK_EVERY);
    }
}

/// A container that was killed with its daemon leaves its file system mounted.
fn unmount_below(folder: &Path) {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let below = folder.display().to_string();
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    for point in points.filter(|point| point.starts_with(&below)) {
        quietly("umount", &["-l", point]);
    }
}

/// Whether this process may do everything.
pub(crate) fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .any(|line| line.strip_prefix("Uid:").is_some_and(|ids| ids.split_whitespace().nth(1) == Some("0")))
}

/// Runs it without a word; whether it succeeded.
fn quietly(program: &str, args: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
