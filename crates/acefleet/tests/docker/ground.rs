//! A Docker Engine for one test at a time, and what people and bad luck do on it: VPN containers are killed, engines
//! crash, Docker freezes.
//!
//! Everything here goes to Docker by its own client, never through acefleet.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::web;

/// Where the daemons are.
const WHERE: &str = "ACEFLEET_TEST_LAB";
/// The images' real names; the stand-ins carry them.
pub(crate) const VPN_IMAGE: &str = "qmcgaw/gluetun:latest";
/// The private port of Gluetun's stand-in.
const FAULTS_PORT: u16 = 8999;
/// A daemon is used by one test after another; none takes longer than this.
const TURN_MAX: Duration = Duration::from_secs(900);
/// The stand-ins' health is checked every second.
const HEALTHY_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A stand-in listens so soon after its container was started, whatever else runs on the machine.
const LISTENS_WITHIN: Duration = Duration::from_secs(30);

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
            std::thread::sleep(LOOK_EVERY);
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

    /// Waits until Docker calls a VPN healthy.
    pub(crate) fn is_healthy(&self, vpn: &str) {
        eventually(&format!("Docker calls {vpn} healthy"), HEALTHY_WITHIN, || {
            let told = self.inspect(vpn)?;
            (told["State"]["Health"]["Status"] == "healthy").then_some(())
        });
    }

    /// A container's address on the bridge.
    pub(crate) fn address(&self, name: &str) -> Ipv4Addr {
        self.try_address(name).unwrap_or_else(|| panic!("{name} has no address"))
    }

    /// The same; `None` while it has none.
    pub(crate) fn try_address(&self, name: &str) -> Option<Ipv4Addr> {
        self.try_docker(&["inspect", "-f", "{{.NetworkSettings.IPAddress}}", name]).ok()?.parse().ok()
    }

    /// Sets a fault of a VPN's stand-in, for example `port=none` or `tunnel=cut`.
    pub(crate) fn vpn_fault(&self, vpn: &str, fault: &str) {
        self.fault(self.switches(vpn), fault);
    }

    /// Where a VPN's stand-in takes faults: to be asked for before Docker is frozen.
    pub(crate) fn switches(&self, vpn: &str) -> SocketAddr {
        SocketAddr::from((self.address(vpn), FAULTS_PORT))
    }

    /// Sets a fault of an engine's stand-in in a VPN's network, for example `hang=true`.
    pub(crate) fn engine_fault(&self, vpn: &str, port: u16, fault: &str) {
        self.fault(SocketAddr::from((self.address(vpn), port)), fault);
    }

    /// Sets a fault of a stand-in that takes faults there.
    pub(crate) fn fault(&self, at: SocketAddr, fault: &str) {
        let path = format!("/standin/faults?{fault}");
        // A stand-in whose container has just been started listens in a moment.
        let answer = eventually("the stand-in listens", LISTENS_WITHIN, || {
            web::send(at, "POST", &path, &[], None).ok()
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

    /// The names of all containers that begin so, in order of their numbers.
    pub(crate) fn names(&self, prefix: &str) -> Vec<String> {
        let listed = self.docker(&["ps", "-a", "--format", "{{.Names}}"]);
        let mut names: Vec<String> =
            listed.lines().filter(|n| n.starts_with(prefix)).map(Into::into).collect();
        names.sort_by_key(|name| (name.len(), name.clone()));
        names
    }

    /// Which containers of ours there are, by their names: each one's id, and when it was started.
    pub(crate) fn lives(&self) -> BTreeMap<String, (String, String)> {
        let names = self.names("acestream-");
        let lives = names.iter().filter_map(|name| {
            let told = self.inspect(name)?;
            let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
            Some((name.clone(), (text(&told["Id"]), text(&told["State"]["StartedAt"]))))
        });
        lives.collect()
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

/// Waits until something is so, and gives what it is.
pub(crate) fn eventually<T>(what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < within, "in vain for {within:?}: {what}");
        std::thread::sleep(LOOK_EVERY);
    }
}
