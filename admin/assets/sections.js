// Each section of the page, made of a document of the API.
import { count, percent, size, time } from "/assets/format.js";
import { element, table } from "/assets/elements.js";
import { plan } from "/assets/plan.js";

const query = text => element("code", { title: text }, text);

function share(value, label) {
  return element("span", { class: "share" }, percent(value), element("meter", { min: 0, max: 1, value, "aria-label": label }));
}

function fragment(...children) {
  const made = document.createDocumentFragment();
  made.append(...children);
  return made;
}

export const pools = list => table("Pools", [
  { title: "Database", cell: pool => pool.database },
  { title: "User", cell: pool => pool.user },
  { title: "Clients", number: true, cell: pool => count(pool.clients_active) },
  { title: "Waiting", number: true, warm: true, heat: pool => Math.min(1, pool.clients_waiting / 10), cell: pool => count(pool.clients_waiting) },
  { title: "Longest wait", number: true, cell: pool => time(pool.max_wait_seconds) },
  { title: "Servers lent", number: true, cell: pool => count(pool.servers_active) },
  { title: "Servers idle", number: true, cell: pool => count(pool.servers_idle) },
  { title: "Kept by their client", cell: pool => Object.entries(pool.pinned).map(([why, n]) => `${n} ${why}`).join(", ") || "none" },
], list);

export const queries = ({ list, reasons }, rule) => table("What takes the server's time", [
  { title: "Statement", cell: row => query(row.query) },
  { title: "Calls", number: true, cell: row => count(row.calls) },
  { title: "Hit rate", number: true, cell: row => share(row.hit_rate, "hit rate") },
  { title: "Time on the server", number: true, cell: row => time(row.server_seconds) },
  { title: "Mean", number: true, cell: row => time(row.mean_seconds) },
  { title: "Saved", number: true, cell: row => time(row.saved_server_seconds) },
  { title: "Why not cached", cell: row => row.why_not_cached === null ? "" : element("span", { title: row.why_not_cached }, reasons[row.why_not_cached] ?? row.why_not_cached) },
  { title: "", cell: row => rule === null ? "" : element("button", { type: "button", class: "quiet", "data-key": `rule-${row.id}`, "aria-label": `Make a rule for ${row.query}`, onclick: () => rule(row) }, "Make a rule") },
], list);

function option(advice, one, number, deploy) {
  const lines = [...one.run, ...(one.rewrite ? [one.rewrite] : [])];
  return element("div", { class: "option" },
    element("h3", {}, one.title, one.gain === null ? "" : ` – saves ${percent(one.gain)} of the plan's cost`),
    element("p", {}, one.why),
    lines.length > 0 ? element("pre", { tabindex: "0", "aria-label": "What would be run" }, lines.join(";\n")) : null,
    one.risk ? element("p", { class: "soft" }, one.risk) : null,
    one.why_not_deployed ? element("p", { class: "soft" }, one.why_not_deployed)
      : element("button", { type: "button", "data-key": `deploy-${advice.id}-${number}`, onclick: () => deploy(advice, number) }, "Deploy"));
}

function slowOne(key, text, facts, advice, deploy) {
  return element("details", { "data-key": `slow-${key}` },
    element("summary", {}, query(text), element("span", { class: "soft" }, facts)),
    ...advice.flatMap(one => [one.plan ? plan(one.plan) : null, ...one.options.map((each, i) => option(one, each, i + 1, deploy))]).filter(Boolean));
}

// Those for which something would help first; then advice on statements that are not slow, and on all of them together.
export const slow = (list, advice, deploy) => {
  const on = row => advice.filter(one => one.id === row.advice || one.statement === row.id);
  const titles = all => all.map(one => one.options[0].title).join("; ");
  const rows = list.map(row => ({ row, all: on(row) })).sort((a, b) => (b.all.length > 0) - (a.all.length > 0)).slice(0, 20);
  const others = advice.filter(one => !list.some(row => on(row).includes(one)));
  if (rows.length + others.length === 0) return element("p", { class: "none soft" }, "Nothing is slow.");
  return fragment(
    ...rows.map(({ row, all }) => slowOne(row.id, row.query, `${time(row.mean_seconds)} on average, ${count(row.calls)} calls, ${percent(row.share)} of the server's time · ${titles(all) || row.state}`, all, deploy)),
    ...others.map(one => slowOne(one.key, one.query || "All statements together", titles([one]), [one], deploy)));
};

export const deployments = (list, undo) => table("What was deployed", [
  { title: "What", cell: row => row.title },
  { title: "State", cell: row => row.state + (row.progress ? `, ${row.progress}` : "") },
  { title: "Before", number: true, cell: row => time(row.before.mean_seconds) },
  { title: "Since", number: true, cell: row => row.since.calls > 0 ? time(row.since.mean_seconds) : "–" },
  { title: "Last", cell: row => row.last_event },
  { title: "", cell: row => element("button", { type: "button", class: "quiet", "data-key": `undo-${row.id}`, "aria-label": `Undo ${row.title}`, onclick: () => undo(row) }, "Undo") },
], [...list].reverse());

