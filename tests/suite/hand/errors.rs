//! What goes wrong is told in clear words, with the right exit code, and what was transferred stays.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use nix::sys::signal::Signal;

use super::{SERVERS, Serve, assert_same, ftpspec, signal, told, url, wait_for_bytes, words, write};

/// Demands a code and words on standard error; the password stands nowhere.
fn check(output: &Output, code: i32, expect: &[&str]) {
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{}", told(output));
    assert!(expect.iter().all(|word| err.contains(word)), "{expect:?}: {}", told(output));
    assert!(!told(output).contains("123456") && !told(output).contains("s3same"), "{}", told(output));
}

fn get(url: &str, file: &Path) -> Output {
    ftpspec().args(["get", "--retries", "0", url]).arg(file).output().unwrap()
}

fn put(file: &Path, url: &str) -> Output {
    ftpspec().args(["put", "--retries", "0"]).arg(file).arg(url).output().unwrap()
}

/// The program, with files no larger than so many KiB: what a full disk is to it.
fn on_a_small_disk(kib: u64) -> Command {
    let program = ftpspec();
    let mut shell = Command::new("/bin/bash");
    shell.args(["-c", &format!("ulimit -f {kib}; trap '' XFSZ; exec \"$0\" \"$@\"")]).arg(program.get_program());
    shell.env("NO_COLOR", "1").env("NETRC", "/dev/null").env_remove("FTPSPEC_PASSWORD").stdin(Stdio::null());
    shell
}

#[test]
fn refusals_are_failures() {
    for server in SERVERS {
        let serve = Serve::new(server);
        let out = tempfile::tempdir().unwrap();
        let file = out.path().join("f");
        check(&get(&format!("ftp://user:s3same@{}/f", serve.address), &file), 1, &["refused the login of \"user\"", "530"]);
        check(&get(&serve.url("none"), &file), 1, &["refused RETR none", "550"]);
        write(&file, &words(1, 10));
        check(&put(&file, &serve.url("none/f")), 1, &["refused STOR none/f", "55"]);
        assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 1);
    }
}

#[test]
fn words_that_cannot_be_followed_are_usage() {
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("f");
    let none: SocketAddr = ([127, 0, 0, 1], 9).into();
    check(&get("ftps://user:s3same@h/f", &file), 2, &["TLS comes in a later version"]);
    check(&get("ftp://user:s3same%@h/f", &file), 2, &["%25"]);
    check(&get(&format!("ftp://user@{none}/f"), &file), 2, &["no password for \"user\"", "FTPSPEC_PASSWORD"]);
    check(&get(&url(none, "d/"), &file), 2, &["names no file"]);
    check(&put(&file, &url(none, "f")), 2, &["f: No such file"]);
    check(&put(out.path(), &url(none, "f")), 2, &["is no file"]);
    for (user, word) in
        [("user:s3same", "name:password:letters"), ("user:s3same:elx", "elradfmwMT"), ("user:s3same:elr:/none", "/none: No such file")]
    {
        check(&ftpspec().args(["serve", "--user", user]).output().unwrap(), 2, &[word]);
    }
    check(&ftpspec().arg("serve").output().unwrap(), 2, &["--anonymous"]);
}

#[test]
fn who_is_not_there_is_not_reached() {
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("f");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Listens, and never greets.
    let silent = ftpspec().args(["get", "--timeout", "300ms", &url(address, "f")]).arg(&file).output().unwrap();
    check(&silent, 5, &["cannot be reached", "does not greet"]);
    let taken = ftpspec().args(["serve", "--anonymous", ".", "--listen", &address.to_string()]).output().unwrap();
    check(&taken, 5, &["cannot listen on", "in use"]);
    drop(listener);
    check(&get(&url(address, "f"), &file), 5, &["cannot be reached", "refused"]);
    assert!(!file.exists());
}

#[test]
fn a_disk_that_is_full_here_keeps_what_came() {
    let serve = Serve::new("libunftp");
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("f");
    let content = words(2, 1 << 20);
    write(&serve.root.path().join("f"), &content);
    let output = on_a_small_disk(500).args(["get", &serve.url("f")]).arg(&file).output().unwrap();
    check(&output, 1, &["the disk is full", "f.part"]);
    assert!(!file.exists());
    let came = std::fs::metadata(ftpspec::hand::part_of(&file)).unwrap().len();
    assert!((256 << 10..=500 << 10).contains(&came), "{came}");
    let output = get(&serve.url("f"), &file);
    check(&output, 0, &[&format!("resuming at byte {came} by REST")]);
    assert_same(&file, &content);
}

