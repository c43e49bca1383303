"""The sections about the corpus and the training: slices, surfaces, errors, run, data card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...corpora.charts import histogram, label_bars
from .blocks import Block, Chart, Charts, Documents, Section, Table, Text, interval, number
from .plots import SERIES_COLOURS, Axis, Series, lines, series_class

PRF = ("precision", "recall", "f1")
SLICES = (
    "The same scores on parts of the corpus. Where intervals do not overlap, the difference is "
    "hardly luck; with many slices, some will look bad by chance. Fields come from the metadata of "
    "the records; numbers are cut into quarters; fields that differ in nearly every document are "
    "left out."
)
SURFACES = (
    "What is only remembered, and what is understood: entities whose surface occurs as an entity "
    "in the training corpus, and entities that are new. Predicted entities count by their own "
    "surface."
)
WORST = (
    "The documents where the pipeline was most wrong: each wrong entity or decision counts with "
    "its confidence, a missed entity a half. Framed: wrong. Look for wrong gold annotation here, "
    "too."
)


def slices(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Section]:
    """RETURNS (list): The section, if there is anything to slice by."""
    if not found:
        return []
    tables = [_slice_table(field, rows) for field, rows in found.items()]
    return [Section("slices", "Slices", [Text(SLICES), *tables])]


def surfaces(found: Mapping[str, Mapping[str, Any]] | None) -> Section:
    """RETURNS (Section): Seen against unseen surfaces."""
    if found is None:
        text = Text("Name the corpus trained on (--train) to tell seen from unseen entities.")
        return Section("surfaces", "Seen and unseen entities", [text])
    rows, bars = [], []
    for name, row in found.items():
        ends = row["intervals"]["f1"]
        scores = [number(row[key]) for key in PRF]
        rows.append((name, *scores, interval(ends), str(row["support"])))
        bars.append((row["f1"], ends))
    columns = ("surface", "precision", "recall", "F1", "95 % interval of F1", "gold entities")
    table = Table(columns, rows, bars=bars)
    return Section("surfaces", "Seen and unseen entities", [Text(SURFACES), table])


def worst(documents: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> Section:
    """RETURNS (Section): The worst errors, gold and predicted side by side."""
    colours = {label: i % SERIES_COLOURS for i, label in enumerate(labels)}
    blocks: list[Block] = [Text(WORST), Documents(documents, colours)]
    return Section("worst", "Worst errors", blocks if documents else [Text("No error at all.")])


def training(run: Mapping[str, Any] | None) -> Section:
    """RETURNS (Section): The learning curves, and how the training ended."""
    if run is None or not run["steps"]:
        text = Text("No run folder: name it with --run (xinzhi train leaves it as OUTPUT/run).")
        return Section("training", "Training", [text])
    facts = dict(run["facts"])
    seconds, data = facts.pop("seconds", {}), facts.pop("data", {})
    rows = [(name.replace("_", " "), _fact(value)) for name, value in facts.items()]
    rows += [(f"time: {name}", f"{value:,.0f} s") for name, value in seconds.items()]
    rows += [(f"SHA-256 of {path}", digest) for path, digest in data.items()]
    table = Table(("", "value"), [("folder", run["folder"]), *rows], "The run", words=2)
    return Section("training", "Training", [Charts(_learning_curves(run)), table])


def data_card(card: Mapping[str, Any]) -> Section:
    """RETURNS (Section): What was measured on what."""
    corpora = {"evaluated": card["corpus"]}
    if card["training"]:
        corpora["trained on"] = card["training"]
    blocks: list[Block] = [_corpus_table(corpora)]
    lengths = {name: _expand(corpus["lengths"]) for name, corpus in corpora.items()}
    charts = [Chart("Length of the texts in characters", histogram(lengths))]
    kinds = {"Entities": "entities", **{f"Head {h}": h for h in card["corpus"]["heads"]}}
    for title, key in kinds.items():
        counts = {name: _labels(corpus, key) for name, corpus in corpora.items()}
        labels = sorted({label for found in counts.values() for label in found})
        if labels:
            charts.append(Chart(title, label_bars(counts, labels)))
    fields = [
        (field, ", ".join(f"{v} ({n})" for v, n in values.items()) if values else "many values")
        for field, values in card["corpus"]["metadata"].items()
    ]
    blocks.append(Charts(charts, wide=True))
    if fields:
        blocks.append(Table(("field", "values (documents)"), fields, "Metadata", words=2))
    return Section("data", "Data card", [*blocks, _pipeline(card["pipeline"])])


def speed(report: Mapping[str, Any]) -> Section:
    """RETURNS (Section): How fast, on what, with which versions."""
    measured, counts, run = report["speed"], report["counts"], report["run"]
    seconds = measured["seconds"]
    rows = [
        ("documents/s", f"{counts['documents'] / seconds:,.1f}"),
        ("characters/s", f"{measured['characters_per_second']:,.0f}"),
        ("words/s", f"{measured['words_per_second']:,.0f}"),
        ("seconds for all, tokenisation included", f"{seconds:,.2f}"),
    ]
    hardware = [(name, str(value)) for name, value in run["hardware"].items()]
    versions = [(name, value) for name, value in run["versions"].items()]
    note = "One run, as the machine was: for a comparison of speeds use xinzhi benchmark."
    blocks: list[Block] = [
        Table(("", "value"), rows, note=note),
        Table(("", "value"), [*hardware, *versions], "Hardware and versions"),
    ]
    return Section("speed", "Speed", blocks)


def _slice_table(field: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    heads = sorted({head for row in rows for head in row["heads"]})
    with_entities = any(row["entities"] for row in rows)
    columns = [field, "documents"]
    if with_entities:
        columns += ["entities", "entity F1 (95 %)"]
    columns += [f"{head} accuracy (95 %)" for head in heads]
    bars = [_slice_bar(row["entities"]) for row in rows] if with_entities else []
    return Table(columns, [_slice_row(row, heads) for row in rows], f"By {field}", bars=bars)


def _slice_row(row: Mapping[str, Any], heads: Sequence[str]) -> list[str]:
    cells = [row["name"], str(row["documents"])]
    entities = row["entities"]
    if entities:
        cells += [str(entities["support"]), _with_interval(entities, "f1")]
    found = (row["heads"].get(head) for head in heads)
    return cells + [_with_interval(scores, "accuracy") if scores else "n/a" for scores in found]


def _with_interval(scores: Mapping[str, Any], key: str) -> str:
    ends = scores["interval"]
    return number(scores[key]) + (f" ({interval(ends)})" if ends else "")


def _slice_bar(entities: Mapping[str, Any] | None) -> tuple[float | None, Any] | None:
    return (entities["f1"], entities["interval"]) if entities else None


def _learning_curves(run: Mapping[str, Any]) -> list[Chart]:
    steps = run["steps"]
    x = Axis("step", 0.0, max([*steps, 1]))
    scores = [Series(name, steps, values) for name, values in run["scores"].items()]
    losses = [Series(name, steps, _positive(values)) for name, values in run["losses"].items()]
    charts = [
        Chart("Scores on the development data", lines(scores, x, Axis("score")), _legend(scores))
    ]
    found = [value for item in losses for value in item.y if value is not None]
    if found:
        y = Axis("loss", min(found) / 1.2, max(found) * 1.2, log=True)
        charts.append(Chart("Losses (logarithmic)", lines(losses, x, y), _legend(losses)))
    rates = [value for value in run["learn_rate"] if value is not None]
    if rates and max(rates) > 0:
        y = Axis("learning rate", 0.0, max(rates) * 1.1)
        charts.append(Chart("Learning rate", lines([Series("", steps, run["learn_rate"])], x, y)))
    return charts


def _positive(values: Sequence[float | None]) -> list[float | None]:
    return [value if value else None for value in values]


def _legend(series: Sequence[Series]) -> list[tuple[str, str]]:
    return [(item.name, series_class(i)) for i, item in enumerate(series)]


def _fact(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _corpus_table(corpora: Mapping[str, Mapping[str, Any]]) -> Table:
    rows = [
        ["corpus", *(c["path"] for c in corpora.values())],
        ["documents", *(f"{c['documents']:,}" for c in corpora.values())],
        ["characters", *(f"{c['characters']:,}" for c in corpora.values())],
        ["length of a text", *(_quantiles(c["length_quantiles"]) for c in corpora.values())],
        ["entities", *(f"{sum(c['entities'].values()):,}" for c in corpora.values())],
        ["length of an entity", *(_quantiles(c["entity_lengths"]) for c in corpora.values())],
        ["texts without entities", *(f"{c['without_entities']:,}" for c in corpora.values())],
        ["entities not annotated", *(f"{c['not_annotated']:,}" for c in corpora.values())],
        ["SHA-256", *((c["sha256"] or "–") for c in corpora.values())],
    ]
    note = ""
    if "trained on" in corpora:
        shared = corpora["trained on"]["shared_texts"]
        note = f"Texts that occur in both: {shared}."
        note += " Scores on texts seen in training are too high." if shared else ""
    return Table(("", *corpora), rows, "Corpora", note=note, words=1 + len(corpora))


def _quantiles(found: Mapping[str, float] | None) -> str:
    if found is None:
        return "–"
    return (
        f"{found['min']:g} to {found['max']:g}, median {found['median']:g}, "
        f"mean {found['mean']:.1f}, 95 % up to {found['p95']:g}"
    )


def _pipeline(pipeline: Mapping[str, Any]) -> Table:
    size = pipeline["megabytes"]
    rows = [
        ("name", pipeline["name"]),
        ("components", ", ".join(f"{n} ({f})" for n, f in pipeline["components"].items())),
        ("size on disk", "–" if size is None else f"{size:,.0f} MB"),
    ]
    rows += [(f"labels of {name}", ", ".join(found)) for name, found in pipeline["labels"].items()]
    for name, fitted in (pipeline["calibration"] or {}).items():
        rows.append((f"calibration of {name}", _flat(fitted)))
    return Table(("", "value"), rows, "Pipeline", words=2)


def _flat(values: Mapping[str, Any], prefix: str = "") -> str:
    parts = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            parts.append(_flat(value, f"{prefix}{name} "))
        else:
            parts.append(
                f"{prefix}{name} {value:.3f}" if isinstance(value, float) else f"{name} {value}"
            )
    return ", ".join(parts)


def _labels(corpus: Mapping[str, Any], key: str) -> dict[str, int]:
    return corpus["entities"] if key == "entities" else corpus["heads"].get(key, {})


def _expand(lengths: Mapping[str, int]) -> list[int]:
    return [int(length) for length, n in lengths.items() for _ in range(n)]
