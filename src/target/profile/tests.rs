use std::io::Write as _;
use std::net::TcpListener;

use super::super::trial::{account, in_time, stop};
use super::*;

fn own(text: &str, settings: &[(&str, &str)]) -> Result<Profile, StartError> {
    let settings: Vec<_> = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Profile::new(Source { name: "own.toml".to_owned(), text: text.to_owned() }, |_| Ok(b"copied".to_vec()), &settings)
}

/// A profile whose program is a script for the shell.
fn script(script: &str) -> Profile {
    script_of(script, "told")
}

fn script_of(script: &str, port: &str) -> Profile {
    let quoted = serde_json::to_string(script).unwrap();
    let text = format!(
        "name = \"mine\"\n[program]\nrun = [\"/bin/sh\", \"-c\", {quoted}]\nport = \"{port}\"\nready = \"10s\"\n[stop]\ngrace = \"100ms\"\n"
    );
    own(&text, &[]).unwrap()
}

async fn refused(profile: &Profile) -> String {
    in_time(profile.start(&Settings::default(), &[account("alice", Letters::ALL)])).await.err().unwrap().to_string()
}

/// A listener that greets each connection with these words, for a script that says its port.
fn greeter(words: &'static [u8]) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for mut stream in listener.incoming().map_while(Result::ok) {
            stream.write_all(words).unwrap();
            open.push(stream);
        }
    });
    port
}

#[test]
fn every_built_in_profile_can_be_read() {
    assert!(names().contains(&"pyftpdlib".to_owned()));
    for name in names() {
        let profile = resolve(&name, &[]).unwrap().unwrap();
        assert_eq!(profile.name(), name);
        assert!(!profile.file.program.check.is_empty() && profile.file.program.install.is_some(), "{name}");
    }
}

#[test]
fn what_is_wrong_is_told_before_anything_is_started() {
    let least = "name = \"x\"\n[set]\npython = \"python3\"\n[program]\nrun = [\"{{ python }}\"]\nport = \"told\"\n";
    let check = |text: &str, settings: &[(&str, &str)], expect: &str| {
        let told = own(text, settings).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(told.contains(expect) && (expect.is_empty() == told.is_empty()), "{told}");
    };
    check(least, &[("python", "/x")], "");
    check(least, &[("pyhton", "/x")], "no option of x \"pyhton\"; did you mean \"python\"?");
    check(&least.replace("{{ python", "{{ pyhton"), &[], "own.toml:5:12");
    check(&least.replace("python =", "state ="), &[], "own.toml:3:9");
    check(&format!("{least}[[file]]\npath = \"a\"\ntemplate = \"{{{{ accounts[0].nam }}}}\"\n"), &[], "own.toml:9:");
    let error = resolve("nowhere/mine.toml", &[]).unwrap_err().to_string();
    assert!(error.starts_with("the profile nowhere/mine.toml: "), "{error}");
    assert!(resolve("pyftpdlip", &[]).unwrap().is_none());
    let error = super::super::resolve("pyftpdlip", &[]).unwrap_err().to_string();
    assert_eq!(error, "no server \"pyftpdlip\"; did you mean \"pyftpdlib\"?");
}

#[test]
fn a_profile_of_ones_own_finds_the_files_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    let text = "name = \"mine\"\n[program]\nrun = [\"x\"]\nport = \"told\"\n[[file]]\npath = \"a/b\"\ncopy = \"beside\"\n";
    std::fs::write(&path, text).unwrap();
    let read = || resolve(path.to_str().unwrap(), &[]);
    let error = read().unwrap_err().to_string();
    assert!(error.contains("mine.toml:7:8") && error.contains("cannot be read"), "{error}");
    std::fs::write(folder.path().join("beside"), "text").unwrap();
    let profile = read().unwrap().unwrap();
    let state = tempfile::tempdir().unwrap();
    profile.lay(&profile.context(), state.path(), &[], state.path()).unwrap();
    assert_eq!(std::fs::read(state.path().join("a/b")).unwrap(), b"text");
}

