// A case on a target: what was demanded and by which clause, what came, and how to see it again.

const FACETS = {
  effect: "wrong effect",
  reply: "wrong reply",
  liveness: "the control connection is not usable",
  timing: "at the wrong time",
};

const time = (ms) => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2).replace(/\.?0+$/, "")} s`);

/** The target under which a case is shown where none is named: where it is gravest. */
function gravestTarget(row) {
  const places = data.targets.map((_, place) => place);
  const rank = (place) => GRAVITY.indexOf(row.letters[place]) + (isKnown(row, place) ? 0.5 : 0);
  return places.reduce((best, place) => (rank(place) < rank(best) ? place : best), 0);
}

function showCase(place) {
  const at = casePlaces.get(state.case);
  const row = data.cases[at];
  if (!row) {
    place.replaceChildren(h("h1", { tabindex: "-1" }, "No such case"),
      h("p", {}, "This page holds no case ", h("code", {}, state.case), ". ", link({ view: "" }, {}, "All cases")));
    return "no such case";
  }
  const target = targetPlaces.get(state.target) ?? gravestTarget(row);
  const letter = row.letters[target];
  const more = letter === " " || letter === "-" ? null : detail(at, target);
  place.replaceChildren(
    steps(at, target),
    h("h1", { tabindex: "-1" }, h("code", {}, row.id), h("span", {}, row.title)),
    many ? strip(row, target) : "",
    verdictOf(row, target, more),
    ...(more ? more.findings ?? [] : []).map(finding),
    ...(more?.findings?.length ? [] : [cited(row)]),
    sourceOf(more ? more.source : row.source, more?.findings ?? []),
    more ? transcript(more, target, row) : "",
    more?.log ? h("section", {}, h("h2", {}, "The server's log"), h("pre", {}, more.log)) : "",
    more ? again(more.again) : "",
  );
  return `${row.id} on ${data.targets[target].label}: ${word(letter)}`;
}

/** Back to all cases, and to the case before and behind in the filters' order. */
function steps(at, target) {
  const places = inOrder(target);
  const here = places.indexOf(at);
  const key = data.targets[target].key;
  const to = (place, rel, text) => (place === undefined ? null : link({ case: data.cases[place].id, target: key }, { rel, title: data.cases[place].id }, text));
  const before = here < 0 ? places.findLast((place) => place < at) : places[here - 1];
  const behind = here < 0 ? places.find((place) => place > at) : places[here + 1];
  const position = here < 0 ? "" : `${here + 1} of ${places.length}`;
  return h("nav", { class: "steps", "aria-label": "cases" },
    link({ view: "" }, { rel: "up" }, isFiltered(state) ? "← Cases, filtered" : "← Cases"),
    h("span", {}, to(before, "prev", "‹ previous"), h("small", {}, position), to(behind, "next", "next ›")));
}

/** The same case on all targets. */
function strip(row, target) {
  const items = data.targets.map((other, place) => {
    const letter = row.letters[place];
    if (letter === " ") return null;
    const known = isKnown(row, place);
    const mark = place === target ? { "aria-current": "true" } : {};
    return h("li", {}, link({ case: row.id, target: other.key }, mark, chip(letter, known), h("span", {}, other.label),
      h("span", { class: "away" }, said(letter, known))));
  });
  return h("nav", { class: "strip", "aria-label": "servers" }, h("ul", {}, items));
}

function verdictOf(row, target, more) {
  const letter = row.letters[target];
  const known = isKnown(row, target);
  const { label, not_started: notStarted, ended } = data.targets[target];
  const lines = [h("p", { class: "verdict" }, chip(letter, known), h("strong", {}, word(letter)), ` on ${label}`,
    h("small", {}, VERDICTS[letter][1]))];
  if (letter === "-") lines.push(h("p", {}, notStarted ? `The server did not start: ${notStarted}` : `The run ended early: ${ended ?? "the reason is not known"}`));
  if (more?.reason) lines.push(h("p", {}, more.reason));
  if (more?.known) lines.push(h("p", { class: "reason" }, h("b", {}, "known "), more.known));
  if (more) {
    const waited = more.silence_ms > 0 ? `, of that ${time(more.silence_ms)} waiting for something that never came` : "";
    lines.push(h("p", { class: "dim" }, `took ${time(more.ms)}${waited}`));
  } else if (more === undefined) {
    lines.push(h("p", { class: "dim" }, "The page is still loading."));
  }
  return h("section", { class: "is", "aria-label": "verdict" }, lines);
}

/** A requirement: level, place, what it says. */
function clauseOf(place) {
  const clause = data.clauses[place];
  const { url } = documentOf(clause.section);
  const number = section(clause.section).name.match(/^sections? ([0-9.]+)/)?.[1];
  const address = url && number && url.includes("/rfc/") ? `${url}#section-${number}` : url;
  const where = placeName(clause.section);
  return h("div", { class: "clause" },
    h("p", { class: "head" }, clause.level ? h("span", { class: `level ${clause.level}` }, clause.level) : "",
      address ? h("a", { href: address, rel: "noreferrer noopener external", target: "_blank" }, where) : where,
      link({ view: "requirements", text: clause.id }, { class: "id", title: "this requirement on all servers" }, h("code", {}, clause.id))),
    h("p", {}, clause.statement),
    clause.observable ? h("p", { class: "dim" }, clause.observable) : "");
}

