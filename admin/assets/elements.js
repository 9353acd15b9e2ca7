// Elements from plain descriptions. Text is always set as text, so nothing that a client called itself can become markup.

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter(child => child !== null && child !== undefined));
  return made;
}

// Columns: {title, number, cell(row)}; the first names its row. A cell is a text or an element.
export function table(label, columns, rows) {
  if (rows.length === 0) return element("p", { class: "none soft" }, "Nothing yet.");
  const head = element("tr", {}, ...columns.map(column => element("th", { scope: "col", class: column.number ? "n" : null }, column.title)));
  const body = rows.map(row => element("tr", {}, ...columns.map((column, i) => {
    const made = i === 0 ? element("th", { scope: "row" }, column.cell(row)) : element("td", { class: column.number ? "n" : null }, column.cell(row));
    if (column.heat) {
      made.classList.add("heat", ...(column.warm ? ["warm"] : []));
      made.style.setProperty("--heat", column.heat(row).toFixed(3));
    }
    return made;
  })));
  // What can be scrolled must be reachable by keyboard.
  return element("div", { class: "wide", tabindex: "0", role: "region", "aria-label": label }, element("table", {}, element("thead", {}, head), element("tbody", {}, ...body)));
}

const shown = new Map();  // by id: the data of which the section was made

// Makes a section anew only if its data is other than before; what has the focus and what was unfolded stays so.
export function show(id, data, make) {
  const text = JSON.stringify(data), place = document.getElementById(id);
  if (shown.get(id) === text) return;
  shown.set(id, text);
  const keyed = [...place.querySelectorAll("[data-key]")];
  const unfolded = new Set(keyed.filter(one => one.open).map(one => one.dataset.key));
  const active = place.contains(document.activeElement) ? document.activeElement : null;
  const key = active?.dataset.key, wasRegion = active?.matches(".wide");
  place.replaceChildren(make(data));
  for (const one of place.querySelectorAll("[data-key]")) {
    if (unfolded.has(one.dataset.key)) one.open = true;
    if (key === one.dataset.key) (one.matches("details") ? one.querySelector("summary") : one).focus();
  }
  if (wasRegion) place.querySelector(".wide")?.focus();
}

export function say(id, text) {
  const place = document.getElementById(id);
  if (place.textContent !== text) place.textContent = text;
}
