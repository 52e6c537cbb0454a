//! Writes a scenario in its one canonical form, so that `parse(print(s)) == s`.
//!
//! Comments and blank lines are kept, two blanks are a level, citations stand in a column. What a file cannot say (a name
//! with a blank, a verbatim line with CR in it) is written in the nearest form that can be read.

mod content;
mod front;
mod step;
mod text;

use super::model::{Action, Line, LineKind, Scenario};

/// Citations stand in a column at most so far to the right; behind longer lines they follow after two blanks.
const CITES_MAX: usize = 60;

/// The canonical form of a scenario, as a file holds it.
#[must_use]
pub fn print(scenario: &Scenario) -> String {
    let mut out = String::from("+++\n");
    front::front(&scenario.front, &mut out);
    out.push_str("+++\n");
    let bodies: Vec<String> = scenario.lines.iter().map(body).collect();
    let cited = scenario.lines.iter().zip(&bodies).filter(|(line, _)| !line.cites.is_empty());
    let column = cited.map(|(_, body)| body.chars().count()).filter(|width| *width <= CITES_MAX).max().unwrap_or_default() + 2;
    for (line, body) in scenario.lines.iter().zip(bodies) {
        let width = body.chars().count();
        out.push_str(&body);
        if !line.cites.is_empty() {
            out.extend(std::iter::repeat_n(' ', column.saturating_sub(width).max(2)));
            out.push('[');
            out.push_str(&line.cites.join(" "));
            out.push(']');
        }
        if let Some(text) = &line.comment {
            out.push_str("  ");
            out.push_str(&comment(text));
        }
        out.push('\n');
    }
    out
}

/// A step as it stands on a line, without citations: for messages and transcripts.
#[must_use]
pub fn print_action(action: &Action) -> String {
    step::action(action)
}

/// What an `S>` demands, without the `S>`: `150 | 125`.
#[must_use]
pub fn print_expect(expect: &super::model::Expect) -> String {
    step::expect(expect)
}

/// A state as it stands in `disk .. in { .. }`.
#[must_use]
pub fn print_state(state: &super::model::StatePattern) -> String {
    content::state(state)
}

/// A content expression.
#[must_use]
pub fn print_expression(expression: &super::model::Expression) -> String {
    content::expression(expression)
}

/// A text in quotes.
#[must_use]
pub fn print_text(text: &super::model::Text) -> String {
    text::quoted(text)
}

fn body(line: &Line) -> String {
    let text = match &line.kind {
        LineKind::Blank => return String::new(),
        LineKind::Comment(text) => comment(text),
        LineKind::Template(text) => text.clone(),
        LineKind::Action(action) => step::action(action),
        LineKind::Match(subject) => step::subject(subject),
        LineKind::Arm(arm) => step::arm(arm),
        LineKind::Together => "together".to_owned(),
        LineKind::Done => "done".to_owned(),
        LineKind::Control => "control".to_owned(),
        LineKind::Until(within) => format!("until {}", text::duration(*within)),
        LineKind::Block(name) => format!("block {name}"),
    };
    format!("{:indent$}{text}", "", indent = line.indent * 2)
}

fn comment(text: &str) -> String {
    if text.is_empty() { "#".to_owned() } else { format!("# {text}") }
}