const pair = (name, text) => [h("dt", {}, name), h("dd", {}, typeof text === "string" ? h("code", {}, text) : text)];

function finding(found, place) {
  const letter = letterOf(found.verdict);
  const isChoice = found.verdict === "info";
  return h("section", { class: "finding", id: `finding-${place}` },
    h("h2", {}, chip(letter, false), isChoice ? "a choice that is left to servers" : FACETS[found.facet], h("small", {}, `line ${found.line}`)),
    h("dl", {},
      isChoice ? null : pair("expected", found.expected),
      pair("seen", found.seen),
      found.cites.length ? pair("clause", h("div", {}, found.cites.map(clauseOf))) : null,
      found.bytes ? pair("bytes", hexdump(found.bytes)) : null));
}

/** What a case without findings cites. */
function cited(row) {
  if (!row.cites.length) return "";
  return h("details", { class: "cites", open: row.cites.length <= 3 },
    h("summary", {}, plural(row.cites.length, "requirement"), " that this case proves"), row.cites.map(clauseOf));
}

/** Bytes around a first difference: what came and what should have come; those that differ are marked. */
function hexdump({ said: text, at, first, got, expected }) {
  const bytes = (hex) => hex.match(/../g) ?? [];
  const sides = [["got", bytes(got)], ["expected", bytes(expected)]];
  const differs = (place) => sides[0][1][place] !== sides[1][1][place];
  const tables = sides.map(([name, side]) => {
    const rows = [];
    for (let from = 0; from < Math.max(sides[0][1].length, sides[1][1].length); from += 8) {
      const part = Array.from({ length: 8 }, (_, step) => side[from + step]);
      const shown = (byte, step, text) => (byte !== undefined && differs(from + step) ? h("mark", {}, text) : h("span", {}, text));
      const hex = part.flatMap((byte, step) => [shown(byte, step, byte ?? "  "), " "]);
      const signs = part.map((byte, step) => {
        const code = byte === undefined ? 32 : parseInt(byte, 16);
        return shown(byte, step, byte !== undefined && (code < 32 || code > 126) ? "." : String.fromCharCode(code));
      });
      const wrong = part.some((_, step) => differs(from + step));
      rows.push(h("span", { class: wrong ? "row wrong" : "row" }, wrong ? "▸" : " ", h("i", {}, (at + from).toString(16).padStart(8, "0")), "  ", hex, " ", signs, "\n"));
    }
    return h("figure", {}, h("figcaption", {}, name), h("pre", {}, rows));
  });
  return h("div", { class: "bytes" }, h("p", {}, text, first > 9 ? h("small", {}, ` (0x${first.toString(16)})`) : ""), h("div", { class: "sides" }, tables));
}

