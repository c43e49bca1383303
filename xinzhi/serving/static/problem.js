// What is shown of an error: the service's own words, or that it cannot be reached.

import { Problem } from "./api.js";
import { make } from "./dom.js";
import { t } from "./i18n.js";

/** The elements that tell of an error. onKey: opens the dialog for the key. */
export function problemParts(error, onKey) {
  const known = error instanceof Problem;
  if (!known) console.error(error);
  const title = known ? error.title || t("unreachable") : t("unexpected");
  const detail = known ? (error.status ? error.detail : t("unreachableDetail")) : String(error);
  const code = known && error.status ? ` (${error.status})` : "";
  const parts = [make("h2", {}, `${title}${code}`), make("p", {}, detail)];
  if (error.retryAfter) parts.push(make("p", {}, t("retryAfter", error.retryAfter)));
  if (error.status === 401 || error.status === 403) {
    const button = make("button", { type: "button", className: "quiet" }, t("enterKey"));
    button.addEventListener("click", onKey);
    parts.push(button);
  }
  return parts;
}
