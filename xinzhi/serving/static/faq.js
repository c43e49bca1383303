// Questions to the knowledge base, and what it answers.

import { askFaq } from "./api.js";
import { $, make, shown } from "./dom.js";
import { t } from "./i18n.js";
import { problemParts } from "./problem.js";

let last = null; // the last answer
let running = null; // AbortController of the question under way

async function ask(onKey) {
  const text = $("question").value.trim();
  if (!text) {
    $("faq-status").textContent = t("noText");
    $("question").focus();
    return;
  }
  running?.abort();
  const mine = (running = new AbortController());
  $("faq-problem").hidden = true;
  $("faq-status").textContent = t("working");
  $("ask").classList.add("busy");
  try {
    last = await askFaq(text, mine.signal);
    renderFaq();
  } catch (error) {
    if (mine === running) showFaqProblem(error, onKey);
  } finally {
    if (mine === running) $("ask").classList.remove("busy");
  }
}

function showFaqProblem(error, onKey) {
  $("faq-status").textContent = "";
  $("faq-problem").replaceChildren(...problemParts(error, onKey));
  $("faq-problem").hidden = false;
}

/** Show the last answer, in the present language. */
export function renderFaq() {
  if (!last) return;
  $("faq-status").textContent = "";
  $("faq-decision").textContent = t(`decision_${last.decision}`);
  $("faq-list").replaceChildren(...last.answers.map(answerItem));
  $("faq-answers").hidden = false;
}

function answerItem({ question, answer, probability }) {
  const head = make("p", {}, make("b", {}, question), " ");
  head.append(make("span", { className: "hint" }, shown(probability)));
  return make("li", {}, head, make("p", { className: "answer" }, answer));
}

export function connectFaq(onKey) {
  $("faq-form").addEventListener("submit", (event) => {
    event.preventDefault();
    ask(onKey);
  });
}
