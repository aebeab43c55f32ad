//! The words that tcpwhy itself says, taken from its own source: redaction keeps them in free text,
//! and replaces all others, since those may come from outside.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Where sentences of records are made.
const SOURCES: [&str; 18] = [
    "src/attribute",
    "src/cause",
    "src/compose",
    "src/compose.rs",
    "src/decode",
    "src/diagnose",
    "src/enrich",
    "src/firewall",
    "src/hook",
    "src/incident",
    "src/join",
    "src/record",
    "src/record.rs",
    "src/report",
    "src/session",
    "src/show/text",
    "src/show/text.rs",
    "src/trace",
];

#[path = "../src/redact/token.rs"]
mod token;

/// Writes `vocabulary.txt`, one word a line, lower case, sorted.
pub(crate) fn build(root: &Path, out: &Path) -> Result<(), String> {
    let mut words = BTreeSet::new();
    for source in SOURCES {
        let path = root.join(source);
        println!("cargo::rerun-if-changed={}", path.display());
        for file in rust_files(&path) {
            let text = fs::read_to_string(&file)
                .map_err(|why| format!("cannot read {}: {why}", file.display()))?;
            collect(&text, &mut words);
        }
    }
    let list: Vec<&str> = words.iter().map(String::as_str).collect();
    fs::write(out.join("vocabulary.txt"), list.join("\n"))
        .map_err(|why| format!("cannot write the vocabulary: {why}"))
}

/// A file, or all files below a directory. What is not there has no words.
fn rust_files(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(path) else {
        return path
            .is_file()
            .then(|| path.to_owned())
            .into_iter()
            .collect();
    };
    entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir() || path.extension().is_some_and(|end| end == "rs"))
        .filter(|path| path.file_stem().is_none_or(|name| name != "tests"))
        .flat_map(|path| rust_files(&path))
        .collect()
}

/// The words of a file, without those of its comments and tests: they are not said.
fn collect(text: &str, words: &mut BTreeSet<String>) {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    for line in code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
    {
        words.extend(token::words(line).map(str::to_lowercase));
    }
}
