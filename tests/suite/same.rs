//! The same run gives the same verdicts: again, one at a time, all at once, in another order.

use ftpspec::run::Options;

use crate::{play_suite, verdicts};

#[tokio::test(flavor = "multi_thread")]
async fn verdicts_do_not_depend_on_order_or_number() {
    let (first, _) = play_suite("reference", &[], Options::default()).await;
    let expect = verdicts(&first);
    for (jobs, shuffle) in [(32, false), (1, false), (64, false), (64, true), (1, true)] {
        let options = Options { jobs, shuffle, seed: 7, ..Options::default() };
        let (reports, summary) = play_suite("reference", &[], options).await;
        assert_eq!(verdicts(&reports), expect, "-j{jobs}, shuffled: {shuffle}");
        assert_eq!((summary.not_played, summary.left.as_slice()), (0, &[][..]));
    }
}