#[tokio::test]
async fn why_it_did_not_start_is_told() {
    let check = async |text: &str, expect: &str| {
        let told = refused(&script(text)).await;
        assert!(told.contains(expect), "{told}");
        assert!(!told.contains("sesame"), "{told}");
    };
    check("echo no licence >&2; exit 3", "mine did not start: it exited with code 3\n  no licence").await;
    check("kill -KILL $$", "it was killed by signal 9").await;
    check("echo port many; sleep 1000", "it said \"port many\"").await;
    check("exec >&-; sleep 1000 & wait", "it did not say its port").await;
    // Its child holds its output.
    check("sleep 1000 & exit 4", "it exited with code 4").await;
    let wrong = greeter(b"500 go away\r\n");
    check(&format!("echo port {wrong}; sleep 1000"), "it greets with \"500 go away\" instead of a 220").await;
    let dead = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    check(&format!("echo port {dead}; sleep 1000"), &format!("it said that it listens on 127.0.0.1:{dead}, but: ")).await;
}

#[tokio::test]
async fn one_that_says_or_greets_nothing_is_given_up() {
    let mute = greeter(b"");
    for (text, expect) in
        [("sleep 1000", "did not say its port within 300ms"), (&*format!("echo port {mute}; sleep 1000"), "does not greet")]
    {
        let mut profile = script(text);
        profile.file.program.ready = Duration::from_millis(300);
        let told = refused(&profile).await;
        assert!(told.contains(expect), "{told}");
    }
}

#[tokio::test]
async fn a_missing_program_is_told_with_what_installs_it() {
    let text = "name = \"mine\"\n[set]\nbin = \"/nowhere/serve\"\n[program]\nrun = [\"{{ bin }}\"]\ncheck = [\"{{ bin }}\", \"--version\"]\n\
        install = \"get {{ bin }}\"\nport = \"told\"\n";
    let told = refused(&own(text, &[]).unwrap()).await;
    assert!(told.starts_with("mine is not there: `/nowhere/serve --version`: "), "{told}");
    assert!(told.ends_with("; install it: get /nowhere/serve"), "{told}");
    assert_eq!(own(text, &[]).unwrap().version(), None);
    // It is there, but exits at once.
    let told = refused(&own(text, &[("bin", "true")]).unwrap()).await;
    assert!(told.starts_with("mine did not start: it exited with code 0 ("), "{told}");
}

#[tokio::test]
async fn a_server_that_is_killed_has_died_and_leaves_nothing() {
    let port = greeter(b"220 ready\r\n");
    // It is found by what it writes itself: the state directory is where it runs.
    let profile = script(&format!("echo pid $$ >&2; pwd >&2; echo port6 4711; echo port {port}; exec sleep 1000"));
    let instance = in_time(profile.start(&Settings::default(), &[])).await.unwrap();
    assert_eq!((instance.address().port(), instance.address_v6().unwrap().port()), (port, 4711));
    assert_eq!(instance.died(), None);
    let log = instance.log();
    let pid = log.lines().find_map(|line| line.strip_prefix("pid ")).unwrap().parse().unwrap();
    let state = log.lines().find(|line| line.starts_with('/')).unwrap();
    assert!(Path::new(state).is_dir());
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
    in_time(async {
        while instance.died().is_none() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(instance.died().as_deref(), Some("it was killed by signal 9"));
    assert_eq!(instance.stop(false).await, Vec::<String>::new());
    assert!(!Path::new(state).exists());
}

#[tokio::test]
async fn a_server_lives_in_another_time_zone() {
    let folder = tempfile::tempdir().unwrap();
    let notes = folder.path().join("zone");
    refused(&script(&format!("printf %s \"$TZ\" > {}; exit 1", notes.display()))).await;
    assert_eq!(std::fs::read_to_string(notes).unwrap(), ZONE);
}

/// A profile whose script is given its port and notes it; where `fails`, it then ends as one whose port is somebody else's.
fn given(notes: &Path, fails: &str) -> Profile {
    let script = format!("echo {{{{ port }}}} >> {0}; {fails}; exec sleep 1000", notes.display());
    let mut profile = script_of(&script, "given");
    profile.file.program.ready = Duration::from_secs(10);
    profile
}

/// The ports that were noted.
fn noted(notes: &Path) -> Vec<u16> {
    std::fs::read_to_string(notes).unwrap_or_default().lines().map(|line| line.parse().unwrap()).collect()
}

/// Greets on the `nth` port that is noted.
fn greet_on(notes: &Path, nth: usize) {
    let notes = notes.to_owned();
    std::thread::spawn(move || {
        let port = loop {
            match noted(&notes).get(nth) {
                Some(port) => break *port,
                None => std::thread::yield_now(),
            }
        };
        let open: Vec<_> = TcpListener::bind(("127.0.0.1", port))
            .unwrap()
            .incoming()
            .map_while(Result::ok)
            .map(|mut stream| {
                stream.write_all(b"220 ready\r\n").unwrap();
                stream
            })
            .collect();
        drop(open);
    });
}

#[tokio::test]
async fn a_server_is_given_a_free_port() {
    let folder = tempfile::tempdir().unwrap();
    let notes = folder.path().join("ports");
    greet_on(&notes, 0);
    let instance = in_time(given(&notes, "true").start(&Settings::default(), &[])).await.unwrap();
    assert_eq!((vec![instance.address().port()], instance.address_v6()), (noted(&notes), None));
    stop(instance).await;
}

#[tokio::test]
async fn a_collision_is_noticed_and_another_port_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let notes = folder.path().join("ports");
    let taken = format!("if test $(wc -l < {}) = 1; then echo 'bind: Address already in use' >&2; exit 1; fi", notes.display());
    greet_on(&notes, 1);
    let instance = in_time(given(&notes, &taken).start(&Settings::default(), &[])).await.unwrap();
    let ports = noted(&notes);
    assert_eq!((ports.len(), ports[1]), (2, instance.address().port()));
    assert_ne!(ports[0], ports[1]);
    stop(instance).await;
}

#[tokio::test]
async fn ports_that_are_always_taken_are_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let notes = folder.path().join("ports");
    let told = refused(&given(&notes, "echo 'Address already in use' >&2; exit 1")).await;
    assert!(told.contains("mine did not start: it exited with code 1\n  Address already in use"), "{told}");
    assert_eq!(noted(&notes).len(), PORTS);
    // What else goes wrong is told at once.
    let told = refused(&given(&notes, "echo 'no licence' >&2; exit 1")).await;
    assert!(told.contains("no licence"), "{told}");
    assert_eq!(noted(&notes).len(), PORTS + 1);
}

