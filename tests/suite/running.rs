//! A server that runs already: what is played against it, what it costs, and that nothing of ours is left on it.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use ftpspec::ftp::letter::Letters;
use ftpspec::target::{self, Account, Instance, LaidFile, LaidNode, Secret, Settings};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

const PASSWORD: &str = "open-sesame";

/// The reference with a directory `dir` that all accounts see, and a file that is not ours.
async fn server() -> Box<dyn Instance> {
    let account = |name: &str, letters: Letters| Account {
        name: name.to_owned(),
        password: Secret::new(PASSWORD),
        letters,
        anonymous: false,
        root: "root".to_owned(),
        directory: Vec::new(),
    };
    let without = |letter| Letters::ALL.minus(Letters::parse(letter).unwrap());
    let accounts = [account("owner", Letters::ALL), account("reader", Letters::parse("elr").unwrap()), account("keeper", without("d"))];
    let server = target::resolve("reference", &[]).unwrap().start(&Settings::default(), &accounts).await.unwrap();
    let file = |path: &str, node| LaidFile { path: path.as_bytes().to_vec(), node, mtime: None, mode: None };
    let text = ftpspec::ftp::content::Content::Literal(b"somebody's".as_slice().into());
    server
        .disk()
        .lay(
            "root",
            &[file("dir", LaidNode::Directory), file("f.txt", LaidNode::File(text.clone())), file("dir/f.txt", LaidNode::File(text))],
        )
        .unwrap();
    server
}

