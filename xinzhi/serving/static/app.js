// The page: what is typed, what came back, and what is shown of it.

import { analyze, apiKey, modelFacts, models } from "./api.js";
import { $, colourOf, make } from "./dom.js";
import { EXAMPLES } from "./examples.js";
import { connectFaq, renderFaq } from "./faq.js";
import { renderHeads } from "./heads.js";
import { renderLegend, renderMarked, renderTable } from "./highlight.js";
import { firstLanguage, language, setLanguage, t } from "./i18n.js";
import { problemParts } from "./problem.js";
import { curlSnippet, pythonSnippet } from "./snippets.js";
import { codePoints, collectSpans, isShown } from "./spans.js";
import { connectTabs, selectTab } from "./tabs.js";

const BASE = new URL(".", location.href).href;
const hiddenLabels = new Set();
let shown = null; // {request, reply, spans, milliseconds} of the last answer
let shownFacts = null; // what is shown of the model
let running = null; // AbortController of the request under way

function stored(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null; // storage can be forbidden
  }
}

function store(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // the choice lasts as long as the page
  }
}

// Requests

function currentRequest() {
  return {
    text: $("text").value,
    model: $("model").value,
    offsets: $("offsets").value,
    alternatives: true,
  };
}

async function run() {
  const request = currentRequest();
  if (!request.text.trim()) {
    $("status").textContent = t("noText");
    $("text").focus();
    return;
  }
  running?.abort();
  const mine = (running = new AbortController());
  setBusy(true);
  const begin = performance.now();
  try {
    const reply = await analyze(request, mine.signal);
    show(request, reply, Math.round(performance.now() - begin));
  } catch (error) {
    if (mine === running) showProblem(error);
  } finally {
    if (mine === running) setBusy(false);
  }
}

function setBusy(busy) {
  $("analyze").classList.toggle("busy", busy);
  $("results").setAttribute("aria-busy", String(busy));
  if (busy) {
    $("problem").hidden = true;
    $("status").textContent = t("working");
  }
}

function show(request, reply, milliseconds) {
  const spans = collectSpans(request.text, reply.results[0], request.offsets);
  shown = { request, reply, spans, milliseconds };
  $("results").hidden = false;
  render();
}

// What is shown of the last answer

function render() {
  if (!shown) return;
  const { request, reply, spans, milliseconds } = shown;
  const result = reply.results[0];
  const threshold = Number($("entity-threshold").value);
  const visible = spans.filter((span) => isShown(span, threshold, hiddenLabels));
  renderLegend($("legend"), spans, hiddenLabels, toggleLabel);
  renderMarked($("marked"), request.text, visible);
  renderTable($("table"), request.text, visible, offsetIn(request));
  const leftOut = leftOutSpans(request, result);
  const hidden = renderHeads($("heads"), result, Number($("label-threshold").value), leftOut);
  $("hidden-count").textContent = t("hiddenCount", spans.length - visible.length, hidden);
  $("status").textContent = t("found", visible.length, milliseconds);
  $("json").textContent = JSON.stringify(reply, null, 2);
  renderSnippets(request);
}

/** Entities that the model itself left out, since their confidence is below its own threshold. */
function leftOutSpans({ text, offsets }, { abstained }) {
  const entities = Object.values(abstained).flatMap((reason) => reason.entities ?? []);
  const spans = collectSpans(text, { entities }, offsets);
  return spans.map((span) => ({ ...span, text: text.slice(span.start, span.end) }));
}

/** From UTF-16 back to the offsets that were asked for. */
function offsetIn({ text, offsets }) {
  return (unit) => (offsets === "utf16" ? unit : codePoints(text.slice(0, unit)));
}

function renderSnippets(request) {
  const hasKey = Boolean(apiKey.read());
  const asked = { ...request, alternatives: false };
  $("curl").textContent = curlSnippet(BASE, asked, hasKey);
  $("python").textContent = pythonSnippet(BASE, asked, hasKey);
}

function toggleLabel(label) {
  if (!hiddenLabels.delete(label)) hiddenLabels.add(label);
  render();
  [...$("legend").children].find((chip) => chip.dataset.label === label)?.focus();
}

function showProblem(error) {
  $("problem").replaceChildren(...problemParts(error, openKey));
  $("problem").hidden = false;
  $("status").textContent = "";
}

// Models

async function loadModels() {
  try {
    const { models: found, applications } = await models();
    showApplications(found.length > 0, applications);
    const options = found.map(({ name }) => make("option", { value: name }, name));
    $("model").replaceChildren(...options);
    $("model-field").hidden = found.length < 2;
    if (found.length) await loadFacts();
  } catch (error) {
    showProblem(error);
  }
}

