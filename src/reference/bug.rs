//! Planted bugs: what real servers get wrong, each one small condition in the session's code.
//!
//! They prove that scenarios can fail. [`Bug::noticed_by`] says which cases must notice.

use std::fmt;
use std::str::FromStr;

macro_rules! bugs {
    ($($bug:ident $name:literal $about:literal)*) => {
        /// One way in which the reference can be wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Bug {
            $(#[doc = $about] $bug,)*
        }

        impl Bug {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$bug,)*];

            /// The name for `--set broken=NAME`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$bug => $name,)* }
            }

            /// What a user suffers, in one line.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self { $(Self::$bug => $about,)* }
            }
        }
    };
}

bugs! {
    LetterCwd "letter-cwd" "CWD needs no letter e: users enter directories that are closed to them"
    LetterCdup "letter-cdup" "CDUP needs no letter e: users climb out of where they were put"
    LetterList "letter-list" "LIST needs no letter l: users see names that are hidden from them"
    LetterNlst "letter-nlst" "NLST needs no letter l: users see names that are hidden from them"
    LetterMlsd "letter-mlsd" "MLSD needs no letter l: users see names that are hidden from them"
    LetterMlst "letter-mlst" "MLST needs no letter l: users see the facts of files that are hidden from them"
    LetterStat "letter-stat" "STAT with a path needs no letter l: users see names that are hidden from them"
    LetterSize "letter-size" "SIZE needs no letter l: users learn which files exist"
    LetterMdtm "letter-mdtm" "MDTM needs no letter l: users learn which files exist"
    LetterRetr "letter-retr" "RETR needs no letter r: users read files that are closed to them"
    LetterAppe "letter-appe" "APPE needs no letter a: users change files that are read-only to them"
    LetterDele "letter-dele" "DELE needs no letter d: users remove files that they may only read"
    LetterRmd "letter-rmd" "RMD needs no letter d: users remove directories that they may only read"
    LetterRnfr "letter-rnfr" "RNFR needs no letter f: users pick up files to rename that they may not"
    LetterRnto "letter-rnto" "RNFR and RNTO need no letter f: users rename files that they may only read"
    LetterMkd "letter-mkd" "MKD needs no letter m: users make directories where they may only read"
    LetterStor "letter-stor" "STOR needs no letter w: users overwrite files that they may only read"
    LetterStorRest "letter-stor-after-rest" "STOR after REST needs no letter w: a resumed upload changes a read-only file"
    LetterStou "letter-stou" "STOU needs no letter w: users fill a disk that they may only read"
    LetterChmod "letter-chmod" "SITE CHMOD needs no letter M: users open files to others"
    LetterMfmt "letter-mfmt" "MFMT needs no letter T: users forge the times of files"
    LetterStorByAppend "letter-stor-by-append" "letter a stands in for w: who may only append overwrites"
    DeniedDeleDeletes "denied-dele-deletes" "a denied DELE says 550 after the file is gone"
    DeniedRmdRemoves "denied-rmd-removes" "a denied RMD says 550 after the directory is gone"
    DeniedMkdMakes "denied-mkd-makes" "a denied MKD says 550 after the directory is there"
    DeniedStorTruncates "denied-stor-truncates" "a denied STOR empties the file first"
    DeniedStorCreates "denied-stor-creates" "a denied STOR leaves an empty new file"
    DeniedRetrAfter150 "denied-retr-after-150" "a denied RETR says 150 first: clients wait for data"
    DeniedTellsExistence "denied-tells-existence" "a denied RETR says something else where the file does not exist"
    WrongPassword "wrong-password" "any password will do"
    PasswordPrefix "password-prefix" "the beginning of a password will do"
    EmptyPassword "empty-password" "no password will do"
    BeforeLogin "before-login" "USER alone logs in: PASS is not waited for"
    UserKeepsRights "user-keeps-rights" "USER keeps the old user's rights until the new password is right"
    ReinKeepsLogin "rein-keeps-login" "REIN says 220 and the user stays logged in"
    LoginKeepsDirectory "login-keeps-directory" "a new login starts in the directory where the one before was"
    UnknownUserTold "unknown-user-told" "USER tells which accounts exist"
    PassTellsWhich "pass-tells-which" "the reply to a wrong password tells whether the account exists"
    PassAfterFailure "pass-after-failure" "passwords can be tried one behind the other without USER"
    NoFailureLimit "no-failure-limit" "passwords can be tried without end"
    StorTruncatesEarly "stor-truncates-early" "STOR empties the file before there is a data connection: a 425 costs the file"
    RestOffByOne "rest-off-by-one" "a resumed download leaves out one byte"
    RestIgnoredRetr "rest-ignored-retr" "REST says 350 and RETR sends the whole file: resumed downloads are doubled"
    RestIgnoredStor "rest-ignored-stor" "REST says 350 and STOR starts at 0: a resumed upload keeps only its tail"
    RestStorHole "rest-stor-hole" "a resumed upload turns what was there into zeros"
    RestStorZeros "rest-stor-zeros" "a resumed upload stores zeros instead of the data"
    RestStorAppends "rest-stor-appends" "a resumed upload appends wherever it should start: the overlap is there twice"
    RestStaleAfterFailure "rest-stale-after-failure" "REST outlives a failed RETR: the next download lacks its start"
    RestKept "rest-kept" "REST outlives its transfer: the next download lacks its start"
    RestZeroIgnored "rest-zero-ignored" "REST 0 does not take a REST back"
    RestLostByPasv "rest-lost-by-pasv" "PASV or EPSV forgets the REST before it: a resumed download is doubled"
    RestLostByNoop "rest-lost-by-noop" "NOOP forgets the REST before it: a resumed download is doubled"
    RestWraps "rest-wraps" "REST counts in 32 bits: resuming beyond 4 GiB sends the wrong part"
    RestPastEndWhole "rest-past-end-whole" "REST past the end sends the whole file instead of an error"
    RestRawInAscii "rest-raw-in-ascii" "REST in TYPE A counts the file's bytes instead of the stream's"
    RestLetters "rest-accepts-letters" "REST takes any word for 0: a typo restarts the whole transfer"
    AppeOverwrites "appe-overwrites" "APPE replaces the file"
    AppeRefusesNew "appe-refuses-new" "APPE does not make a new file"
    StorKeepsTail "stor-keeps-tail" "STOR of a shorter file leaves the old one's end"
    StorLosesTail "stor-loses-tail" "an upload's last byte is lost and 226 is said"
    StorExclusive "stor-exclusive" "STOR does not replace a file"
    StouOverwrites "stou-overwrites" "STOU always uses the same name: files are lost"
    StouNameWrong "stou-name-wrong" "STOU names another file than it makes"
    CrlfSplitUpload "crlf-split-upload" "an upload in TYPE A keeps the CR where CR and LF come in different blocks"
    CrlfSplitDownload "crlf-split-download" "a download in TYPE A lacks the CR where a block starts with a line end"
    LoneCrDropped "lone-cr-dropped" "an upload in TYPE A loses each CR that stands alone"
    AsciiDownloadRaw "ascii-download-raw" "TYPE A is accepted and downloads are not converted"
    AsciiUploadRaw "ascii-upload-raw" "TYPE A is accepted and uploads are not converted"
    AsciiStripsHigh "ascii-strips-high" "TYPE A loses the eighth bit: text that is not English is garbage"
    SizeRawInAscii "size-raw-in-ascii" "SIZE in TYPE A counts the file's bytes: clients believe the download too long"
    ImageConverted "image-converted" "TYPE I downloads are converted like text: binaries are broken"
    ImageUploadConverted "image-upload-converted" "TYPE I uploads are converted like text: binaries are broken"
    DefaultImage "default-image" "a new session starts with TYPE I"
    TypeForgotten "type-forgotten" "CWD puts the type back to ASCII: binaries are broken"
    TypeResetByList "type-reset-by-list" "a listing puts the type to ASCII: the next binary is broken"
    EarlyDone "early-done" "226 is said when a download begins: clients close too early"
    ShortLastBlock "short-last-block" "a download lacks its last byte and 226 is said"
    ByteFlipped "byte-flipped" "the byte at 64 KiB of a download is wrong"
    BlockDoubled "block-doubled" "a long download sends a block of 256 KiB twice"
    NoDone "no-done" "no reply follows a download: clients hang"
    Done250 "done-250" "250 instead of 226 after the data"
    ExtraReply "extra-reply" "a second reply follows 226: replies and commands lose step"
    RetrMissing150 "retr-missing-150" "RETR of a missing file says 150 and then 550"
    RetrMissingEmpty "retr-missing-empty" "RETR of a missing file sends an empty one and says 226"
    CutUploadDone "cut-upload-done" "an upload that is cut says 226"
    CutDownloadKills "cut-download-kills" "a download that is cut ends the session"
    CutDownloadDone "cut-download-done" "a download that is cut says 226"
    AborOnly226 "abor-only-226" "ABOR in a transfer is answered by one reply instead of two"
    AborSilent "abor-silent" "ABOR in a transfer is not answered"
    AborCloses "abor-closes" "ABOR in a transfer ends the session"
    AborIdleRefused "abor-idle-refused" "ABOR with nothing to abort is an error"
    QuitCuts "quit-cuts" "QUIT cuts the transfer that is running"
    QuitStays "quit-stays" "QUIT says 221 and leaves the connection open"
    QueueDropped "queue-dropped" "commands that come during a transfer are lost"
    PipelineDropped "pipeline-dropped" "of several commands in one segment only the first is served"
    VerbCase "verb-case" "verbs in lower case are unknown"
    LineTailRuns "line-tail-runs" "the tail of an over-long line runs as a command"
    ControlBytesInNames "control-bytes-in-names" "CR, LF and NUL inside a line are dropped and the rest is run"
    DeleThen550 "dele-then-550" "DELE removes the file and says 550"
    DeleLies "dele-lies" "DELE says 250 and the file stays"
    DeleRemovesDirectory "dele-removes-directory" "DELE removes directories with all in them"
    RmdLies "rmd-lies" "RMD says 250 and the directory stays"
    RmdFull "rmd-full" "RMD removes directories with all in them"
    MkdLies "mkd-lies" "MKD says 257 and makes nothing"
    Mkd250 "mkd-250" "MKD says 250: clients look for the name in vain"
    MkdRelative "mkd-relative" "MKD's reply names the directory as it was given, not from the root"
    MkdExisting "mkd-existing" "MKD of a directory that is there says 257"
    RenameEmpties "rename-empties" "a renamed file is empty"
    RenameKeepsSource "rename-keeps-source" "a renamed file is still there under its old name"
    RenameLies "rename-lies" "RNTO says 250 and nothing is renamed"
    RntoAlone "rnto-alone" "RNTO without RNFR says 250"
    RnfrSurvives "rnfr-survives" "RNFR survives a new login: the next user's RNTO renames"
    RnfrAnything "rnfr-anything" "RNFR of a missing file says 350"
    RnfrLostByNoop "rnfr-lost-by-noop" "NOOP between RNFR and RNTO breaks the rename"
    RnfrOutlives "rnfr-outlives" "a failed RNTO leaves RNFR in force"
    PwdQuotes "pwd-quotes" "quotes in a directory's name are not doubled in 257: clients read another name"
    PwdStale "pwd-stale" "PWD shows the directory before the last CWD"
    CdupRoot "cdup-root" "CDUP goes to the root"
    CwdMissing "cwd-missing" "CWD to a missing directory says 250"
    CwdFile "cwd-file" "CWD to a file says 250"
    CwdFailedMoves "cwd-failed-moves" "a failed CWD goes to the root"
    NamesTrimmed "names-trimmed" "blanks at the ends of names are lost"
    NamesLowered "names-lowered" "new files and directories are made in lower case"
    NamesMangled "names-mangled" "bytes beyond ASCII in names become question marks"
    PasvAnyPeer "pasv-any-peer" "a passive port serves whoever calls first: data is stolen"
    PasvSwapped "pasv-swapped" "227 has the bytes of the port the wrong way round"
    PasvWrongAddress "pasv-wrong-address" "227 names another address than the one that was called"
    PortForeign "port-foreign" "PORT and EPRT to foreign addresses are obeyed: the server attacks others"
    PortPrivileged "port-privileged" "PORT and EPRT to ports below 1024 are obeyed: the server attacks services"
    PortSyntax "port-syntax" "PORT takes octets beyond 255 modulo 256"
    EprtBarOnly "eprt-bar-only" "EPRT takes no delimiter but the bar"
    EprtFamily501 "eprt-family-501" "EPRT of an unknown family says 501: clients do not learn which work"
    EpsvForm "epsv-form" "229 lacks a delimiter: clients find no port"
    EpsvAllIgnored "epsv-all-ignored" "EPSV ALL says 200 and PASV still works"
    NoDataSilent "no-data-silent" "no reply follows a transfer whose data connection never came"
    SizeDirectory "size-directory" "SIZE of a directory says 213"
    SizeOff "size-off" "SIZE is one too many"
    MdtmLocal "mdtm-local" "MDTM is an hour off, as if it were local time"
    MdtmSets "mdtm-sets" "MDTM with a time sets it"
    MfmtLies "mfmt-lies" "MFMT says 213 and sets nothing"
    ChmodLies "chmod-lies" "SITE CHMOD says 200 and sets nothing"
    MlstSize "mlst-size" "the size fact is one too many"
    MlstModify "mlst-modify" "the modify fact is an hour off, as if it were local time"
    MlstPerm "mlst-perm" "the perm fact promises everything to everybody"
    MlstUnique "mlst-unique" "the unique fact is the same for all"
    MlstType "mlst-type" "directories have type=file"
    MlstBlanks "mlst-blanks" "MLST's entry has two blanks before its facts"
    MlsdDropsLast "mlsd-drops-last" "MLSD lacks the last entry"
    MlsdFile "mlsd-file" "MLSD of a file sends its facts instead of 501"
    OptsIgnored "opts-ignored" "OPTS MLST says 200 and changes nothing"
    OptsUnknown "opts-unknown" "OPTS MLST refuses facts that it does not know"
    ListDropsLast "list-drops-last" "LIST lacks the last entry"
    NlstDropsLast "nlst-drops-last" "NLST lacks the last entry"
    ListFileEmpty "list-file-empty" "LIST of a file sends nothing"
    ListLf "list-lf" "listings end their lines in LF alone"
    ListIgnoresPath "list-ignores-path" "LIST ignores its path and lists the current directory"
    NlstPaths "nlst-paths" "NLST without a path sends paths from the root instead of names"
    NlstDetails "nlst-details" "NLST sends what LIST sends"
    StatPadding "stat-padding" "STAT shows names that look like the end of the reply: replies and commands lose step"
    StatEmpty "stat-empty" "STAT with a path lists nothing"
    MultilineEnd "multiline-end" "a multi-line reply has no last line: clients hang"
    MultilineCode "multiline-code" "a multi-line reply ends with another code: clients hang"
    ReplyLf "reply-lf" "replies end in LF alone"
    FeatLies "feat-lies" "FEAT lists what is not there"
    FeatForgets "feat-forgets" "FEAT does not list SIZE: clients do without"
    FeatPadding "feat-padding" "FEAT's lines are not indented: clients find no feature"
    NoopUnknown "noop-unknown" "NOOP is an unknown command"
    Unknown200 "unknown-200" "an unknown verb is answered 200"
    Type200 "type-200" "any TYPE is answered 200"
    Mode200 "mode-200" "MODE B is answered 200 and data goes as before"
    IdleNever "idle-never" "idle sessions are never closed"
}

impl Bug {
    /// Globs of the ids of the cases that must notice it.
    #[must_use]
    pub fn noticed_by(self) -> &'static [&'static str] {
        super::bug_table::NOTICED.iter().find(|(bug, _)| *bug == self).map_or(&[], |(_, cases)| cases)
    }
}

impl fmt::Display for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No bug has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no planted bug is called {0:?}")]
pub struct UnknownBug(pub String);

impl FromStr for Bug {
    type Err = UnknownBug;

    fn from_str(text: &str) -> Result<Self, UnknownBug> {
        Self::ALL.iter().copied().find(|bug| bug.name() == text).ok_or_else(|| UnknownBug(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_distinct_kebab_case_and_read_back() {
        let names: BTreeSet<&str> = Bug::ALL.iter().map(|bug| bug.name()).collect();
        assert_eq!(names.len(), Bug::ALL.len());
        for bug in Bug::ALL {
            assert_eq!(bug.name().parse(), Ok(*bug));
            assert!(bug.name().chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
            assert!(!bug.about().is_empty() && !bug.about().contains('\n'));
        }
        assert_eq!("none".parse::<Bug>(), Err(UnknownBug("none".to_owned())));
    }
}
