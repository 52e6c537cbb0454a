// What servers claim (FEAT) against what they were seen to do, and what could not be asked of them.

let capabilities = null;

/** A mark and words for what is claimed and what is seen. */
function claim(claimed, seen) {
  if (claimed) {
    if (seen === false) return ["C✗", "claimed, and refused", "vF"];
    return seen ? ["C✓", "claimed by FEAT, and seen", "vI"] : ["C", "claimed by FEAT", "vI"];
  }
  return seen ? ["✓", "not in FEAT, known when asked", "vP"] : ["✗", "not in FEAT, not known", "vU"];
}

function showCapabilities(place) {
  if (capabilities) return;
  capabilities = [servers(), capabilityTable(), unsupported(), baselines(), left()];
  place.replaceChildren(...capabilities);
}

/** How each server was run, and how it greeted. */
function servers() {
  const lines = data.targets.map((target) => h("li", {}, h("b", {}, target.label), " ", h("code", {}, `ftpspec run ${target.arguments}`.trim()),
    target.banner ? [" ", h("q", {}, target.banner)] : "", target.not_started ? h("p", {}, h("b", {}, "did not start: "), target.not_started) : ""));
  return h("section", {}, h("h2", {}, "Servers"), h("ul", { class: "told" }, lines));
}

function capabilityTable() {
  const names = [...new Set(data.targets.flatMap((target) => target.capabilities.map((of) => of.name)))].sort();
  if (!names.length) return h("p", {}, "Nothing was asked.");
  const rows = names.map((name) => {
    const of = data.targets.map((target) => target.capabilities.filter((capability) => capability.name === name));
    const cells = of.map((list, column) => {
      if (!list.length) return h("td", {}, h("span", { class: "dim", title: "not asked" }, "·"));
      const claimed = list.some((one) => one.claimed);
      const asked = list.find((one) => one.seen !== null);
      const [mark, words, kind] = claim(claimed, asked ? asked.seen : null);
      const label = `${data.targets[column].label}: ${words}`;
      return h("td", {}, h("span", { class: `v ${kind}`, role: "img", "aria-label": label, title: [label, ...list.map((one) => one.said)].join("\n") }, mark));
    });
    const told = of.flatMap((list, column) => list.map((one) => h("li", {}, many ? h("b", {}, data.targets[column].label) : "", " ",
      one.claimed ? h("small", {}, "FEAT") : h("small", {}, "asked"), " ", h("code", {}, one.said || "nothing"))));
    return h("tr", {}, h("th", { scope: "row" }, h("details", {}, h("summary", {}, h("code", {}, name)), h("ul", { class: "told" }, told))), cells);
  });
  const legend = [[true, true], [true, null], [true, false], [false, true], [false, false]].map(([claimed, seen]) => {
    const [mark, words, kind] = claim(claimed, seen);
    return h("li", {}, h("span", { class: `v ${kind}` }, mark), " ", words);
  });
  return h("section", {}, h("h2", {}, "Claimed and seen"),
    h("p", { class: "dim" }, "A claim of FEAT is taken at its word: where it does not hold, the cases fail. A command that FEAT does not name was asked for; those of RFC 959 need not stand there. Open a line to read what was said."),
    h("ul", { class: "legend" }, legend, h("li", {}, h("span", { class: "dim" }, "·"), " not asked")),
    h("table", { class: "grid many capabilities" },
      h("colgroup", {}, h("col", { class: "case" }), data.targets.map(() => h("col", { class: "server" }))),
      h("thead", {}, h("tr", {}, h("th", { scope: "col", class: "case" }, "command or feature"),
        data.targets.map((target) => h("th", { scope: "col", class: "server", title: target.label }, h("span", {}, target.label))))),
      h("tbody", {}, rows)));
}

/** Cases that could not be asked, by reason. */
function unsupported() {
  const reasons = new Map();
  data.cases.forEach((row) => data.targets.forEach((target, column) => {
    if (row.letters[column] !== "U") return;
    const reason = headline(row, column) || "a need is not met";
    if (!reasons.has(reason)) reasons.set(reason, new Map());
    const of = reasons.get(reason);
    if (!of.has(column)) of.set(column, []);
    of.get(column).push(row);
  }));
  if (!reasons.size) return h("section", {}, h("h2", {}, "Unsupported"), h("p", {}, "Every case could be asked."));
  const total = (of) => [...of.values()].reduce((sum, rows) => sum + rows.length, 0);
  const items = [...reasons].sort(([, a], [, b]) => total(b) - total(a)).map(([reason, of]) => {
    const servers = [...of].sort(([a], [b]) => a - b).map(([column, rows]) => h("details", {},
      h("summary", {}, many ? `${data.targets[column].label}: ` : "", plural(rows.length, "case")),
      h("ul", { class: "cases" }, rows.map((row) => h("li", {}, link({ view: "", case: row.id, target: data.targets[column].key }, {}, h("code", {}, row.id)))))));
    return h("li", {}, h("p", {}, reason), servers);
  });
  return h("section", {}, h("h2", {}, "Unsupported"), h("p", { class: "dim" }, "Cases that could not be asked, by reason."), h("ul", { class: "reasons" }, items));
}

function baselines() {
  const told = data.targets.filter((target) => target.baseline?.remarks.length).map((target) =>
    h("li", {}, h("p", {}, many ? `${target.label}: ` : "", h("code", {}, target.baseline.source)),
      h("ul", {}, target.baseline.remarks.map(([what, text]) => h("li", {}, h("b", {}, what), " ", text)))));
  return told.length ? h("section", {}, h("h2", {}, "Baselines"), h("p", { class: "dim" }, "What is not as the list of known failures says."), h("ul", { class: "reasons" }, told)) : "";
}

/** What was not played. */
function left() {
  const told = data.targets.flatMap((target) => {
    const lines = [];
    const why = target.not_started ?? target.ended;
    if (target.not_played.length) {
      lines.push(h("li", {}, h("details", {}, h("summary", {}, many ? `${target.label}: ` : "", `${plural(target.not_played.length, "case")} not played`, why ? `: ${why}` : ""),
        h("ul", { class: "cases" }, target.not_played.map((id) => h("li", {}, h("code", {}, id)))))));
    }
    if (target.slow_not_selected) lines.push(h("li", {}, many ? `${target.label}: ` : "", `${plural(target.slow_not_selected, "slow case")} not run (--slow runs them)`));
    return lines;
  });
  return told.length ? h("section", {}, h("h2", {}, "Not played"), h("ul", { class: "reasons" }, told)) : "";
}
