//! `get` and `put` against servers that somebody else wrote, through a relay that cuts.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ftpspec::ftp::letter::Letters;
use ftpspec::ftp::secret::Secret;
use ftpspec::hand::{self, Event, Login, Options, Remote};
use ftpspec::target::{self, Account, Settings};

use super::proxy::{At, Proxy};
use super::{assert_same, words, write};

/// Up and down with three cuts each, on a server of a profile.
async fn up_and_down(server: &str, key: &str, value: String) {
    let target = target::resolve(server, &[(key.to_owned(), value)]).unwrap();
    let account = Account {
        name: "hand".to_owned(),
        password: Secret::new("open sesame"),
        letters: Letters::ALL,
        anonymous: false,
        root: "hand".to_owned(),
        directory: Vec::new(),
    };
    let instance = target.start(&Settings::default(), std::slice::from_ref(&account)).await.unwrap();
    instance.disk().lay("hand", &[]).unwrap();
    let home = tempfile::tempdir().unwrap();
    let (here, there) = (home.path().join("here"), home.path().join("there"));
    let content = words(11, 3 << 20);
    write(&here, &content);
    let cuts = vec![500_000, 1_000_000, 70_000];
    let options = Options { patience: Duration::from_secs(20), retries: 3, verify: true };
    let remote = |proxy: &Proxy| Remote {
        url: format!("ftp://{}/f.bin", proxy.address).parse().unwrap(),
        login: Login::new(account.name.clone(), account.password.clone()),
    };
    let mut said: Vec<Event> = Vec::new();
    let mut watch = |event| said.push(event);
    let proxy = Proxy::new(instance.address(), At::Cut, cuts.clone());
    let done = hand::put(&here, &remote(&proxy), &options, &mut watch).await.unwrap();
    assert_eq!((done.size, done.skipped, proxy.stops()), (3 << 20, false, 3), "{server}");
    assert!(done.proof.is_some());
    let proxy = Proxy::new(instance.address(), At::Cut, cuts);
    let done = hand::get(&remote(&proxy), &there, &options, &mut watch).await.unwrap();
    assert_eq!((done.size, done.skipped, proxy.stops()), (3 << 20, false, 3), "{server}");
    assert_same(&there, &content);
    let resumed = said.iter().filter(|event| matches!(event, Event::Resuming { at: 1.., .. })).count();
    assert!(resumed >= 4, "{server}: {said:?}");
    assert!(!said.iter().any(|event| matches!(event, Event::StartingOver { .. })), "{server}: {said:?}");
    assert_eq!(instance.stop(false).await, Vec::<String>::new());
    drop(Arc::new(target));
}

#[tokio::test(flavor = "multi_thread")]
async fn pyftpdlib_is_gone_on_with() {
    let Some(python) = crate::python() else { return };
    up_and_down("pyftpdlib", "python", python).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn vsftpd_is_gone_on_with() {
    let prefix = crate::servers().join("debian");
    if !Path::new(&prefix).exists() {
        return crate::not_tested("vsftpd is not there: .ci/servers fetches it");
    }
    up_and_down("vsftpd", "prefix", prefix.display().to_string()).await;
}
