// Lines over the last minutes, as SVG. Drawn anew with each sample; colours and dashes come from the style sheet.
import { element } from "/assets/elements.js";

const NS = "http://www.w3.org/2000/svg";
const WIDTH = 300, HEIGHT = 100;

function svg(name, attributes) {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// The next of 1, 2, 5, 10, 20 …, so that the scale seldom changes.
export function roundUp(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map(step => step * power).find(step => step >= value * 0.999);
}

// `series`: [{title, values}], a value null where nothing is known; all as long as `slots` or shorter, the newest last.
export function draw(id, { series, slots, seconds, max, text, title }) {
  const top = max ?? roundUp(Math.max(0, ...series.flatMap(one => one.values.filter(value => value !== null))));
  const newest = series.map(one => `${one.title} ${text(one.values.at(-1) ?? 0)}`).join(", ");
  const image = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", class: "chart", role: "img", "aria-label": `${title}, now: ${newest}` });
  for (const part of [0, 0.5, 1]) image.append(svg("line", { class: "grid", x1: 0, x2: WIDTH, y1: HEIGHT * part, y2: HEIGHT * part }));
  series.forEach((one, number) => {
    const points = one.values.map((value, i) => value === null ? null : [WIDTH * (slots - one.values.length + i) / (slots - 1), HEIGHT * (1 - Math.min(1, value / top))]);
    let path = "", isOpen = false;
    for (const point of points) {
      if (point) path += `${isOpen ? "L" : "M"}${point[0].toFixed(1)} ${point[1].toFixed(1)}`;
      isOpen = point !== null;
    }
    const known = points.filter(point => point !== null);
    if (number === 0 && known.length > 1 && known.length === points.length) {
      image.append(svg("path", { class: "area", d: `${path}L${known.at(-1)[0]} ${HEIGHT}L${known[0][0].toFixed(1)} ${HEIGHT}Z` }));
    }
    image.append(svg("path", { class: `s${number}`, d: path || "M0 0" }));
  });
  const legend = series.length > 1 ? element("ul", { class: "legend soft" }, ...series.map((one, i) => element("li", { class: `s${i}` }, `${one.title} ${text(one.values.at(-1) ?? 0)}`))) : null;
  const place = document.getElementById(id);
  place.replaceChildren(element("div", { class: "scale soft" }, element("span", {}, text(top))), image,
    element("div", { class: "scale soft" }, element("span", {}, seconds < 120 ? `${Math.round(seconds)} s ago` : `${(seconds / 60).toFixed(1)} min ago`), element("span", {}, "now")), ...(legend ? [legend] : []));
}
