// The matrix: cases by clause or topic, a column for each target.

/** All groups of cases, in order: a title, the document above it, and rows. */
function groupsBy(by) {
  const groups = new Map();
  const order = data.cases.map((row, place) => place);
  if (by !== "topic") order.sort((a, b) => data.cases[a].section - data.cases[b].section || a - b);
  for (const place of order) {
    const row = data.cases[place];
    const key = by === "topic" ? row.topic : row.section;
    if (!groups.has(key)) {
      const top = by === "topic" ? null : documentOf(row.section);
      groups.set(key, { title: by === "topic" ? row.topic : placeName(row.section), top, rows: [] });
    }
    groups.get(key).rows.push(place);
  }
  return [...groups.values()];
}

let searched = null;

/** What the text filter looks at, of each case, in lower case. */
function searchTexts() {
  searched ??= data.cases.map((row) => {
    const cites = row.cites.map((place) => data.clauses[place].id);
    const headlines = row.headlines.filter((place) => place >= 0).map((place) => data.texts[place]);
    return [row.id, row.title, placeName(row.section), ...cites, ...headlines].join("\n").toLowerCase();
  });
  return searched;
}

/** Whether a cell is one that the filters of server and verdict ask for. */
function cellFits(row, target, filter) {
  const letter = row.letters[target];
  if (letter === " " || (filter.server && data.targets[target].key !== filter.server)) return false;
  if (filter.new && isKnown(row, target)) return false;
  if (filter.verdict.length) return filter.verdict.includes(word(letter));
  return !filter.new || "FD?E".includes(letter);
}

/** Whether a case is one that the filters ask for. */
function rowFits(place, filter) {
  const row = data.cases[place];
  const clauses = row.cites.map((cited) => data.clauses[cited]);
  if (filter.topic && row.topic !== filter.topic) return false;
  if (filter.level.length && !clauses.some((clause) => filter.level.includes(clause.level))) return false;
  if (filter.rfc && !clauses.some((clause) => documentOf(clause.section).key === filter.rfc)) return false;
  if (filter.differ && new Set(row.letters.replaceAll(/[ -]/g, "")).size < 2) return false;
  if ((filter.server || filter.verdict.length || filter.new) && !data.targets.some((_, target) => cellFits(row, target, filter))) return false;
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  return words.every((word) => searchTexts()[place].includes(word));
}

/** The gravest letter of some rows for a target, how many have it, and whether all of those are known. */
function gravest(rows, target) {
  for (const letter of GRAVITY) {
    const have = rows.filter((place) => data.cases[place].letters[target] === letter);
    if (have.length) return [letter, have.length, have.every((place) => isKnown(data.cases[place], target))];
  }
  return [" ", 0, false];
}

const headline = (row, target) => (row.headlines.length && row.headlines[target] >= 0 ? data.texts[row.headlines[target]] : "");

let grid = null;

/** The table, built once for each way to group. */
function buildGrid(by) {
  const groups = groupsBy(by);
  const names = data.targets.map((target) =>
    h("th", { scope: "col", class: "server", title: target.label }, h("span", {}, target.label)));
  const head = many ? names : [h("th", { scope: "col", class: "verdict" }, "verdict"), h("th", { scope: "col", class: "said" }, "seen")];
  const columns = [h("col", { class: "case" }), ...head.map((cell) => h("col", { class: many ? "server" : cell.className }))];
  const table = h("table", { class: `grid ${many ? "many" : "one"}`, id: "matrix" },
    h("caption", { class: "away" }, "Cases and servers. Arrow keys move between cells."),
    h("colgroup", {}, columns),
    h("thead", {}, h("tr", {}, h("th", { scope: "col", class: "case" }, "case"), head)));
  let top = null;
  for (const group of groups) {
    if (group.top && group.top !== top) {
      top = group.top;
      group.topRow = h("tbody", { class: "top" }, h("tr", {}, h("th", { scope: "colgroup", colspan: head.length + 1 },
        h("h2", {}, top.name, h("small", {}, top.title)))));
      table.append(group.topRow);
    }
    group.button = h("button", { type: "button", class: "fold", "aria-expanded": "true", on: { click: () => fold(group) } });
    group.cells = data.targets.map(() => h("td", {}));
    if (!many) group.cells.push(h("td", {}));
    group.head = h("tr", { class: "group" }, h("th", { scope: "rowgroup" }, h("h3", {}, group.button)), group.cells);
    group.lines = group.rows.map(gridRow);
    group.body = h("tbody", {}, group.head, group.lines);
    table.append(group.body);
  }
  table.addEventListener("click", openCell);
  table.addEventListener("keydown", walk);
  return { by, groups, table };
}

