//! Real clients against `serve`, by both servers: up, down, resumed after the client was killed in mid-transfer, listing, rename,
//! delete.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use ftpspec::ftp::content::Content;

use super::proxy::{At, Proxy};
use super::{SERVERS, Serve, assert_same, libraries, told, tool, url, wait_for_bytes, words, write};

/// The file that goes up and down.
const LEN: u64 = 5 << 20;
/// Where it is cut: at 40 %.
const CUT: u64 = LEN * 2 / 5;

/// What a client is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Job<'a> {
    /// From a file here; where a part is there, go on.
    Up(&'a Path, &'a str),
    /// To a file here; where a part is here, go on.
    Down(&'a str, &'a Path),
    /// The names in the root, on standard output.
    List,
    Rename(&'a str, &'a str),
    Delete(&'a str),
}

/// A client: a command for each job; `None` where it cannot do it. `resumed` says whether a part may be there.
pub(super) type Client = fn(&Path, SocketAddr, Job<'_>, bool) -> Option<Command>;

fn spawn(mut command: Command, home: &Path) -> Child {
    if let Some(libraries) = libraries(Path::new(command.get_program())) {
        command.env("LD_LIBRARY_PATH", libraries);
    }
    command.env("HOME", home).current_dir(home).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Lets a client do it, and demands that it succeeds; gives what it said.
fn succeeds(command: Command, home: &Path) -> String {
    let output = spawn(command, home).wait_with_output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Kills a client once it has moved [`CUT`] bytes.
fn killed(mut child: Child, proxy: &Proxy, ready: impl FnOnce()) {
    proxy.stalled();
    ready();
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
    proxy.go_on();
}

/// Everything that a client can do, against one server.
fn interop(server: &str, program: &Path, client: Client) {
    let mut serve = Serve::new(server);
    let home = tempfile::tempdir().unwrap();
    let content = words(7, LEN);
    let (here, there) = (home.path().join("here.bin"), home.path().join("there.bin"));
    write(&here, &content);
    let direct = |job, resumed| client(program, serve.address, job, resumed);

    if let Some(command) = direct(Job::Up(&here, "whole.bin"), false) {
        succeeds(command, home.path());
        serve.holds("whole.bin", &content);
        let proxy = Proxy::new(serve.address, At::Stall, vec![CUT]);
        killed(spawn(client(program, proxy.address, Job::Up(&here, "up.bin"), false).unwrap(), home.path()), &proxy, || {
            // Some clients ask for a listing first, which counts.
            serve.wait_for_size("up.bin", CUT - 4096);
        });
        let there = serve.wait_for_upload("up.bin");
        assert!((CUT - 4096..=CUT).contains(&there), "{there}");
        let proxy = Proxy::new(serve.address, At::Stall, Vec::new());
        succeeds(client(program, proxy.address, Job::Up(&here, "up.bin"), true).unwrap(), home.path());
        serve.holds("up.bin", &content);
        let (rest, moved) = (LEN - there, proxy.moved());
        assert!((rest..rest + 4096).contains(&moved), "{moved} bytes for the last {rest}");
    } else {
        put(&serve, &here, "up.bin");
    }

    let proxy = Proxy::new(serve.address, At::Stall, vec![CUT]);
    let child = spawn(client(program, proxy.address, Job::Down("up.bin", &there), false).unwrap(), home.path());
    killed(child, &proxy, || wait_for_bytes(&there, CUT / 2));
    let rest = LEN - std::fs::metadata(&there).unwrap().len();
    let proxy = Proxy::new(serve.address, At::Stall, Vec::new());
    succeeds(client(program, proxy.address, Job::Down("up.bin", &there), true).unwrap(), home.path());
    assert_same(&there, &content);
    assert!((rest..rest + 4096).contains(&proxy.moved()), "{} bytes for the last {rest}", proxy.moved());

    let direct = |job| client(program, serve.address, job, false);
    let names = succeeds(direct(Job::List).unwrap(), home.path());
    assert!(names.contains("up.bin"), "{names}");
    if let Some(command) = direct(Job::Rename("up.bin", "renamed.bin")) {
        succeeds(command, home.path());
        serve.holds("renamed.bin", &content);
        serve.has_no("up.bin");
        succeeds(direct(Job::Delete("renamed.bin")).unwrap(), home.path());
        serve.has_no("renamed.bin");
    }
    let (code, log) = serve.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("user sent \"/up.bin\"") && !log.contains("123456"), "{log}");
}

fn put(serve: &Serve, file: &Path, path: &str) {
    let output = super::ftpspec().arg("put").arg(file).arg(serve.url(path)).output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
}

fn with(program: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(words);
    command
}

pub(super) fn curl(program: &Path, address: SocketAddr, job: Job<'_>, resumed: bool) -> Option<Command> {
    let (root, at) = (url(address, ""), |path| url(address, path));
    let mut words = vec!["--silent", "--show-error"];
    if resumed {
        words.extend(["--continue-at", "-"]);
    }
    let mut command = with(program, &words);
    match job {
        Job::Up(here, there) => command.arg("--upload-file").arg(here).arg(at(there)),
        Job::Down(there, here) => command.arg("--output").arg(here).arg(at(there)),
        Job::List => command.args(["--list-only", &root]),
        Job::Rename(from, to) => command.args(["--list-only", "-Q", &format!("RNFR {from}"), "-Q", &format!("RNTO {to}"), &root]),
        Job::Delete(path) => command.args(["--list-only", "-Q", &format!("DELE {path}"), &root]),
    };
    Some(command)
}

pub(super) fn lftp(program: &Path, address: SocketAddr, job: Job<'_>, resumed: bool) -> Option<Command> {
    let on = if resumed { "-c " } else { "" };
    let what = match job {
        Job::Up(here, there) => format!("put {on}{} -o {there}", here.display()),
        Job::Down(there, here) => format!("get {on}{there} -o {}", here.display()),
        Job::List => "cls -1".to_owned(),
        Job::Rename(from, to) => format!("mv {from} {to}"),
        Job::Delete(path) => format!("rm {path}"),
    };
    let settings = "set cmd:fail-exit yes; set net:max-retries 1; set net:timeout 20; set ftp:use-mdtm no; set ftp:ssl-allow no";
    let script = format!("{settings}; open -u user,123456 ftp://{address}; {what}");
    Some(with(program, &["--norc", "-c", &script]))
}

fn wget(program: &Path, address: SocketAddr, job: Job<'_>, resumed: bool) -> Option<Command> {
    let mut words = vec!["--no-config", "--no-verbose", "--tries=1", "--timeout=20"];
    if resumed {
        words.push("--continue");
    }
    let mut command = with(program, &words);
    match job {
        Job::Down(there, here) => command.arg("--output-document").arg(here).arg(url(address, there)),
        Job::List => command.args(["--output-document=-", &url(address, "")]),
        Job::Up(..) | Job::Rename(..) | Job::Delete(_) => return None,
    };
    Some(command)
}

/// The seed's functions; what the seed has no function for, by ftplib itself.
pub(super) fn seed(program: &Path, address: SocketAddr, job: Job<'_>, _resumed: bool) -> Option<Command> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/hand/seed.py");
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let login = ["-", &host, &port, "user", "123456"];
    let inline = |what: &str| {
        format!(
            "import sys, ftplib\nf = ftplib.FTP()\nf.connect(sys.argv[2], int(sys.argv[3]))\nf.login(sys.argv[4], sys.argv[5])\n{what}\nf.quit()"
        )
    };
    let mut command = Command::new(program);
    command.env("PYTHONIOENCODING", "utf-8");
    match job {
        Job::Up(here, there) => command.arg(script).args(&login[1..]).args(["up", there]).arg(here),
        Job::Down(there, here) => command.arg(script).args(&login[1..]).args(["down", there]).arg(here),
        Job::List => command.args(["-c", &inline("print(f.nlst()); f.retrlines('LIST')")]).args(login),
        Job::Rename(from, to) => command.args(["-c", &inline(&format!("f.rename({from:?}, {to:?})"))]).args(login),
        Job::Delete(path) => command.args(["-c", &inline(&format!("f.delete({path:?})"))]).args(login),
    };
    Some(command)
}

fn each_server(name: &str, client: Client) {
    let Some(program) = tool(name) else { return };
    std::thread::scope(|scope| {
        for server in SERVERS {
            let program: &PathBuf = &program;
            scope.spawn(move || interop(server, program, client));
        }
    });
}

#[test]
fn curl_goes_on_where_it_was_killed() {
    each_server("curl", curl);
}

#[test]
fn lftp_goes_on_where_it_was_killed() {
    each_server("lftp", lftp);
}

#[test]
fn wget_goes_on_where_it_was_killed() {
    each_server("wget", wget);
}

#[test]
fn the_seed_goes_on_where_it_was_killed() {
    each_server("python3", seed);
}

/// The last word of the seed: what is whole is not transferred again.
#[test]
fn the_seed_skips_what_is_whole() {
    let Some(python) = tool("python3") else { return };
    for server in SERVERS {
        let serve = Serve::new(server);
        let home = tempfile::tempdir().unwrap();
        let (here, there) = (home.path().join("here.bin"), home.path().join("there.bin"));
        let content = words(9, 300_000);
        write(&here, &content);
        for expect in [300_000, 0] {
            let proxy = Proxy::new(serve.address, At::Stall, Vec::new());
            let listing = |moved: u64| (expect..expect + 2000).contains(&moved);
            succeeds(seed(&python, proxy.address, Job::Up(&here, "sb.doc"), false).unwrap(), home.path());
            assert!(listing(proxy.moved()), "{}", proxy.moved());
            let proxy = Proxy::new(serve.address, At::Stall, Vec::new());
            succeeds(seed(&python, proxy.address, Job::Down("sb.doc", &there), false).unwrap(), home.path());
            assert!(listing(proxy.moved()), "{}", proxy.moved());
            assert_same(&there, &content);
        }
    }
}

/// Our own program, killed and started again.
#[test]
fn get_and_put_go_on_where_they_were_killed() {
    for server in SERVERS {
        let mut serve = Serve::new(server);
        let home = tempfile::tempdir().unwrap();
        let (here, there) = (home.path().join("here.bin"), home.path().join("there.bin"));
        let part = ftpspec::hand::part_of(&there);
        let content = words(8, LEN);
        write(&here, &content);
        let put = |address| {
            let mut command = super::ftpspec();
            command.arg("put").arg(&here).arg(url(address, "f.bin"));
            command
        };
        let get = |address| {
            let mut command = super::ftpspec();
            command.args(["get", &url(address, "f.bin")]).arg(&there);
            command
        };
        let proxy = Proxy::new(serve.address, At::Stall, vec![CUT]);
        killed(spawn(put(proxy.address), home.path()), &proxy, || serve.wait_for_size("f.bin", CUT));
        serve.wait_for_upload("f.bin");
        let proxy = Proxy::new(serve.address, At::Stall, Vec::new());
        succeeds(put(proxy.address), home.path());
        assert_eq!(proxy.moved(), LEN - CUT);

        let proxy = Proxy::new(serve.address, At::Stall, vec![CUT]);
        killed(spawn(get(proxy.address), home.path()), &proxy, || wait_for_bytes(&part, CUT / 2));
        // A part is never mistaken for the whole.
        assert!(!there.exists());
        let rest = LEN - std::fs::metadata(&part).unwrap().len();
        let proxy = Proxy::new(serve.address, At::Stall, Vec::new());
        succeeds(get(proxy.address), home.path());
        assert_same(&there, &content);
        assert!(!part.exists());
        assert_eq!(proxy.moved(), rest + (64 << 10), "the rest, and 64 KiB that are compared");
        for (command, word) in [(put(serve.address), "nothing to do"), (get(serve.address), "nothing to do")] {
            assert!(succeeds(command, home.path()).contains(word));
        }
        serve.holds("f.bin", &Content::Words { seed: 8, len: LEN });
    }
}

#[tokio::test]
async fn suppaftp_goes_on_where_it_broke_off() {
    use suppaftp::tokio::AsyncFtpStream;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    for server in SERVERS {
        let mut serve = Serve::new(server);
        let bytes = words(5, 1 << 20).to_vec();
        let login = async |address| {
            let mut ftp = AsyncFtpStream::connect(address).await.unwrap();
            ftp.login("user", "123456").await.unwrap();
            ftp.transfer_type(suppaftp::types::FileType::Binary).await.unwrap();
            ftp
        };
        let mut ftp = login(serve.address).await;
        let mut up = ftp.put_with_stream("f.bin").await.unwrap();
        up.write_all(&bytes[..400_000]).await.unwrap();
        drop(up);
        // Only then the control connection: its loss may cost what is still on its way.
        serve.wait_for_upload("f.bin");
        drop(ftp);
        let mut ftp = login(serve.address).await;
        let there = ftp.size("f.bin").await.unwrap();
        assert_eq!(there, 400_000);
        let mut up = ftp.append_with_stream("f.bin").await.unwrap();
        up.write_all(&bytes[there..]).await.unwrap();
        up.finish().await.unwrap();
        let mut down = ftp.retr_as_stream("f.bin").await.unwrap();
        let mut here = vec![0; 400_000];
        down.read_exact(&mut here).await.unwrap();
        drop((down, ftp));
        let mut ftp = login(serve.address).await;
        ftp.resume_transfer(here.len()).await.unwrap();
        let mut down = ftp.retr_as_stream("f.bin").await.unwrap();
        down.read_to_end(&mut here).await.unwrap();
        down.finish().await.unwrap();
        assert!(here == bytes);
        assert_eq!(ftp.nlst(None).await.unwrap(), ["f.bin"]);
        ftp.rename("f.bin", "g.bin").await.unwrap();
        assert!(ftp.size("f.bin").await.is_err());
        ftp.rm("g.bin").await.unwrap();
        assert!(ftp.nlst(None).await.unwrap().is_empty());
        ftp.quit().await.unwrap();
    }
}
