//! `cargo xtask demo`: the product to be looked at, as it ships: the panel is built, then the program, and that is run.
//!
//! Arguments are the program's own. Ctrl-C reaches the program by itself, because it is the terminal's; whoever ends
//! this command in another way ends the program with it.

use std::os::unix::process::CommandExt;

use crate::house::{House, Stop, run};
use crate::panel;

/// Builds, and becomes the program.
pub(crate) fn command(house: &House, args: &[String]) -> Result<(), Stop> {
    let program = house.target_dir()?.join("release").join("acefleet");
    if !program.exists() {
        eprintln!("xtask: the program is built as it ships, which takes some minutes the first time");
    }
    build_panel(house);
    // By itself: built with its tests, the program would get the simulator's canaries.
    run(&mut house.cargo(&["build", "--release", "-p", "acefleet", "--bin", "acefleet", "--locked"]))?;
    // In its place, so that signals and its exit code need nobody in between.
    let why = house.program(&program.to_string_lossy()).arg("demo").args(args).exec();
    Err(Stop::Failed(format!("{}: {why}", program.display())))
}

/// The panel is taken into the program if it can be built with what is here; everything else of the demo does without.
fn build_panel(house: &House) {
    let why = match panel::build_with_what_is_here(house) {
        Ok(()) => return,
        Err(Stop::Usage(why) | Stop::Failed(why)) => why,
        Err(Stop::Exit(code)) => format!("npm ends with {code}"),
    };
    eprintln!("xtask: the demo goes without the panel, which cannot be built here: {why}");
}
