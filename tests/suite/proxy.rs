//! The proxy between any client and any server: it changes nothing that it is not told to change.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use ftpspec::fault::proxy::{Options, Proxy};
use ftpspec::run;
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

async fn check(server: &str, faults: Vec<&'static str>) {
    let (direct, _) = super::play_suite(server, &[], run::Options::default()).await;
    let proxied = Proxied(target::resolve(server, &[]).unwrap(), faults);
    let (reports, summary) = run::collect(Arc::new(proxied), super::plan(), run::Options::default()).await;
    assert_eq!(summary.left, Vec::<String>::new());
    let verdicts = super::verdicts(&direct);
    let differ: Vec<String> = verdicts
        .iter()
        .zip(&reports)
        .filter(|((_, verdict), report)| *verdict != report.outcome.verdict.word())
        .map(|((id, verdict), report)| format!("{id}: {verdict}, and behind the proxy {:#?}", report.outcome))
        .collect();
    assert_eq!(verdicts.len(), reports.len());
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_ends_the_same_behind_it() {
    check("reference", vec![]).await;
}
