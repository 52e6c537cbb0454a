//! What a listing names.

use crate::ftp::fact::Entry;

/// An entry of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: Vec<u8>,
    pub(super) kind: Kind,
}

/// What an entry is, as far as the listing says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Directory,
    /// With its bytes.
    File(u64),
    Unknown,
}

/// The entries, `.` and `..` aside. Of LIST only the lines of a Unix server are understood.
pub(super) fn entries(verb: &str, listing: &[u8]) -> Vec<Named> {
    let lines = listing.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let read = |line: &[u8]| match verb {
        "MLSD" => fact(line),
        "LIST" => unix(line),
        _ => {
            let name = line.rsplit(|byte| *byte == b'/').next()?;
            Some(Named { name: name.to_vec(), kind: Kind::Unknown })
        }
    };
    lines.filter(|line| !line.is_empty()).filter_map(read).filter(|entry| !matches!(&entry.name[..], b"" | b"." | b"..")).collect()
}

/// RFC 3659 section 7.2.
fn fact(line: &[u8]) -> Option<Named> {
    let entry = Entry::parse(line)?;
    let kind = match entry.fact("type")?.to_ascii_lowercase().as_slice() {
        b"file" => Kind::File(std::str::from_utf8(entry.fact("size")?).ok()?.parse().ok()?),
        b"dir" => Kind::Directory,
        _ => return None,
    };
    Some(Named { name: entry.name, kind })
}

/// `-rw-r--r-- 1 owner group 70000 Nov 28 14:00 name`.
fn unix(line: &[u8]) -> Option<Named> {
    let mut rest = line;
    let mut fields = Vec::new();
    while fields.len() < 8 {
        let start = rest.iter().position(|byte| *byte != b' ')?;
        let len = rest[start..].iter().position(|byte| *byte == b' ')?;
        fields.push(&rest[start..start + len]);
        rest = &rest[start + len..];
    }
    let name = rest.strip_prefix(b" ")?;
    let kind = match fields[0].first()? {
        b'd' => Kind::Directory,
        b'-' => Kind::File(std::str::from_utf8(fields[4]).ok()?.parse().ok()?),
        _ => return None,
    };
    Some(Named { name: name.to_vec(), kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_kinds_are_read() {
        let check = |verb: &str, line: &str, name: &str, kind: Kind| {
            assert_eq!(entries(verb, line.as_bytes()), [Named { name: name.into(), kind }], "{line}");
        };
        check("MLSD", "type=file;size=7; a b\r\n", "a b", Kind::File(7));
        check("MLSD", "Type=dir;modify=20200101000000; sub\r\ntype=cdir; .\r\n", "sub", Kind::Directory);
        check("LIST", "total 4\r\n-rw-r--r--   1 me us   70000 Nov 28 14:00  a b\r\n", " a b", Kind::File(70000));
        check("LIST", "drwxr-xr-x 2 me us 4096 Nov 28  2025 sub\r\n", "sub", Kind::Directory);
        check("NLST", "sub/f.txt\r\n", "f.txt", Kind::Unknown);
        assert_eq!(entries("LIST", b"01-01-26  10:00AM  <DIR>  x\r\n"), []);
    }
}
