// The page: its frame, the overview, the filters, and which view is shown.

const VIEWS = { "": "Cases", requirements: "Requirements", capabilities: "Capabilities" };
const COUNTED = { P: "pass", D: "deviation", I: "info", F: "fail", U: "unsupported", "?": "inconclusive", E: "error" };

/** The totals of each target. */
function overview() {
  const rows = data.targets.map((target) => {
    const name = h("th", { scope: "row", title: target.arguments }, h("b", {}, target.label), target.arguments && !many ? h("code", {}, target.arguments) : "",
      target.banner ? h("q", { title: "the greeting" }, target.banner) : "");
    if (target.not_started) return h("tr", {}, name, h("td", { class: "why", colspan: Object.keys(COUNTED).length + 2 }, h("b", {}, "did not start: "), target.not_started));
    const cells = Object.entries(COUNTED).map(([letter, total]) => {
      const count = target.totals[total];
      const known = target.known[letter];
      const only = { ...noFilters, view: "", server: many ? target.key : "", verdict: [total] };
      return h("td", { class: count ? "" : "none", "data-letter": letter },
        count ? link(only, { "aria-label": `${plural(count, "case")} ${total}: ${target.label}` }, String(count)) : "0", known ? h("small", { title: `${known} of them known` }, ` ${known}k`) : "");
    });
    const ended = target.ended ? h("small", {}, `ended early: ${target.ended}; ${plural(target.not_played.length, "case")} not played`) : "";
    return h("tr", {}, name, h("td", { class: "share" }, share(target.totals), ended), cells, h("td", { class: "took" }, time(target.duration_ms)));
  });
  const heads = Object.keys(COUNTED).map((letter) => h("th", { scope: "col", title: VERDICTS[letter].join(": ") }, chip(letter), h("span", { class: "away" }, word(letter))));
  return h("table", { class: "overview" }, h("caption", { class: "away" }, "Cases by verdict"),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "server"), h("th", { scope: "col" }, h("span", { class: "away" }, "shares")), heads, h("th", { scope: "col" }, "took"))),
    h("tbody", {}, rows));
}

/** A bar of the verdicts' shares. */
function share(totals) {
  const bar = h("span", { class: "bar", "aria-hidden": "true" });
  for (const [letter, total] of Object.entries(COUNTED)) {
    if (!totals[total]) continue;
    const part = h("i", { class: `v${letter === "?" ? "Q" : letter}` });
    part.style.flexGrow = totals[total];
    bar.append(part);
  }
  return bar;
}

function legend() {
  const items = Object.entries(VERDICTS).filter(([letter]) => letter !== " ").map(([letter, [name, means]]) =>
    h("li", {}, chip(letter), " ", h("b", {}, name), ` ${means}`));
  items.push(h("li", {}, chip("F", true), " ", h("b", {}, "known"), " as the server's baseline says"));
  return h("details", { class: "legend" }, h("summary", {}, "What the letters mean"), h("ul", {}, items));
}

const controls = {};

/** A row of buttons of which any number may be pressed. */
function pressed(key, label, options) {
  controls[key] = options.map(([value, ...children]) => {
    const press = () => {
      const others = state[key].filter((other) => other !== value);
      go({ [key]: others.length < state[key].length ? others : [...others, value] });
    };
    return h("button", { type: "button", "data-value": value, "aria-pressed": "false", on: { click: press } }, children);
  });
  return h("fieldset", { class: `of-${key}` }, h("legend", {}, label), controls[key]);
}

function chosen(key, label, options) {
  controls[key] = h("select", { id: `filter-${key}`, on: { change: (event) => go({ [key]: event.target.value }) } },
    options.map(([value, text]) => h("option", { value }, text)));
  return h("label", { class: `of-${key}` }, h("span", {}, label), controls[key]);
}

function ticked(key, label) {
  controls[key] = h("input", { type: "checkbox", id: `filter-${key}`, on: { change: (event) => go({ [key]: event.target.checked }) } });
  return h("label", { class: `tick of-${key}` }, controls[key], " ", label);
}

function filters() {
  const has = (letter) => data.cases.some((row) => row.letters.includes(letter));
  const verdicts = Object.keys(VERDICTS).filter((letter) => letter !== " " && has(letter)).map((letter) => [word(letter), chip(letter), ` ${word(letter)}`]);
  const topics = [...new Set(data.cases.map((row) => row.topic))].sort();
  const places = new Set(data.cases.flatMap((row) => row.cites).map((place) => section(data.clauses[place].section).document));
  const documents = data.documents.filter((_, place) => places.has(place));
  controls.text = h("input", { type: "search", id: "filter-text", placeholder: "id, title, clause, what was seen", autocomplete: "off", spellcheck: "false",
    on: { input: (event) => go({ text: event.target.value }, true) } });
  controls.count = h("output", { "aria-live": "polite" });
  controls.clear = h("button", { type: "button", class: "clear", on: { click: () => go(noFilters) } }, "Clear the filters");
  const known = data.targets.some((target) => Object.keys(target.known).length);
  const form = h("form", { class: "filters", role: "search", on: { submit: (event) => event.preventDefault() } },
    h("label", { class: "of-text" }, h("span", {}, "text"), controls.text),
    many ? chosen("server", "server", [["", "all"], ...data.targets.map((target) => [target.key, target.label])]) : "",
    chosen("topic", "topic", [["", "all"], ...topics.map((topic) => [topic, topic])]),
    chosen("rfc", "document", [["", "all"], ...documents.map((of) => [of.key, of.name])]),
    chosen("cited", "proven", [["", "all"], ["yes", "by a case"], ["no", "by none"], ["untestable", "cannot be"]]),
    chosen("by", "grouped by", [["", "clause"], ["topic", "topic"]]),
    pressed("verdict", "verdict", verdicts),
    pressed("level", "level", LEVELS.map((level) => [level, level])),
    h("p", { class: "ticks" }, known ? ticked("new", "not known") : "", many ? ticked("differ", "where servers differ") : "", ticked("fold", "clauses only")),
    h("p", { class: "count" }, controls.count, controls.clear));
  const wide = matchMedia("(min-width: 48rem)").matches;
  return h("details", { class: "filter", open: wide || isFiltered(state) }, h("summary", {}, "Filters"), form);
}

