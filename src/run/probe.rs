//! All that a server says of itself, and whether it is true: the banner, SYST, HELP, FEAT, and a harmless question for each command that
//! an RFC names.
//!
//! Responsible for asking, and for telling where the server says one thing and does another. Decides nothing: what is `unsupported`
//! in a run is `capability`'s part.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::capability::{Asker, NO_REPLY, UNPROBED};
use super::cast::Cast;
use super::stand::Stand;
use crate::target::{Settings, StartError, Target};

/// The form of a [`Probed`]; a new number where a reader could break.
pub const SCHEMA: &str = "ftpspec.probe/1";

/// How long a reply may take.
const REPLY: Duration = Duration::from_secs(2);

/// Commands, and the document that brought each.
const COMMANDS: [(&str, &[&str]); 8] = [
    (
        "RFC 959",
        &[
            "USER", "PASS", "ACCT", "CWD", "CDUP", "SMNT", "QUIT", "REIN", "PORT", "PASV", "TYPE", "STRU", "MODE", "RETR", "STOR", "STOU",
            "APPE", "ALLO", "REST", "RNFR", "RNTO", "ABOR", "DELE", "RMD", "MKD", "PWD", "LIST", "NLST", "SITE", "SYST", "STAT", "HELP",
            "NOOP",
        ],
    ),
    ("RFC 1123", &["XCWD", "XCUP", "XMKD", "XPWD", "XRMD"]),
    ("RFC 2228", &["AUTH", "ADAT", "PBSZ", "PROT", "CCC"]),
    ("RFC 2389", &["FEAT", "OPTS"]),
    ("RFC 2428", &["EPRT", "EPSV"]),
    ("RFC 2640, 7151", &["LANG", "HOST"]),
    ("RFC 3659", &["MDTM", "SIZE", "MLST", "MLSD"]),
    ("drafts and habit", &["MFMT", "MFCT", "MFF", "HASH", "XCRC", "XMD5", "XSHA1", "MD5", "AVBL", "CLNT", "CSID", "SITE CHMOD"]),
];

/// What FEAT must name where the command is there, and the requirement that says so.
const MUST_FEAT: [(&str, &str); 5] = [
    ("MDTM", "3659-3.3-feat-mdtm"),
    ("SIZE", "3659-4.3-feat-size"),
    ("MLST", "3659-7.8-feat-mlst"),
    ("LANG", "2640-4.3-feat-lang"),
    ("MFMT", "draft-mfxx-3.3-feat"),
];

/// What a server says of itself, and what it does.
#[derive(Debug, Clone, Serialize)]
pub struct Probed {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The target's name.
    pub name: String,
    /// As far as it is known.
    pub version: Option<String>,
    /// The text of the greeting.
    pub banner: Option<String>,
    /// The text of the reply to SYST.
    pub system: Option<String>,
    /// The lines of FEAT between the first and the last.
    pub features: Vec<String>,
    /// Whether HELP lists commands.
    pub helps: bool,
    /// Each command that was asked for.
    pub commands: Vec<Command>,
    /// Where the server says one thing and does another, in words, each with the requirement that it breaks, if there is one.
    pub differences: Vec<Difference>,
    /// What could not be removed at the end.
    pub left: Vec<String>,
}

/// A command: what is said of it, and what it did.
#[derive(Debug, Clone, Serialize)]
pub struct Command {
    /// `MLST`.
    pub verb: String,
    /// `RFC 3659`.
    pub document: &'static str,
    /// FEAT names it.
    pub feat: bool,
    /// HELP lists it; `None` where HELP lists nothing.
    pub help: Option<bool>,
    /// Whether it was answered as a known one; `None` where it cannot be asked for without harm.
    pub known: Option<bool>,
    /// What was answered.
    pub said: String,
}

/// Something that a server says and does not do, or does and does not say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The command.
    pub verb: String,
    /// What differs.
    pub text: String,
    /// The id of the requirement.
    pub requirement: Option<&'static str>,
}

/// Starts a server, asks it, and stops it.
///
/// # Errors
/// Where it does not start or cannot be reached.
pub async fn probe(target: Arc<dyn Target>) -> Result<Probed, StartError> {
    let prober = Cast::new(&[], target.guests(), fastrand::u64(..)).prober;
    let stand = Stand::start(Arc::clone(&target), Settings::default(), vec![prober.clone()]).await?;
    let ground = stand.ground(Vec::new()).await?;
    let (disk, root) = (Arc::clone(&ground.disk), prober.root.clone());
    let laid = tokio::task::spawn_blocking(move || disk.lay(&root, &[])).await;
    let mut probed = Probed {
        schema: SCHEMA,
        name: target.name().to_owned(),
        version: target.version(),
        banner: None,
        system: None,
        features: Vec::new(),
        helps: false,
        commands: Vec::new(),
        differences: Vec::new(),
        left: Vec::new(),
    };
    if matches!(laid, Ok(Ok(()))) {
        let mut asker = Asker::new(&ground, &prober, REPLY + target.facilities().login_delay);
        probed.ask(&mut asker).await;
        probed.banner = asker.banner.take();
    }
    drop(ground);
    probed.left = stand.stop(false).await;
    Ok(probed)
}

