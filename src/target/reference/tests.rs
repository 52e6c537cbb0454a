use std::time::Instant;

use suppaftp::types::Mode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::super::trial::{
    Bare, account, anonymous, file, get, holds, in_time, letters, login, put, roots_are_apart, start, stop, stop_leaves_nothing, transfers,
};
use super::*;
use crate::ftp::content::Content;
use crate::ftp::letter::Letter;

fn reference() -> Reference {
    Reference::default()
}

#[tokio::test]
async fn transfers_in_each_mode() {
    in_time(transfers(&reference(), Mode::Passive, false)).await;
    in_time(transfers(&reference(), Mode::ExtendedPassive, false)).await;
    in_time(transfers(&reference(), Mode::ExtendedPassive, true)).await;
    in_time(transfers(&reference(), Mode::Active, false)).await;
}

#[tokio::test]
async fn accounts() {
    in_time(roots_are_apart(&reference())).await;
    in_time(anonymous(&reference())).await;
}

#[tokio::test]
async fn each_letter_is_enforced() {
    let refused: &[(Letter, &[&str])] = &[
        (Letter::Enter, &["CWD d", "CDUP"]),
        (Letter::List, &["LIST", "NLST", "MLSD", "MLST f", "SIZE f", "MDTM f", "STAT f"]),
        (Letter::Retrieve, &["RETR f"]),
        (Letter::Append, &["APPE f"]),
        (Letter::Delete, &["RMD empty", "DELE f"]),
        (Letter::MakeDirectory, &["MKD n"]),
        (Letter::Store, &["STOR n", "STOR f", "STOU"]),
        (Letter::ChangeMode, &["SITE CHMOD 600 f"]),
        (Letter::ChangeTime, &["MFMT 20200101000000 f"]),
    ];
    let enforced = refused.iter().fold(Letters::NONE, |set, (letter, _)| set.with(*letter));
    assert_eq!(reference().facilities().letters.minus(enforced).to_string(), "f");
    in_time(letters(&reference(), refused)).await;
    let instance = start(&reference(), &[account("without", Letters::parse("elradmwMT").unwrap())], &[file("f", Content::Fill(9))]).await;
    assert_eq!(Bare::login(instance.address(), "without").await.command("RNFR f").await, 550);
    stop(instance).await;
}

#[tokio::test]
async fn planted_bugs_are_planted() {
    let bugs = Reference::broken("mkd-lies, rest-off-by-one").unwrap();
    let instance = start(&bugs, &[account("alice", Letters::ALL)], &[file("f", Content::literal(*b"12345"))]).await;
    let mut bare = Bare::login(instance.address(), "alice").await;
    assert_eq!(bare.command("MKD n").await, 257);
    assert_eq!(instance.disk().snapshot("alice").unwrap().0.len(), 1);
    bare.command("REST 2").await;
    assert_eq!(bare.transfer("RETR f", b"").await, (226, b"45".to_vec()));
    stop(instance).await;
    let error = Reference::broken("mkd-lies,rest-of-by-one").unwrap_err().to_string();
    assert_eq!(error, "no planted bug \"rest-of-by-one\"; did you mean \"rest-off-by-one\"?");
}

