// The requirements: which are proven by the cases of these runs, and what each server does about them.

let coverage = null;

function buildCoverage() {
  const head = data.targets.map((target) => h("th", { scope: "col", class: "server", title: target.label }, h("span", {}, target.label)));
  const table = h("table", { class: "grid many requirements" },
    h("caption", { class: "away" }, "Requirements and servers"),
    h("colgroup", {}, h("col", { class: "case" }), h("col", { class: "count" }), data.targets.map(() => h("col", { class: "server" }))),
    h("thead", {}, h("tr", {}, h("th", { scope: "col", class: "case" }, "requirement"), h("th", { scope: "col", class: "count" }, "cases"), head)));
  const citing = new Map();
  for (const row of data.cases) for (const place of row.cites) citing.set(place, (citing.get(place) ?? 0) + 1);
  const groups = [];
  let top = null;
  data.sections.forEach((of, at) => {
    if (!of.clauses.length) return;
    const group = { lines: [] };
    if (documentOf(at) !== top) {
      top = documentOf(at);
      group.topRow = h("tbody", { class: "top" }, h("tr", {}, h("th", { scope: "colgroup", colspan: head.length + 2 },
        h("h2", {}, top.name, h("small", {}, top.title)))));
      table.append(group.topRow);
    }
    group.top = top;
    for (const place of of.clauses) group.lines.push({ place, cases: citing.get(place) ?? 0, line: clauseRow(place, citing.get(place) ?? 0) });
    group.body = h("tbody", {}, h("tr", { class: "group" }, h("th", { scope: "rowgroup", colspan: head.length + 2 }, h("h3", {}, placeName(at)))),
      group.lines.map(({ line }) => line));
    table.append(group.body);
    groups.push(group);
  });
  return { groups, table };
}

function clauseRow(place, cases) {
  const clause = data.clauses[place];
  const cells = data.targets.map((target, column) => {
    const letter = clause.letters[column] ?? " ";
    if (letter === " ") return h("td", {});
    const known = isKnown(clause, column);
    const label = `${standing(letter)}${known ? ", known" : ""}: ${target.label}`;
    return h("td", {}, chip(letter, known, "span", { title: label, role: "img", "aria-label": label }));
  });
  const why = clause.untestable ? h("p", { class: "dim" }, `Cannot be tested from outside: ${clause.untestable}`) : "";
  return h("tr", { class: cases ? "" : "uncited" },
    h("th", { scope: "row" }, h("p", { class: "head" }, clause.level ? h("span", { class: `level ${clause.level}` }, clause.level) : "", h("code", {}, clause.id)),
      h("p", {}, clause.statement), why),
    h("td", { class: "count" }, cases ? link({ ...noFilters, view: "", text: clause.id }, { "aria-label": `${plural(cases, "case")} that cite it` }, String(cases)) : "–"),
    cells);
}

const standing = (letter) => ({ P: "kept", F: "broken", D: "deviates", "?": "cited, and not judged" })[letter];

function clauseFits(place, cases, filter) {
  const clause = data.clauses[place];
  if (filter.level.length && !filter.level.includes(clause.level)) return false;
  if (filter.rfc && documentOf(clause.section).key !== filter.rfc) return false;
  if (filter.cited === "yes" && !cases) return false;
  if (filter.cited === "no" && (cases || clause.untestable)) return false;
  if (filter.cited === "untestable" && !clause.untestable) return false;
  const stands = (letter, target) => letter !== " " && (!filter.server || data.targets[target].key === filter.server)
    && (!filter.verdict.length || filter.verdict.includes(word(letter))) && (!filter.new || ("FD".includes(letter) && !isKnown(clause, target)));
  if ((filter.server || filter.verdict.length || filter.new) && ![...clause.letters].some(stands)) return false;
  if (filter.differ && new Set(clause.letters.replaceAll(/[ ?]/g, "")).size < 2) return false;
  const text = `${clause.id}\n${clause.statement}\n${placeName(clause.section)}\n${clause.topic}`.toLowerCase();
  return filter.text.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

/** Shows the requirements that the filters ask for; gives how many those are. */
function showCoverage(place) {
  if (!coverage) {
    coverage = buildCoverage();
    const letters = ["P", "F", "D", "?"].map((letter) => h("li", {}, chip(letter), " ", standing(letter)));
    place.replaceChildren(levels(), h("ul", { class: "legend" }, letters, h("li", {}, "blank: no case of the run cites it")), coverage.table);
  }
  let count = 0;
  const tops = new Map();
  for (const group of coverage.groups) {
    let shown = 0;
    for (const { place: at, cases, line } of group.lines) {
      line.hidden = !clauseFits(at, cases, state);
      if (!line.hidden) shown += 1;
    }
    group.body.hidden = !shown;
    tops.set(group.top, (tops.get(group.top) ?? 0) + shown);
    count += shown;
  }
  for (const group of coverage.groups) if (group.topRow) group.topRow.hidden = !tops.get(group.top);
  return count;
}

/** By level: how many there are, how many are cited, and how many of those each server keeps. */
function levels() {
  const cited = new Set(data.cases.flatMap((row) => row.cites));
  const of = (level) => data.clauses.map((clause, place) => ({ ...clause, place })).filter((clause) => clause.level === level);
  const count = (clauses, fits) => String(clauses.filter(fits).length);
  const rows = [
    ["in the catalogue", (clauses) => String(clauses.length)],
    ["proven by cases of this page", (clauses) => count(clauses, (clause) => cited.has(clause.place))],
    ["cannot be tested from outside", (clauses) => count(clauses, (clause) => clause.untestable && !cited.has(clause.place))],
    ...data.targets.map((target, column) => [target.label, (clauses) => {
      const judged = clauses.filter((clause) => "PFD".includes(clause.letters[column] ?? " ") && clause.letters[column] !== " ");
      const broken = judged.filter((clause) => clause.letters[column] !== "P").length;
      return judged.length ? [h("b", { class: broken ? "broken" : "" }, String(broken)), ` of ${judged.length}`] : "–";
    }]),
  ];
  const line = ([name, of_], index) => h("tr", { class: index === 3 ? "first" : "" }, h("th", { scope: "row" }, name), LEVELS.map((level) => h("td", {}, of_(of(level)))));
  return h("div", {}, h("p", { class: "dim" }, "Requirements by level. Of each server: how many it breaks, of those that could be judged."),
    h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "requirements by level" }, h("table", { class: "plain" },
    h("thead", {}, h("tr", {}, h("th", {}), LEVELS.map((level) => h("th", { scope: "col" }, level)))),
    h("tbody", {}, rows.map(line)))));
}