#[test]
fn a_disk_that_is_full_there_keeps_what_arrived() {
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("f");
    let content = words(3, 1 << 20);
    write(&file, &content);
    let serve = Serve::on("libunftp", tempfile::tempdir().unwrap(), ([127, 0, 0, 1], 0).into(), on_a_small_disk(500), &[]);
    // A disk that is really full is 452; this limit libunftp takes for another error.
    check(&put(&file, &serve.url("f")), 1, &["refused STOR f", "550"]);
    let root = tempfile::tempdir().unwrap();
    let there = std::fs::metadata(serve.root.path().join("f")).unwrap().len();
    assert!((1..=500 << 10).contains(&there), "{there}");
    std::fs::rename(serve.root.path().join("f"), root.path().join("f")).unwrap();
    drop(serve);
    let serve = Serve::on("libunftp", root, ([127, 0, 0, 1], 0).into(), ftpspec(), &[]);
    check(&put(&file, &serve.url("f")), 0, &[&format!("resuming at byte {there} by APPE")]);
    assert_same(&serve.root.path().join("f"), &content);
}

#[test]
fn a_server_that_dies_leaves_what_came() {
    let mut serve = Serve::new("libunftp");
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("f");
    // More than can come before the server is killed.
    let hole = std::fs::File::create(serve.root.path().join("f")).unwrap();
    hole.set_len(64 << 30).unwrap();
    let part = ftpspec::hand::part_of(&file);
    let get = ftpspec()
        .args(["get", "--retries", "1", &serve.url("f")])
        .arg(&file)
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for_bytes(&part, 1 << 20);
    signal(&serve.child, Signal::SIGKILL);
    serve.child.wait().unwrap();
    check(&get.wait_with_output().unwrap(), 5, &["lost: ", "the connection was lost at byte ", "refused"]);
    let came = std::fs::metadata(&part).unwrap().len();
    // The server comes back on the same port, with the same file, which has its end now.
    let size = came + 1000;
    hole.set_len(size).unwrap();
    let root = std::mem::replace(&mut serve.root, tempfile::tempdir().unwrap());
    let again = Serve::on("libunftp", root, serve.address, ftpspec(), &[]);
    let output = ftpspec().args(["get", &again.url("f")]).arg(&file).output().unwrap();
    check(&output, 0, &[&format!("resuming at byte {came} by REST")]);
    assert_eq!(std::fs::metadata(&file).unwrap().len(), size);
}

#[test]
fn parts_that_are_of_no_use_are_told() {
    let serve = Serve::new("libunftp");
    let out = tempfile::tempdir().unwrap();
    let (file, part) = (out.path().join("f"), out.path().join("f.part"));
    let content = words(4, 300_000);
    write(&serve.root.path().join("f"), &content);
    // Longer than the server's file.
    write(&file, &words(9, 300_001));
    check(&get(&serve.url("f"), &file), 0, &["starting over", "300001 bytes"]);
    assert_same(&file, &content);
    write(&part, &words(9, 300_001));
    std::fs::remove_file(&file).unwrap();
    check(&get(&serve.url("f"), &file), 0, &["starting over", "f.part has 300001 bytes"]);
    assert_same(&file, &content);
    // A part of another file.
    write(&part, &words(9, 200_000));
    std::fs::remove_file(&file).unwrap();
    check(&get(&serve.url("f"), &file), 0, &["starting over", "not the beginning"]);
    assert_same(&file, &content);
    // The same size and other bytes: noticed by --verify alone.
    write(&file, &words(9, 300_000));
    check(&get(&serve.url("f"), &file), 0, &[]);
    assert_same(&file, &words(9, 300_000));
    let verified = ftpspec().args(["get", "--verify", &serve.url("f")]).arg(&file).output().unwrap();
    check(&verified, 0, &["starting over: SITE MD5"]);
    assert!(String::from_utf8_lossy(&verified.stdout).contains("same by SITE MD5"));
    assert_same(&file, &content);
    // And up: longer there; of another file.
    for (there, word) in [(words(9, 300_001), "the server's file has 300001 bytes"), (words(9, 200_000), "not the beginning")] {
        write(&serve.root.path().join("g"), &there);
        let output = ftpspec().args(["put", "--verify"]).arg(&file).arg(serve.url("g")).output().unwrap();
        check(&output, 0, &["starting over", word]);
        assert_same(&serve.root.path().join("g"), &content);
    }
}

