//! Makes cases of a scenario: one a row of `[each]`, with the columns filled in and the lines assembled into steps.
//!
//! Responsible for everything that needs more than one line: columns, letter sets, fixtures, blocks, arms, branches, and
//! names that must be known. Spans keep pointing into the source as it is written.

mod assemble;
mod check;
mod front;
mod row;

use std::sync::Arc;

use super::diagnostic::Diagnostic;
use super::model::{Case, Scenario, Source};

pub(super) use check::expression_size;
pub use front::letter_set;

/// The cases of a scenario, in the order of its rows.
///
/// # Errors
/// All that is wrong, in the order of the file, each once however many rows show it.
pub fn expand(scenario: &Scenario, source: &Arc<Source>) -> Result<Vec<Case>, Vec<Diagnostic>> {
    let rows = if scenario.front.each.is_empty() { vec![None] } else { scenario.front.each.iter().map(Some).collect() };
    let mut diagnostics = Vec::new();
    let front = front::Place::new(source);
    row::check_blocks(scenario, &front, &mut diagnostics);
    let mut cases = Vec::new();
    for row in rows {
        let mut here = Vec::new();
        let values = row::Values::new(scenario, row);
        let lines = row::lines(scenario, &values, &mut here);
        let fixture = front::fixture(scenario, &values, &front, &mut here);
        let stages = assemble::stages(lines, &mut here);
        let case = Case {
            id: row.map_or_else(|| scenario.id.clone(), |row| format!("{}#{}", scenario.id, row.name)),
            title: fixture.title,
            needs: fixture.needs,
            slow: scenario.front.slow,
            roles: fixture.roles,
            files: fixture.files,
            settings: fixture.settings,
            stages,
            source: Arc::clone(source),
        };
        check::names(&case, &mut here);
        diagnostics.extend(here);
        cases.push(case);
    }
    super::diagnostic::settle(&mut diagnostics);
    if diagnostics.is_empty() { Ok(cases) } else { Err(diagnostics) }
}
