//! From the core's wish for an engine to a container: image, environment, command, labels, network and ports of
//! each variant, exactly as programs around it expect them. Containers of other kinds are written down as they are
//! wished for.
//!
//! Nothing is chosen here: names, ports and VPN are the core's, everything else is a setting or fixed.

mod conf;

use crate::runtime::{JoinedNetwork, Spec};
use crate::settings::{EngineSettings, Variant};
use control::command::{Create, CreateOther, Ports};
use control::ids::{Name, OpId, SpecHash, VpnId};
use control::labels::{HOST_HTTPS_PORT, Labels};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// What engines of the variant `jopsis-amd64` are told before their ports.
const JOPSIS_AMD64_ARGUMENTS: &str = "--client-console --bind-all --service-remote-access --access-token acestream \
    --service-access-token root --stats-report-peers --live-cache-type memory --live-cache-size 209715200 \
    --vod-cache-type memory --cache-dir /acestream/.ACEStream --vod-drop-max-age 120 --max-file-size 2147483648 \
    --live-buffer 25 --vod-buffer 10 --max-connections 500 --max-peers 50 --max-upload-slots 50 --auto-slots 0 \
    --download-limit 0 --upload-limit 0 --stats-report-interval 2 --slots-manager-use-cpu-limit 1 \
    --core-skip-have-before-playback-pos 1 --core-dlr-periodic-check-interval 5 --check-live-pos-interval 5 \
    --refill-buffer-interval 1 --webrtc-allow-outgoing-connections 1 --allow-user-config --log-debug 0 \
    --log-max-size 15000000 --log-backup-count 1";

/// What engines of the variants for ARM are started with, before their ports.
const JOPSIS_ARM_COMMAND: &str = "python main.py --bind-all --client-console --live-cache-type memory \
    --live-mem-cache-size 104857600 --disable-sentry --log-stdout";

/// What a variant's wrapper is told beside the ports, unless the caller says otherwise.
const KRINKUTO11_DEFAULTS: [(&str, &str); 2] = [("INTERNAL_BUFFERING", "60"), ("CACHE_LIMIT", "1")];

impl Variant {
    /// The image of this variant, with its tag: that of ENGINE_ARM32_VERSION and ENGINE_ARM64_VERSION for those.
    pub fn image(self, arm32_version: &str, arm64_version: &str) -> String {
        match self {
            Self::Krinkuto11Amd64 => "ghcr.io/krinkuto11/acestream-http-proxy:latest".to_owned(),
            Self::JopsisAmd64 => "jopsis/acestream:x64".to_owned(),
            Self::JopsisArm32 => format!("jopsis/acestream:{arm32_version}"),
            Self::JopsisArm64 => format!("jopsis/acestream:{arm64_version}"),
        }
    }
}

/// Writes down what engines are made of.
#[derive(Clone, Debug)]
pub struct Composer {
    settings: EngineSettings,
    vpns: Vec<Name>,
}

impl Composer {
    /// For engines of these settings; the VPNs' container names are in configuration order.
    pub fn new(settings: EngineSettings, vpns: Vec<Name>) -> Self {
        Self { settings, vpns }
    }

    /// The container that the core wishes for. Its VPN has to be a configured one.
    pub fn spec(&self, create: &Create, op: OpId) -> Spec {
        let vpn = create.vpn.map(|vpn| &self.vpns[vpn.index()]);
        let https_mapped = create.ports.https.filter(|_| vpn.is_none() && self.settings.map_https);
        Spec {
            name: create.name.clone(),
            image: self.settings.image.clone(),
            env: self.env(create),
            command: self.command(create.ports),
            labels: self.labels(create, vpn, op, https_mapped),
            network: match vpn {
                Some(name) => JoinedNetwork::OfContainer(name.clone()),
                None => JoinedNetwork::Own(self.settings.network.clone()),
            },
            publish: match vpn {
                Some(_) => Vec::new(),
                // The same number on both sides, because the image's wrapper expects it.
                None => {
                    [Some(create.ports.http), https_mapped].into_iter().flatten().map(|p| (p, p)).collect()
                }
            },
        }
    }

    /// A container of another kind, which is ours by CONTAINER_LABEL.
    pub fn other(&self, create: &CreateOther, op: OpId) -> Spec {
        let owned = |labels: &Labels| -> BTreeMap<String, String> {
            labels.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
        };
        let mut labels = owned(&Labels::of_other(create, op));
        let (key, value) = self.settings.label.clone();
        labels.insert(key, value);
        Spec {
            name: create.name.clone(),
            image: create.wanted.image.to_string(),
            env: owned(&create.wanted.env),
            command: None,
            labels,
            network: JoinedNetwork::Own(self.settings.network.clone()),
            publish: create.ports.to_vec(),
        }
    }

