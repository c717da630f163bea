//! Images of the stand-ins, for tests on real Docker: built from the static program alone, without any
//! registry.
//!
//! It calls the Docker client of the machine; it neither starts nor looks at containers.

use std::fmt::Write as _;
use std::fs;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

/// The cache of an engine, as in the real images.
const CACHE: &str = "/home/appuser/.ACEStream/.acestream_cache";
/// The programs that the variant with a shell has.
const APPLETS: [&str; 8] = ["sh", "rm", "ls", "cat", "mkdir", "sleep", "du", "find"];

/// How an engine's image is made.
#[derive(Clone, Debug, Default)]
pub struct EngineImage {
    /// A static busybox: gives the image a shell, `du` and `rm`, and its engine a cache, where each
    /// content leaves something.
    pub busybox: Option<PathBuf>,
    /// Environment of the image: the program's settings.
    pub env: Vec<(String, String)>,
}

/// How a Gluetun's image is made.
#[derive(Clone, Debug)]
pub struct GluetunImage {
    /// How often Docker checks its health.
    pub health_interval_s: u32,
    /// After how many bad checks it is unhealthy.
    pub health_retries: u32,
    /// Environment of the image: the program's settings.
    pub env: Vec<(String, String)>,
}

impl Default for GluetunImage {
    fn default() -> Self {
        Self { health_interval_s: 1, health_retries: 1, env: Vec::new() }
    }
}

/// Builds an engine's image. `docker_host` is what `docker -H` takes.
pub fn build_engine(standin: &Path, docker_host: &str, image: &EngineImage, tags: &[&str]) -> Result<()> {
    let context = Context::new()?;
    context.add(standin, "standin")?;
    let mut recipe = "FROM scratch\nCOPY . /\n".to_owned();
    if let Some(busybox) = &image.busybox {
        context.add(busybox, "bin/busybox")?;
        for applet in APPLETS {
            std::os::unix::fs::symlink("busybox", context.place(&format!("bin/{applet}"))?)?;
        }
        recipe.push_str(&format!("ENV PATH=/bin STANDIN_CACHE={CACHE}\n"));
    }
    recipe.push_str(&env_lines(&image.env));
    recipe.push_str("ENTRYPOINT [\"/standin\", \"engine\"]\n");
    context.build(docker_host, &recipe, tags)
}

/// Builds a Gluetun's image. `docker_host` is what `docker -H` takes.
pub fn build_gluetun(standin: &Path, docker_host: &str, image: &GluetunImage, tags: &[&str]) -> Result<()> {
    let context = Context::new()?;
    context.add(standin, "standin")?;
    let (interval, retries) = (image.health_interval_s, image.health_retries);
    let recipe = format!(
        "FROM scratch\nCOPY . /\n{}EXPOSE 8000\n\
         HEALTHCHECK --interval={interval}s --timeout=5s --start-period=10s --retries={retries} \
         CMD [\"/standin\", \"health\"]\nENTRYPOINT [\"/standin\", \"gluetun\"]\n",
        env_lines(&image.env)
    );
    context.build(docker_host, &recipe, tags)
}

fn env_lines(env: &[(String, String)]) -> String {
    env.iter().fold(String::new(), |mut lines, (name, value)| {
        let quoted = value.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$");
        // Writing into a string cannot fail.
        let _ = writeln!(lines, "ENV {name}=\"{quoted}\"");
        lines
    })
}

/// A folder that goes with its owner.
struct Context(PathBuf);

impl Context {
    fn new() -> Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("standin-image-{}-{number}", std::process::id()));
        fs::create_dir_all(folder.join("root"))?;
        Ok(Self(folder))
    }

    fn place(&self, path: &str) -> Result<PathBuf> {
        let place = self.0.join("root").join(path);
        fs::create_dir_all(place.parent().unwrap_or(&place))?;
        Ok(place)
    }

    fn add(&self, from: &Path, path: &str) -> Result<()> {
        let explain = |why: Error| Error::new(why.kind(), format!("{}: {why}", from.display()));
        fs::copy(from, self.place(path)?).map(drop).map_err(explain)
    }

    fn build(&self, docker_host: &str, recipe: &str, tags: &[&str]) -> Result<()> {
        let recipe_path = self.0.join("Dockerfile");
        fs::write(&recipe_path, recipe)?;
        let mut docker = Command::new("docker");
        // The classic builder needs no plugin, and no registry for an image from scratch.
        docker.env("DOCKER_BUILDKIT", "0").args(["-H", docker_host, "build", "--quiet", "--file"]);
        docker.arg(&recipe_path);
        for tag in tags {
            docker.args(["--tag", tag]);
        }
        let built = docker.arg(self.0.join("root")).output()?;
        if built.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&built.stderr);
        Err(Error::other(format!("docker build failed for {}: {}", tags.join(", "), said.trim())))
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // Leftovers in the folder for temporary files harm nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}
