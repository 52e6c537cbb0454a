//! What stands on the server, as far as a recording tells it: what was there before, and what became of it.

use std::collections::{BTreeMap, BTreeSet};

use super::capture::Payload;
use super::content::{Edge, Piece, Raw, SMALL_TEXT, Source, Sources, native, text_file};
use super::listing::{Kind, Named};
use crate::scenario::model::FileKind;

/// What must be left of a download that is cut, so that it does not fit into buffers: 8 MiB, and a little for what is under way.
const BEHIND_A_CUT: u64 = 10 << 20;

/// More entries of one listing than these are not laid.
const ENTRIES: usize = 64;

/// A path below the directory of the login, without a slash in front.
pub(super) type Path = Vec<u8>;

#[derive(Debug, Clone)]
enum Node {
    Directory,
    File(Vec<Piece>),
    /// The beginning of an upload that was cut; what is kept of it, and under which name that was captured.
    Beginning {
        source: usize,
        captured: Option<(String, u64)>,
    },
}

/// What was there before the first line.
#[derive(Debug, Clone)]
enum Laid {
    Directory,
    Source(usize),
    Text(Piece),
}

/// The server's files.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) sources: Sources,
    nodes: BTreeMap<Path, Node>,
    laid: BTreeMap<Path, Laid>,
    /// What was made or removed: it was not there before, or is known.
    touched: BTreeSet<Path>,
    captures: usize,
}

/// What a transfer carried.
#[derive(Debug)]
pub(super) struct Carried {
    pub(super) pieces: Vec<Piece>,
    /// It is what must come of what was said before.
    pub(super) as_known: bool,
}

impl World {
    fn is_new(&self, path: &[u8]) -> bool {
        !path.is_empty() && !self.nodes.contains_key(path) && !self.touched.contains(path)
    }

    /// A file of the server's, of which so much is known.
    fn lay(&mut self, path: &[u8], len: u64) -> usize {
        let source = self.sources.add(Source { len, raw: Raw::Unknown, path: Some(path.to_vec()) });
        self.laid.insert(path.to_vec(), Laid::Source(source));
        let piece = Piece::Slice { source, from: Edge::At(0), to: len };
        self.nodes.insert(path.to_vec(), Node::File(vec![piece]));
        source
    }

    /// There was a directory.
    pub(super) fn entered(&mut self, path: &[u8]) {
        if self.is_new(path) {
            self.laid.insert(path.to_vec(), Laid::Directory);
            self.nodes.insert(path.to_vec(), Node::Directory);
        }
    }

    /// There was something.
    pub(super) fn met(&mut self, path: &[u8]) {
        if self.is_new(path) {
            self.lay(path, 1);
        }
    }

    pub(super) fn made(&mut self, path: &[u8]) {
        self.touched.insert(path.to_vec());
        self.nodes.insert(path.to_vec(), Node::Directory);
    }

    pub(super) fn removed(&mut self, path: &[u8], directory: bool) {
        if directory {
            self.entered(path);
        } else {
            self.met(path);
        }
        self.touched.insert(path.to_vec());
        self.nodes.remove(path);
    }

    pub(super) fn renamed(&mut self, from: &[u8], to: &[u8]) {
        self.met(from);
        let below = [from, b"/"].concat();
        let moved: Vec<Path> = self.nodes.keys().filter(|path| *path == from || path.starts_with(&below)).cloned().collect();
        for path in moved {
            let Some(node) = self.nodes.remove(&path) else { continue };
            self.nodes.insert([to, &path[from.len()..]].concat(), node);
            self.touched.insert(path);
        }
        self.touched.insert(to.to_vec());
    }

    /// SIZE was answered. The name under which the number is to be captured, where it depends on how much of a cut upload is kept.
    pub(super) fn measured(&mut self, path: &[u8], size: u64) -> Option<String> {
        if self.is_new(path) {
            self.lay(path, size);
        }
        let Some(Node::Beginning { captured, .. }) = self.nodes.get_mut(path) else { return None };
        self.captures += 1;
        let name = format!("kept{}", self.captures);
        *captured = Some((name.clone(), size));
        Some(name)
    }

    /// The name under which an offset was captured.
    pub(super) fn captured(&self, offset: u64) -> Option<&str> {
        self.nodes.values().find_map(|node| match node {
            Node::Beginning { captured: Some((name, value)), .. } if *value == offset => Some(name.as_str()),
            Node::Directory | Node::File(_) | Node::Beginning { .. } => None,
        })
    }

    /// Whether SIZE has one answer.
    pub(super) fn is_whole(&self, path: &[u8], size: u64) -> bool {
        matches!(self.nodes.get(path), Some(Node::File(pieces)) if self.sources.len(pieces) == size)
    }

    /// A download from an offset; `whole`: up to its end.
    pub(super) fn downloaded(&mut self, path: &[u8], rest: u64, payload: &Payload, ascii: bool, whole: bool) -> Carried {
        if self.is_new(path) {
            self.first_seen(path, rest, payload, ascii, whole);
        }
        let Some(Node::File(pieces)) = self.nodes.get(path).cloned() else {
            return Carried { pieces: self.sources.sent(&payload.bytes, payload.len, ascii), as_known: false };
        };
        let len = self.sources.len(&pieces);
        // A text comes in the network's form.
        let pieces = if ascii { pieces.iter().map(network).collect() } else { pieces };
        let len = if ascii { self.sources.len(&pieces) } else { len };
        let end = if whole { len } else { rest.saturating_add(payload.len).min(len) };
        let expected = self.sources.cut(&pieces, rest.min(len), end);
        if self.sources.agrees(&expected, &payload.bytes, payload.len) {
            return Carried { pieces: expected, as_known: true };
        }
        Carried { pieces: self.sources.instead(&expected, &payload.bytes, payload.len, ascii), as_known: false }
    }

