// Data, elements, and the state that stands in the fragment. What comes from a server is only ever written into text nodes and attributes
// that are not executed.

const data = JSON.parse(document.getElementById("data").textContent);
const many = data.targets.length > 1;

const VERDICTS = {
  P: ["pass", "every facet as demanded"],
  D: ["deviation", "a SHOULD is broken, or only the exact code is not as demanded"],
  I: ["info", "a choice that the RFCs leave open, named"],
  F: ["fail", "a MUST, DEFACTO or SECURITY requirement is broken"],
  U: ["unsupported", "the server lacks what the case needs"],
  "?": ["inconclusive", "a control or the set-up failed, or nothing could be observed"],
  E: ["error", "the harness broke"],
  "-": ["not played", "planned, and not played"],
  " ": ["not in this run", ""],
};
// The gravest first: what a group of cases shows.
const GRAVITY = "FE?D-UIP ";
const LEVELS = ["MUST", "SECURITY", "DEFACTO", "SHOULD", "MAY"];

const word = (letter) => VERDICTS[letter][0];
const letterOf = (name) => Object.keys(VERDICTS).find((letter) => word(letter) === name);
const plural = (count, one, more = `${one}s`) => `${count} ${count === 1 ? one : more}`;

/** An element. Properties are attributes, `on` is a map of listeners; children are elements or texts. */
function h(name, properties, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties ?? {})) {
    if (key === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (value === true) {
      element.setAttribute(key, "");
    } else if (value !== false && value !== undefined && value !== null) {
      element.setAttribute(key, value);
    }
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const isKnown = (of, target) => of.known[target] === "k";

/** A verdict's letter as a chip. */
function chip(letter, known, name = "span", properties = {}, more = "") {
  const kind = { "?": "Q", "-": "N", " ": "N" }[letter] ?? letter;
  return h(name, { class: `v v${kind}${known ? " known" : ""}`, ...properties }, letter, more, known ? h("sup", {}, "k") : null);
}

const said = (letter, known) => `${word(letter)}${known ? ", known" : ""}`;

const section = (place) => data.sections[place];
const documentOf = (place) => data.documents[section(place).document];
/** `RFC 959 section 4.1.3`. */
const placeName = (place) => `${documentOf(place).name} ${section(place).name}`.trim();

const casePlaces = new Map(data.cases.map((row, place) => [row.id, place]));
const targetPlaces = new Map(data.targets.map((target, place) => [target.key, place]));

// The details of a target are read when the first of its cases is opened.
const detailsRead = new Map();

/** What a case of a target says at length; `null` where it is not in that run, `undefined` where the page is not loaded so far. */
function detail(row, target) {
  if (!detailsRead.has(target)) {
    const element = document.getElementById(`details-${target}`);
    if (!element) return undefined;
    const read = JSON.parse(element.textContent);
    detailsRead.set(target, { texts: read.texts, cases: new Map(read.cases) });
  }
  return detailsRead.get(target).cases.get(row) ?? null;
}

// The state: what is shown, and the filters. Each key stands in the fragment where it is not as usual.
const LISTS = ["verdict", "level"];
const WORDS = ["case", "target", "view", "by", "server", "topic", "rfc", "text", "cited"];
const FLAGS = ["new", "differ", "fold"];

function readState(fragment) {
  const words = new URLSearchParams(fragment.replace(/^#/, ""));
  const state = {};
  for (const key of LISTS) state[key] = (words.get(key) ?? "").split(",").filter(Boolean);
  for (const key of WORDS) state[key] = words.get(key) ?? "";
  for (const key of FLAGS) state[key] = words.get(key) === "1";
  return state;
}

function fragmentOf(state) {
  const words = new URLSearchParams();
  for (const key of WORDS) if (state[key]) words.set(key, state[key]);
  for (const key of LISTS) if (state[key].length) words.set(key, state[key].join(","));
  for (const key of FLAGS) if (state[key]) words.set(key, "1");
  return `#${words.toString().replaceAll("%2F", "/").replaceAll("%2C", ",")}`;
}

const FILTERS = ["server", "verdict", "level", "topic", "rfc", "text", "new", "differ", "cited"];
const noFilters = { server: "", verdict: [], level: [], topic: "", rfc: "", text: "", new: false, differ: false, cited: "" };
const isFiltered = (state) => FILTERS.some((key) => (Array.isArray(state[key]) ? state[key].length : state[key]));

const usual = readState("");
let state = readState(location.hash);

/** Goes to another state; `replace` leaves no step for the back button. */
function go(changes, replace = false) {
  const fragment = fragmentOf({ ...state, ...changes });
  if (fragment === (location.hash || "#")) return;
  history[replace ? "replaceState" : "pushState"](null, "", fragment === "#" ? location.pathname + location.search : fragment);
  show();
}

/** A link inside the page. Its address is what one sends to a colleague; a click keeps the filters. */
function link(to, properties, ...children) {
  const plain = { ...usual, ...to };
  const followed = (event) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go({ case: "", target: "", ...to });
  };
  return h("a", { href: fragmentOf(plain), on: { click: followed }, ...properties }, ...children);
}
