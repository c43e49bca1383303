// Lists of tabs, as WAI-ARIA describes them: arrows, Home and End move among the tabs of a list.

import { $ } from "./dom.js";

const tabsOf = (tab) => [...tab.closest("[role=tablist]").querySelectorAll("[role=tab]")];

export function selectTab(tab) {
  for (const other of tabsOf(tab)) {
    const chosen = other === tab;
    other.setAttribute("aria-selected", String(chosen));
    other.tabIndex = chosen ? 0 : -1;
    $(other.getAttribute("aria-controls")).hidden = !chosen;
  }
}

function moveTab(event) {
  const tabs = tabsOf(event.currentTarget);
  const at = tabs.indexOf(event.currentTarget);
  const steps = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 };
  if (!(event.key in steps)) return;
  event.preventDefault();
  const tab = tabs.at(steps[event.key] % tabs.length);
  selectTab(tab);
  tab.focus();
}

export function connectTabs() {
  for (const tab of document.querySelectorAll("[role=tab]")) {
    tab.addEventListener("click", () => selectTab(tab));
    tab.addEventListener("keydown", moveTab);
  }
}
