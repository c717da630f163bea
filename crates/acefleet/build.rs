//! Lists the files of the built panel, so that the program carries them. It builds nothing and needs nothing: with an
//! empty folder the list is empty, and the program's page says how to fill it.

use std::ffi::OsStr;
use std::fmt::Write;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The same file once more, packed; each stands beside the one that it packs.
const PACKED: [(&str, &str); 2] = [("brotli", "br"), ("gzip", "gz")];

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let built = here.join("../../panel/dist");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={}", built.display());

    let mut files: Vec<PathBuf> = match fs::read_dir(&built) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>()?,
        Err(_) => Vec::new(),
    };
    files.retain(|file| is_served(file));
    files.sort();

    let mut list = String::from("&[\n");
    for file in &files {
        // Writing to a string cannot fail.
        let _ = writeln!(list, "    File {{");
        let _ = writeln!(list, "        name: {:?},", file.file_name().unwrap_or_default().to_string_lossy());
        let _ = writeln!(list, "        tag: \"{}\",", tag(&fs::read(file)?));
        let _ = writeln!(list, "        plain: include_bytes!({:?}),", file.display().to_string());
        for (field, ending) in PACKED {
            let packed = PathBuf::from(format!("{}.{ending}", file.display()));
            let bytes = if packed.is_file() {
                format!("Some(include_bytes!({:?}))", packed.display().to_string())
            } else {
                "None".into()
            };
            let _ = writeln!(list, "        {field}: {bytes},");
        }
        let _ = writeln!(list, "    }},");
    }
    list.push_str("]\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("panel_files.rs"), list)
}

/// Neither hidden nor packed.
fn is_served(file: &Path) -> bool {
    let hidden = file.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let packed = PACKED.iter().any(|(_, ending)| file.extension() == Some(OsStr::new(ending)));
    file.is_file() && !hidden && !packed
}

/// Another one for other contents.
fn tag(contents: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(contents);
    format!("{:016x}", hasher.finish())
}