/** The scenario, with a caret under each step that a finding is about. */
function sourceOf(place, findings) {
  const source = data.sources[place];
  if (!source) return "";
  const lines = source.text.replace(/\n$/, "").split("\n");
  const shown = lines.flatMap((line, index) => {
    const here = findings.filter((found) => found.line === index + 1);
    const carets = here.map((found) => {
      const [from, to] = found.columns;
      const text = found.verdict === "info" ? "a choice" : FACETS[found.facet];
      return h("div", { class: `caret c${letterOf(found.verdict)}` }, h("i", {}, ""), h("span", {}, `${" ".repeat(from)}${"^".repeat(Math.max(1, to - from))} ${text}`));
    });
    return [h("div", { class: here.length ? "line here" : "line" }, h("i", {}, String(index + 1)), h("span", {}, line || " ")), ...carets];
  });
  return h("section", {}, h("h2", {}, "The scenario", h("small", {}, source.name)),
    h("div", { class: "code", tabindex: "0", role: "region", "aria-label": "the scenario" }, shown));
}

/** What was said: control left, data right, times and offsets. */
function transcript(more, target, row) {
  const { texts } = detailsRead.get(target);
  if (!more.rows?.length) {
    const none = row.letters[target] === "P" ? "A case that passes keeps no transcript." : more.left_out ? "There is no room here for this transcript." : "";
    return none ? h("p", { class: "dim" }, none, " The command below, with -v, shows it.") : "";
  }
  const sessions = new Set(more.rows.map((line) => line[2]));
  const showed = new Map((more.findings ?? []).filter((found) => found.row !== undefined).map((found) => [found.row, found]));
  const [before, behind] = more.left_out ?? [0, 0];
  const columns = sessions.size > 1 ? 4 : 3;
  const note = (count, where) => (count ? h("tr", { class: "left-out" }, h("td", { colspan: columns }, `${plural(count, `${where} line`)} left out here; the command below, with -v, shows all`)) : "");
  const lines = more.rows.map(([at, lane, session, text, offset], place) => {
    const found = showed.get(place);
    const what = [h("span", {}, texts[text]), offset ? h("small", {}, ` at ${offset[0]}..${offset[1]}`) : "",
      found ? h("b", { class: "showed" }, ` ◂ ${found.verdict === "info" ? "the choice" : found.verdict}`) : ""];
    const cells = lane === 2 ? [h("td", { colspan: 2, class: "aside" }, what)]
      : [h("td", { class: "control" }, lane === 0 ? what : ""), h("td", { class: "data" }, lane === 1 ? what : "")];
    const name = sessions.size > 1 ? h("td", { class: "session" }, texts[session]) : "";
    return h("tr", { class: `lane${lane}${found ? ` here c${letterOf(found.verdict)}` : ""}` }, h("td", { class: "at" }, (at / 1000).toFixed(3)), name, cells);
  });
  return h("section", {}, h("h2", {}, "What was said"),
    h("table", { class: "lanes" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col", class: "at" }, "seconds"), sessions.size > 1 ? h("th", { scope: "col", class: "session" }, "session") : "",
        h("th", { scope: "col" }, "control connection"), h("th", { scope: "col" }, "data connection"))),
      h("tbody", {}, note(before, "earlier"), lines, note(behind, "later"))));
}

function again(command) {
  const text = h("code", {}, command);
  const tell = h("span", { role: "status" });
  const copied = (what) => () => {
    const done = () => { tell.textContent = "copied"; };
    const select = () => { getSelection().selectAllChildren(text); tell.textContent = "press Ctrl-C"; };
    navigator.clipboard ? navigator.clipboard.writeText(what()).then(done, select) : select();
  };
  return h("section", { class: "again" }, h("h2", {}, "Play it again"), h("p", { class: "command" }, text),
    h("p", {}, h("button", { type: "button", on: { click: copied(() => command) } }, "Copy the command"), " ",
      h("button", { type: "button", on: { click: copied(() => location.href) } }, "Copy the link to this page"), " ", tell));
}
