//! The program under the eyes of a real Prometheus: it is scraped, the rules are loaded and evaluated, and nothing is
//! wrong with a fleet at which nothing is wrong. The rules themselves are tried by `promtool`.

use crate::command_line::free_port;
use crate::demo::{Demo, Temporary};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take that takes moments on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(100);
const ADVICE: &str = "Prometheus and promtool are there (on Debian: apt-get install prometheus)";

/// A Prometheus of the test's own; it goes with the test.
struct Prometheus {
    child: Child,
    port: u16,
    _folder: Temporary,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn rules() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/prometheus/acefleet.rules.yml");
    path.canonicalize().expect("the rules are there")
}

impl Prometheus {
    /// One that scrapes this address each second.
    fn watching(address: &str) -> Self {
        let folder = Temporary::new();
        let port = free_port();
        let chosen = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\n\
             rule_files: ['{}']\n\
             scrape_configs:\n  - job_name: acefleet\n    static_configs: [{{ targets: ['{address}'] }}]\n",
            rules().display()
        );
        let file = folder.0.join("prometheus.yml");
        std::fs::write(&file, chosen).expect("it can be written");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.0.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect(ADVICE);
        Self { child, port, _folder: folder }
    }

    /// What its API answers, if it does.
    fn asked(&self, path: &str) -> Option<Value> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: x\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let document: Value = serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()?;
        Some(document["data"].clone())
    }

    /// Waits until its API answers something that will do.
    fn told<T>(&self, path: &str, will_do: impl Fn(&Value) -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            let answer = self.asked(path);
            if let Some(found) = answer.as_ref().and_then(&will_do) {
                return found;
            }
            assert!(began.elapsed() < PATIENCE, "{path} answers {answer:?}");
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// The value of an expression, as soon as it has one that will do.
    fn value(&self, expression: &str, will_do: impl Fn(f64) -> bool) -> f64 {
        let path = format!("/api/v1/query?query={}", expression.replace(' ', "%20").replace('"', "%22"));
        self.told(&path, |data| {
            let value = data["result"].get(0)?["value"][1].as_str()?.parse().ok()?;
            will_do(value).then_some(value)
        })
    }
}

fn promtool(arguments: &[&str]) {
    let file = rules();
    let folder = file.parent().expect("it is in a folder");
    let output = Command::new("promtool").args(arguments).current_dir(folder).output().expect(ADVICE);
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn promtool_reads_the_rules_and_each_of_them_speaks_and_is_silent_when_it_should() {
    promtool(&["check", "rules", "acefleet.rules.yml"]);
    promtool(&["test", "rules", "acefleet.rules.test.yml"]);
}

#[test]
fn a_real_prometheus_scrapes_a_running_fleet_and_no_rule_fails() {
    let (_demo, address) = Demo::ready(&["--port", "0", "--viewers", "0", "--engines", "4"], &[]);
    let prometheus = Prometheus::watching(&address.to_string());
    prometheus.value("up{job=\"acefleet\"}", |up| up == 1.0);
    prometheus.value("sum(orch_healthy_engines)", |engines| engines >= 1.0);
    prometheus.value("count(acefleet_vpn_connected == 1)", |vpns| vpns >= 2.0);
    prometheus.value("acefleet_engine_provisioning_seconds_count", |engines| engines >= 1.0);
    prometheus.value("sum(acefleet_docker_calls_total{outcome=\"done\"})", |calls| calls >= 1.0);
    // Nothing of what was scraped had to be thrown away.
    let target = prometheus.told("/api/v1/targets", |data| {
        let target = data["activeTargets"].get(0)?;
        (target["health"] == "up").then(|| target.clone())
    });
    assert_eq!(target["lastError"], "");
    let group = prometheus.told("/api/v1/rules", |data| {
        let group = data["groups"].get(0)?;
        let evaluated = |rule: &Value| rule["health"] != "unknown";
        group["rules"].as_array()?.iter().all(evaluated).then(|| group.clone())
    });
    for rule in group["rules"].as_array().expect("rules") {
        assert_eq!(rule["health"], "ok", "{rule}");
        assert_ne!(rule["state"], "firing", "{rule}");
    }
}