impl Probed {
    async fn ask(&mut self, asker: &mut Asker<'_>) {
        self.system = asker.ask("SYST").await.map(|reply| String::from_utf8_lossy(reply.text()).into_owned());
        let lines = asker.features().await;
        self.features = lines.get(1..lines.len().saturating_sub(1)).unwrap_or_default().to_vec();
        let help = asker.ask("HELP").await.map(|reply| listed(&reply.raw)).unwrap_or_default();
        self.helps = help.len() > 3;
        for (document, verbs) in COMMANDS {
            for verb in verbs {
                let feat = self.features.iter().any(|line| names(line, verb));
                let listed = self.helps.then(|| help.contains(verb.split(' ').next().unwrap_or(verb)));
                let (known, said) = match UNPROBED.contains(verb) {
                    true => (None, String::new()),
                    false => {
                        let (known, said) = asker.probe(verb).await;
                        // Who says nothing has not said that it knows it.
                        ((said != NO_REPLY).then_some(known), said)
                    }
                };
                self.commands.push(Command { verb: (*verb).to_owned(), document, feat, help: listed, known, said });
            }
        }
        self.differences = self.commands.iter().flat_map(differences).collect();
        let stream = self.features.iter().any(|line| line.eq_ignore_ascii_case("REST STREAM"));
        // Some allow it for binary transfers only.
        asker.ask("TYPE I").await;
        let restarts = asker.ask("REST 1").await.is_some_and(|reply| reply.code == Some(350));
        let text = match (stream, restarts) {
            (true, false) => "FEAT names REST STREAM, and REST is refused",
            (false, true) => "REST works, and FEAT does not name REST STREAM",
            _ => return,
        };
        self.differences.push(Difference {
            verb: "REST".to_owned(),
            text: text.to_owned(),
            requirement: Some("3659-5.4-feat-rest-stream"),
        });
    }
}

/// Whether a line of FEAT names a command. MLST stands for MLSD too, RFC 3659 section 7.8.
fn names(line: &str, verb: &str) -> bool {
    let verb = if verb == "MLSD" { "MLST" } else { verb };
    // `SITE MD5` speaks of no other SITE.
    if verb.starts_with("SITE") {
        return line.eq_ignore_ascii_case(verb);
    }
    line.split([' ', ';']).next().is_some_and(|word| word.eq_ignore_ascii_case(verb))
}

/// The words of a HELP reply that may be commands.
fn listed(help: &[u8]) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(help).into_owned();
    // `ACCT*` is listed and not there, a habit as old as the BSD server.
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '*').filter(|word| matches!(word.len(), 3 | 4));
    words.filter(|word| word.chars().all(|c| c.is_ascii_uppercase())).map(str::to_owned).collect()
}

fn differences(command: &Command) -> Vec<Difference> {
    let Command { verb, feat, help, known, said, .. } = command;
    let said = said.lines().next().unwrap_or_default();
    let mut found = Vec::new();
    let mut differs = |text: String, requirement| found.push(Difference { verb: verb.clone(), text, requirement });
    if *known == Some(false) {
        if *feat {
            differs(format!("FEAT names it, and it is not known: {said}"), Some("2389-3-feat-truthful"));
        }
        // HELP may mark what it lists and does not have; a person reads that, and no RFC gives it a form.
        if *help == Some(true) {
            differs(format!("HELP lists it, and it is not known: {said}"), None);
        }
    }
    let must = MUST_FEAT.iter().find(|(named, _)| named == verb);
    // 503 and 504 leave open whether there is more to it.
    let there = *known == Some(true) && !matches!(said.as_bytes(), [b'5', b'0', b'3' | b'4', ..]);
    if let (true, false, Some((_, requirement))) = (there, feat, must) {
        differs(format!("it is there, and FEAT does not name it: {said}"), Some(*requirement));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(verb: &str, feat: bool, help: Option<bool>, known: Option<bool>) -> Command {
        Command {
            verb: verb.to_owned(),
            document: "RFC 3659",
            feat,
            help,
            known,
            said: if known == Some(true) { "550 no" } else { "502 no" }.to_owned(),
        }
    }

    #[test]
    fn what_is_said_is_held_against_what_is_done() {
        let check = |command: &Command, expect: &[Option<&str>]| {
            let found: Vec<_> = differences(command).iter().map(|difference| difference.requirement).collect();
            assert_eq!(found, expect, "{command:?}");
        };
        check(&command("SIZE", true, Some(true), Some(true)), &[]);
        check(&command("SIZE", false, None, Some(true)), &[Some("3659-4.3-feat-size")]);
        check(&command("NOOP", false, None, Some(true)), &[]);
        check(&command("SIZE", true, Some(true), Some(false)), &[Some("2389-3-feat-truthful"), None]);
        check(&command("STOR", true, Some(true), None), &[]);
    }

    #[test]
    fn feat_and_help_are_read() {
        assert!(names("MLST size*;type*;", "MLSD") && names("rest STREAM", "REST") && !names("SIZES", "SIZE"));
        let help = listed(b"214-The following commands are recognized.\r\n ABOR ACCT ALLO*\r\n214 Help OK.\r\n");
        assert_eq!(help.into_iter().collect::<Vec<_>>(), ["ABOR", "ACCT"]);
    }

    #[test]
    fn every_requirement_is_in_the_catalogue() {
        let catalogue = crate::requirement::Catalogue::built_in();
        assert!(MUST_FEAT.iter().all(|(_, id)| catalogue.find(id).is_some()));
    }
}