/** The tab of the knowledge base and the link to the dashboard, where they are served. */
function showApplications(hasModels, applications) {
  const hasFaq = applications.includes("faq");
  $("monitor-link").hidden = !applications.includes("monitor");
  $("pages").hidden = !(hasModels && hasFaq);
  if (hasFaq && !hasModels) selectTab($("tab-faq"));
  $("analyze").disabled = !hasModels;
}

async function loadFacts() {
  const facts = await modelFacts($("model").value);
  const entityLabels = Object.values(facts.labels).flat().filter((label) => !label.includes("/"));
  for (const label of entityLabels) colourOf(label);
  $("model-chip").textContent = `${facts.model.name} ${facts.model.version}`;
  $("model-chip").hidden = false;
  renderFacts(facts, entityLabels);
}

function renderFacts(facts, entityLabels) {
  const rows = [
    [t("description"), facts.meta.description],
    [t("lang"), facts.meta.lang],
    [t("components"), facts.components.join(", ")],
    [t("labels"), entityLabels.join(", ")],
    ...Object.entries(facts.heads).map(([head, labels]) => [head, labels.join(", ")]),
  ];
  const filled = rows.filter(([, value]) => value);
  $("about-facts").replaceChildren(
    ...filled.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]),
  );
  $("about").hidden = false;
  shownFacts = { facts, entityLabels };
}

// Controls

function openKey() {
  $("key").value = apiKey.read();
  $("key-dialog").showModal();
}

function saveKey(key) {
  apiKey.save(key.trim());
  $("key-dot").hidden = !apiKey.read();
  $("problem").hidden = true;
  loadModels();
  if (shown) renderSnippets(shown.request);
}

function chooseLanguage(name) {
  setLanguage(name);
  $("language-button").textContent = t("language");
  $("language-button").setAttribute("aria-label", t("languageName"));
  showTheme();
  showCount();
  renderExamples();
  renderFaq();
  if (shownFacts) renderFacts(shownFacts.facts, shownFacts.entityLabels);
  render();
}

function showTheme() {
  const theme = document.documentElement.dataset.theme;
  $("theme-button").textContent = { system: "◐", light: "☀", dark: "☾" }[theme];
  $("theme-button").title = t(`theme_${theme}`);
  $("theme-button").setAttribute("aria-label", t(`theme_${theme}`));
}

function nextTheme() {
  const order = ["system", "light", "dark"];
  const theme = order[(order.indexOf(document.documentElement.dataset.theme) + 1) % 3];
  document.documentElement.dataset.theme = theme;
  store("xinzhi-theme", theme);
  showTheme();
}

function showCount() {
  $("count").textContent = t("characters", codePoints($("text").value));
}

function renderExamples() {
  const chips = EXAMPLES.map(([english, chinese, text]) => {
    const name = language() === "zh" ? chinese : english;
    const chip = make("button", { type: "button", className: "chip" }, name);
    chip.addEventListener("click", () => setText(text));
    return chip;
  });
  $("examples").replaceChildren(make("span", { className: "hint" }, t("examples")), ...chips);
}

function setText(text) {
  $("text").value = text;
  showCount();
  run();
}

function clear() {
  running?.abort();
  shown = null;
  $("text").value = "";
  for (const id of ["results", "problem"]) $(id).hidden = true;
  for (const id of ["status", "hidden-count"]) $(id).textContent = "";
  $("heads").replaceChildren();
  showCount();
  $("text").focus();
}

async function copy(button) {
  const source = $(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
  } catch {
    getSelection().selectAllChildren(source); // no clipboard without HTTPS
    document.execCommand("copy");
  }
  button.textContent = t("copied");
  setTimeout(() => (button.textContent = t("copy")), 1500);
}

function connect() {
  $("form").addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  $("text").addEventListener("input", showCount);
  $("text").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run();
  });
  for (const name of ["entity", "label"]) {
    $(`${name}-threshold`).addEventListener("input", (event) => {
      $(`${name}-value`).textContent = Number(event.target.value).toFixed(2);
      render();
    });
  }
  $("offsets").addEventListener("change", run);
  $("model").addEventListener("change", () => loadFacts().catch(showProblem));
  $("clear").addEventListener("click", clear);
  $("key-button").addEventListener("click", openKey);
  $("key-form").addEventListener("submit", () => saveKey($("key").value));
  $("key-forget").addEventListener("click", () => {
    $("key-dialog").close();
    saveKey("");
  });
  $("theme-button").addEventListener("click", nextTheme);
  $("language-button").addEventListener("click", () => {
    const name = language() === "zh" ? "en" : "zh";
    store("xinzhi-language", name);
    chooseLanguage(name);
  });
  connectTabs();
  connectFaq(openKey);
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", () => copy(button));
  }
}

connect();
chooseLanguage(firstLanguage(stored("xinzhi-language"), navigator.language));
$("key-dot").hidden = !apiKey.read();
loadModels();
