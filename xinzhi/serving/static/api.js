// Requests to the service; addresses are relative, so a proxy may put it under any path.

import { requestBody } from "./snippets.js";

const KEY = "xinzhi-api-key";

export const apiKey = {
  read: () => sessionStorage.getItem(KEY) ?? "",
  save: (key) => (key ? sessionStorage.setItem(KEY, key) : sessionStorage.removeItem(KEY)),
};

/** A problem that the service reports (RFC 9457), or that keeps us from reaching it. */
export class Problem extends Error {
  constructor({ status = 0, title = "", detail = "", retryAfter = "" }) {
    super(title);
    Object.assign(this, { status, title, detail, retryAfter });
  }
}

async function call(path, options = {}) {
  const key = apiKey.read();
  const headers = { Accept: "application/json", ...options.headers };
  if (key) headers.Authorization = `Bearer ${key}`;
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({});
  }
  const body = await response.json().catch(() => null);
  if (!response.ok || body === null) throw problemOf(response, body ?? {});
  return body;
}

function problemOf(response, body) {
  const errors = Array.isArray(body.errors) ? body.errors.map(errorLine) : [];
  return new Problem({
    status: response.status,
    title: body.title ?? response.statusText,
    detail: [body.detail, ...errors].filter(Boolean).join("\n"),
    retryAfter: response.headers.get("Retry-After") ?? "",
  });
}

function errorLine(error) {
  return `${error.at}: ${error.message}`;
}

export const analyze = (request, signal) =>
  call("v1/analyze", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(requestBody(request)),
    signal,
  });

export const models = () => call("v1/models");
export const modelFacts = (name) =>
  call(name ? `v1/model?model=${encodeURIComponent(name)}` : "v1/model");

export const askFaq = (text, signal) =>
  call("v1/faq", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ text }),
    signal,
  });