    /// A file that nobody spoke of before is laid as it came.
    fn first_seen(&mut self, path: &[u8], rest: u64, payload: &Payload, ascii: bool, whole: bool) {
        if ascii && whole && rest == 0 && payload.bytes.len() as u64 == payload.len {
            let text = payload.bytes.clone();
            let piece = if text.len() > SMALL_TEXT { Piece::Lines { text, native: false } } else { Piece::Native(native(&text)) };
            self.laid.insert(path.to_vec(), Laid::Text(piece.clone()));
            self.nodes.insert(path.to_vec(), Node::File(vec![piece]));
        } else {
            let len = rest + payload.len + if whole { 0 } else { BEHIND_A_CUT };
            self.lay(path, len);
        }
    }

    /// An upload. `rest`: the offset that REST named; `append`: APPE; `whole`: the client closed the connection and was told that all
    /// is well.
    pub(super) fn uploaded(&mut self, path: &[u8], rest: u64, append: bool, payload: &Payload, ascii: bool, whole: bool) -> Vec<Piece> {
        if let Some(Node::Beginning { source, captured: Some((name, kept)) }) = self.nodes.get(path).cloned()
            && whole
            && (append || rest == kept)
            && let Raw::Whole(raw) = &self.sources.0[source].raw
            && let Some(head) = usize::try_from(kept).ok().and_then(|kept| raw.get(..kept))
        {
            let all = [head, &payload.bytes].concat();
            let len = kept + payload.len;
            self.sources.0[source] = Source { len, raw: Raw::Whole(all), path: None };
            self.nodes.insert(path.to_vec(), Node::File(vec![Piece::Slice { source, from: Edge::At(0), to: len }]));
            return vec![Piece::Slice { source, from: Edge::Captured(name), to: len }];
        }
        if !whole {
            let piece = self.sources.fresh(&payload.bytes, payload.len);
            if let Piece::Slice { source, .. } = piece {
                let node = Node::Beginning { source, captured: None };
                if self.is_new(path) || !append && rest == 0 {
                    self.touched.insert(path.to_vec());
                    self.nodes.insert(path.to_vec(), node);
                }
            }
            return vec![piece];
        }
        let sent = self.sources.sent(&payload.bytes, payload.len, ascii);
        let before = match self.nodes.get(path) {
            Some(Node::File(pieces)) => pieces.clone(),
            Some(Node::Directory | Node::Beginning { .. }) => Vec::new(),
            // APPE and REST go on with what was there: something of that length.
            None if rest > 0 && self.is_new(path) => {
                self.lay(path, rest);
                match self.nodes.get(path) {
                    Some(Node::File(pieces)) => pieces.clone(),
                    Some(_) | None => Vec::new(),
                }
            }
            None => Vec::new(),
        };
        let kept = if append { self.sources.len(&before) } else { rest };
        let mut after = self.sources.cut(&before, 0, kept);
        after.extend(sent.iter().cloned());
        self.touched.insert(path.to_vec());
        self.nodes.insert(path.to_vec(), Node::File(after));
        sent
    }

    /// A listing of a directory: the names that must be in it. What nobody spoke of before is laid.
    pub(super) fn listed(&mut self, directory: &[u8], entries: &[Named]) -> Vec<Vec<u8>> {
        let mut names = Vec::new();
        for entry in entries.iter().take(ENTRIES) {
            let path = join(directory, &entry.name);
            match entry.kind {
                Kind::Directory => self.entered(&path),
                Kind::File(size) if self.is_new(&path) => drop(self.lay(&path, size)),
                Kind::File(_) | Kind::Unknown => {}
            }
            if self.nodes.contains_key(&path) {
                names.push(entry.name.clone());
            }
        }
        names
    }

    /// What was there before, and what the client has, as the front matter names it; `sliced` are the client's that must be files.
    pub(super) fn files(&self, sliced: &[usize]) -> Vec<(Path, FileKind)> {
        let laid = self.laid.iter().map(|(path, laid)| {
            let what = match laid {
                Laid::Directory => FileKind::Directory,
                Laid::Source(source) => self.sources.file(*source),
                Laid::Text(piece) => text_file(piece),
            };
            (path.clone(), what)
        });
        laid.chain(sliced.iter().map(|source| (self.sources.name(*source), self.sources.file(*source)))).collect()
    }
}

/// A piece of a file as TYPE A sends it.
fn network(piece: &Piece) -> Piece {
    match piece {
        Piece::Native(text) => {
            let mut out = Vec::with_capacity(text.len());
            for byte in text {
                if *byte == b'\n' {
                    out.push(b'\r');
                }
                out.push(*byte);
            }
            Piece::Literal(out)
        }
        Piece::Lines { text, .. } => Piece::Lines { text: text.clone(), native: false },
        Piece::Literal(_) | Piece::Slice { .. } => piece.clone(),
    }
}

/// A path in a directory; `.`, `..` and doubled slashes are gone.
pub(super) fn join(directory: &[u8], path: &[u8]) -> Path {
    let mut parts: Vec<&[u8]> = if path.starts_with(b"/") { Vec::new() } else { directory.split(|byte| *byte == b'/').collect() };
    parts.retain(|part| !part.is_empty());
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join(&b'/')
}