fn command(server: &dyn Instance, arguments: &[&str], out: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ftpspec"));
    let url = format!("ftp://owner@{}/dir", server.address());
    command.args(["run", "--target", &url]).args(arguments).env("FTPSPEC_PASSWORD", PASSWORD).current_dir(out).stdin(Stdio::null());
    command
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn cases_work_in_a_scratch_directory_and_nothing_of_it_is_left() {
    let server = server().await;
    let before = server.disk().snapshot("root").unwrap();
    let out = tempfile::tempdir().unwrap();
    let accounts = [format!("reader:{PASSWORD}:elr"), format!("keeper:{PASSWORD}:elrafmwMT")];
    let arguments = ["--account", &accounts[0], "--account", &accounts[1], "--report", "json=report.json"];
    let mut command = command(&*server, &arguments, out.path());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(server.disk().snapshot("root").unwrap(), before);
    let text = std::fs::read_to_string(out.path().join("report.json")).unwrap();
    assert!(!said(&output).contains(PASSWORD) && !text.contains(PASSWORD));
    let report: Value = serde_json::from_str(&text).unwrap();
    let cases = report["cases"].as_array().unwrap();
    let verdict = |id: &str| cases.iter().find(|case| case["id"] == id).unwrap()["verdict"].as_str().unwrap();
    assert!(cases.iter().all(|case| matches!(case["verdict"].as_str().unwrap(), "pass" | "info" | "unsupported")));
    assert!(report["totals"]["pass"].as_u64().unwrap() > 200, "{}", report["totals"]);
    // Letters are judged where there is an account without them, and files where they can be reached.
    assert_eq!((verdict("letters/perm-fact#file-d"), verdict("letters/perm-fact#file-w")), ("pass", "unsupported"));
    assert_eq!((verdict("resume/download-cut#reset"), verdict("directory/root#cdup")), ("pass", "unsupported"));
    server.stop(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_leaves_nothing_on_the_server() {
    let server = server().await;
    let before = server.disk().snapshot("root").unwrap();
    let out = tempfile::tempdir().unwrap();
    std::fs::write(
        out.path().join("slow.ftp"),
        "+++\ntitle = \"A session is idle\"\n\n[accounts]\nalice = \"all\"\n\n[files]\n\"f.txt\" = \"x\"\n+++\n\nlogin alice\nstall 30s\nalive  [959-4.2-every-command-replied]\n",
    )
    .unwrap();
    let mut child = command(&*server, &["-q", "./slow.ftp"], out.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    // The case is under way once its file lies there.
    while !server.disk().snapshot("root").unwrap().0.keys().any(|path| path.ends_with(b"c0s0/f.txt")) {
        assert!(begun.elapsed() < Duration::from_secs(30), "the case did not begin");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
    let status = tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
    assert_eq!(status.code(), Some(130));
    assert_eq!(server.disk().snapshot("root").unwrap(), before);
    server.stop(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_begun_is_told() {
    let server = server().await;
    let before = server.disk().snapshot("root").unwrap();
    let out = tempfile::tempdir().unwrap();
    let address = server.address();
    let tell = async |arguments: Vec<String>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ftpspec"));
        command.arg("run").args(arguments).current_dir(out.path()).stdin(Stdio::null()).env_remove("FTPSPEC_PASSWORD");
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(!said(&output).contains(PASSWORD), "{}", said(&output));
        // A terminal's width breaks lines anywhere.
        (output.status.code().unwrap(), said(&output).split_whitespace().collect::<Vec<_>>().join(" "))
    };
    let check = async |url: &str, more: &[&str], code: i32, words: &str| {
        let arguments = ["--target", url].iter().chain(more).map(|word| (*word).to_owned()).collect();
        let (was, text) = tell(arguments).await;
        assert!(was == code && text.contains(words), "{url}: {was}: {text}");
    };
    check(&format!("ftp://owner:wrong@{address}/dir"), &[], 5, "the login of owner is refused: 530").await;
    check(&format!("ftp://owner:{PASSWORD}@{address}/nowhere"), &[], 5, "cannot make a scratch directory: MKD nowhere/ftpspec-").await;
    check(&format!("ftp://reader:{PASSWORD}@{address}/dir"), &[], 5, "account \"reader\" cannot make a scratch directory").await;
    check(&format!("ftps://owner:{PASSWORD}@{address}/"), &[], 2, "TLS comes in a later version").await;
    check(&format!("ftpes://owner:{PASSWORD}@{address}/"), &[], 2, "TLS comes in a later version").await;
    check("http://127.0.0.1/", &[], 2, "is not FTP").await;
    let owner = format!("ftp://owner:{PASSWORD}@{address}/dir");
    check(&owner, &["--account", "bob:x"], 2, "an account is given as name:password:letters[:root]").await;
    check(&owner, &["--account", "bob:x:elr:/no/such/place"], 2, "no directory of this machine").await;
    check(&owner, &["--account", "reader:wrong-one:elr"], 5, "account \"reader\" cannot enter the scratch directory").await;
    check(&owner, &["--server", "vsftpd"], 2, "cannot be used with").await;
    assert_eq!(server.disk().snapshot("root").unwrap(), before);
    server.stop(false).await;
    assert_eq!(server_free(address), Some(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_that_dies_keeps_is_told() {
    let server = server().await;
    let out = tempfile::tempdir().unwrap();
    std::fs::write(
        out.path().join("slow.ftp"),
        "+++\ntitle = \"A session is idle\"\n\n[accounts]\nalice = \"all\"\n\n[files]\n\"f.txt\" = \"x\"\n+++\n\nlogin alice\nC> NOOP\nS> 200\nS> 200 within 30s  [959-4.2-every-command-replied]\n",
    )
    .unwrap();
    let command = command(&*server, &["-q", "./slow.ftp"], out.path()).stdout(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while !server.disk().snapshot("root").unwrap().0.keys().any(|path| path.ends_with(b"c0s0/f.txt")) {
        assert!(begun.elapsed() < Duration::from_secs(30), "the case did not begin");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.stop(false).await;
    let output = tokio::task::spawn_blocking(move || command.wait_with_output().unwrap()).await.unwrap();
    let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("could not be removed") && text.contains("dir/ftpspec-"), "{text}");
    assert!(matches!(output.status.code(), Some(1 | 5)), "{text}");
}

/// The exit code where nobody listens.
fn server_free(address: std::net::SocketAddr) -> Option<i32> {
    let output = Command::new(env!("CARGO_BIN_EXE_ftpspec")).args(["run", "--target", &format!("ftp://a:b@{address}/")]).output().unwrap();
    assert!(said(&output).contains("cannot be reached"), "{}", said(&output));
    output.status.code()
}

/// pyftpdlib, whose files are in a directory of this machine, as somebody would run it.
#[test]
fn with_its_root_the_files_are_looked_at() {
    let Some(python) = crate::python() else { return };
    let (root, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let script = "import sys\nfrom pyftpdlib.authorizers import DummyAuthorizer\nfrom pyftpdlib.handlers import FTPHandler\nfrom pyftpdlib.servers import FTPServer\n\
        a = DummyAuthorizer()\na.add_user('owner', 'open-sesame', sys.argv[1], perm='elradfmwMT')\nFTPHandler.authorizer = a\n\
        s = FTPServer(('127.0.0.1', 0), FTPHandler)\nprint(s.address[1], flush=True)\ns.serve_forever()\n";
    let mut server =
        Command::new(python).args(["-c", script]).arg(root.path()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(server.stdout.take().unwrap()), &mut line).unwrap();
    let account = format!("owner::all:{}", root.path().display());
    let output = Command::new(env!("CARGO_BIN_EXE_ftpspec"))
        .args(["run", "-q", "--target", &format!("ftp://owner@127.0.0.1:{}/", line.trim()), "--account", &account, "--topic", "transfer"])
        .args(["--topic", "rename", "--report", "json=report.json"])
        .env("FTPSPEC_PASSWORD", PASSWORD)
        .current_dir(out.path())
        .output()
        .unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    let report: Value = serde_json::from_slice(&std::fs::read(out.path().join("report.json")).unwrap()).unwrap();
    let cases = report["cases"].as_array().unwrap();
    let of =
        |verdict: &str| cases.iter().filter(|case| case["verdict"] == verdict).map(|case| case["id"].as_str().unwrap()).collect::<Vec<_>>();
    // What is known of pyftpdlib, and nothing that comes from the scratch directory.
    assert_eq!((of("fail"), of("inconclusive")), (vec!["transfer/closed-early"], vec![]), "{}", said(&output));
    assert!(of("pass").len() > 60, "{}", report["totals"]);
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
}
