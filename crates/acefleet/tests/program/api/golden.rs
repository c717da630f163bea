//! Answers written down, and compared word by word. `UPDATE_GOLDEN=1` writes them anew, to be read before
//! they are committed.

use serde_json::Value;
use std::path::Path;

/// Compares an answer with the one that was written down for it.
pub(crate) fn golden(name: &str, value: &Value) {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/program/golden").join(format!("{name}.json"));
    let text = serde_json::to_string_pretty(value).expect("JSON") + "\n";
    compare(&path, &text);
}

/// Compares a page of the documents with what the code says.
pub(crate) fn document(name: &str, text: &str) {
    compare(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name), text);
}

fn compare(path: &Path, text: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|wish| wish == "1") {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder");
        std::fs::write(path, text).expect("written down");
        return;
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    let differs = expected.lines().zip(text.lines()).enumerate().find(|(_, (old, new))| old != new);
    assert!(
        expected == text,
        "{} is out of date, first at {differs:?}; UPDATE_GOLDEN=1 writes it anew",
        path.display()
    );
}
