//! Each built-in profile with its server, as `.ci/servers` fetches it into the folder `FTPSPEC_SERVERS` (or `target/ci/servers`).
//! Without the server a test says so, and fails in CI.

use std::path::PathBuf;

use suppaftp::types::Mode;

use super::super::trial::{Bare, account, file, holds, in_time, letters, roots_are_apart, start, stop, stop_leaves_nothing, transfers};
use super::*;
use crate::ftp::content::Content;
use crate::ftp::letter::Letter;

/// Where a server is, in its folder.
fn places(name: &str) -> (&'static str, &'static str) {
    match name {
        "vsftpd" | "proftpd" | "pure-ftpd" | "inetutils-ftpd" | "linux-ftpd" => ("prefix", "debian"),
        "pyftpdlib" | "aioftp" | "twisted" => ("python", "python/bin/python"),
        "ftp-srv" => ("modules", "node/node_modules"),
        "rclone" => ("bin", "bin/rclone"),
        "busybox" => ("bin", "bin/busybox"),
        _ => panic!("where .ci/servers puts {name} is not known here"),
    }
}

/// The profile of a server that is there.
fn server(name: &str) -> Option<Profile> {
    let folder = std::env::var_os("FTPSPEC_SERVERS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/ci/servers"), |folder| std::path::absolute(folder).unwrap());
    let (variable, place) = places(name);
    let place: PathBuf = folder.join(place);
    let profile = resolve(name, &[(variable.to_owned(), place.display().to_string())]).unwrap().unwrap();
    let lacks = if !place.exists() || profile.version().is_none() {
        "it is not there: .ci/servers fetches it; FTPSPEC_SERVERS names the folder"
    } else if profile.file.program.root && !rustix::process::geteuid().is_root() {
        "it must be started by root"
    } else {
        return Some(profile);
    };
    let told = format!("{name} in {}: {lacks}", place.display());
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{told}");
    // Past the test's own output, which nobody sees of a test that passes.
    writeln!(io::stderr(), "\nNOT TESTED: {told}\n").unwrap();
    None
}

/// Files go both ways, and a server that serves more than one root keeps them apart; stopped in the middle of everything, it
/// leaves nothing behind.
async fn works(name: &str) {
    let Some(server) = server(name) else { return };
    let one_root = server.file.can.one_root;
    let accounts = [account("alice", Letters::ALL), account("bob", Letters::ALL)];
    let accounts = if one_root { &accounts[..1] } else { &accounts[..] };
    let instance = in_time(server.start(&Settings::default(), accounts)).await.unwrap();
    let laid = Content::Words { seed: 1, len: 300_001 };
    for account in accounts {
        instance.disk().lay(&account.root, &[file("laid", laid.clone()), file("hole", Content::Zeros(256 << 20))]).unwrap();
    }
    let up = Content::Words { seed: 2, len: 200_003 };
    for address in std::iter::once(instance.address()).chain(instance.address_v6()) {
        let mut alice = Bare::login(address, "alice").await;
        let (code, came) = alice.transfer("RETR laid", b"").await;
        assert!(code / 100 == 2 && came == laid.to_vec(), "{code}, {} bytes", came.len());
        let code = alice.transfer("STOR hers", &up.to_vec()).await.0;
        assert!(code / 100 == 2 && holds(&*instance.disk(), "alice", "hers", &up), "{code}");
        if !one_root {
            let mut bob = Bare::login(address, "bob").await;
            assert!(bob.transfer("RETR hers", b"").await.0 >= 400);
            assert!(bob.transfer("RETR ../alice/hers", b"").await.0 >= 400);
        }
    }
    let mut stranger = Bare::connect(instance.address()).await;
    stranger.command("USER carol").await;
    in_time(stop_leaves_nothing(None, instance)).await;
}

/// A guest may read, where the profile says that there can be one: all can.
async fn lets_guests_in(name: &str) {
    let Some(server) = server(name) else { return };
    let guest = Account { anonymous: true, ..account("anonymous", Letters::parse("elr").unwrap()) };
    let instance = in_time(server.start(&Settings::default(), &[guest])).await.unwrap();
    instance.disk().lay("anonymous", &[file("f", Content::literal(*b"1"))]).unwrap();
    let mut bare = Bare::connect(instance.address()).await;
    if bare.command("USER anonymous").await == 331 {
        assert_eq!(bare.command("PASS me@example.org").await, 230);
    }
    bare.command("TYPE I").await;
    assert_eq!(bare.transfer("RETR f", b"").await.1, b"1");
    stop(instance).await;
}

/// The settings that a profile says that it can be given.
async fn takes_settings(name: &str) {
    let Some(server) = server(name) else { return };
    let can = &server.file.can;
    let settings = Settings {
        idle_timeout: can.idle_timeout.then_some(Duration::from_secs(1)),
        passive_ports: can.passive_ports.then_some(48_311..=48_330),
        banner: can.banner.then(|| "a greeting of our own".to_owned()),
    };
    let instance = in_time(server.start(&settings, &[account("alice", Letters::ALL)])).await.unwrap();
    instance.disk().lay("alice", &[]).unwrap();
    let mut bare = Bare::login(instance.address(), "alice").await;
    assert!(!can.banner || bare.greeting.contains("a greeting of our own"), "{}", bare.greeting);
    if can.passive_ports {
        assert!((48_311..=48_330).contains(&bare.passive().await.port()));
    }
    if can.idle_timeout {
        in_time(bare.ended()).await;
    }
    stop(instance).await;
}

