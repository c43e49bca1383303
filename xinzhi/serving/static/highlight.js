// The text with its spans: the marked text, the legend, the table.

import { colourOf, make, shown } from "./dom.js";
import { t } from "./i18n.js";
import { clusters, lanes, pieces } from "./spans.js";

/** Fill an element with the text, its spans marked. */
export function renderMarked(element, text, spans) {
  const parts = [];
  let done = 0;
  for (const cluster of clusters(spans)) {
    parts.push(text.slice(done, cluster[0].start));
    parts.push(cluster.length === 1 ? single(text, cluster[0]) : stack(text, cluster));
    done = Math.max(...cluster.map((span) => span.end));
  }
  parts.push(text.slice(done));
  element.replaceChildren(...parts);
}

function single(text, span) {
  const mark = make("mark", {}, text.slice(span.start, span.end), tag(span));
  mark.style.setProperty("--colour", colourOf(span.label));
  mark.style.setProperty("--strength", `${Math.round(14 + 22 * (span.confidence ?? 0.5))}%`);
  return mark;
}

function tag(span) {
  const chip = make("span", { className: "tag" }, span.label);
  if (span.confidence != null) chip.append(make("b", {}, shown(span.confidence)));
  chip.style.setProperty("--colour", colourOf(span.label));
  chip.title = describe(span);
  return chip;
}

function describe(span) {
  const group = span.group ? `${t("group")} ${span.group}\n` : "";
  const others = (span.alternatives ?? []).map(([label, value]) => `${label} ${shown(value)}`);
  return `${group}${span.label} ${shown(span.confidence)}${others.map((o) => `\n${o}`).join("")}`;
}

/** Overlapping spans: a coloured line under the text for each, its label where it ends. */
function stack(text, cluster) {
  const rows = lanes(cluster);
  const box = make("span", { className: "stack" });
  box.style.setProperty("--rows", Math.max(...rows) + 1);
  for (const piece of pieces(cluster)) {
    box.append(lined(text.slice(piece.start, piece.end), piece.open, cluster, rows));
    const ending = piece.open.filter((index) => cluster[index].end === piece.end);
    const going = piece.open.filter((index) => cluster[index].end > piece.end);
    for (const index of ending) box.append(lined(tag(cluster[index]), going, cluster, rows));
  }
  return box;
}

function lined(content, open, cluster, rows) {
  const part = make("span", { className: "piece" }, content);
  const colours = open.map((index) => colourOf(cluster[index].label));
  part.style.backgroundImage = colours.map((c) => `linear-gradient(${c}, ${c})`).join(",");
  part.style.backgroundPosition = open.map((i) => `0 calc(1.5em + ${5 * rows[i]}px)`).join(",");
  return part;
}

/** Buttons, one a label, that show or hide its spans. */
export function renderLegend(element, spans, hiddenLabels, onToggle) {
  const counts = new Map();
  for (const span of spans) counts.set(span.label, (counts.get(span.label) ?? 0) + 1);
  const chips = [...counts].map(([label, count]) => {
    const chip = make("button", { type: "button", className: "chip label" }, label);
    chip.append(make("b", {}, String(count)));
    chip.style.setProperty("--colour", colourOf(label));
    chip.setAttribute("aria-pressed", String(!hiddenLabels.has(label)));
    chip.dataset.label = label;
    chip.addEventListener("click", () => onToggle(label));
    return chip;
  });
  element.replaceChildren(...chips);
}

/** Fill an element with the spans as a table; offsets as the service gave them. */
export function renderTable(element, text, spans, toOffset) {
  if (!spans.length) {
    element.replaceChildren(make("p", { className: "hint" }, t("noEntities")));
    return;
  }
  const heads = ["start", "end", "entity", "label", "confidence", "alternatives"];
  const head = make("tr", {}, ...heads.map((key) => make("th", { scope: "col" }, t(key))));
  const rows = spans.map((span) => tableRow(text, span, toOffset));
  element.replaceChildren(make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)));
}

function tableRow(text, span, toOffset) {
  const others = (span.alternatives ?? []).map(([label, value]) => `${label} ${shown(value)}`);
  const label = span.group ? `${span.label} (${span.group})` : span.label;
  const cells = [
    toOffset(span.start), toOffset(span.end), text.slice(span.start, span.end), label,
    shown(span.confidence), others.join(", "),
  ];
  const row = make("tr", {}, ...cells.map((cell) => make("td", {}, String(cell))));
  row.children[3].prepend(swatch(span.label));
  return row;
}

function swatch(label) {
  const dot = make("span", { className: "swatch" });
  dot.style.setProperty("--colour", colourOf(label));
  return dot;
}
