// Where spans lie in a text: offsets, overlaps, pieces. Nothing here touches the page.

/**
 * Offsets as JavaScript counts them.
 * Python counts code points, JavaScript UTF-16 units: an emoji is one of the former, two of the
 * latter.
 */
export function toUtf16(text, spans) {
  const units = [];
  let unit = 0;
  for (const character of text) {
    units.push(unit);
    unit += character.length;
  }
  units.push(unit);
  const at = (point) => units[Math.min(point, units.length - 1)];
  return spans.map((span) => ({ ...span, start: at(span.start), end: at(span.end) }));
}

/** Number of code points of a text. */
export function codePoints(text) {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/** Entities and span groups of a result as one list, in UTF-16 offsets, in reading order. */
export function collectSpans(text, result, offsets) {
  const found = result.entities.map((span) => ({ ...span, group: "" }));
  for (const [group, spans] of Object.entries(result.spans ?? {})) {
    found.push(...spans.map((span) => ({ ...span, group })));
  }
  const placed = offsets === "utf16" ? found : toUtf16(text, found);
  return placed.sort((a, b) => a.start - b.start || b.end - a.end);
}

/** Spans that touch the same characters, together: [[span, …], …]. Takes them in reading order. */
export function clusters(spans) {
  const found = [];
  let end = -1;
  for (const span of spans) {
    if (span.start < end) found.at(-1).push(span);
    else found.push([span]);
    end = Math.max(end, span.end);
  }
  return found;
}

/** The row of each span in a stack where no two on a row overlap: the lowest free one. */
export function lanes(spans) {
  const ends = [];
  return spans.map((span) => {
    const free = ends.findIndex((end) => end <= span.start);
    const lane = free < 0 ? ends.length : free;
    ends[lane] = span.end;
    return lane;
  });
}

/** The stretches between all boundaries of a cluster: {start, end, open: [index of span, …]}. */
export function pieces(cluster) {
  const bounds = [...new Set(cluster.flatMap((span) => [span.start, span.end]))];
  bounds.sort((a, b) => a - b);
  return bounds.slice(0, -1).map((start, number) => {
    const end = bounds[number + 1];
    const open = [...cluster.keys()].filter(
      (index) => cluster[index].start <= start && end <= cluster[index].end,
    );
    return { start, end, open };
  });
}

/** Whether a span is shown: stock spaCy entities have no confidence and always are. */
export function isShown(span, threshold, hiddenLabels) {
  const confident = span.confidence == null || span.confidence >= threshold;
  return confident && !hiddenLabels.has(span.label);
}