/// The tests of each server.
macro_rules! servers {
    ($($test:ident $name:literal)*) => {
        $(mod $test {
            #[tokio::test]
            async fn works() {
                super::works($name).await;
            }

            #[tokio::test]
            async fn lets_guests_in() {
                super::lets_guests_in($name).await;
            }

            #[tokio::test]
            async fn takes_settings() {
                super::takes_settings($name).await;
            }
        })*

        #[test]
        fn no_profile_is_forgotten() {
            let mut tested = vec![$($name),*];
            tested.sort_unstable();
            let mut names = names();
            names.sort_unstable();
            assert_eq!(names, tested);
        }
    };
}

servers! {
    aioftp "aioftp"
    busybox "busybox"
    ftp_srv "ftp-srv"
    inetutils_ftpd "inetutils-ftpd"
    linux_ftpd "linux-ftpd"
    proftpd "proftpd"
    pure_ftpd "pure-ftpd"
    pyftpdlib "pyftpdlib"
    rclone "rclone"
    twisted "twisted"
    vsftpd "vsftpd"
}

/// Commands of letters that all who enforce letters know.
const GOVERNED: [(Letter, &[&str]); 9] = [
    (Letter::Enter, &["CWD d"]),
    (Letter::List, &["LIST", "STAT /", "SIZE f"]),
    (Letter::Retrieve, &["RETR f"]),
    (Letter::Append, &["APPE f"]),
    (Letter::Delete, &["RMD empty", "DELE f"]),
    (Letter::Rename, &["RNFR f", "RNTO g"]),
    (Letter::MakeDirectory, &["MKD n"]),
    (Letter::Store, &["STOR n", "STOR f"]),
    (Letter::ChangeMode, &["SITE CHMOD 600 f"]),
];

async fn enforces_letters(name: &str, more: &[(Letter, &[&str])]) {
    let Some(server) = server(name) else { return };
    let can = server.facilities().letters;
    let known = |letter: Letter| can.iter().any(|other| other == letter);
    let refused: Vec<_> = GOVERNED.iter().chain(more).copied().filter(|(letter, _)| known(*letter)).collect();
    assert_eq!(can, refused.iter().fold(Letters::NONE, |set, (letter, _)| set.with(*letter)));
    in_time(letters(&server, &refused)).await;
}

#[tokio::test]
async fn vsftpd_enforces_each_letter() {
    enforces_letters("vsftpd", &[(Letter::List, &["NLST", "MDTM f"])]).await;
}

#[tokio::test]
async fn proftpd_enforces_each_letter_but_l() {
    enforces_letters("proftpd", &[(Letter::ChangeTime, &["MFMT 20200101000000 f"])]).await;
}

#[tokio::test]
async fn ftp_srv_enforces_each_letter_that_it_knows() {
    enforces_letters("ftp-srv", &[(Letter::List, &["NLST", "MDTM f"])]).await;
}

#[tokio::test]
async fn pyftpdlib_enforces_each_letter() {
    enforces_letters("pyftpdlib", &[(Letter::List, &["NLST", "MLSD"]), (Letter::ChangeTime, &["MFMT 20200101000000 f"])]).await;
}

#[tokio::test]
async fn pyftpdlib_transfers() {
    let Some(server) = server("pyftpdlib") else { return };
    for (mode, v6) in [(Mode::Passive, false), (Mode::ExtendedPassive, false), (Mode::ExtendedPassive, true), (Mode::Active, false)] {
        in_time(transfers(&server, mode, v6)).await;
    }
    in_time(roots_are_apart(&server)).await;
}

#[tokio::test]
async fn pyftpdlib_is_given_settings_and_an_anonymous_account() {
    let Some(server) = server("pyftpdlib") else { return };
    let settings = Settings {
        idle_timeout: Some(Duration::from_millis(500)),
        passive_ports: Some(47_911..=47_930),
        banner: Some("a \"greeting\" of our ówn".to_owned()),
    };
    let anyone = Account { anonymous: true, ..account("anonymous", Letters::ALL) };
    let instance = in_time(server.start(&settings, &[anyone])).await.unwrap();
    instance.disk().lay("anonymous", &[file("f", Content::literal(*b"1"))]).unwrap();
    let mut bare = Bare::connect(instance.address()).await;
    assert_eq!(bare.greeting, "220 a \"greeting\" of our ówn\r\n");
    bare.command("USER anonymous").await;
    assert_eq!(bare.command("PASS me@example.org").await, 230);
    assert!((47_911..=47_930).contains(&bare.passive().await.port()));
    assert_eq!(bare.transfer("RETR f", b"").await, (226, b"1".to_vec()));
    assert_eq!(bare.transfer("STOR g", b"2").await.0, 226);
    // The idle timeout ends it.
    in_time(bare.ended()).await;
    stop(instance).await;
}

#[tokio::test]
async fn pyftpdlib_stops_without_a_trace() {
    let Some(server) = server("pyftpdlib") else { return };
    let instance = start(&server, &[account("alice", Letters::ALL)], &[file("hole", Content::Zeros(256 << 20))]).await;
    let mut bare = Bare::login(instance.address(), "alice").await;
    bare.command("DELE nothing").await;
    let log = instance.log();
    assert!(log.contains("USER 'alice' logged in") && !log.contains("sesame"), "{log}");
    in_time(stop_leaves_nothing(None, instance)).await;
}
