//! What a profile's set-up cannot meet is no fault of the server: the case is unsupported, with the profile's reason.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use ftpspec::judge::verdict::Verdict;
use ftpspec::run::plan::Plan;
use ftpspec::run::{self, Options};
use ftpspec::target::reference::Reference;
use ftpspec::target::{self, Account, Facilities, Instance, Settings, StartError, Target};

use crate::suite;

/// The reference, set up so that it lacks LIST.
#[derive(Debug)]
struct Lacking(Reference);

#[async_trait]
impl Target for Lacking {
    fn name(&self) -> &str {
        "lacking"
    }

    fn version(&self) -> Option<String> {
        None
    }

    fn facilities(&self) -> Facilities {
        Facilities { lacks: [("LIST".to_owned(), "nobody set it up".to_owned())].into(), ..self.0.facilities() }
    }

    async fn start(&self, settings: &Settings, accounts: &[Account]) -> Result<Box<dyn Instance>, StartError> {
        self.0.start(settings, accounts).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_lacking_is_unsupported_with_its_reason() {
    let cases = suite().into_iter().filter(|case| case.id.starts_with("listing/names#")).collect();
    let target = Arc::new(Lacking(Reference::new(Vec::new())));
    let (reports, _) = run::collect(target, Plan { cases, ..Plan::default() }, Options::default()).await;
    let seen: Vec<_> = reports.iter().map(|report| (report.case.id.as_str(), report.outcome.verdict, report.reason.as_deref())).collect();
    let wanted = [("listing/names#list", Verdict::Unsupported, Some("nobody set it up")), ("listing/names#mlsd", Verdict::Pass, None)];
    assert_eq!(seen, wanted);
}

/// A need that no case has would excuse nothing, and nobody would see that it is misspelt.
#[test]
fn each_lack_of_a_built_in_profile_is_a_need_of_some_case() {
    let needs: BTreeSet<String> = suite().iter().flat_map(|case| case.needs.clone()).collect();
    let mut lacks = 0;
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles")).unwrap() {
        let path = entry.unwrap().path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".toml")) else { continue };
        for (need, reason) in target::resolve(name, &[]).unwrap().facilities().lacks {
            assert!(needs.contains(&need) && !reason.is_empty(), "{name}: {need}");
            lacks += 1;
        }
    }
    assert!(lacks >= 4, "{lacks}");
}