function gridRow(place) {
  const row = data.cases[place];
  const cells = data.targets.map((target, column) => {
    const letter = row.letters[column];
    if (letter === " ") return h("td", {});
    const known = isKnown(row, column);
    return h("td", {}, chip(letter, known, "a", {
      href: fragmentOf({ ...usual, case: row.id, target: target.key }),
      tabindex: "-1",
      "aria-label": `${said(letter, known)}: ${target.label}`,
      title: [`${target.label}: ${said(letter, known)}`, headline(row, column)].filter(Boolean).join("\n"),
    }));
  });
  if (!many) cells.push(h("td", { class: "said" }, headline(row, 0)));
  const name = h("a", { href: fragmentOf({ ...usual, case: row.id }), class: "case" },
    h("code", {}, row.id), h("span", {}, row.title));
  return h("tr", { "data-place": place }, h("th", { scope: "row" }, name), cells);
}

function openCell(event) {
  const opened = event.target.closest("a");
  if (!opened || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  const { case: id, target } = readState(new URL(opened.href).hash);
  go({ case: id, target });
}

/** Arrow keys move the focus from cell to cell. */
function walk(event) {
  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  const step = steps[event.key];
  const from = document.activeElement?.closest("#matrix tr");
  if (!step || !from || event.altKey || event.ctrlKey || event.metaKey) return;
  const rows = [...grid.table.querySelectorAll("tbody tr:not([hidden])")].filter((row) => !row.parentElement.hidden);
  const column = [...from.cells].findIndex((cell) => cell.contains(document.activeElement));
  let at = rows.indexOf(from) + step[0];
  let to = column + step[1];
  while (rows[at]) {
    const cell = rows[at].cells[to];
    const next = cell?.querySelector("a, button");
    if (next) {
      event.preventDefault();
      next.focus();
      return;
    }
    if (step[0] === 0 && !cell) return;
    at += step[0];
    to += step[1];
  }
}

/** Folds a group, or unfolds it. */
function fold(group, folded = group.button.getAttribute("aria-expanded") === "true") {
  group.button.setAttribute("aria-expanded", String(!folded));
  group.body.classList.toggle("folded", folded);
}

/** Shows what the filters ask for; gives how many cases that are. */
function filterGrid(filter) {
  let count = 0;
  const tops = new Map();
  for (const group of grid.groups) {
    const fitting = group.rows.filter((place) => rowFits(place, filter));
    const shown = new Set(fitting);
    count += fitting.length;
    group.lines.forEach((line, index) => { line.hidden = !shown.has(group.rows[index]); });
    group.body.hidden = !fitting.length;
    if (group.top) tops.set(group.top, (tops.get(group.top) ?? 0) + fitting.length);
    group.button.replaceChildren(h("span", { class: "name" }, group.title), h("small", {}, plural(fitting.length, "case")));
    data.targets.forEach((target, column) => {
      const [letter, number, known] = gravest(fitting, column);
      const cell = group.cells[column];
      cell.replaceChildren();
      if (letter !== " ") {
        const label = `${plural(number, "case")} ${said(letter, known)}: ${target.label}`;
        cell.append(chip(letter, known, "span", { title: label, role: "img", "aria-label": label }, letter === "P" ? "" : h("small", {}, String(number))));
      }
    });
  }
  for (const group of grid.groups) if (group.topRow) group.topRow.hidden = !tops.get(group.top);
  return count;
}

let folded = false;

function showGrid(place) {
  if (!data.cases.length) {
    place.replaceChildren(h("p", {}, "No case was played."));
    return 0;
  }
  const by = state.by === "topic" ? "topic" : "clause";
  if (grid?.by !== by) {
    grid = buildGrid(by);
    folded = false;
    place.replaceChildren(grid.table);
  }
  if (folded !== state.fold) {
    folded = state.fold;
    for (const group of grid.groups) fold(group, folded);
  }
  return filterGrid(state);
}

/** The cases in the order of the matrix that the filters ask for, of a target. */
function inOrder(target) {
  const places = groupsBy(state.by).flatMap((group) => group.rows);
  return places.filter((place) => rowFits(place, state) && cellFits(data.cases[place], target, state));
}
