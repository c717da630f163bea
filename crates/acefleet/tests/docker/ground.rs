//! A Docker Engine for one test at a time, and what people and bad luck do on it: VPN containers are killed, engines
//! crash, Docker freezes.
//!
//! Everything here goes to Docker by its own client, never through acefleet.

use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::PoisonError;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub(crate) use crate::fleet::eventually;
use crate::happenings::Happened;
use crate::way::Way;
use crate::web;

/// Where the daemons are.
const WHERE: &str = "ACEFLEET_TEST_LAB";
/// The images' real names; the stand-ins carry them.
pub(crate) const VPN_IMAGE: &str = "qmcgaw/gluetun:latest";
/// The private port of Gluetun's stand-in.
const FAULTS_PORT: u16 = 8999;
/// A daemon is used by one test after another; none takes longer than this.
const TURN_MAX: Duration = Duration::from_secs(900);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A stand-in listens so soon after its container was started, whatever else runs on the machine.
const LISTENS_WITHIN: Duration = Duration::from_secs(30);

/// Longer than any timeout of the program's.
pub(crate) const LONG_FREEZE: Duration = Duration::from_secs(45);
/// What containers of other people are made of.
const SOMEBODYS_IMAGE: &str = "jopsis/acestream:x64";

/// Where the program runs. It needs nothing of the ground but what it is told.
pub(crate) enum Link {
    /// In a process of its own, as people start it.
    Apart,
    /// Within this process.
    Within,
}

/// Somebody who writes down what happens, for as long as this lives.
pub(crate) struct Listening(Child);

impl Drop for Listening {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A Docker Engine that nobody else uses meanwhile. Empty at the beginning and at the end.
pub(crate) struct Ground {
    folder: PathBuf,
    _turn: File,
}

impl Ground {
    /// Waits for a daemon to be free.
    pub(crate) fn take() -> Self {
        let lab = std::env::var(WHERE).unwrap_or_else(|_| {
            panic!("{WHERE} does not say where Docker daemons for tests are: run `cargo xtask test --only docker`")
        });
        let began = Instant::now();
        while began.elapsed() < TURN_MAX {
            // The first one is shared by tests that keep to themselves.
            for number in 1.. {
                let folder = Path::new(&lab).join(number.to_string());
                if !folder.exists() {
                    break;
                }
                let turn = File::create(folder.join("turn")).expect("the lab's folder can be written");
                if turn.try_lock().is_ok() {
                    let ground = Self { folder, _turn: turn };
                    ground.clear();
                    return ground;
                }
            }
            thread::sleep(LOOK_EVERY);
        }
        panic!("no Docker daemon became free within {TURN_MAX:?}");
    }

    /// The daemon's socket, as DOCKER_HOST.
    pub(crate) fn docker_host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// Runs Docker's client; what it printed.
    pub(crate) fn docker(&self, args: &[&str]) -> String {
        self.try_docker(args).unwrap_or_else(|said| panic!("docker {}: {said}", args.join(" ")))
    }

