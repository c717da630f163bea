//! The program: a process of its own, as people start it; or within this one, where its core has to be broken.

use crate::ground::Link;
use crate::process::Process;
use crate::within::Within;
use acefleet::docker::Docker;
use std::collections::BTreeMap;
use std::path::Path;

/// One life of the program. It ends with this.
pub(crate) enum Program {
    /// A process of its own.
    Apart(Process),
    /// A part of this one.
    Within(Within),
}

impl Program {
    /// Starts it with these settings; what it says goes into a file.
    pub(crate) fn start(link: &Link, env: BTreeMap<String, String>, folder: &Path, log: &Path) -> Self {
        match link {
            Link::Apart => Self::Apart(Process::start(link, env, folder, log)),
            Link::Within => Self::Within(Within::begin(
                |settings| Docker::new(&settings.docker, settings.engine.label.clone()),
                env,
                folder,
                log,
            )),
        }
    }

    /// Kills it as nothing but a power cut does.
    pub(crate) fn kill(self) {
        match self {
            Self::Apart(process) => process.kill(),
            Self::Within(within) => within.kill(),
        }
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn stop(self) {
        match self {
            Self::Apart(process) => process.stop(),
            Self::Within(within) => within.stop(),
        }
    }

    /// Lets its core break.
    pub(crate) fn break_core(&self) {
        match self {
            Self::Apart(_) => panic!("a process lets nobody break its core: plan it `within`"),
            Self::Within(within) => within.break_core(),
        }
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        match self {
            Self::Apart(process) => process.pid(),
            Self::Within(within) => within.pid(),
        }
    }
}
