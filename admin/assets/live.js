// What comes by WebSocket: events, and the statements of the last second. A stream that ends is opened again, from the last event that is known.
import { protocols } from "/assets/api.js";
import { count, percent, time } from "/assets/format.js";
import { element, show, table } from "/assets/elements.js";

const EVENTS_MAX = 30, MS_MIN = 1000, MS_MAX = 15000;
const events = [];
let last = null;

function connect(pathOf, onText) {
  let wait = MS_MIN;
  const open = () => {
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${pathOf()}`, protocols());
    socket.addEventListener("message", message => { wait = MS_MIN; onText(JSON.parse(message.data)); });
    socket.addEventListener("close", () => { setTimeout(open, wait); wait = Math.min(MS_MAX, 2 * wait); });
  };
  open();
}

const clock = seconds => new Date(1000 * seconds).toLocaleTimeString("en-GB");
const subject = event => [event.database, event.relation].filter(Boolean).join(": ") || "–";

function say(event) {
  const times = event.count > 1 ? ` (${count(event.count)} times)` : "", place = event.lsn === null ? "" : `, log ${event.lsn}`;
  return `${event.text}${times}${place}`;
}

const eventTable = list => table("Events", [
  { title: "Time", cell: event => clock(event.time) },
  { title: "Kind", cell: event => event.kind },
  { title: "Where", cell: subject },
  { title: "What", cell: say },
  { title: "Found by", cell: event => event.source },
], list);

const statementTable = list => table("Statements of the last second", [
  { title: "Statement", cell: row => element("code", { title: row.query }, row.query) },
  { title: "Calls", number: true, cell: row => count(row.calls) },
  { title: "From the cache", number: true, cell: row => percent(row.hits / row.calls) },
  { title: "Mean on the server", number: true, cell: row => row.mean_seconds === null ? "–" : time(row.mean_seconds) },
], list);

const paused = id => document.getElementById(id).getAttribute("aria-pressed") === "true";

export function begin() {
  const hold = document.getElementById("live-hold");
  hold.addEventListener("click", () => hold.setAttribute("aria-pressed", String(!paused("live-hold"))));
  connect(() => last === null ? "/events?from=0" : `/events?from=${last}`, event => {
    last = event.id;
    if (event.kind === "gap") return;
    events.unshift(event);
    if (events.length > EVENTS_MAX) events.pop();
    show("events", events, eventTable);
  });
  connect(() => "/live", second => { if (!paused("live-hold") && !document.hidden) show("live", second.statements, statementTable); });
}