    /// Runs Docker's client; what it printed, or complained of.
    pub(crate) fn try_docker(&self, args: &[&str]) -> Result<String, String> {
        let mut command = Command::new("docker");
        command.env_remove("DOCKER_CONTEXT").args(["-H", &self.docker_host()]).args(args);
        let output = command.output().expect("docker's client is installed");
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_string())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).trim().to_string())
        }
    }

    fn clear(&self) {
        self.thaw();
        let ids = self.try_docker(&["ps", "-aq"]).unwrap_or_default();
        if !ids.is_empty() {
            let remove = ["rm", "-f", "-v"].into_iter().chain(ids.split_whitespace());
            drop(self.try_docker(&remove.collect::<Vec<_>>()));
        }
        drop(self.try_docker(&["network", "prune", "-f"]));
    }

    // The program.

    /// Where the program runs, unless something else is wanted.
    pub(crate) fn link(&self) -> Link {
        Link::Apart
    }

    /// Within this process.
    pub(crate) fn link_within(&self) -> Link {
        Link::Within
    }

    /// What the program is told to find this Docker.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        vec![("DOCKER_HOST", self.docker_host())]
    }

    /// A way of its own for the program.
    pub(crate) fn way(&self) -> Way {
        Way::to(&self.socket())
    }

    /// This host, as containers reach it.
    pub(crate) fn host_address(&self) -> String {
        self.docker(&["network", "inspect", "bridge", "-f", "{{(index .IPAM.Config 0).Gateway}}"])
    }

    // Containers.

    /// Runs somebody else's container, with these labels and these ports: inside, and on the host.
    pub(crate) fn run_somebody(&self, name: &str, labels: &[(&str, &str)], ports: &[(u16, u16)]) {
        let labels = labels.iter().map(|(key, value)| format!("--label={key}={value}"));
        let ports = ports.iter().map(|(inside, outside)| format!("--publish={outside}:{inside}"));
        let options: Vec<String> = labels.chain(ports).collect();
        let begin = ["run", "-d", "--name", name].into_iter().chain(options.iter().map(String::as_str));
        self.docker(&begin.chain([SOMEBODYS_IMAGE]).collect::<Vec<_>>());
    }

    /// Makes a network for containers.
    pub(crate) fn make_network(&self, name: &str) {
        self.docker(&["network", "create", name]);
    }

    /// Kills containers.
    pub(crate) fn kill(&self, names: &[&str]) {
        self.docker(&[&["kill"], names].concat());
    }

    /// Starts containers.
    pub(crate) fn start(&self, names: &[&str]) {
        self.docker(&[&["start"], names].concat());
    }

    /// Restarts a container without a grace.
    pub(crate) fn restart(&self, name: &str) {
        self.docker(&["restart", "-t", "0", name]);
    }

    /// Stops a container without a grace.
    pub(crate) fn stop(&self, name: &str) {
        self.docker(&["stop", "-t", "0", name]);
    }

    /// Lets a container's process stand still.
    pub(crate) fn pause(&self, name: &str) {
        self.docker(&["pause", name]);
    }

    /// Lets it go on.
    pub(crate) fn unpause(&self, name: &str) {
        self.docker(&["unpause", name]);
    }

    /// Removes a container, whether it runs or not.
    pub(crate) fn remove(&self, name: &str) {
        self.docker(&["rm", "-f", name]);
    }

    /// Writes down what happens to containers from now on: a word for it, and whom it happens to.
    pub(crate) fn listen(&self, told: Happened) -> Listening {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that is right");
        let since = format!("{}.{:09}", now.as_secs(), now.subsec_nanos());
        let mut command = Command::new("docker");
        command.env_remove("DOCKER_CONTEXT").args(["-H", &self.docker_host(), "events", "--since", &since]);
        command.args(["--filter", "type=container", "--format", "{{.Action}} {{.Actor.Attributes.name}}"]);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("docker's client is installed");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some((word, name)) = line.rsplit_once(' ') {
                    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                    told.push((word.to_string(), name.to_string()));
                }
            }
        });
        Listening(child)
    }

    // VPNs.

    /// Runs a VPN's container; `env` is the stand-in's.
    pub(crate) fn run_vpn(&self, name: &str, env: &[(&str, &str)]) {
        let mut args = vec!["run", "-d", "--name", name, "--restart", "unless-stopped"];
        let pairs: Vec<String> = env.iter().map(|(name, value)| format!("{name}={value}")).collect();
        for pair in &pairs {
            args.extend(["-e", pair]);
        }
        args.push(VPN_IMAGE);
        self.docker(&args);
    }

    /// A container's address on the bridge; `None` while it has none.
    pub(crate) fn try_address(&self, name: &str) -> Option<Ipv4Addr> {
        self.try_docker(&["inspect", "-f", "{{.NetworkSettings.IPAddress}}", name]).ok()?.parse().ok()
    }

    /// Where a VPN's stand-in takes faults: to be asked for before Docker is frozen.
    pub(crate) fn switches(&self, vpn: &str) -> SocketAddr {
        SocketAddr::from((self.address(vpn), FAULTS_PORT))
    }

    /// Sets a fault of an engine's stand-in in a VPN's network, for example `hang=true`.
    pub(crate) fn engine_fault(&self, vpn: &str, port: u16, fault: &str) {
        self.fault(&SocketAddr::from((self.address(vpn), port)), fault);
    }

    /// Sets a fault of a stand-in that takes faults there.
    pub(crate) fn fault(&self, at: &SocketAddr, fault: &str) {
        let path = format!("/standin/faults?{fault}");
        // A stand-in whose container has just been started listens in a moment.
        let answer = eventually("the stand-in listens", LISTENS_WITHIN, || {
            web::send(*at, "POST", &path, &[], None).ok()
        });
        assert_eq!(answer.status, 200, "{fault}: {}", answer.text());
    }

    /// Lets a container's process die as if by itself.
    pub(crate) fn crash(&self, name: &str) {
        // One that has crashed before may just be started again. Nought would mean this test itself, and everything
        // that was started with it.
        let pid = eventually("its process runs", LISTENS_WITHIN, || {
            Some(self.docker(&["inspect", "-f", "{{.State.Pid}}", name])).filter(|pid| pid != "0")
        });
        kill("-KILL", &pid);
    }

    // Looking.

    /// What Docker tells of a container; `None` if there is none.
    pub(crate) fn inspect(&self, name: &str) -> Option<Value> {
        let told = self.try_docker(&["inspect", "--type", "container", name]).ok()?;
        serde_json::from_str::<Value>(&told).expect("an inspection is JSON").get(0).cloned()
    }

    /// The names of all containers.
    pub(crate) fn all_names(&self) -> Vec<String> {
        self.docker(&["ps", "-a", "--format", "{{.Names}}"]).lines().map(Into::into).collect()
    }

    /// Gives an image of the lab another name, for as long as what comes back lives.
    pub(crate) fn tag(&self, image: &str, name: &str) -> Tag<'_> {
        self.docker(&["tag", image, name]);
        Tag { ground: self, name: name.into() }
    }

    // Docker itself.

    /// The daemon's socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("docker.sock")
    }

    /// Stops the daemon's process where it is.
    pub(crate) fn freeze(&self) {
        kill("-STOP", &self.pid());
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        kill("-CONT", &self.pid());
    }

    fn pid(&self) -> String {
        let pid = std::fs::read_to_string(self.folder.join("pid")).expect("the daemon has written its pid");
        pid.trim().to_string()
    }
}

/// An image's name that only one test uses.
pub(crate) struct Tag<'a> {
    ground: &'a Ground,
    name: String,
}

impl Drop for Tag<'_> {
    /// Containers are in the way of removing an image, so they go before.
    fn drop(&mut self) {
        self.ground.clear();
        drop(self.ground.try_docker(&["rmi", &self.name]));
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.clear();
    }
}

fn kill(signal: &str, pid: &str) {
    let mut command = Command::new("kill");
    let status = command.args([signal, pid]).stderr(Stdio::null()).status();
    assert!(status.is_ok_and(|status| status.success()), "kill {signal} {pid}");
}
