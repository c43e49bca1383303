// Elements are made of properties and text nodes only: no text of a user or a model becomes markup.

export const $ = (id) => document.getElementById(id);

/** A new element. make("button", {className: "chip"}, "text", otherElement) */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** The index of a label's colour: the order in which labels are first seen. */
const COLOURS = 10;
const seen = new Map();
export function colourOf(label) {
  if (!seen.has(label)) seen.set(label, seen.size % COLOURS);
  return `var(--label-${seen.get(label)})`;
}

/** A probability as shown everywhere. */
export const shown = (value) => (value == null ? "–" : value.toFixed(2));
