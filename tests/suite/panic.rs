//! Code of the harness that panics under a case: that case is in error, and none is lost.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use ftpspec::judge::verdict::Verdict;
use ftpspec::reference::Bug;
use ftpspec::run::plan::Plan;
use ftpspec::run::{self, Options};
use ftpspec::target::reference::Reference;
use ftpspec::target::{Account, Disk, Facilities, Instance, Settings, StartError, Target};

use crate::suite;

/// The reference, with a log that nobody can read.
#[derive(Debug)]
struct Panics(Reference);

struct Running(Box<dyn Instance>);

#[async_trait]
impl Target for Panics {
    fn name(&self) -> &str {
        "panics"
    }

    fn version(&self) -> Option<String> {
        None
    }

    fn facilities(&self) -> Facilities {
        self.0.facilities()
    }

    async fn start(&self, settings: &Settings, accounts: &[Account]) -> Result<Box<dyn Instance>, StartError> {
        Ok(Box::new(Running(self.0.start(settings, accounts).await?)))
    }
}

#[async_trait]
impl Instance for Running {
    fn address(&self) -> SocketAddr {
        self.0.address()
    }

    fn address_v6(&self) -> Option<SocketAddr> {
        self.0.address_v6()
    }

    fn disk(&self) -> Arc<dyn Disk> {
        self.0.disk()
    }

    fn log(&self) -> String {
        panic!("this is what the test is about")
    }

    fn died(&self) -> Option<String> {
        self.0.died()
    }

    async fn stop(self: Box<Self>, keep: bool) -> Vec<String> {
        self.0.stop(keep).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_an_error_of_its_case_alone() {
    let cases = suite().into_iter().filter(|case| case.id.starts_with("directory/mkd") || case.id == "login/right").collect();
    let (reports, summary) =
        run::collect(Arc::new(Panics(Reference::new(vec![Bug::MkdLies]))), Plan { cases, ..Plan::default() }, Options::default()).await;
    let verdict = |id: &str| reports.iter().find(|report| report.case.id == id).map(|report| report.outcome.verdict);
    assert_eq!(verdict("login/right"), Some(Verdict::Pass));
    // The log is read where a case fails.
    let broken = reports.iter().filter(|report| report.outcome.verdict == Verdict::Error);
    assert!(broken.count() > 0 && reports.iter().all(|report| report.outcome.verdict != Verdict::Fail), "{reports:?}");
    assert_eq!((summary.not_played, summary.left.as_slice()), (0, &[][..]));
}