#[tokio::test]
async fn one_that_does_not_listen_where_it_should_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut profile = given(&folder.path().join("ports"), "true");
    profile.file.program.ready = Duration::from_millis(100);
    let told = refused(&profile).await;
    assert!(told.contains("mine did not start: it was given port ") && told.contains("within 100ms does not listen there"), "{told}");
}

#[test]
fn files_are_laid_for_each_account_with_their_modes() {
    let text = "name = \"mine\"\n[program]\nrun = [\"x\"]\nport = \"told\"\n[[file]]\npath = \"users/{{ account.name }}\"\neach_account = true\n\
        mode = \"644\"\ntemplate = \"{{ account.root }} {{ account.letters }} {{ uid }}\"\n[[file]]\npath = \"all\"\n\
        template = \"{{ users | length }} {% if guest is not none %}{{ guest.name }}{% endif %}\"\n";
    let state = tempfile::tempdir().unwrap();
    let guest = Account { anonymous: true, ..account("anonymous", Letters::NONE) };
    let accounts = [account("alice", Letters::ALL), guest, account("bob", Letters::parse("elr").unwrap())];
    let lay = |text: &str| {
        let profile = own(text, &[]).unwrap();
        let context = profile.context().with(state.path(), Path::new("/roots"), &accounts, &Settings::default()).owned((7, 8));
        profile.lay(&context, state.path(), &accounts, Path::new("/roots"))
    };
    lay(text).unwrap();
    let read = |path: &str| std::fs::read_to_string(state.path().join(path)).unwrap();
    assert_eq!(
        (read("users/alice"), read("users/bob"), read("all")),
        ("/roots/alice elradfmwMT 7".into(), "/roots/bob elr 7".into(), "2 anonymous".into())
    );
    assert_eq!(std::fs::read_dir(state.path().join("users")).unwrap().count(), 2);
    let mode = |path: &str| std::fs::metadata(state.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("users/bob"), mode("all")), (0o644, 0o600));
    let told = lay(&text.replace("users/{{ account.name }}", "{{ '../' ~ account.name }}")).unwrap_err().to_string();
    assert!(told.contains("own.toml:6:8") && told.contains("leaves the state directory"), "{told}");
}
