//! The arrows between the parts only go down.

use std::path::{Path, PathBuf};

/// The parts from top to bottom; a part uses only parts below it.
const PARTS: [&str; 16] = [
    "cli",
    "report",
    "explore",
    "run",
    "bench",
    "hand",
    "play",
    "judge",
    "target",
    "wire",
    "record",
    "fault",
    "scenario",
    "requirement",
    "reference",
    "ftp",
];

/// Parts that do no I/O, know no clock and never name the runtime.
const PURE: [&str; 5] = ["judge", "scenario", "requirement", "reference", "ftp"];

/// Files of a part that is not pure as a whole, which are.
const PURE_FILES: [&str; 11] = [
    "explore/compare.rs",
    "explore/coverage.rs",
    "explore/draft.rs",
    "explore/expect.rs",
    "explore/known.rs",
    "explore/model.rs",
    "explore/operation.rs",
    "explore/shrink.rs",
    "explore/source.rs",
    "explore/strategy.rs",
    "explore/written.rs",
];

/// What a pure part never says.
const IMPURE: [&str; 6] = ["tokio", "std::fs", "std::net::Tcp", "std::time::Instant", "SystemTime", "std::process"];

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// A file's text without its unit tests.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned()
}

/// The parts that a text names by `crate::`.
fn used(text: &str) -> Vec<&'static str> {
    PARTS.into_iter().filter(|part| text.contains(&format!("crate::{part}"))).collect()
}

fn part_files() -> impl Iterator<Item = (usize, PathBuf)> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    PARTS.iter().enumerate().flat_map(move |(height, part)| files(&source.join(part)).into_iter().map(move |file| (height, file)))
}

#[test]
fn arrows_only_go_down() {
    let mut wrong = Vec::new();
    for (height, file) in part_files() {
        for part in used(&code(&file)) {
            let other = PARTS.iter().position(|known| *known == part).unwrap();
            if other < height {
                wrong.push(format!("{} uses {part}, which is above {}", file.display(), PARTS[height]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pure_parts_do_no_io() {
    let mut wrong = Vec::new();
    for (height, file) in part_files() {
        if !PURE.contains(&PARTS[height]) && !PURE_FILES.iter().any(|pure| file.ends_with(pure)) {
            continue;
        }
        let text = code(&file);
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in lines {
            wrong.extend(IMPURE.iter().filter(|word| line.contains(**word)).map(|word| format!("{} says {word}", file.display())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_folder_is_a_part() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in std::fs::read_dir(source).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(PARTS.contains(&name.as_str()) || ["lib", "main"].contains(&name.as_str()), "{name} is no part of ARCHITECTURE.md");
    }
}
