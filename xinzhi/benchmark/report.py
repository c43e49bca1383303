"""The results as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .contenders import CONTENDERS
from .phases import PHASES

Row = list[str]


def to_markdown(results: dict[str, Any]) -> str:
    """Write the report.

    results (dict): As from `benchmark`.
    RETURNS (str): Markdown.
    """
    parts = [
        "# Benchmark",
        _machine(results["machine"], results["settings"]),
        _ratios(results),
    ]
    for name, measured in results.get("predict", {}).items():
        parts += [f"## Prediction: {name}", _prediction(measured), _limit(measured["limit"])]
    if "encoder" in results:
        parts += ["## The encoder alone", _encoder(results["encoder"])]
    if "train" in results:
        parts += ["## Training", _training(results["train"]), _limit(results["train"]["limit"])]
    if "load" in results:
        parts += ["## Loading, memory, size", _loading(results["load"])]
    if "scores" in results:
        parts += ["## Scores", _scores(results["scores"], results["settings"]["paths"]["test"])]
    for key in ("profile_predict", "profile_train"):
        if key in results:
            parts += [f"## Profile: {key.removeprefix('profile_')}", _profile(results[key])]
    if "scaling" in results:
        parts += ["## Scaling of prediction, characters/s", _scaling(results["scaling"])]
    if "stream" in results:
        parts += ["## Long streams", _stream(results["stream"])]
    return "\n\n".join(part for part in parts if part) + "\n"


def table(header: Row, rows: Iterable[Row], text_last: bool = False) -> str:
    """RETURNS (str): A Markdown table; columns are flushed right, but the first (and the last)."""
    edges = ["---", *["---:"] * (len(header) - 1)]
    if text_last:
        edges[-1] = "---"
    lines = [header, edges, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(value: float | None) -> str:
    """RETURNS (str): Three significant digits or more, thousands with commas; "n/a" for None."""
    if value is None:
        return "n/a"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


def spread(summary: dict[str, Any] | None) -> str:
    """RETURNS (str): "median (low–high)"."""
    if summary is None:
        return "n/a"
    low, high = number(summary["low"]), number(summary["high"])
    return number(summary["median"]) + (f" ({low}–{high})" if low != high else "")


def percent(share: float | None) -> str:
    """RETURNS (str): A share (0 to 1) in percent."""
    return "n/a" if share is None else f"{share:.1%}"


def _machine(machine: dict[str, Any], settings: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    load = "" if machine["load"] is None else f", load before the start {machine['load']:.1f}"
    return (
        f"{machine['date']}, {machine['cpu']}, cores: {machine['cores']} "
        f"({', '.join(machine['flags']) or 'no known flags'}), "
        f"{number(machine['memory_gib'])} GiB, {machine['system']}{load}. "
        f"Threads per contender: {machine['threads']}; rounds in turns: {settings['rounds']}. "
        f"{versions}. Medians, and in brackets the lowest and highest round."
    )


def _ratios(results: dict[str, Any]) -> str:
    spreads, definitions = results["spreads"], results["definitions"]
    rows = [
        [f"`{name}`", spread(spreads.get(name)), meaning] for name, meaning in definitions.items()
    ]
    return table(["ratio (above 1: ours is better)", "times", "of what"], rows, text_last=True)


def _rows(measured: dict[str, Any], cells: Any) -> Iterator[Row]:
    for name, row in measured.items():
        yield [CONTENDERS[name].title, *cells(row)]


def _prediction(measured: dict[str, Any]) -> str:
    def cells(row: dict[str, Any]) -> Row:
        return [
            spread(row["characters_per_second"]),
            number(row["documents_per_second"]["median"]),
            number(row["pieces_per_second"]["median"]),
            percent(row["padding_waste"]),
            number(row["latency_ms"]["p50"]),
            number(row["latency_ms"]["p95"]),
            f"{row['precision']}, {row['batch_size']}, {row['threads']}",
        ]

    header = ["", "characters/s", "documents/s", "pieces/s", "padding"]
    header += ["single, p50 ms", "single, p95 ms", "precision, batch, threads"]
    of = f"{measured['documents']:,} documents, {measured['characters']:,} characters."
    return f"{of}\n\n" + table(header, _rows(measured["contenders"], cells))


def _training(measured: dict[str, Any]) -> str:
    def cells(row: dict[str, Any]) -> Row:
        tried = ", ".join(f"{size}: {number(speed)}" for size, speed in row["tried"].items())
        return [
            spread(row["characters_per_second"]),
            number(row["documents_per_second"]["median"]),
            number(row["pieces_per_second"]["median"]),
            percent(row["padding_waste"]),
            str(row["updates"]),
            str(row["batch_size"]) + (f" (characters/s tried: {tried})" if tried else ""),
        ]

    def fastest_cells(row: dict[str, Any]) -> Row:
        return [spread(row["characters_per_second"]), str(row["batch_size"])]

    header = ["", "characters/s", "documents/s", "pieces/s", "padding", "updates", "batch"]
    of = f"{measured['documents']:,} documents, {measured['characters']:,} characters per epoch."
    text = f"{of}\n\n" + table(header, _rows(measured["contenders"], cells))
    if measured["fastest"]:
        header = ["with the fastest batch", "characters/s", "batch"]
        text += "\n\n" + table(header, _rows(measured["fastest"], fastest_cells))
    return text


def _limit(limit: dict[str, Any]) -> str:
    rows = [
        [
            f"matrix products alone, {precision}",
            spread(row["gflops_per_second"]),
            number(row["characters_per_second"]),
            percent(row["share"]),
        ]
        for precision, row in limit.items()
        if precision != "flops"
    ]
    header = ["the physical limit", "peak GFLOP/s", "characters/s", "ours reaches"]
    return table(header, rows) if rows else ""


def _encoder(measured: dict[str, Any]) -> str:
    precisions = list(measured["peak_gflops"])

    def cells(row: dict[str, Any]) -> Row:
        alone = row["forward_share_of_peak"] or {}
        shares = [percent(row["share_of_peak"][precision]) for precision in precisions]
        shares += [percent(alone.get(precision)) for precision in precisions]
        costly = [f"{name} {share:.0%}" for name, share in row["operations"].items()][:5]
        return [spread(row["gflops_per_second"]), *shares, ", ".join(costly)]

    header = ["", "GFLOP/s", *(f"of the {precision} peak" for precision in precisions)]
    header += [f"forward alone, {precision}" for precision in precisions]
    of = (
        f"One batch of {measured['texts']} texts of {measured['pieces']} pieces, with tokenising "
        "and alignment, and the forward phase alone."
    )
    rows = _rows(measured["contenders"], cells)
    return f"{of}\n\n" + table([*header, "torch's time goes to"], rows, text_last=True)


def _loading(measured: dict[str, Any]) -> str:
    def cells(row: dict[str, Any]) -> Row:
        return [
            spread(row["load_seconds"]),
            spread(row["first_prediction_ms"]),
            spread(row["peak_rss_mb"]),
            number(row["size_mb"]),
        ]

    header = ["", "import, load, first text: s", "first text: ms", "peak RSS, MB", "on disk, MB"]
    text = table(header, _rows(measured["contenders"], cells))
    wheels = [f"{name}: {number(size)} MB" for name, size in measured["wheels_mb"].items()]
    return text + ("\n\nWheels: " + ", ".join(wheels) + "." if wheels else "")


def _scores(scores: dict[str, Any], corpus: str) -> str:
    names = list(dict.fromkeys(name for row in scores.values() for name in row or {}))

    def cells(row: dict[str, float | None] | None) -> Row:
        if row is None:
            return ["not trained", *[""] * (len(names) - 1)]
        return [f"{row[n]:.4f}" if row.get(n) is not None else "n/a" for n in names]

    names = names or ["scores"]
    return f"On {corpus}.\n\n" + table(["", *names], _rows(scores, cells))


def _profile(split: dict[str, Any]) -> str:
    def cells(row: dict[str, Any]) -> Row:
        total = sum(row[phase]["seconds"] for phase in PHASES)
        return [number(total), *(percent(row[phase]["share"]) for phase in PHASES)]

    return table(["", "seconds", *PHASES], _rows(split, cells))


def _scaling(scaling: dict[str, Any]) -> str:
    tables = []
    for points in scaling.values():
        size, *names = points[0]
        rows = [[f"{p[size]:,}", *(spread(p[name]) for name in names)] for p in points]
        tables.append(table([size, *(CONTENDERS[name].title for name in names)], rows))
    return "\n\n".join(tables)


def _stream(measured: dict[str, Any]) -> str:
    rows = [
        [f"{row['documents']:,}", number(row["seconds"]), number(row["peak_rss_mb"])]
        for row in measured["streams"]
    ]
    text = table(["documents", "seconds", "peak RSS, MB"], rows)
    return f"{text}\n\nLargest peak over the first: {number(measured['growth'])}."
