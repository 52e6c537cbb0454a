//! Which requirement says that a command that was done is done by every server.

/// The requirement that a reply of success rests on, given a fixture in which it can succeed.
///
/// Only what a MUST demands: where a server is free, a recording accuses nobody.
pub(super) fn success(verb: &str, argument: &[u8]) -> Option<&'static str> {
    Some(match verb {
        "CWD" => "959-4.1.1-cwd-changes-directory",
        "DELE" => "959-4.1.3-dele-deletes",
        "MKD" => "959-4.1.3-mkd-creates",
        "RMD" => "959-4.1.3-rmd-removes",
        "RNFR" | "RNTO" => "959-4.1.3-rename-pair",
        "PWD" => "959-4.1.3-pwd-returns-cwd",
        "QUIT" => "959-4.1.1-quit-closes",
        "STOR" => "959-4.1.3-stor-creates",
        "TYPE" if argument.eq_ignore_ascii_case(b"I") => "1123-4.1.2.1-type-i-supported",
        "TYPE" if argument.eq_ignore_ascii_case(b"A") => "959-3.1.1.5.1-type-a-n-accepted",
        "RETR" => "959-4.1.3-retr-sends-copy",
        _ => return None,
    })
}

/// The codes that are as good as the one that was seen, RFC 959 section 5.4.
pub(super) fn codes(verb: &str, code: u16) -> String {
    match (verb, code) {
        (_, 125 | 150) => "150 | 125".to_owned(),
        ("RETR" | "STOR" | "STOU" | "APPE" | "LIST" | "NLST" | "MLSD", 226 | 250) => "226 | 250".to_owned(),
        ("CWD" | "CDUP" | "XCWD" | "XCUP", 200 | 250) => "250 | 200".to_owned(),
        ("RMD" | "DELE" | "RNTO", 200 | 250) => "250 | 200".to_owned(),
        _ => code.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requirement::Catalogue;

    #[test]
    fn each_is_in_the_catalogue_and_binds() {
        let known = Catalogue::built_in();
        let verbs = ["CWD", "DELE", "MKD", "RMD", "RNFR", "RNTO", "PWD", "QUIT", "STOR", "RETR"];
        for id in verbs
            .map(|verb| success(verb, b"").unwrap())
            .into_iter()
            .chain([success("TYPE", b"i").unwrap(), success("TYPE", b"A").unwrap()])
        {
            assert_eq!(known.find(id).unwrap().level.word(), "MUST", "{id}");
        }
        assert_eq!(success("TYPE", b"E"), None);
    }
}
