//! What the rules look at: the files of the repository and what the pure crates are built from.
//!
//! The only part of tidy that touches the disk or starts a program. It judges nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::Path;

use super::purity;
use crate::house::{House, Stop, output};

/// Everything a rule may ask about. Paths are relative to the repository, with `/`.
#[derive(Default)]
pub(super) struct Tree {
    /// Every file that is tracked or could be: git's ignored files are not looked at.
    pub(super) paths: BTreeSet<String>,
    /// The files among them that hold text.
    pub(super) texts: BTreeMap<String, String>,
    /// The crates that each pure crate is built from, itself left out.
    pub(super) built_from: BTreeMap<String, Vec<String>>,
    /// Where this clone lies, and whose home it is in.
    pub(super) machine_paths: Vec<String>,
}

impl Tree {
    pub(super) fn of(house: &House) -> Result<Self, Stop> {
        let mut tree = Self::default();
        let listed =
            output(&mut house.git(&["ls-files", "-z", "--cached", "--others", "--exclude-standard"]))?;
        for path in listed.split('\0').filter(|path| !path.is_empty()) {
            let file = house.root().join(path);
            // A file that was deleted but not yet from the index is listed; so are links, which hold no text.
            if !file.symlink_metadata().is_ok_and(|meta| meta.is_file()) {
                continue;
            }
            let bytes = fs::read(&file).map_err(|error| Stop::Failed(format!("{path}: {error}")))?;
            tree.paths.insert(path.into());
            if let Ok(text) = String::from_utf8(bytes)
                && !text.contains('\0')
            {
                tree.texts.insert(path.into(), text);
            }
        }
        for (name, _) in purity::PURE_CRATES {
            if tree.paths.contains(&format!("crates/{name}/Cargo.toml")) {
                tree.built_from.insert((*name).into(), built_from(house, name)?);
            }
        }
        let home = env::var("HOME").unwrap_or_default();
        tree.machine_paths = machine_paths(&house.root().display().to_string(), &home);
        Ok(tree)
    }

    /// The text files with one of these endings, such as `.rs`.
    pub(super) fn ending_in(&self, endings: &[&str]) -> impl Iterator<Item = (&str, &str)> {
        let all = self.texts.iter().map(|(path, text)| (path.as_str(), text.as_str()));
        all.filter(move |(path, _)| endings.iter().any(|ending| path.ends_with(ending)))
    }

    /// The Rust files below this folder, such as `crates/control/src/`, that are not tests alone.
    pub(super) fn sources(&self, folder: &str) -> impl Iterator<Item = (&str, &str)> {
        self.ending_in(&[".rs"]).filter(move |(path, _)| {
            path.starts_with(folder) && !path.contains("/tests/") && !path.ends_with("/tests.rs")
        })
    }
}

/// Everything a crate is built from, for every platform and with every feature; its tests may use more.
fn built_from(house: &House, name: &str) -> Result<Vec<String>, Stop> {
    let mut tree = house.cargo(&["tree", "--package", name, "--edges", "no-dev", "--all-features"]);
    tree.args(["--target", "all", "--prefix", "none", "--format", "{p}", "--locked"]);
    let lines = output(&mut tree)?;
    let names: BTreeSet<&str> = lines.lines().filter_map(|line| line.split_whitespace().next()).collect();
    Ok(names.into_iter().filter(|found| *found != name).map(String::from).collect())
}

/// The paths that would tell of this machine. One such as `/app` or `/tmp` is on every machine and tells nothing.
fn machine_paths(root: &str, home: &str) -> Vec<String> {
    let deep = |path: &str| Path::new(path).components().count() > 2;
    let home = home.trim_end_matches('/');
    let root = deep(root).then(|| root.to_string());
    let home = (deep(home) || home == "/root").then(|| format!("{home}/"));
    root.into_iter().chain(home).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_holds_new_files_but_not_ignored_deleted_or_binary_ones() {
        let root = env::temp_dir().join(format!("tidy-tree-{}", std::process::id()));
        let house = House::at(&root);
        fs::create_dir_all(root.join("folder")).expect("temporary files can be made");
        output(&mut house.git(&["init", "--quiet"])).expect("git is there");
        for (path, bytes) in [
            (".gitignore", &b"ignored\n"[..]),
            ("folder/new", b"text\n"),
            ("ignored", b"text\n"),
            ("deleted", b"text\n"),
            ("binary", b"\0"),
        ] {
            fs::write(root.join(path), bytes).expect("temporary files can be made");
        }
        output(&mut house.git(&["add", "deleted"])).expect("git is there");
        fs::remove_file(root.join("deleted")).expect("it was just made");

        let tree = Tree::of(&house);
        fs::remove_dir_all(&root).expect("it was just made");
        let tree = tree.unwrap_or_else(|stop| panic!("{stop:?}"));
        assert_eq!(Vec::from_iter(&tree.paths), [".gitignore", "binary", "folder/new"]);
        assert_eq!(Vec::from_iter(tree.texts.keys()), [".gitignore", "folder/new"]);
    }

    #[test]
    fn a_folder_that_every_machine_has_is_no_path_of_this_one() {
        assert_eq!(machine_paths("/srv/acefleet", "/home/somebody/"), ["/srv/acefleet", "/home/somebody/"]);
        assert!(machine_paths("/app", "/").is_empty());
        assert!(machine_paths("/src", "/tmp").is_empty());
    }
}
