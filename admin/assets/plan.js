// A plan drawn as a tree: one bar for each node, as long as its share of the whole cost, the full part being what it costs by itself.
// The node that costs most by itself is marked, in words too. Made of the text that the advisor gives (advisor/plan.h), which stays there to be read.
import { count, percent } from "/assets/format.js";
import { element } from "/assets/elements.js";

const NODE = /^( *)(.+?) {2}\(cost (\d+), rows (\d+)\)( {3}<== costs most)?$/;

// {title, depth, cost, rows, isCostly, own, conditions, parent}, in the order of the text; null if it is no such text.
export function read(text) {
  const nodes = [], open = [];
  for (const line of text.split("\n").filter(one => one.trim() !== "")) {
    const found = NODE.exec(line);
    if (found === null) {
      if (nodes.length === 0) return null;
      nodes.at(-1).conditions.push(line.trim());
      continue;
    }
    const node = { depth: found[1].length / 2, title: found[2], cost: Number(found[3]), rows: Number(found[4]), isCostly: found[5] !== undefined, conditions: [] };
    open.length = node.depth;
    node.parent = open.at(-1) ?? null;
    node.own = node.cost;
    if (node.parent) node.parent.own = Math.max(0, node.parent.own - node.cost);
    open.push(node);
    nodes.push(node);
  }
  return nodes.length > 0 ? nodes : null;
}

function bar(node, all) {
  const outer = element("span", { class: "bar", "aria-hidden": "true" }), inner = element("span", { class: "own" });
  outer.style.setProperty("--share", Math.min(1, node.cost / all).toFixed(4));
  inner.style.setProperty("--share", Math.min(1, node.own / Math.max(1, node.cost)).toFixed(4));
  outer.append(inner);
  return outer;
}

export function plan(text) {
  const nodes = read(text);
  const whole = element("pre", { tabindex: "0", "aria-label": "Plan" }, text);
  if (nodes === null) return whole;
  const all = Math.max(1, nodes[0].cost), lists = [element("ul", { class: "plan", "aria-label": "Plan, the whole first" })];
  for (const node of nodes) {
    const item = element("li", { class: node.isCostly ? "costly" : null },
      element("span", { class: "node" }, element("b", {}, node.title), element("span", { class: "soft" }, ` ${percent(node.own / all)} by itself, ${count(node.rows)} rows`),
        node.isCostly ? element("strong", { class: "mark" }, "costs most") : null),
      bar(node, all), ...node.conditions.map(one => element("code", {}, one)));
    lists.length = node.depth + 1;
    lists[node.depth].append(item);
    const inside = element("ul", {});
    item.append(inside);
    lists.push(inside);
  }
  for (const list of lists[0].querySelectorAll("ul:empty")) list.remove();
  return element("div", {}, lists[0], element("details", { class: "inner" }, element("summary", {}, "The plan as text"), whole));
}
