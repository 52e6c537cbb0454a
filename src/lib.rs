//! ftpspec: a conformance suite and end-to-end test harness for FTP servers.
//!
//! Most people use the program: `ftpspec run`. A server's own tests can play scenarios too, with what the program is made of:
//! a [`Suite`](run::suite::Suite) of scenarios, a [`Target`](target::Target) to play them against, and
//! [`run::collect`], which gives a report for each case.
//!
//! ```
//! use std::sync::Arc;
//!
//! use ftpspec::judge::verdict::Verdict;
//! use ftpspec::run::{self, Options, plan::Plan, suite::Suite};
//! use ftpspec::target;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let text = r#"
//! +++
//! title = "A file comes back as it was stored"
//!
//! [accounts]
//! alice = "all"
//!
//! [files]
//! "f.txt" = "hello"
//! +++
//!
//! login alice
//! C> TYPE I
//! S> 200
//! data
//! C> RETR f.txt
//! S> 150 | 125
//! S>> "hello" end                  [959-4.1.3-retr-sends-copy]
//! S> 226 | 250
//! "#;
//! let suite = Suite::of_texts([("own/download", text.trim_start())])?;
//! let server = target::resolve("reference", &[])?;
//! let plan = Plan::new(suite.cases().cloned().collect(), true);
//! let (reports, summary) = run::collect(Arc::from(server), plan, Options::default()).await;
//! assert_eq!(summary.not_started, None);
//! assert_eq!(reports.len(), 1);
//! assert_eq!(reports[0].outcome.verdict, Verdict::Pass);
//! # Ok(())
//! # }
//! ```
//!
//! The scenarios that are part of this crate are [`Suite::built_in`](run::suite::Suite::built_in), and
//! [`run::select`] chooses among them. A server of your own is a [`Hosted`](target::hosted::Hosted): a function that
//! starts it. `examples/custom_backend.rs` does that for libunftp with a storage backend of its own. What is known to be wrong
//! with it goes into a [`Baseline`](judge::baseline::Baseline), [`Options::baseline`](run::Options::baseline).
//!
//! # Layout
//!
//! Each part uses only parts that stand below it; the ones marked o do no I/O and know no clock. `ARCHITECTURE.md` says more.
//!
//! | part | | what it is |
//! | --- | --- | --- |
//! | [`cli`] | | verbs, flags, exit codes; the only part that prints |
//! | [`report`] | | folds over the events of a run: terminal, JSON, `JUnit`, TAP, Markdown |
//! | [`mod@explore`] | | cases drawn by lot, compared with the reference, shrunk and written as scenarios |
//! | [`run`] | | many cases: select, schedule, isolate; emits events |
//! | [`mod@bench`] | | throughput, latency, sessions and the server's own cost, every byte checked |
//! | [`hand`] | | a client and a server for people's hands: get, put, serve |
//! | [`play`] | | one case against one server: steps in, transcript out |
//! | [`judge`] | o | what was demanded against what was seen: findings, verdicts, baselines |
//! | [`target`] | | servers and the ground under them: accounts, letters, roots, files |
//! | [`wire`] | | control and data connections: bytes, deadlines and limits, never opinions |
//! | [`record`] | | what passes a proxy, written down as a scenario |
//! | [`fault`] | | what a network may do to bytes, and a proxy that does it |
//! | [`scenario`] | o | the value: model, notation, expansion, lints |
//! | [`requirement`] | o | what the RFCs demand, each with its id, level and place |
//! | [`mod@reference`] | o | a correct FTP server as a state machine over a file system in memory |
//! | [`ftp`] | o | the protocol's vocabulary: replies, letters, paths, facts, contents, transcripts |

pub mod bench;
pub mod cli;
pub mod explore;
pub mod fault;
pub mod ftp;
pub mod hand;
pub mod judge;
pub mod play;
pub mod record;
pub mod reference;
pub mod report;
pub mod requirement;
pub mod run;
pub mod scenario;
pub mod target;
pub mod wire;