    fn env(&self, create: &Create) -> BTreeMap<String, String> {
        let wanted = create.wanted.iter().flat_map(|wanted| wanted.env.iter());
        let mut env: BTreeMap<String, String> =
            wanted.map(|(name, value)| (name.into(), value.into())).collect();
        let ports = create.ports;
        let mut set = |name: &str, value: String| drop(env.insert(name.into(), value));
        match self.settings.variant {
            Variant::Krinkuto11Amd64 => {
                set("HTTP_PORT", ports.http.to_string());
                if let Some(https) = ports.https {
                    set("HTTPS_PORT", https.to_string());
                }
                if let Some(p2p) = ports.p2p {
                    set("P2P_PORT", p2p.to_string());
                }
                set("BIND_ALL", "true".to_owned());
                for (name, value) in KRINKUTO11_DEFAULTS {
                    env.entry(name.to_owned()).or_insert_with(|| value.to_owned());
                }
                let conf = match env.get("CONF") {
                    Some(own) => conf::with_ports(own, ports),
                    None => conf::of_ports(ports),
                };
                env.insert("CONF".to_owned(), conf);
            }
            Variant::JopsisAmd64 => {
                set("ACESTREAM_ARGS", format!("{JOPSIS_AMD64_ARGUMENTS} {}", flags(ports)));
            }
            Variant::JopsisArm32 | Variant::JopsisArm64 => {}
        }
        env
    }

    fn command(&self, ports: Ports) -> Option<Vec<String>> {
        match self.settings.variant {
            Variant::Krinkuto11Amd64 | Variant::JopsisAmd64 => None,
            Variant::JopsisArm32 | Variant::JopsisArm64 => {
                let words = format!("{JOPSIS_ARM_COMMAND} {}", flags(ports));
                Some(words.split_whitespace().map(str::to_owned).collect())
            }
        }
    }

    fn labels(
        &self,
        create: &Create,
        vpn: Option<&Name>,
        op: OpId,
        https_mapped: Option<u16>,
    ) -> BTreeMap<String, String> {
        let meant = Labels::of_engine(create, vpn, op);
        let mut labels: BTreeMap<String, String> =
            meant.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        labels.extend(https_mapped.map(|port| (HOST_HTTPS_PORT.to_owned(), port.to_string())));
        let (key, value) = self.settings.label.clone();
        labels.insert(key, value);
        labels
    }
}

/// The hash of everything that an engine of these settings is created from, apart from what is its own: name,
/// ports, VPN and the operation. Engines that have another one are out of date.
pub fn spec_hash(settings: &EngineSettings, behind_vpns: bool) -> SpecHash {
    let create = Create {
        name: Name::from("engine"),
        vpn: behind_vpns.then_some(VpnId(0)),
        ports: Ports { http: 1, https: Some(2), p2p: Some(3) },
        spec: SpecHash(0),
        wanted: None,
    };
    let composer = Composer::new(settings.clone(), vec![Name::from("vpn")]);
    let spec = composer.spec(&create, OpId { life: 0, seq: 0 });
    let mut hash = Sha256::new();
    // Each text goes in with its length, so that no two lists of texts are the same bytes.
    let mut feed = |kind: &str, text: &str| {
        for part in [kind, text] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
    };
    feed("image", &spec.image);
    for (name, value) in &spec.env {
        feed("env", name);
        feed("value", value);
    }
    for word in spec.command.iter().flatten() {
        feed("command", word);
    }
    for (key, value) in &spec.labels {
        feed("label", key);
        feed("value", value);
    }
    match &spec.network {
        JoinedNetwork::OfContainer(name) => feed("joins", name.as_str()),
        JoinedNetwork::Own(network) => feed("network", network.as_deref().unwrap_or_default()),
    }
    for (inside, outside) in &spec.publish {
        feed("publish", &format!("{inside}:{outside}"));
    }
    let digest = hash.finalize();
    SpecHash(digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// An engine's ports as flags of its command line.
fn flags(ports: Ports) -> String {
    let flags = [("--http-port", Some(ports.http)), ("--https-port", ports.https), ("--port", ports.p2p)];
    let given = flags.iter().filter_map(|(flag, port)| Some(format!("{flag} {}", (*port)?)));
    given.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
