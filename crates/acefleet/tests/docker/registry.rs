//! A registry of images on loopback, with one image in it: Docker needs no certificate to fetch from there.
//!
//! It hands out its one layer slowly, so that there is progress to be seen.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io::{BufRead, BufReader, Result, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// How a layer is handed out.
const PIECES: usize = 20;
const PAUSE_BETWEEN_PIECES: Duration = Duration::from_millis(50);

/// Something that does not compress, so that the layer has a size to speak of.
const BALLAST_BYTES: usize = 2 << 20;

/// Where Debian has a busybox that needs no library.
const BUSYBOX: [&str; 2] = ["/bin/busybox", "/usr/bin/busybox"];

/// A registry that runs until the test is over.
pub(crate) struct Registry {
    address: SocketAddr,
}

/// What it has, by digest.
struct Contents {
    manifest: Vec<u8>,
    config: Vec<u8>,
    layer: Vec<u8>,
}

impl Registry {
    /// One whose image has a shell.
    pub(crate) fn start() -> Self {
        let contents = Arc::new(Contents::new());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let contents = Arc::clone(&contents);
                // Whoever hangs up early has had enough.
                thread::spawn(move || drop(contents.serve(stream)));
            }
        });
        Self { address }
    }

    /// What its image is called; no other name or tag is known here.
    pub(crate) fn image(&self) -> String {
        format!("{}/shell:1", self.address)
    }

    /// The name of an image that is not there.
    pub(crate) fn missing(&self) -> String {
        format!("{}/shell:2", self.address)
    }
}

/// The name of an image on a registry that is down.
pub(crate) fn image_of_no_registry() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    format!("{}/shell:1", listener.local_addr().expect("it is bound"))
}

impl Contents {
    fn new() -> Self {
        let busybox = BUSYBOX.into_iter().find(|path| Path::new(path).exists());
        let busybox = busybox.expect("this test needs a static busybox: apt-get install busybox-static");
        let busybox = std::fs::read(busybox).expect("it can be read");
        let ballast: Vec<u8> = (0_u64..BALLAST_BYTES as u64 / 32)
            .flat_map(|number| Sha256::digest(number.to_le_bytes()))
            .collect();
        let mut layer = Vec::new();
        add(&mut layer, "bin/", Kind::Folder, &[]);
        add(&mut layer, "bin/busybox", Kind::Program, &busybox);
        for applet in ["sh", "echo", "sleep", "seq"] {
            add(&mut layer, &format!("bin/{applet}"), Kind::Link("busybox"), &[]);
        }
        add(&mut layer, "ballast", Kind::Program, &ballast);
        layer.extend([0; 1_024]);
        let config = json!({
            "architecture": "amd64", "os": "linux",
            "config": { "Cmd": ["/bin/sleep", "100000"], "Env": ["PATH=/bin"] },
            "rootfs": { "type": "layers", "diff_ids": [digest(&layer)] },
        });
        let config = config.to_string().into_bytes();
        let part = |kind: &str, bytes: &[u8]| -> Value {
            json!({ "mediaType": kind, "size": bytes.len(), "digest": digest(bytes) })
        };
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": part("application/vnd.docker.container.image.v1+json", &config),
            "layers": [part("application/vnd.docker.image.rootfs.diff.tar.gzip", &layer)],
        });
        Self { manifest: manifest.to_string().into_bytes(), config, layer }
    }

    fn serve(&self, mut stream: TcpStream) -> Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let mut header = String::new();
        while reader.read_line(&mut header)? > 2 {
            header.clear();
        }
        let mut words = line.split_whitespace();
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (kind, body): (&str, &[u8]) = match path.strip_prefix("/v2/shell/") {
            None if path == "/v2/" => ("application/json", b"{}"),
            Some("manifests/1") => (MANIFEST, &self.manifest),
            Some(by) if by.ends_with(&digest(&self.manifest)) => (MANIFEST, &self.manifest),
            Some(by) if by.ends_with(&digest(&self.config)) => ("application/octet-stream", &self.config),
            Some(by) if by.ends_with(&digest(&self.layer)) => ("application/octet-stream", &self.layer),
            Some(_) | None => {
                let unknown = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#;
                let length = unknown.len();
                let head = format!("HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n{CLOSE}");
                return stream
                    .write_all(format!("{head}Content-Length: {length}\r\n\r\n{unknown}").as_bytes());
            }
        };
        let (length, digest) = (body.len(), digest(body));
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{CLOSE}Docker-Content-Digest: {digest}\r\n"
        )?;
        write!(stream, "Content-Length: {length}\r\n\r\n")?;
        if method == "HEAD" {
            return Ok(());
        }
        for piece in body.chunks(length / PIECES + 1) {
            stream.write_all(piece)?;
            if std::ptr::eq(body, self.layer.as_slice()) {
                thread::sleep(PAUSE_BETWEEN_PIECES);
            }
        }
        Ok(())
    }
}

const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const CLOSE: &str = "Connection: close\r\n";

fn digest(bytes: &[u8]) -> String {
    let digits = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("sha256:{digits}")
}

/// What stands in a tar archive.
#[derive(Clone, Copy)]
enum Kind {
    Folder,
    Program,
    Link(&'static str),
}

/// Adds an entry to a tar archive.
fn add(archive: &mut Vec<u8>, name: &str, kind: Kind, contents: &[u8]) {
    let mut head = [0_u8; 512];
    let mut put = |at: usize, text: &str| head[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000755\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{:011o}\0", contents.len()));
    put(136, "00000000000\0");
    put(257, "ustar\x0000");
    let (flag, target) = match kind {
        Kind::Folder => ("5", ""),
        Kind::Program => ("0", ""),
        Kind::Link(target) => ("2", target),
    };
    put(156, flag);
    put(157, target);
    // The sum is taken over a head in which it is blank.
    put(148, "        ");
    let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
    head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    archive.extend(head);
    archive.extend(contents);
    archive.resize(archive.len().next_multiple_of(512), 0);
}
