//! Paths as a client sees them (RFC 3659 section 6, TVFS) and the quoted form of 257 replies (RFC 959 Appendix II).
//!
//! Names are bytes. Not here: whether anything exists, and links; those are a file system's matter.

use std::fmt;

/// An absolute path: names that are neither empty, `.` nor `..`, and hold no `/`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VirtualPath {
    names: Vec<Vec<u8>>,
}

impl VirtualPath {
    /// The root, `/`.
    #[must_use]
    pub const fn root() -> Self {
        Self { names: Vec::new() }
    }

    /// The path that an argument names, seen from here; `..` goes up by name, and at the root it stays there.
    #[must_use]
    pub fn join(&self, argument: &[u8]) -> Self {
        let mut path = if argument.first() == Some(&b'/') { Self::root() } else { self.clone() };
        for name in argument.split(|byte| *byte == b'/') {
            match name {
                b"" | b"." => {}
                b".." => {
                    path.names.pop();
                }
                _ => path.names.push(name.to_vec()),
            }
        }
        path
    }

    /// The path of an entry of this directory; the name is taken as it is.
    #[must_use]
    pub fn child(&self, name: &[u8]) -> Self {
        let mut path = self.clone();
        path.names.push(name.to_vec());
        path
    }

    /// The directory above; the root's is the root.
    #[must_use]
    pub fn parent(&self) -> Self {
        let mut path = self.clone();
        path.names.pop();
        path
    }

    /// The last name; the root has none.
    #[must_use]
    pub fn name(&self) -> Option<&[u8]> {
        self.names.last().map(Vec::as_slice)
    }

    /// All names from the root on.
    #[must_use]
    pub fn names(&self) -> &[Vec<u8>] {
        &self.names
    }

    /// Whether this is `/`.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.names.is_empty()
    }

    /// As it goes over the wire: `/a/b`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        if self.names.is_empty() { b"/".to_vec() } else { self.names.iter().flat_map(|name| [b"/", name.as_slice()].concat()).collect() }
    }
}

impl fmt::Display for VirtualPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.to_bytes()))
    }
}

/// Puts a path into double quotes and doubles those inside, RFC 959 Appendix II.
#[must_use]
pub fn quote(path: &[u8]) -> Vec<u8> {
    let mut quoted = vec![b'"'];
    for byte in path {
        quoted.extend(if *byte == b'"' { b"\"\"".as_slice() } else { std::slice::from_ref(byte) });
    }
    quoted.push(b'"');
    quoted
}

/// Reads the path at the start of the text of a 257 reply (code and blank removed); `None` where it is not quoted or the quote never ends.
#[must_use]
pub fn parse_257(text: &[u8]) -> Option<Vec<u8>> {
    let mut rest = text.strip_prefix(b"\"")?;
    let mut path = Vec::new();
    loop {
        match rest {
            [b'"', b'"', tail @ ..] => {
                path.push(b'"');
                rest = tail;
            }
            [b'"', ..] => return Some(path),
            [byte, tail @ ..] => {
                path.push(*byte);
                rest = tail;
            }
            [] => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(from: &str, argument: &str, expect: &str) {
        assert_eq!(VirtualPath::root().join(from.as_bytes()).join(argument.as_bytes()).to_string(), expect, "{from} + {argument}");
    }

    #[test]
    fn arguments_resolve_by_name_and_stay_below_the_root() {
        check("/", "a/b", "/a/b");
        check("/a", "b", "/a/b");
        check("/a", "/b", "/b");
        check("/a/b", "..", "/a");
        check("/", "../../etc", "/etc");
        check("/a", "./b//c/", "/a/b/c");
        check("/a", " b ", "/a/ b ");
        check("/a", "...", "/a/...");
        check("/a", "", "/a");
    }

    #[test]
    fn quotes_are_doubled_and_undoubled() {
        assert_eq!(quote(b"/a\"b"), b"\"/a\"\"b\"");
        assert_eq!(parse_257(b"\"/a\"\"b\" created"), Some(b"/a\"b".to_vec()));
        assert_eq!(parse_257(b"\"\""), Some(Vec::new()));
        assert_eq!(parse_257(b"\"/a"), None);
        assert_eq!(parse_257(b"/a"), None);
    }

    proptest! {
        #[test]
        fn what_is_quoted_reads_back(path in prop::collection::vec(any::<u8>(), 0..20)) {
            let mut text = quote(&path);
            text.extend_from_slice(b" is there");
            prop_assert_eq!(parse_257(&text), Some(path));
        }

        #[test]
        fn a_path_names_itself(argument in prop::collection::vec(prop::sample::select(b"a./ ".to_vec()), 0..12)) {
            let path = VirtualPath::root().join(&argument);
            prop_assert_eq!(&VirtualPath::root().child(b"x").join(&path.to_bytes()), &path);
            prop_assert!(path.names().iter().all(|name| !name.is_empty() && name != b"." && name != b".."));
        }
    }
}
