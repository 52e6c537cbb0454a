//! The same run gives the same verdicts: again, one at a time, all at once, in another order.

use ftpspec::run::Options;

use crate::{play_suite, verdicts};

async fn check(server: &str, settings: &[(&str, &str)], runs: &[(usize, bool)]) {
    let (first, _) = play_suite(server, settings, Options::default()).await;
    let expect = verdicts(&first);
    for (jobs, shuffle) in runs {
        let options = Options { jobs: *jobs, shuffle: *shuffle, seed: 7, ..Options::default() };
        let (reports, summary) = play_suite(server, settings, options).await;
        let differ: Vec<_> = verdicts(&reports).into_iter().filter(|verdict| !expect.contains(verdict)).collect();
        assert!(differ.is_empty(), "{server} -j{jobs}, shuffled: {shuffle}: {differ:?}");
        assert_eq!((reports.len(), summary.not_played, summary.left.as_slice()), (expect.len(), 0, &[][..]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn verdicts_do_not_depend_on_order_or_number() {
    check("reference", &[], &[(32, false), (1, false), (64, false), (64, true), (1, true)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_do_those_of_pyftpdlib() {
    let Some(python) = crate::python() else { return };
    check("pyftpdlib", &[("python", &python)], &[(64, true), (2, false)]).await;
}
