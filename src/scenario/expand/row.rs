//! Fills the columns of a row in: lines that wait for it, and the block that it picks.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::front::Place;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::model::{Line, LineKind, Row, Scenario, Span};
use crate::scenario::parse::{self, Columns};

/// The values of a row's columns.
pub(super) struct Values<'a> {
    row: Option<&'a Row>,
    columns: BTreeSet<&'a str>,
    /// Columns that other rows have, and that were asked for.
    missing: RefCell<Vec<String>>,
}

impl<'a> Values<'a> {
    pub(super) fn new(scenario: &'a Scenario, row: Option<&'a Row>) -> Self {
        let columns = scenario.front.each.iter().flat_map(|row| row.columns.keys().map(String::as_str)).collect();
        Self { row, columns, missing: RefCell::default() }
    }

    fn value(&self, name: &str) -> Option<&'a str> {
        let row = self.row?;
        if name == "name" {
            return Some(&row.name);
        }
        let value = row.columns.get(name).map(String::as_str);
        if value.is_none() && self.columns.contains(name) {
            self.missing.borrow_mut().push(name.to_owned());
        }
        value
    }

    /// Fills a string of the front matter in.
    ///
    /// `None` where the row lacks a column, which is then reported.
    pub(super) fn fill(&self, text: &str, span: Span, diagnostics: &mut Vec<Diagnostic>) -> Option<String> {
        let filled = parse::fill(text, |name| self.value(name));
        (!self.report(span, diagnostics)).then_some(filled)
    }

    /// Says which columns the row should have had; whether there were any.
    fn report(&self, span: Span, diagnostics: &mut Vec<Diagnostic>) -> bool {
        let missing = std::mem::take(&mut *self.missing.borrow_mut());
        for name in &missing {
            let row = self.row.map_or("", |row| row.name.as_str());
            diagnostics.push(Diagnostic::error(span, format!("the row `{row}` has no column `{name}`")));
        }
        !missing.is_empty()
    }

    /// Names the row in a message about a filled-in line.
    fn about(&self, mut diagnostic: Diagnostic, span: Span, filled: &str) -> Diagnostic {
        if let Some(row) = self.row {
            diagnostic.message = format!("in the row `{}`: {}", row.name, diagnostic.message);
        }
        let reads = format!("the line reads: {}", filled.escape_debug());
        diagnostic.help = Some(diagnostic.help.map_or_else(|| reads.clone(), |help| format!("{help}; {reads}")));
        diagnostic.span = span;
        diagnostic
    }
}

/// Blocks that no row picks, and rows that pick none.
pub(super) fn check_blocks(scenario: &Scenario, place: &Place, diagnostics: &mut Vec<Diagnostic>) {
    let rows = scenario.front.each.iter().filter_map(|row| Some((row.name.as_str(), row.columns.get("steps")?.as_str())));
    let picked: Vec<(&str, &str)> = rows.filter(|(_, steps)| !steps.is_empty()).collect();
    let blocks: Vec<(&str, Span)> = scenario
        .lines
        .iter()
        .filter_map(|line| if let LineKind::Block(name) = &line.kind { Some((name.as_str(), line.span)) } else { None })
        .collect();
    for (name, span) in &blocks {
        if !picked.iter().any(|(_, steps)| steps == name) {
            diagnostics.push(
                Diagnostic::error(*span, format!("no row picks the block `{name}`"))
                    .expected(format!("a row with `steps = \"{name}\"`"))
                    .nearest(name, picked.iter().map(|(_, steps)| *steps)),
            );
        }
    }
    for (row, name) in picked {
        if !blocks.iter().any(|(block, _)| *block == name) {
            diagnostics.push(
                Diagnostic::error(place.key(&format!("each.{row}")), format!("no block `{name}`, which the row `{row}` picks"))
                    .nearest(name, blocks.iter().map(|(block, _)| *block)),
            );
        }
    }
}

/// The lines of a row that say something: filled in, without blocks of other rows, without blank lines and comments.
pub(super) fn lines(scenario: &Scenario, values: &Values<'_>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Line> {
    let picked = values.row.and_then(|row| row.columns.get("steps")).map(String::as_str);
    let mut lines = Vec::new();
    // The indentation of the block in which we are, and whether the row picks it.
    let mut block: Option<(usize, bool)> = None;
    for line in &scenario.lines {
        if matches!(line.kind, LineKind::Blank | LineKind::Comment(_)) {
            continue;
        }
        if block.is_some_and(|(indent, _)| line.indent <= indent) {
            block = None;
        }
        if let LineKind::Block(name) = &line.kind {
            if block.is_some() {
                diagnostics.push(Diagnostic::error(line.span, "a block inside a block"));
            }
            block = block.or_else(|| Some((line.indent, picked == Some(name))));
            continue;
        }
        match block {
            Some((_, false)) => {}
            Some((_, true)) => lines.extend(resolve(line, line.indent - 1, values, diagnostics)),
            None => lines.extend(resolve(line, line.indent, values, diagnostics)),
        }
    }
    lines
}

fn resolve(line: &Line, indent: usize, values: &Values<'_>, diagnostics: &mut Vec<Diagnostic>) -> Option<Line> {
    let LineKind::Template(template) = &line.kind else { return Some(Line { indent, ..line.clone() }) };
    let mut filled = parse::fill_line(template, |name| values.value(name));
    let cites: Vec<String> = line.cites.iter().map(|cite| parse::fill(cite, |name| values.value(name))).collect();
    let cites = cites.join(" ");
    if values.report(line.span, diagnostics) {
        return None;
    }
    if !cites.trim().is_empty() {
        filled = format!("{filled} [{cites}]");
    }
    match parse::line(&filled, 0, &Columns::new()) {
        Ok(made) if matches!(made.kind, LineKind::Blank | LineKind::Comment(_)) => None,
        Ok(made) if matches!(made.kind, LineKind::Block(_)) => {
            diagnostics.push(Diagnostic::error(line.span, "the name of a block has no column"));
            None
        }
        Ok(made) => Some(Line { span: line.span, indent, ..made }),
        Err(diagnostic) => {
            diagnostics.push(values.about(diagnostic, line.span, &filled));
            None
        }
    }
}
