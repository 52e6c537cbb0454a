//! The proxy between any client and any server: it changes nothing that it is not told to change.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use ftpspec::fault::proxy::{Options, Proxy};
use ftpspec::run;
use ftpspec::run::plan::Plan;
use ftpspec::target::{self, Account, Disk, Facilities, Instance, Settings, StartError, Target};

/// A server with a proxy in front of it.
#[derive(Debug)]
struct Proxied(Box<dyn Target>, Vec<&'static str>);

struct Running {
    instance: Box<dyn Instance>,
    v4: Proxy,
    v6: Option<Proxy>,
}

#[async_trait]
impl Target for Proxied {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn version(&self) -> Option<String> {
        self.0.version()
    }

    fn facilities(&self) -> Facilities {
        self.0.facilities()
    }

    async fn start(&self, settings: &Settings, accounts: &[Account]) -> Result<Box<dyn Instance>, StartError> {
        // A range of ports is the proxy's: the client sees its ports and not the server's.
        let inner = Settings { passive_ports: None, ..settings.clone() };
        let instance = self.0.start(&inner, accounts).await?;
        let proxy = |listen: SocketAddr, upstream| {
            let faults = self.1.iter().map(|word| word.parse().unwrap()).collect();
            let options = Options { faults, ports: settings.passive_ports.clone(), buffers: Some(64 * 1024), ..Options::new(upstream) };
            Proxy::start(listen, options).unwrap()
        };
        let v4 = proxy((Ipv4Addr::LOCALHOST, 0).into(), instance.address());
        let v6 = instance.address_v6().map(|upstream| proxy((Ipv6Addr::LOCALHOST, 0).into(), upstream));
        Ok(Box::new(Running { instance, v4, v6 }))
    }
}

#[async_trait]
impl Instance for Running {
    fn address(&self) -> SocketAddr {
        self.v4.address()
    }

    fn address_v6(&self) -> Option<SocketAddr> {
        self.v6.as_ref().map(Proxy::address)
    }

    fn disk(&self) -> Arc<dyn Disk> {
        self.instance.disk()
    }

    fn log(&self) -> String {
        self.instance.log()
    }

    fn died(&self) -> Option<String> {
        self.instance.died()
    }

    async fn stop(self: Box<Self>, keep: bool) -> Vec<String> {
        let Self { instance, v4, v6 } = *self;
        v4.stop().await;
        if let Some(v6) = v6 {
            v6.stop().await;
        }
        instance.stop(keep).await
    }
}

/// The verdicts with the proxy and without it; `some` takes every so-many-th case.
async fn check(server: &str, settings: &[(&str, &str)], faults: Vec<&'static str>, some: usize) {
    let settings: Vec<(String, String)> = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let plan = || {
        let plan = super::plan();
        Plan { cases: plan.cases.into_iter().step_by(some).collect(), ..plan }
    };
    let target = || target::resolve(server, &settings).unwrap();
    let (direct, _) = run::collect(Arc::from(target()), plan(), run::Options::default()).await;
    let (reports, summary) = run::collect(Arc::new(Proxied(target(), faults)), plan(), run::Options::default()).await;
    assert_eq!(summary.left, Vec::<String>::new());
    let verdicts = super::verdicts(&direct);
    let differ: Vec<String> = verdicts
        .iter()
        .zip(&reports)
        .filter(|((_, verdict), report)| *verdict != report.outcome.verdict.word())
        .map(|((id, verdict), report)| format!("{id}: {verdict}, and behind the proxy {:#?}", report.outcome))
        .collect();
    assert!(verdicts.len() == reports.len() && verdicts.len() > 100, "{}", verdicts.len());
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_the_suite_ends_the_same_behind_it() {
    check("reference", &[], vec![], 5).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute: .ci/full"]
async fn the_whole_suite_ends_the_same_behind_it() {
    check("reference", &[], vec![], 1).await;
}

/// What comes from the server in one-byte segments is what comes in one.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute: .ci/full"]
async fn the_whole_suite_ends_the_same_with_replies_in_pieces() {
    check("reference", &[], vec!["control:down:slice=random", "data:down:slice=random"], 1).await;
}

/// `run --fault slice`: what leaves in segments of one byte is understood like what leaves in one.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes two minutes: .ci/full"]
async fn the_whole_suite_ends_the_same_sliced() {
    let (direct, _) = super::play_suite("reference", &[], run::Options::default()).await;
    let options = run::Options { faults: Arc::from(vec!["slice".parse().unwrap()]), ..run::Options::default() };
    let (sliced, _) = super::play_suite("reference", &[], options).await;
    assert_eq!(super::verdicts(&direct), super::verdicts(&sliced));
}
