//! What a step needs beside a Rust toolchain: programs of the distribution's packages, installed where that can be
//! done without asking, named where it cannot.
//!
//! It installs on Debian and its children, as root, and nowhere else.

use std::path::Path;
use std::process::Command;

use crate::house::run;

/// A program, and the package of Debian's that brings it.
pub(crate) struct Need {
    pub(crate) program: &'static str,
    pub(crate) package: &'static str,
}

/// The Docker daemon, with what it needs to make networks.
pub(crate) const DOCKERD: Need = Need { program: "dockerd", package: "docker.io" };
/// Docker's client. Where it comes by itself it is taken as it is.
pub(crate) const DOCKER: Need = Need { program: "docker", package: "docker.io" };
/// Networks of the lab are made with it.
pub(crate) const IP: Need = Need { program: "ip", package: "iproute2" };
/// Whoever watches a stream in tests.
pub(crate) const FFMPEG: Need = Need { program: "ffmpeg", package: "ffmpeg" };
/// What the panel is built with.
pub(crate) const NODE: Need = Need { program: "node", package: "nodejs" };
/// Brings what the panel is built from.
pub(crate) const NPM: Need = Need { program: "npm", package: "npm" };
/// Who looks at the panel in tests.
pub(crate) const CHROMIUM: Need = Need { program: "chromium", package: "chromium" };
/// Whoever fetches parts of a file in tests.
pub(crate) const CURL: Need = Need { program: "curl", package: "curl" };
/// A shell and its usual programs in one file, for an image that has nothing else.
pub(crate) const BUSYBOX: Need = Need { program: "busybox", package: "busybox-static" };

/// Whoever scrapes the program and evaluates its rules in tests; `promtool` is in the same package.
const PROMETHEUS: Need = Need { program: "prometheus", package: "prometheus" };

/// Provides Prometheus. The service that the package begins is not wanted: tests begin their own.
pub(crate) fn provide_prometheus() -> Result<(), String> {
    let was_there = is_there(PROMETHEUS.program);
    provide(&[&PROMETHEUS])?;
    if !was_there {
        // Where there is no systemd, the package has begun nothing.
        drop(Command::new("systemctl").args(["disable", "--now", PROMETHEUS.package]).output());
    }
    Ok(())
}

/// What is missing, and which packages have it.
pub(crate) fn missing(needs: &[&Need]) -> Option<String> {
    let missing: Vec<&&Need> = needs.iter().filter(|need| !is_there(need.program)).collect();
    let programs: Vec<&str> = missing.iter().map(|need| need.program).collect();
    let advice =
        || format!("{} (on Debian: apt-get install {})", programs.join(", "), packages(&missing).join(" "));
    (!missing.is_empty()).then(advice)
}

fn packages(needs: &[&&Need]) -> Vec<&'static str> {
    let mut packages: Vec<&str> = needs.iter().map(|need| need.package).collect();
    packages.dedup();
    packages
}

/// Installs what is missing, if that can be done here; otherwise says what to install.
pub(crate) fn provide(needs: &[&Need]) -> Result<(), String> {
    let Some(advice) = missing(needs) else { return Ok(()) };
    if !Path::new("/etc/debian_version").exists() || !crate::lab::is_root() {
        return Err(advice);
    }
    let missing: Vec<&&Need> = needs.iter().filter(|need| !is_there(need.program)).collect();
    let packages = packages(&missing);
    println!("installing {}", packages.join(" "));
    let apt = |args: &[&str]| {
        let mut command = Command::new("apt-get");
        run(command.env("DEBIAN_FRONTEND", "noninteractive").args(args))
    };
    let mut install = vec!["install", "-y", "-qq", "--no-install-recommends"];
    install.extend(packages);
    // Old lists name packages that are there no more; new ones cost time. So the old ones are tried first.
    if apt(&install).is_err() && (apt(&["update", "-qq"]).is_err() || apt(&install).is_err()) {
        return Err(advice);
    }
    match needs.iter().find(|need| !is_there(need.program)) {
        None => Ok(()),
        Some(_) => Err(advice),
    }
}

/// Whether a program can be started by its name.
fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/sbin"].map(Into::into);
    std::env::split_paths(&path).chain(usual).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_not_installed() {
        assert_eq!(provide(&[&Need { program: "sh", package: "no-such-package" }]), Ok(()));
    }
}
