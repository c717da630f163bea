//! `cargo xtask panel`: builds the web panel that the program carries, and runs its tests.
//!
//! Everything happens in the folder `panel`, by what its `package.json` says; here is only when and in which order.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use crate::house::{House, Stop, output, run};
use crate::setup::{self, CHROMIUM, FFMPEG, NODE, NPM};

/// What is installed, as the lock file says, is noted here.
const INSTALLED: &str = "node_modules/.package-lock.json";
/// The oldest Node that the build runs on.
const NODE_LEAST: (u32, u32) = (20, 19);
/// Where the browser tests put their pictures.
const PICTURES: &str = "panel-shots";

/// Builds the panel, or runs its tests.
pub(crate) fn command(house: &House, args: &[String]) -> Result<(), Stop> {
    match args {
        [] => build(house),
        [only] if only == "--test" => test(house),
        [other, ..] => Err(Stop::Usage(format!("`panel` does not know `{other}`"))),
    }
}

/// What building it needs and this machine lacks.
pub(crate) fn lacks_to_build(house: &House) -> Option<String> {
    setup::provide(&[&NODE, &NPM]).err().or_else(|| too_old(house))
}

/// Builds it, and installs nothing on this machine for that.
pub(crate) fn build_with_what_is_here(house: &House) -> Result<(), Stop> {
    let lacking = setup::missing(&[&NODE, &NPM]).or_else(|| too_old(house));
    lacking.map_or_else(|| build(house), |what| Err(Stop::Failed(format!("this machine lacks {what}"))))
}

/// What testing it needs and this machine lacks.
pub(crate) fn lacks_to_test(house: &House) -> Option<String> {
    setup::provide(&[&CHROMIUM, &FFMPEG]).err().or_else(|| lacks_to_build(house))
}

/// Some distributions bring a Node that the build does not run on.
fn too_old(house: &House) -> Option<String> {
    let version = output(house.program("node").arg("--version")).ok()?;
    let mut numbers =
        version.trim().trim_start_matches('v').split('.').map(|number| number.parse().unwrap_or(0));
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let (major, minor) = NODE_LEAST;
    (found < NODE_LEAST).then(|| format!("Node {major}.{minor} or newer: there is {}", version.trim()))
}

/// Builds it into `panel/dist`, from where the next build of the program takes it: what it needs is installed, types
/// are checked, and its size is printed and held to its limit.
pub(crate) fn build(house: &House) -> Result<(), Stop> {
    install(house)?;
    run(npm(house).args(["run", "--silent", "build"]))
}

/// Its tests: what is pure, and then all of it in a real browser, on the demo.
pub(crate) fn test(house: &House) -> Result<(), Stop> {
    build(house)?;
    run(npm(house).args(["run", "--silent", "test"]))?;
    // With all the tests, so that they and the program are built once, for every step there is.
    run(&mut house.cargo(&["test", "--workspace", "--no-run", "--quiet", "--locked"]))?;
    let target = house.target_dir()?;
    let pictures = target.join(PICTURES);
    let mut browser = npm(house);
    browser.args(["run", "--silent", "browser"]);
    browser.env("ACEFLEET_PROGRAM", target.join("debug").join("acefleet"));
    browser.env("ACEFLEET_SHOTS", &pictures);
    let ended = run(&mut browser);
    println!("pictures of every page: {}", pictures.display());
    ended
}

/// Installs exactly what the lock file says, unless that is there already.
fn install(house: &House) -> Result<(), Stop> {
    let panel = folder(house);
    let wanted = fs::metadata(panel.join("package-lock.json")).and_then(|file| file.modified()).ok();
    let there = fs::metadata(panel.join(INSTALLED)).and_then(|file| file.modified()).ok();
    if wanted.is_some() && wanted <= there {
        return Ok(());
    }
    run(npm(house).args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]))
}

fn folder(house: &House) -> PathBuf {
    house.root().join("panel")
}

fn npm(house: &House) -> Command {
    let mut command = house.program(&env::var("NPM").unwrap_or_else(|_| "npm".into()));
    command.current_dir(folder(house));
    command
}
