//! Builds all images of the stand-ins on a Docker: `images <static standin> <docker host>`. If there is a
//! static busybox on the machine, the engine's image with a shell is built too.
//!
//! The end-to-end tests call the library instead; this is for trying things by hand.

use std::path::{Path, PathBuf};

use testbed::image::{EngineImage, GluetunImage, build_engine, build_gluetun};

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [standin, docker_host] = arguments.as_slice() else {
        return Err(std::io::Error::other("usage: images <static standin> <docker host>"));
    };
    let standin = Path::new(standin);
    let engines = ["ghcr.io/krinkuto11/acestream-http-proxy:latest", "jopsis/acestream:x64"];
    build_engine(standin, docker_host, &EngineImage::default(), &engines)?;
    build_gluetun(standin, docker_host, &GluetunImage::default(), &["qmcgaw/gluetun:latest"])?;
    let busybox = PathBuf::from("/bin/busybox");
    if busybox.exists() {
        let image = EngineImage { busybox: Some(busybox), ..EngineImage::default() };
        build_engine(standin, docker_host, &image, &["standin-engine:shell"])?;
    }
    Ok(())
}
