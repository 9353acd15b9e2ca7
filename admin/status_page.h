// The status page: one static document that reads /api/v1/status. It loads nothing from elsewhere and keeps nothing.
#pragma once

#include <string_view>

namespace larder::admin {

inline constexpr std::string_view kStatusPage = R"html(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Larder</title>
<style>
:root { color-scheme: light dark; --ink: #1c2127; --soft: #5d6773; --line: #d9dee4; --back: #f7f8fa; --card: #fff; --good: #1a7f4b; --bad: #b3361b; --bar: #2d6cdf; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --soft: #98a2ae; --line: #343b44; --back: #15181c; --card: #1d2127; --good: #4cc38a; --bad: #f0795b; --bar: #6b9bf2; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 1.5rem; background: var(--back); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 64rem; margin: 0 auto; }
header { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: baseline; margin-bottom: 1rem; }
h1 { font-size: 1.4rem; margin: 0; }
h2 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
.soft { color: var(--soft); }
.good { color: var(--good); font-weight: 600; }
.bad { color: var(--bad); font-weight: 600; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .75rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem; }
.card b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums; }
.bar { height: .4rem; border-radius: .2rem; background: var(--line); margin-top: .4rem; overflow: hidden; }
.bar i { display: block; height: 100%; width: 0; background: var(--bar); }
table { width: 100%; border-collapse: collapse; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; }
th, td { text-align: left; padding: .35rem .75rem; border-top: 1px solid var(--line); vertical-align: top; }
thead th { border-top: 0; color: var(--soft); font-weight: 500; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
</style>
</head>
<body>
<main>
<header><h1>Larder</h1><span id="where" class="soft"></span><span id="state" role="status"></span></header>
<div class="cards">
<div class="card"><span class="soft">Hit ratio</span><b id="ratio">–</b><div class="bar"><i id="ratio-bar"></i></div></div>
<div class="card"><span class="soft">Hits per second</span><b id="rate">–</b><span id="hits" class="soft"></span></div>
<div class="card"><span class="soft">Server time spared</span><b id="saved">–</b><span id="sent" class="soft"></span></div>
<div class="card"><span class="soft">Cache memory</span><b id="bytes">–</b><div class="bar"><i id="bytes-bar"></i></div></div>
<div class="card"><span class="soft">Clients</span><b id="clients">–</b><span id="servers" class="soft"></span></div>
</div>
<h2>Not answered from the cache</h2>
<div class="wide"><table><thead><tr><th>Reason</th><th>Why</th><th>Statements</th></tr></thead><tbody id="bypasses"></tbody></table></div>
<h2>Databases</h2>
<div class="wide"><table><thead><tr><th>Name</th><th>Catalogue</th><th>Relations</th><th>Note</th></tr></thead><tbody id="databases"></tbody></table></div>
</main>
<script>
"use strict";
const at = id => document.getElementById(id);
const count = n => n.toLocaleString("en");
const size = n => { const u = ["B", "KB", "MB", "GB", "TB"]; let i = 0; while (n >= 1024 && i < 4) { n /= 1024; i++; } return n.toFixed(i && n < 100 ? 1 : 0) + " " + u[i]; };
const time = s => s < 120 ? s.toFixed(1) + " s" : s < 7200 ? (s / 60).toFixed(1) + " min" : (s / 3600).toFixed(1) + " h";
const rows = (id, list, empty) => {
  const body = at(id);
  body.replaceChildren();
  for (const cells of list.length ? list : [[empty]]) {
    const tr = body.insertRow();
    cells.forEach(c => { const td = tr.insertCell(); td.textContent = c; if (typeof c === "number") { td.textContent = count(c); td.className = "n"; } });
    if (!list.length) tr.cells[0].colSpan = 4;
  }
};
let last = null;
async function refresh() {
  try {
    const s = await (await fetch("/api/v1/status", { cache: "no-store" })).json();
    const now = performance.now();
    at("where").textContent = s.version + " · " + s.listen + " → " + s.upstream + (s.server_version ? " (PostgreSQL " + s.server_version + ")" : "") + " · up " + time(s.uptime_seconds);
    at("state").textContent = s.serving ? "serving" : "not serving: " + s.not_serving_explained;
    at("state").className = s.serving ? "good" : "bad";
    at("ratio").textContent = (100 * s.cache.hit_ratio).toFixed(1) + " %";
    at("ratio-bar").style.width = 100 * s.cache.hit_ratio + "%";
    at("rate").textContent = last ? count(Math.max(0, Math.round(1000 * (s.cache.hits - last.hits) / (now - last.now)))) : "–";
    at("hits").textContent = count(s.cache.hits) + " hits, " + count(s.cache.misses) + " misses";
    at("saved").textContent = time(s.cache.saved_server_seconds);
    at("sent").textContent = size(s.cache.hit_bytes) + " sent from the cache";
    at("bytes").textContent = size(s.cache.bytes);
    at("bytes-bar").style.width = (s.cache.bytes_max ? 100 * s.cache.bytes / s.cache.bytes_max : 0) + "%";
    at("clients").textContent = count(s.clients.now);
    at("servers").textContent = count(s.servers) + " server connections";
    rows("bypasses", s.bypasses.sort((a, b) => b.count - a.count).map(b => [b.reason, b.explanation, b.count]), "Nothing yet.");
    rows("databases", s.databases.map(d => [d.name, d.facts, d.relations, d.load_error || ""]), "None in use yet.");
    last = { hits: s.cache.hits, now };
  } catch (e) {
    at("state").textContent = "Larder does not answer";
    at("state").className = "bad";
  }
}
refresh();
setInterval(refresh, 2000);
</script>
</body>
</html>
)html";

}  // namespace larder::admin
