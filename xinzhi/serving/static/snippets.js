// The same request for a terminal and for Python. The key itself is never copied.

/** The JSON body of a request; what is left at its default is left out. */
export function requestBody({ text, model, offsets, alternatives }) {
  const body = { text };
  if (model) body.model = model;
  if (offsets && offsets !== "codepoints") body.offsets = offsets;
  if (alternatives) body.alternatives = true;
  return body;
}

export function curlSnippet(base, request, hasKey) {
  const body = JSON.stringify(requestBody(request));
  const lines = [
    `curl -sS '${base}v1/analyze'`,
    "-H 'Content-Type: application/json'",
    ...(hasKey ? ['-H "Authorization: Bearer $XINZHI_API_KEY"'] : []),
    `-d '${body.replaceAll("'", `'\\''`)}'`,
  ];
  return lines.join(" \\\n  ");
}

export function pythonSnippet(base, request, hasKey) {
  const { text, model, ...options } = requestBody(request);
  const named = Object.entries(options).map(([name, value]) => `, ${name}=${literal(value)}`);
  const key = hasKey ? ', api_key=os.environ["XINZHI_API_KEY"]' : "";
  const which = model ? `, model=${literal(model)}` : "";
  return [
    ...(hasKey ? ["import os", ""] : []),
    "from xinzhi.client import Client",
    "",
    `with Client(${literal(base)}${key}${which}) as client:`,
    `    result = client.analyze(${literal(text)}${named.join("")})`,
    "    print(result)",
  ].join("\n");
}

/** A JSON string is a Python string as well. */
function literal(value) {
  if (value === true) return "True";
  return JSON.stringify(value);
}
