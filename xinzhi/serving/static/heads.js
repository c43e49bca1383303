// Classifications as bars, scores as numbers, answers as a list: one card each.

import { make, shown } from "./dom.js";
import { t } from "./i18n.js";

/** Fill an element with the cards of a result. RETURNS: how many labels the threshold hides. */
export function renderHeads(element, result, threshold, leftOut) {
  const cards = [];
  let hidden = 0;
  for (const [name, values] of Object.entries(groups(result))) {
    const [card, below] = headCard(name, values, threshold, result.abstained[name]);
    cards.push(card);
    hidden += below;
  }
  if (Object.keys(result.scores).length) cards.push(scoresCard(result.scores));
  if (result.answers.length) cards.push(answersCard(result.answers));
  if (leftOut.length) cards.push(leftOutCard(leftOut));
  element.replaceChildren(...cards);
  return hidden;
}

/** Heads, and the categories (`doc.cats`) that belong to none of them. */
function groups(result) {
  const heads = { ...result.heads };
  const cats = Object.entries(result.cats);
  const others = cats.filter(([key]) => !(key.split("/", 1)[0] in heads));
  if (others.length) heads[t("cats")] = Object.fromEntries(others);
  return heads;
}

function headCard(name, values, threshold, abstained) {
  const sorted = Object.entries(values).sort((a, b) => b[1] - a[1]);
  const rows = sorted.filter(([, value]) => value >= threshold);
  const list = make("ul", { className: "bars" }, ...rows.map(([label, value]) => bar(label, value)));
  const card = make("section", { className: "card head" }, make("h2", {}, name));
  card.dataset.head = name;
  if (abstained) card.append(make("p", { className: "abstained" }, abstention(abstained)));
  card.append(list);
  const hidden = sorted.length - rows.length;
  if (hidden) card.append(make("p", { className: "hint" }, t("labelsHidden", hidden)));
  return [card, hidden];
}

function abstention(reason) {
  return `${t("abstained")} (${reason.reason} ${shown(reason.value)} < ${shown(reason.limit)})`;
}

function bar(label, value) {
  const fill = make("span", { className: "fill" });
  fill.style.width = `${Math.max(0, Math.min(1, value)) * 100}%`;
  const name = make("span", { className: "bar-name", title: label }, label);
  const number = make("span", { className: "bar-value" }, shown(value));
  return make("li", {}, name, make("span", { className: "track" }, fill), number);
}

function scoresCard(scores) {
  const items = Object.entries(scores).flatMap(([name, value]) => [
    make("dt", {}, name),
    make("dd", {}, Number(value).toFixed(3)),
  ]);
  return make(
    "section", { className: "card" }, make("h2", {}, t("scores")), make("dl", {}, ...items),
  );
}

function leftOutCard(spans) {
  const list = spans.map(({ text, label, confidence }) =>
    make("li", {}, `${text} `, make("span", { className: "hint" }, `${label} ${shown(confidence)}`)),
  );
  const card = make("section", { className: "card" }, make("h2", {}, t("leftOut")));
  card.append(make("ul", { className: "plain" }, ...list));
  return card;
}

function answersCard(answers) {
  const items = answers.map((answer) => make("li", {}, ...answerParts(answer)));
  const list = make("ol", { className: "answers" }, ...items);
  return make("section", { className: "card" }, make("h2", {}, t("answers")), list);
}

function answerParts(answer) {
  if (typeof answer !== "object" || answer === null) return [String(answer)];
  const facts = Object.entries(answer).filter(([, value]) => typeof value !== "object");
  return facts.map(([name, value]) => {
    const text = typeof value === "number" && !Number.isInteger(value) ? shown(value) : value;
    return make("p", {}, make("span", { className: "hint" }, `${name} `), String(text));
  });
}
