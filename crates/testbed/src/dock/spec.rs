//! What a container is created from.

use std::collections::BTreeMap;

use control::ids::Name;

/// A container to be created.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spec {
    /// Its name.
    pub name: Name,
    /// Its image, with a tag.
    pub image: String,
    /// Its environment.
    pub env: BTreeMap<String, String>,
    /// What it runs instead of its image's own command.
    pub command: Vec<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Where its network comes from.
    pub network: Joined,
    /// Ports that it publishes: inside, and on this machine's 127.0.0.1.
    pub publish: Vec<(u16, u16)>,
}

/// Where a container's network comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Joined {
    /// It shares that of the container of this name.
    OfContainer(Name),
    /// It has one of its own, on the bridge of this name; without a name, the default one.
    Own(Option<String>),
}

impl Spec {
    /// A container with nothing but a name, an image and a network of its own.
    pub fn new(name: &str, image: &str) -> Self {
        Self {
            name: Name::from(name),
            image: image.to_owned(),
            env: BTreeMap::new(),
            command: Vec::new(),
            labels: BTreeMap::new(),
            network: Joined::Own(None),
            publish: Vec::new(),
        }
    }

    /// The same with this environment.
    pub fn env(mut self, env: &[(&str, &str)]) -> Self {
        self.env.extend(env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self
    }
}
