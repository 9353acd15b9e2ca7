// The loop: status every two seconds, the lists every five, neither while nobody looks.
import { askForToken, change, forgetToken, hasToken, read } from "/assets/api.js";
import { draw } from "/assets/chart.js";
import { say, show } from "/assets/elements.js";
import { count, percent, rate, size, time } from "/assets/format.js";
import { begin } from "/assets/live.js";
import { makeRule } from "/assets/rule.js";
import * as sections from "/assets/sections.js";

const SECONDS = 2, SLOTS = 151, SLOTS_MIN = 31, LISTS_EVERY = 5;
const at = id => document.getElementById(id);
const history = { ratio: [], hits: [], misses: [], others: [], saved: [] };
let last = null, wasDown = false, messageTimer = 0;

function tell(text) {
  at("message").textContent = text;
  at("message").hidden = false;
  clearTimeout(messageTimer);
  messageTimer = setTimeout(() => { at("message").hidden = true; }, 8000);
}

function push(values) {
  for (const [name, list] of Object.entries(history)) {
    list.push(values?.[name] ?? null);
    if (list.length > SLOTS) list.shift();
  }
}

// What came between two samples, by the second. Null after a restart, when the counters began again.
function since(before, now) {
  const seconds = (now.at - before.at) / 1000, statements = now.statements - before.statements;
  const hits = now.cache.hits - before.cache.hits, misses = now.cache.misses - before.cache.misses;
  if (seconds <= 0 || statements < 0 || hits < 0) return null;
  return { ratio: hits + misses > 0 ? hits / (hits + misses) : null, hits: hits / seconds, misses: misses / seconds, others: Math.max(0, statements - hits - misses) / seconds,
    saved: Math.max(0, now.cache.saved_server_seconds - before.cache.saved_server_seconds) / seconds };
}

function drawCharts() {
  // A minute at first, and then all there is.
  const slots = Math.max(SLOTS_MIN, history.hits.length), common = { slots, seconds: (slots - 1) * SECONDS };
  draw("ratio-chart", { ...common, title: "Hit rate", max: 1, text: percent, series: [{ title: "hit rate", values: history.ratio }] });
  draw("rate-chart", { ...common, title: "Statements a second", text: rate, series: [{ title: "hits", values: history.hits }, { title: "misses", values: history.misses }, { title: "others", values: history.others }] });
  draw("saved-chart", { ...common, title: "Server time saved", text: time, series: [{ title: "saved", values: history.saved }] });
}

function setState(text, isGood) {
  say("state", text);
  at("state").className = "badge " + (isGood ? "good" : "bad");
}

function showStatus(s, now) {
  setState(s.serving ? "serving" : `not serving: ${s.not_serving_explained}`, s.serving);
  say("where", `${s.version} · ${s.listen} → ${s.upstream}${s.server_version ? ` (PostgreSQL ${s.server_version})` : ""} · up ${time(s.uptime_seconds)}`);
  say("ratio", percent(now?.ratio ?? s.cache.hit_ratio));
  say("ratio-note", `${percent(s.cache.hit_ratio)} since the start, of what can be cached; ${percent(s.cache.hits / Math.max(1, s.statements))} of all statements`);
  say("saved", time(s.cache.saved_server_seconds));
  say("saved-note", `${size(s.cache.hit_bytes)} sent from the cache`);
  say("rate", now ? `${rate(now.hits + now.misses + now.others)} / s` : "–");
  say("rate-note", `${count(s.statements)} since the start`);
  say("memory", size(s.cache.bytes));
  say("memory-note", `of ${size(s.cache.bytes_max)}, ${count(s.cache.entries)} answers`);
  say("clients", count(s.clients.now));
  say("clients-note", `${count(s.servers)} servers lent, ${count(s.waiting_clients)} waiting`);
  const isStrict = s.promise.level === "strict";
  say("promise", isStrict ? "strict" : `at most ${time(s.promise.unseen_writes_seconds_max)}`);
  say("promise-note", isStrict ? "no hit is older than the last write" : "old, if others write past Larder");
  show("reasons", s.bypasses, sections.reasons);
  show("databases", s.databases, sections.databases);
}

