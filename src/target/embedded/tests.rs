use suppaftp::types::Mode;

use super::super::trial::{
    Bare, account, anonymous, file, holds, in_time, letters, roots_are_apart, start, stop, stop_leaves_nothing, transfers,
};
use super::*;
use crate::ftp::content::Content;
use crate::ftp::letter::Letter;

#[test]
fn the_version_is_the_one_that_is_built_in() {
    let lock = include_str!("../../../Cargo.lock");
    assert!(lock.contains(&format!("name = \"libunftp\"\nversion = \"{VERSION}\"\n")));
}

#[tokio::test]
async fn transfers_in_each_mode() {
    in_time(transfers(&Embedded::new(), Mode::Passive, false)).await;
    in_time(transfers(&Embedded::new(), Mode::ExtendedPassive, false)).await;
    in_time(transfers(&Embedded::new(), Mode::ExtendedPassive, true)).await;
    in_time(transfers(&Embedded::new(), Mode::Active, false)).await;
}

#[tokio::test]
async fn accounts() {
    in_time(roots_are_apart(&Embedded::new())).await;
    in_time(anonymous(&Embedded::new())).await;
}

#[tokio::test]
async fn each_letter_is_enforced() {
    let refused: &[(Letter, &[&str])] = &[
        (Letter::Enter, &["CWD d"]),
        (Letter::List, &["LIST", "NLST", "MLSD", "STAT /"]),
        (Letter::Retrieve, &["RETR f", "SITE MD5 f"]),
        (Letter::Append, &["APPE f"]),
        (Letter::Delete, &["RMD empty", "DELE f"]),
        (Letter::Rename, &["RNFR f", "RNTO g"]),
        (Letter::MakeDirectory, &["MKD n"]),
        (Letter::Store, &["STOR n", "STOR f", "STOU"]),
        (Letter::ChangeMode, &["SITE CHMOD 600 /f", "SITE CHMOD 700 d"]),
    ];
    let enforced = refused.iter().fold(Letters::NONE, |set, (letter, _)| set.with(*letter));
    assert_eq!(Embedded::new().facilities().letters, enforced);
    in_time(letters(&Embedded::new(), refused)).await;
}

/// APPE with no other letter appends, though the user may not ask for the file's size; a STOR behind a REST is no APPE.
#[tokio::test]
async fn append_and_store_are_told_apart() {
    let only = |name, letters| account(name, Letters::parse(letters).unwrap());
    let files = [file("f", Content::literal(*b"12345"))];
    let instance = start(&Embedded::new(), &[only("a", "a"), only("w", "w"), only("al", "al"), only("lw", "lw")], &files).await;
    let is = |root, content: &'static [u8]| assert!(holds(&*instance.disk(), root, "f", &Content::literal(content)), "{root}");
    for name in ["a", "al"] {
        let mut bare = Bare::login(instance.address(), name).await;
        assert_eq!(bare.command("SIZE f").await == 213, name == "al");
        assert_eq!(bare.transfer("STOR f", b"x").await.0, 550);
        is(name, b"12345");
        assert_eq!(bare.transfer("APPE f", b"67").await.0, 226);
        is(name, b"1234567");
    }
    for name in ["w", "lw"] {
        let mut bare = Bare::login(instance.address(), name).await;
        assert_eq!(bare.transfer("APPE f", b"x").await.0, 550);
        is(name, b"12345");
        assert_eq!(bare.command("SIZE f").await == 213, name == "lw");
        assert_eq!(bare.command("REST 3").await, 350);
        assert_eq!(bare.transfer("STOR f", b"xyz").await.0, 226);
        is(name, b"123xyz");
    }
    stop(instance).await;
}

#[tokio::test]
async fn a_mode_is_changed_for_real() {
    let instance = start(&Embedded::new(), &[account("alice", Letters::ALL)], &[file("d/f", Content::literal(*b"1"))]).await;
    let mut bare = Bare::login(instance.address(), "alice").await;
    assert_eq!(bare.command("SITE CHMOD 604 /d/f").await, 200);
    assert!(instance.disk().snapshot("alice").unwrap().0[&b"d/f"[..]].contains("mode 604"));
    assert_eq!(bare.command("SITE CHMOD 600 /nothing").await, 550);
    assert_eq!(bare.command("SITE CHMOD 600 /../alice/d/f").await, 550);
    assert_eq!(bare.command("SITE CHMOD 999 /d/f").await, 501);
    stop(instance).await;
}

#[tokio::test]
async fn settings_are_used() {
    let settings = Settings {
        idle_timeout: Some(Duration::from_millis(300)),
        passive_ports: Some(47_811..=47_830),
        banner: Some("a greeting of our own".to_owned()),
    };
    let instance = Embedded::with_defaults(settings).start(&Settings::default(), &[account("alice", Letters::ALL)]).await.unwrap();
    instance.disk().lay("alice", &[]).unwrap();
    let mut bare = Bare::login(instance.address(), "alice").await;
    assert_eq!(bare.greeting, "220 a greeting of our own\r\n");
    assert!((47_811..=47_830).contains(&bare.passive().await.port()));
    // The idle timeout ends it.
    in_time(bare.ended()).await;
    stop(instance).await;
    let refused = |settings| async move { Embedded::new().start(&settings, &[]).await.err().unwrap().to_string() };
    assert_eq!(
        refused(Settings { banner: Some("a\r\nb".to_owned()), ..Settings::default() }).await,
        "banner: libunftp greets with one line only"
    );
    assert!(refused(Settings { passive_ports: Some(0..=65_535), ..Settings::default() }).await.starts_with("passive_ports"));
    #[expect(clippy::reversed_empty_ranges, reason = "it is what is refused")]
    let reversed = 9..=8;
    assert!(refused(Settings { passive_ports: Some(reversed), ..Settings::default() }).await.starts_with("passive_ports"));
}

#[tokio::test]
async fn the_log_tells_what_it_did_without_passwords() {
    let instance = start(&Embedded::new(), &[account("alice", Letters::ALL)], &[]).await;
    let mut bare = Bare::login(instance.address(), "alice").await;
    bare.command("DELE nothing").await;
    let log = instance.log();
    assert!(log.contains("User alice logged in") && !log.contains("sesame"), "{log}");
    stop(instance).await;
}

#[tokio::test]
async fn a_stop_leaves_nothing() {
    let running = Running::start(&Settings::default(), &[account("alice", Letters::ALL)]).unwrap();
    let path = running.disk.path().to_owned();
    running.disk.lay("alice", &[file("hole", Content::Zeros(256 << 20))]).unwrap();
    in_time(stop_leaves_nothing(Some(&path), Box::new(running))).await;
}

#[tokio::test]
async fn one_that_is_only_dropped_ends_too() {
    let running = Running::start(&Settings::default(), &[account("alice", Letters::ALL)]).unwrap();
    let path = running.disk.path().to_owned();
    running.disk.lay("alice", &[]).unwrap();
    let bare = Bare::login(running.address(), "alice").await;
    drop(running);
    in_time(bare.ended()).await;
    assert!(!path.exists());
}

#[tokio::test]
async fn kept_roots_are_kept() {
    let running = Box::new(Running::start(&Settings::default(), &[account("alice", Letters::ALL)]).unwrap());
    let path = running.disk.path().to_owned();
    running.disk.lay("alice", &[]).unwrap();
    assert_eq!(running.stop(true).await, [format!("{} is kept", path.display())]);
    std::fs::remove_dir_all(path).unwrap();
}