// The largest of a column is full, and half the heat is a tenth: counts differ by powers of ten.
const heat = (value, max) => value > 0 ? Math.max(0.05, 1 + Math.log10(value / max) / 3) : 0;

export const relations = list => {
  const most = Math.max(1, ...list.flatMap(row => [row.reads, row.writes]));
  return table("Relations", [
    { title: "Relation", cell: row => `${row.database}: ${row.relation ?? row.oid}` },
    { title: "Reads", number: true, heat: row => heat(row.reads, most), cell: row => count(row.reads) },
    { title: "Writes", number: true, warm: true, heat: row => heat(row.writes, most), cell: row => count(row.writes) },
    { title: "Hit rate of reads", number: true, cell: row => row.reads > 0 ? share(row.hits / row.reads, "hit rate") : "–" },
    { title: "Writes a read", number: true, cell: row => row.reads > 0 ? (row.writes / row.reads).toFixed(3) : "–" },
  ], list);
};

export const memory = (list, purge) => {
  const kept = list.filter(row => row.entries > 0);
  const most = Math.max(1, ...kept.map(row => row.entry_bytes));
  return table("Cache memory by relation", [
    { title: "Relation", cell: row => `${row.database}: ${row.relation ?? row.oid}` },
    { title: "Memory", number: true, cell: row => element("span", { class: "share" }, size(row.entry_bytes), element("meter", { min: 0, max: most, value: row.entry_bytes, "aria-label": "share of the largest" })) },
    { title: "Answers", number: true, cell: row => count(row.entries) },
    { title: "", cell: row => element("button", { type: "button", class: "quiet", "data-key": `purge-${row.database}-${row.oid}`, disabled: row.relation === null, "aria-label": `Purge ${row.relation}`, onclick: () => purge(row) }, "Purge") },
  ], kept);
};

const matchOf = rule => ["table", "fingerprint", "regex", "role", "database"].filter(key => rule[key]).map(key => `${key} ${rule[key]}`).join(", ") || "everything";
const effectOf = rule => ["cache", "ttl", "max_stale", "freshness", "tags"].filter(key => rule[key] !== undefined).map(key => `${key} ${rule[key]}`).join(", ");

export const rules = (list, drop) => table("Rules", [
  { title: "Name", cell: rule => rule.name },
  { title: "Matches", cell: rule => element("code", {}, matchOf(rule)) },
  { title: "Does", cell: effectOf },
  { title: "Made in", cell: rule => rule.made_in },
  { title: "", cell: rule => rule.made_in === "configuration" ? "" : element("button", { type: "button", class: "quiet", "data-key": `drop-${rule.name}`, "aria-label": `Undo rule ${rule.name}`, onclick: () => drop(rule) }, "Undo") },
], list);

// How Larder learns of writes that go round it, and how far it is behind.
const FEED_STATES = { off: "There is none", waiting: "It waits", refused: "It cannot be had", "catching up": "It is catching up", current: "It is current", behind: "It is behind, and not relied on" };
export const feed = ({ feed: now, promise }) => {
  const level = promise.level === "strict" ? "strict: no hit is older than the last write" : `bounded: a hit is at most ${time(promise.unseen_writes_seconds_max)} old`;
  return element("dl", { class: "facts" },
    element("dt", {}, "Promise"), element("dd", {}, level),
    element("dt", {}, "Change feed"), element("dd", {}, (FEED_STATES[now.state] ?? now.state) + (now.why ? `: ${now.why}` : "")),
    ...(now.state === "off" ? [] : [element("dt", {}, "Behind by"), element("dd", {}, `${time(now.lag_seconds)} of ${time(now.lag_seconds_max)} at most`, " ", element("meter", { min: 0, max: now.lag_seconds_max || 1, value: now.lag_seconds, "aria-label": "lag of the feed" })),
      element("dt", {}, "Commits"), element("dd", {}, `${count(now.commits)}, of which ${count(now.own_commits)} came through Larder; relations dropped ${count(now.dropped_relations)} times`)]));
};

export const reasons = list => table("Not answered from the cache", [
  { title: "Why", cell: row => row.explanation },
  { title: "Reason", cell: row => element("code", {}, row.reason) },
  { title: "Statements", number: true, cell: row => count(row.count) },
], [...list].sort((a, b) => b.count - a.count));

export const databases = list => table("Databases", [
  { title: "Name", cell: row => row.name },
  { title: "Catalogue", cell: row => row.facts },
  { title: "Relations", number: true, cell: row => count(row.relations) },
  { title: "Note", cell: row => row.load_error ?? "" },
], list);