/// A client that does not read holds the transfer up, and ABOR ends it while it stands.
async fn abort_a_standing_transfer(telnet: bool) {
    let instance = start(&reference(), &[account("alice", Letters::ALL)], &[file("hole", Content::Zeros(1 << 30))]).await;
    let mut bare = Bare::login(instance.address(), "alice").await;
    let mut data = TcpStream::connect(bare.passive().await).await.unwrap();
    assert_eq!(bare.command("RETR hole").await / 100, 1);
    data.read_exact(&mut vec![0; 1 << 20]).await.unwrap();
    if telnet {
        bare.send_telnet_abort().await;
    } else {
        bare.send("ABOR").await;
    }
    assert_eq!(bare.reply().await, 426);
    assert_eq!(bare.reply().await, 226);
    let mut rest = Vec::new();
    assert_eq!(in_time(data.read_to_end(&mut rest)).await.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    assert!(rest.len() < 1 << 29);
    assert_eq!(bare.command("NOOP").await, 200);
    stop(instance).await;
}

#[tokio::test]
async fn a_transfer_that_stands_is_aborted_at_once() {
    abort_a_standing_transfer(false).await;
    abort_a_standing_transfer(true).await;
}

/// An upload whose connection is reset keeps what came, says 426, and the session goes on.
#[tokio::test]
async fn a_cut_upload_keeps_what_came() {
    let instance = start(&reference(), &[account("alice", Letters::ALL)], &[]).await;
    let mut bare = Bare::login(instance.address(), "alice").await;
    let mut data = TcpStream::connect(bare.passive().await).await.unwrap();
    assert_eq!(bare.command("STOR f").await / 100, 1);
    data.write_all(&[7; 1000]).await.unwrap();
    // What a reset overtakes is lost: wait until it came.
    let come = Content::Chain(vec![Content::literal([7; 1000])]);
    in_time(async {
        while !holds(&*instance.disk(), "alice", "f", &come) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    socket2::SockRef::from(&data).set_linger(Some(Duration::ZERO)).unwrap();
    drop(data);
    assert_eq!(bare.reply().await, 426);
    assert!(holds(&*instance.disk(), "alice", "f", &come));
    assert_eq!(bare.command("NOOP").await, 200);
    stop(instance).await;
}

#[tokio::test]
async fn a_data_connection_that_never_comes_is_425() {
    let instance = start(&reference(), &[account("alice", Letters::ALL)], &[file("f", Content::Fill(9))]).await;
    let mut bare = Bare::login(instance.address(), "alice").await;
    bare.passive().await;
    bare.send("RETR f").await;
    let code = bare.reply().await;
    assert_eq!(if code < 200 { bare.reply().await } else { code }, 425);
    // Nobody listens where PORT points to.
    let (closed, address) = listen((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    drop(closed);
    assert_eq!(bare.command(&format!("EPRT |1|127.0.0.1|{}|", address.port())).await, 200);
    bare.send("RETR f").await;
    let code = bare.reply().await;
    assert_eq!(if code < 200 { bare.reply().await } else { code }, 425);
    assert_eq!(bare.command("NOOP").await, 200);
    stop(instance).await;
}

/// Someone else who calls the passive port gets nothing, and the client is still waited for, and not for longer.
#[tokio::test]
async fn strangers_are_refused() {
    let instance = start(&reference(), &[account("alice", Letters::ALL)], &[file("f", Content::Fill(9))]).await;
    let mut bare = Bare::login(instance.address(), "alice").await;
    for comes in [true, false] {
        let port = bare.passive().await;
        bare.send("RETR f").await;
        let stranger = tokio::net::TcpSocket::new_v4().unwrap();
        stranger.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        let mut stranger = stranger.connect(port).await.unwrap();
        let mut came = Vec::new();
        let _: std::io::Result<usize> = in_time(stranger.read_to_end(&mut came)).await;
        assert_eq!(came, b"");
        let begun = Instant::now();
        let data = if comes { Some(TcpStream::connect(port).await.unwrap()) } else { None };
        let code = bare.reply().await;
        let code = if code < 200 { bare.reply().await } else { code };
        assert_eq!(code, if comes { 226 } else { 425 });
        assert!(begun.elapsed() < Duration::from_secs(10));
        drop(data);
    }
    stop(instance).await;
}

#[tokio::test]
async fn settings_are_used() {
    let settings = Settings {
        idle_timeout: Some(Duration::from_millis(300)),
        passive_ports: Some(47_861..=47_880),
        banner: Some("a greeting of our own".to_owned()),
    };
    let instance = reference().start(&settings, &[account("alice", Letters::ALL)]).await.unwrap();
    instance.disk().lay("alice", &[]).unwrap();
    let mut bare = Bare::login(instance.address(), "alice").await;
    assert_eq!(bare.greeting, "220 a greeting of our own\r\n");
    assert!((47_861..=47_880).contains(&bare.passive().await.port()));
    assert_eq!(bare.reply().await, 421);
    in_time(bare.ended()).await;
    stop(instance).await;
}

/// The last reply arrives though the client sent more than was read.
#[tokio::test]
async fn goodbye_is_heard_by_those_who_talk_on() {
    let instance = start(&reference(), &[account("alice", Letters::ALL)], &[]).await;
    for _ in 0..20 {
        let mut bare = Bare::login(instance.address(), "alice").await;
        bare.send(&format!("QUIT\r\n{}", "NOOP\r\n".repeat(5000))).await;
        assert_eq!(bare.reply().await, 221);
        in_time(bare.ended()).await;
    }
    stop(instance).await;
}

#[tokio::test]
async fn a_stop_leaves_nothing() {
    let instance = start(&reference(), &[account("alice", Letters::ALL)], &[file("hole", Content::Zeros(256 << 20))]).await;
    in_time(stop_leaves_nothing(None, instance)).await;
}

#[tokio::test]
async fn one_that_is_only_dropped_ends_too() {
    let instance = start(&reference(), &[account("alice", Letters::ALL)], &[]).await;
    let bare = Bare::login(instance.address(), "alice").await;
    drop(instance);
    in_time(bare.ended()).await;
}

/// Nothing waits for a timer: an order of magnitude above what it takes, and far below a delayed ACK each.
#[tokio::test]
async fn small_transfers_wait_for_nothing() {
    let instance = start(&reference(), &[account("alice", Letters::ALL)], &[]).await;
    let begun = Instant::now();
    for _ in 0..20 {
        let mut client = login(instance.address(), "alice", Mode::ExtendedPassive).await;
        put(&mut client, "f", b"small").await;
        assert_eq!(get(&mut client, "f").await, b"small");
        client.quit().await.unwrap();
    }
    let each = begun.elapsed() / 20;
    assert!(each < Duration::from_millis(30), "{each:?}");
    stop(instance).await;
}