async function refreshStatus() {
  try {
    const status = { ...await read("/api/v1/status"), at: performance.now() };
    const now = last && !wasDown ? since(last, status) : null;
    if (last) push(now);
    showStatus(status, now);
    drawCharts();
    last = status;
    wasDown = false;
  } catch (error) {
    push(null);
    wasDown = true;
    setState("Larder does not answer", false);
  }
}

async function act(method, path, done) {
  try {
    if (await change(method, path) === null) return;
    tell(done);
  } catch (error) {
    tell(`Not done: ${error.message}`);
  }
  showTokenButton();
  await refreshLists();
}

const deploy = (advice, number) => act("POST", `/api/v1/advice/${advice.id}/deploy?option=${number}`, "It is being deployed and will be watched.");
const undo = row => act("POST", `/api/v1/deployments/${row.id}/revert`, "It is being taken back.");
const purge = row => act("DELETE", `/api/v1/cache?relation=${encodeURIComponent(row.relation)}&database=${encodeURIComponent(row.database)}`, `What depends on ${row.relation} was dropped.`);

const dropRule = rule => act("DELETE", `/api/v1/rules/${encodeURIComponent(rule.name)}`, `Rule ${rule.name} was taken back.`);

async function giveRule(row) {
  try {
    const rule = await makeRule(row);
    if (rule !== null) tell(`Rule ${rule.name} was made. Undo takes it back.`);
  } catch (error) {
    tell(`Not done: ${error.message}`);
  }
  showTokenButton();
  await refreshLists();
}

// A part that is off has no section.
function showPart(id, data, make) {
  at(`${id}-section`).hidden = data === null;
  if (data !== null) show(id, data, make);
}

async function refreshLists() {
  try {
    const [pools, queries, slow, advice, deployments, relations, rules, reasons, feed] = await Promise.all(["pools", "queries?limit=20", "slow-queries", "advice", "deployments", "relations?limit=200", "rules", "reasons", "feed"].map(name => read(`/api/v1/${name}`)));
    const explained = Object.fromEntries(reasons.reasons.map(row => [row.reason, row.explanation]));
    show("pools", pools.pools, sections.pools);
    show("queries", { list: queries?.queries ?? [], reasons: explained }, data => sections.queries(data, rules === null ? null : giveRule));
    if (last) show("feed", { feed, promise: last.promise }, sections.feed);
    showPart("slow", slow && advice && [slow.slow_queries, advice.advice], ([list, all]) => sections.slow(list, all, deploy));
    showPart("deployments", deployments && deployments.deployments.length > 0 ? deployments.deployments : null, list => sections.deployments(list, undo));
    show("relations", [...relations.relations].sort((a, b) => b.reads + b.writes - a.reads - a.writes).slice(0, 40), sections.relations);
    show("memory-by-relation", [...relations.relations].sort((a, b) => b.entry_bytes - a.entry_bytes).slice(0, 20), list => sections.memory(list, purge));
    showPart("rules", rules && rules.rules, list => sections.rules(list, dropRule));
  } catch (error) {
    // The status says that it does not answer.
  }
  showTokenButton();
}

function showTokenButton() { say("token", hasToken() ? "Forget token" : "Enter token"); }

at("token").addEventListener("click", async () => {
  if (hasToken()) forgetToken();
  else await askForToken();
  showTokenButton();
});

async function loop(refresh, seconds) {
  for (;;) {
    if (!document.hidden) await refresh();
    await new Promise(resolve => setTimeout(resolve, 1000 * seconds));
  }
}

showTokenButton();
begin();
loop(refreshStatus, SECONDS);
loop(refreshLists, LISTS_EVERY);