/** Puts the state into the controls. */
function showFilters(count, what) {
  for (const key of ["verdict", "level"]) {
    for (const button of controls[key]) button.setAttribute("aria-pressed", String(state[key].includes(button.dataset.value)));
  }
  for (const key of ["server", "topic", "rfc", "by", "cited"]) if (controls[key]) controls[key].value = state[key];
  for (const key of ["new", "differ", "fold"]) if (controls[key]) controls[key].checked = state[key];
  if (controls.text.value !== state.text) controls.text.value = state.text;
  controls.count.textContent = count;
  controls.clear.hidden = !isFiltered(state);
  const isCoverage = what === "requirements";
  for (const button of controls.verdict) button.hidden = isCoverage && !"PDF?".includes(letterOf(button.dataset.value));
  for (const key of ["topic", "by"]) controls[key].parentElement.hidden = isCoverage;
  controls.cited.parentElement.hidden = !isCoverage;
  if (controls.fold) controls.fold.parentElement.hidden = isCoverage;
}

const title = many ? plural(data.targets.length, "FTP server") : data.targets[0]?.label ?? "no server";
const tabs = Object.entries(VIEWS).map(([view, name]) => link({ view }, { "data-view": view }, name));
const places = Object.fromEntries(["matrix", "coverage", "capability", "case"].map((name) => [name, h("div", { class: `view ${name}` })]));
const heading = h("h1", { tabindex: "-1" });
const summary = h("div", {}, overview(), legend());
const filter = filters();
const views = h("main", { id: "main" }, heading, summary, filter, ...Object.values(places));
// What is shown, and where the reader was in the matrix when it was left.
let shown = null;
let matrixAt = 0;

history.scrollRestoration = "manual";

/** Shows what the state asks for. */
function show() {
  state = readState(location.hash);
  const view = state.case ? "case" : state.view in VIEWS ? state.view : "";
  if (shown?.view === "" && view !== "") matrixAt = scrollY;
  const isList = view === "" || view === "requirements";
  heading.hidden = view === "case";
  summary.hidden = view !== "";
  filter.hidden = !isList || (view === "" && !data.cases.length);
  places.matrix.hidden = view !== "";
  places.coverage.hidden = view !== "requirements";
  places.capability.hidden = view !== "capabilities";
  places.case.hidden = view !== "case";
  for (const tab of tabs) {
    const here = view === "case" ? "" : view;
    tab.dataset.view === here ? tab.setAttribute("aria-current", "page") : tab.removeAttribute("aria-current");
  }
  let name = VIEWS[view] ?? "";
  if (view === "case") {
    name = showCase(places.case);
  } else if (view === "requirements") {
    showFilters(`${showCoverage(places.coverage)} of ${plural(data.clauses.length, "requirement")}`, view);
  } else if (view === "capabilities") {
    showCapabilities(places.capability);
  } else {
    showFilters(`${showGrid(places.matrix)} of ${plural(data.cases.length, "case")}`, view);
  }
  heading.replaceChildren(view === "" ? title : name);
  document.title = `${view === "" ? title : name} · ftpspec`;
  const before = shown;
  shown = { view, case: state.case, target: state.target, fragment: location.hash };
  if (before && (before.view !== view || before.case !== shown.case || before.target !== shown.target)) arrive(before);
}

/** Where the reader looks after a change of the view. */
function arrive(before) {
  if (shown.view === "" && before.view === "case") {
    scrollTo(0, matrixAt);
    grid.table.querySelector(`tr[data-place="${casePlaces.get(before.case)}"] a`)?.focus({ preventScroll: matrixAt > 0 });
    return;
  }
  scrollTo(0, 0);
  (shown.view === "case" ? places.case.querySelector("h1") : heading).focus({ preventScroll: true });
}

/** After the back button, or where somebody changed the address. */
function follow() {
  if (shown.fragment !== location.hash) show();
}

document.getElementById("page").replaceWith(
  h("a", { href: "#main", class: "skip", on: { click: (event) => { event.preventDefault(); heading.focus(); } } }, "Skip to the report"),
  h("header", { class: "page" }, h("p", {}, link({ view: "" }, { class: "name" }, "ftpspec"), h("small", {}, many ? plural(data.targets.length, "server") : title)),
    h("nav", { "aria-label": "views" }, tabs)),
  views,
  h("footer", {}, h("p", {}, `Written by ${data.program}. This page needs no network; it asks for none.`)));
show();
performance.mark("ftpspec-shown");
addEventListener("popstate", follow);
addEventListener("hashchange", follow);
addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest?.("input, select, textarea")) return;
  const rel = { n: "next", p: "prev", u: "up" }[event.key];
  if (rel && state.case) places.case.querySelector(`a[rel=${rel}]`)?.click();
  if (event.key === "/" && !filter.hidden) {
    event.preventDefault();
    filter.open = true;
    controls.text.focus();
  }
});
if (document.readyState === "loading" && state.case) document.addEventListener("DOMContentLoaded", show);
