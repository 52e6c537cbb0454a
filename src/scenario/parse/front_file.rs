//! One entry of `[files]`.

use percent_encoding::percent_decode_str;
use toml::de::DeValue;

use super::front::{Entry, Reader, entries};
use super::lexer::hex;
use crate::scenario::model::{FileKind, FileSpec};

const KEYS: &[&str] = &["text", "bytes", "content", "size", "seed", "hole", "dir", "entries", "link", "mtime", "mode"];

/// The most files that `entries` makes: their names have four digits.
const ENTRIES_MAX: u64 = 9999;

/// A path as the key of `[files]`: `%`, control characters and what is no UTF-8 are percent-encoded.
pub(in crate::scenario) fn path_key(path: &[u8]) -> String {
    let mut key = String::new();
    let encode = |bytes: &[u8], key: &mut String| bytes.iter().for_each(|byte| key.push_str(percent_encoding::percent_encode_byte(*byte)));
    for chunk in path.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '%' || c.is_control() { encode(c.encode_utf8(&mut [0; 4]).as_bytes(), &mut key) } else { key.push(c) }
        }
        encode(chunk.invalid(), &mut key);
    }
    key
}

/// The path, percent-decoded, and what is there.
pub(super) fn file_spec(reader: &mut Reader, file: &Entry<'_>) -> (Vec<u8>, FileSpec) {
    let name: Vec<u8> = percent_decode_str(file.key).collect();
    if name.is_empty() {
        reader.error(file.at.clone(), "a file without a name");
    }
    let mut spec = FileSpec::default();
    if let Some(text) = file.value.get_ref().as_str() {
        spec.what = FileKind::Text(text.to_owned());
        return (name, spec);
    }
    let Some(table) = file.value.get_ref().as_table() else {
        reader.wrong(file.value, "text, or a table");
        return (name, spec);
    };
    let mut kinds = Vec::new();
    let mut seed = None;
    for entry in entries(table) {
        match entry.key {
            "mtime" => spec.mtime = reader.string(entry.value),
            "mode" => spec.mode = reader.string(entry.value),
            "seed" => {
                seed = integer(entry.value.get_ref());
                if seed.is_none() {
                    reader.wrong(entry.value, "a whole number, not below zero");
                }
            }
            _ => match kind(reader, &entry) {
                Some(kind) => kinds.push(kind),
                None if KEYS.contains(&entry.key) => kinds.push(FileKind::default()),
                None => reader.unknown(&entry, "a file", KEYS),
            },
        }
    }
    if kinds.len() != 1 {
        let expected = "exactly one of text, bytes, content, size, hole, dir, entries, link";
        reader.error(file.at.clone(), "what is this file?").expected = Some(expected.to_owned());
    }
    let mut kind = kinds.pop().unwrap_or_default();
    match (&mut kind, seed) {
        (FileKind::Generated { seed: place, .. }, Some(seed)) => *place = seed,
        (_, Some(_)) => reader.error(file.at.clone(), "a seed without a size").expected = Some("`size = \"32MiB\", seed = 7`".to_owned()),
        (_, None) => {}
    }
    spec.what = kind;
    (name, spec)
}

/// `None` where the key is none, or its value has the wrong form (which is then reported).
fn kind(reader: &mut Reader, entry: &Entry<'_>) -> Option<FileKind> {
    match entry.key {
        "text" => reader.string(entry.value).map(FileKind::Text),
        "content" => reader.string(entry.value).map(FileKind::Expression),
        "size" => reader.string(entry.value).map(|size| FileKind::Generated { size, seed: 0 }),
        "hole" => reader.string(entry.value).map(FileKind::Hole),
        "link" => reader.string(entry.value).map(FileKind::Link),
        "entries" => {
            let count = integer(entry.value.get_ref()).filter(|count| (1..=ENTRIES_MAX).contains(count));
            if count.is_none() {
                reader.wrong(entry.value, "a whole number from 1 to 9999");
            }
            count.map(FileKind::Entries)
        }
        "dir" => reader.truth(entry.value).then_some(FileKind::Directory),
        "bytes" => {
            let bytes = hex(&reader.string(entry.value)?);
            if bytes.is_none() {
                reader.error(entry.value.span(), "these are no bytes").expected = Some("pairs of hexadecimal digits".to_owned());
            }
            bytes.map(FileKind::Bytes)
        }
        _ => None,
    }
}

fn integer(value: &DeValue<'_>) -> Option<u64> {
    value.as_integer().and_then(|integer| u64::from_str_radix(integer.as_str(), integer.radix()).ok())
}
