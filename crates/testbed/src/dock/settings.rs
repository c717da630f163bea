//! How a dock is: which images there are, how long things take, how health is checked.
//!
//! The defaults are what a Docker Engine on an idle machine does; tests shorten what they wait for.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// The image of a Gluetun.
pub const VPN_IMAGE: &str = "qmcgaw/gluetun:latest";

/// What an image has in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// The stand-in of an AceStream engine.
    Engine,
    /// The stand-in of a Gluetun, with a health check.
    Gluetun,
    /// Something that runs until it is killed, and does nothing.
    Idle,
}

/// An image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Image {
    /// What runs.
    pub role: Role,
    /// Its environment, which a container's own beats.
    pub env: BTreeMap<String, String>,
}

impl Image {
    /// An image with no environment of its own.
    pub const fn of(role: Role) -> Self {
        Self { role, env: BTreeMap::new() }
    }

    /// The same with a variable.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }
}

/// How health is judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HealthCheck {
    /// Between two checks.
    pub interval: Duration,
    /// Bad ones in a row before a container is called unhealthy.
    pub retries: u32,
    /// Bad ones do not count for so long after a start, unless there was a good one.
    pub start_period: Duration,
}

/// How long the daemon takes for what it does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Durations {
    /// To answer anything.
    pub answer: Duration,
    /// To create a container.
    pub create: Duration,
    /// To start one.
    pub start: Duration,
    /// To kill one.
    pub kill: Duration,
    /// To remove one.
    pub remove: Duration,
    /// For a program to find that it cannot run.
    pub fail: Duration,
    /// Before the first restart by policy; doubled each time, up to the last.
    pub first_backoff: Duration,
    /// Before the last ones.
    pub last_backoff: Duration,
    /// Who has lived so long is restarted after the first wait again.
    pub lived_long: Duration,
}

/// A dock.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// What ids and moments are drawn from.
    pub seed: u64,
    /// Images by their names: with a tag, or without one for all tags.
    pub images: BTreeMap<String, Image>,
    /// How long things take, up to a tenth more or less.
    pub durations: Durations,
    /// How the health of Gluetuns is checked.
    pub health: HealthCheck,
    /// A folder in which engines have caches, each one its own. Without it their images have no shell, either.
    pub caches: Option<PathBuf>,
}

impl Settings {
    /// A dock with the images of a fleet.
    pub fn new(seed: u64) -> Self {
        let images = [
            (VPN_IMAGE, Role::Gluetun),
            ("ghcr.io/krinkuto11/acestream-http-proxy", Role::Engine),
            ("jopsis/acestream", Role::Engine),
            ("busybox", Role::Idle),
        ];
        Self {
            seed,
            images: images.into_iter().map(|(name, role)| (name.to_owned(), Image::of(role))).collect(),
            durations: Durations {
                answer: Duration::from_millis(2),
                create: Duration::from_millis(40),
                start: Duration::from_millis(120),
                kill: Duration::from_millis(60),
                remove: Duration::from_millis(40),
                fail: Duration::from_millis(150),
                first_backoff: Duration::from_millis(100),
                last_backoff: Duration::from_secs(60),
                lived_long: Duration::from_secs(10),
            },
            health: HealthCheck {
                interval: Duration::from_secs(1),
                retries: 1,
                start_period: Duration::from_secs(10),
            },
            caches: None,
        }
    }

    /// The image of this name.
    pub(super) fn image(&self, name: &str) -> Option<&Image> {
        let repository = match name.rsplit_once(':') {
            // A colon before a slash belongs to a registry's port.
            Some((repository, tag)) if !tag.contains('/') => repository,
            Some(_) | None => name,
        };
        self.images.get(name).or_else(|| self.images.get(repository))
    }
}
