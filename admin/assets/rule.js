// The dialog by which a statement gets a rule: what it would match is asked first, then it is made, and can be taken back.
import { change } from "/assets/api.js";
import { count, percent } from "/assets/format.js";
import { element } from "/assets/elements.js";

const at = id => document.getElementById(id);
const dialog = at("rule-dialog");

// What the fields say, as the API wants it.
function wanted(row) {
  const rule = { name: at("rule-name").value.trim(), fingerprint: row.fingerprint };
  if (at("rule-effect").value === "off") rule.cache = false;
  if (at("rule-effect").value === "ttl") rule.ttl = at("rule-time").value.trim();
  if (at("rule-effect").value === "stale") rule.max_stale = at("rule-time").value.trim();
  return rule;
}

async function check(row) {
  const place = at("rule-matches");
  at("rule-make").disabled = true;
  try {
    const answer = await change("POST", "/api/v1/rules?dry_run=true", wanted(row));
    if (answer === null) { place.textContent = "Nothing was asked: the token is missing."; return; }
    const { shapes, calls, calls_last_hour, hits_last_hour } = answer.matches;
    place.textContent = shapes === 0 ? "It would match no statement that was counted so far."
      : `It would have matched ${count(calls_last_hour)} statements in the last hour, ${percent(hits_last_hour / Math.max(1, calls_last_hour))} of them hits; ${count(calls)} since Larder began, of ${count(shapes)} ${shapes === 1 ? "shape" : "shapes"}.`;
    at("rule-make").disabled = false;
  } catch (error) {
    place.textContent = `Not a rule: ${error.message}`;
  }
}

// Resolves to the rule that was made, or to null. Throws what the problem says.
export function makeRule(row) {
  return new Promise((resolve, reject) => {
    const end = new AbortController(), { signal } = end;
    const finish = (done, value) => { end.abort(); if (dialog.open) dialog.close(); done(value); };
    at("rule-statement").replaceChildren(element("code", {}, row.query));
    at("rule-name").value = `statement ${row.fingerprint.slice(0, 8)}`;
    at("rule-matches").textContent = "";
    at("rule-make").disabled = true;
    const effect = at("rule-effect"), times = () => { at("rule-time-line").hidden = effect.value === "off"; };
    for (const id of ["rule-effect", "rule-time", "rule-name"]) at(id).addEventListener("input", () => { times(); at("rule-make").disabled = true; at("rule-matches").textContent = ""; }, { signal });
    at("rule-check").addEventListener("click", () => check(row), { signal });
    at("rule-cancel").addEventListener("click", () => finish(resolve, null), { signal });
    dialog.addEventListener("close", () => finish(resolve, null), { signal });
    dialog.querySelector("form").addEventListener("submit", async event => {
      event.preventDefault();
      if (at("rule-make").disabled) { await check(row); return; }
      try {
        finish(resolve, await change("POST", "/api/v1/rules", wanted(row)));
      } catch (error) { finish(reject, error); }
    }, { signal });
    times();
    dialog.showModal();
    effect.focus();
  });
}