#[test]
fn ctrl_c_lets_a_transfer_end_and_closes_the_rest() {
    use std::io::Read as _;
    for server in SERVERS {
        let mut serve = Serve::with(server, &["--grace", "30s"]);
        let out = tempfile::tempdir().unwrap();
        let (here, there) = (out.path().join("here"), out.path().join("there"));
        let content = words(6, 3 << 20);
        write(&here, &content);
        check(&put(&here, &serve.url("f")), 0, &[]);
        let mut idle = std::net::TcpStream::connect(serve.address).unwrap();
        // A client that is slow at first: the transfer is under way, and goes on once the server has begun to end.
        let proxy = super::proxy::Proxy::new(serve.address, super::proxy::At::Hold, vec![1 << 20]);
        let mut command = ftpspec();
        command.args(["get", "--retries", "0", &url(proxy.address, "f")]).arg(&there);
        let get = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        proxy.stalled();
        signal(&serve.child, Signal::SIGINT);
        serve.wait_for("end", |line| line.contains("ending: "));
        idle.read_to_end(&mut Vec::new()).unwrap();
        proxy.go_on();
        let output = get.wait_with_output().unwrap();
        check(&output, 0, &[]);
        assert_same(&there, &content);
        let status = serve.child.wait().unwrap();
        serve.said.extend(serve.lines.iter());
        assert_eq!(status.code(), Some(0), "{:#?}", serve.said);
        assert!(serve.said.iter().any(|line| line.contains("user sent \"/f\", 3145728 bytes")), "{:#?}", serve.said);
    }
}

#[test]
fn ctrl_c_cuts_off_what_takes_too_long() {
    for server in SERVERS {
        let mut serve = Serve::with(server, &["--grace", "300ms"]);
        let out = tempfile::tempdir().unwrap();
        let here = out.path().join("here");
        // More than all buffers between the server and a client that stands still.
        write(&here, &words(6, 40 << 20));
        check(&put(&here, &serve.url("f")), 0, &[]);
        let proxy = super::proxy::Proxy::new(serve.address, super::proxy::At::Hold, vec![1 << 20]);
        let mut command = ftpspec();
        command.args(["get", "--retries", "0", &url(proxy.address, "f")]).arg(out.path().join("there")).stdout(Stdio::piped());
        let mut get = command.stderr(Stdio::piped()).spawn().unwrap();
        proxy.stalled();
        let (code, log) = serve.stop();
        assert_eq!(code, Some(130), "{log}");
        assert!(log.contains("cut off"), "{log}");
        get.kill().unwrap();
        get.wait().unwrap();
    }
}

#[test]
fn the_log_can_be_json() {
    let root = tempfile::tempdir().unwrap();
    let mut command = ftpspec();
    command.args(["serve", "--anonymous"]).arg(root.path()).args(["--listen", "127.0.0.1:0", "--log", "json"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let mut next = || serde_json::from_str::<serde_json::Value>(&lines.next().unwrap().unwrap()).unwrap();
    let address = next()["address"].as_str().unwrap().to_owned();
    assert_eq!(next()["letters"], "elr");
    std::fs::write(root.path().join("f"), "hello").unwrap();
    let output = get(&format!("ftp://{address}/f"), &root.path().join("out"));
    check(&output, 0, &[]);
    let (mut sent, mut words) = (next(), Vec::new());
    while sent["event"] != "sent" {
        words.push(sent["event"].as_str().unwrap().to_owned());
        sent = next();
    }
    assert_eq!(words, ["connect", "login"]);
    assert_eq!((sent["path"].as_str(), sent["bytes"].as_u64(), sent["user"].as_str()), (Some("/f"), Some(5), Some("anonymous")));
    signal(&child, Signal::SIGTERM);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
