"""Look at a corpus before training: counts, problems, misaligned entities, repeated texts."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.progress import track

from ..compat import require
from ..errors import XinzhiError
from ..training.linter import Finding
from .alignment import Misaligned, align
from .changes import Change
from .docbin import blank
from .duplicates import Repeated, group_by_text
from .estimate import EncoderSize, Estimate, estimate
from .formats import AUTO, ReadOptions, read_records
from .inventory import Inventory, take_inventory, unseen_labels
from .near import near_duplicates
from .prepare import OVERLAP, Settings, prepare
from .record import Problem, Record
from .tokens import Tokens, tokeniser

NEAR_TEXTS = 20_000  # texts of a corpus that are compared for near-duplicates
PIECES_TEXTS = 5_000  # texts of a file that are cut into pieces


@dataclass(frozen=True)
class NearDuplicate:
    """Two texts of different files that are nearly the same.

    one, two (Record): The records.
    similarity (float): Jaccard similarity of their shingles.
    """

    one: Record
    two: Record
    similarity: float

    def __str__(self) -> str:
        places = [f"{r.source}:{r.line} (record {r.id}) {r.text[:30]!r}" for r in self.records]
        return f"{self.similarity:.2f}: {places[0]} and {places[1]}"

    @property
    def records(self) -> tuple[Record, Record]:
        """Both records."""
        return self.one, self.two

    def to_dict(self) -> dict[str, Any]:
        return {
            "similarity": round(self.similarity, 3),
            "records": [
                {"file": str(r.source), "line": r.line, "record": r.id} for r in self.records
            ],
        }


@dataclass
class FileFacts:
    """What a check measures in one file, beside its inventory.

    characters (array): Length of each text.
    pieces (array): Length of the first texts in word pieces of the encoder, if there is one.
    misaligned (int): Entities that do not fit the tokens.
    damaged (list[Problem]): Texts with U+FFFD.
    """

    characters: array[int] = field(default_factory=lambda: array("L"))
    pieces: array[int] = field(default_factory=lambda: array("L"))
    misaligned: int = 0
    damaged: list[Problem] = field(default_factory=list)


@dataclass
class CheckReport:
    """What a check found.

    lang (str): Language code of the tokeniser.
    inventory (Inventory): Counts per file, heads and labels.
    train (str): Stem of the training file.
    files (dict): File to what was measured in it.
    problems (list[Problem]): What a strict conversion would stop at.
    misaligned (list[Misaligned]): Entities that do not fit the tokens.
    repeated (list[Repeated]): Texts that occur more than once.
    near (list[NearDuplicate] | None): Nearly the same texts in different files; None: not looked
        for.
    estimate (Estimate | None): Time and memory of the training, if there is a config.
    findings (list[Finding]): What it all means for training, errors first.
    """

    lang: str
    inventory: Inventory
    train: str = "train"
    files: dict[Path, FileFacts] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    misaligned: list[Misaligned] = field(default_factory=list)
    repeated: list[Repeated] = field(default_factory=list)
    near: list[NearDuplicate] | None = None
    estimate: Estimate | None = None
    findings: list[Finding] = field(default_factory=list)

    @property
    def has_findings(self) -> bool:
        """Whether there is anything at all that somebody should look at."""
        ignored = any(item.ignored for item in self.inventory.files.values())
        return bool(self.findings or self.problems or self.repeated or ignored)

    @property
    def has_errors(self) -> bool:
        """Whether training on this would suffer."""
        return any(finding.level == "error" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        return {
            "lang": self.lang,
            "ready": not self.has_errors,
            "findings": [vars(finding) for finding in self.findings],
            "files": [
                {
                    "file": str(path),
                    **item.to_dict(),
                    "text_lengths": spread(self.files[path].characters),
                    "piece_lengths": spread(self.files[path].pieces),
                }
                for path, item in self.inventory.files.items()
            ],
            "heads": {head: list(labels) for head, labels in self.inventory.heads.items()},
            "exclusive_heads": sorted(self.inventory.exclusive),
            "problems": [item.to_dict() for item in self.problems],
            "misaligned": [item.to_dict() for item in self.misaligned],
            "repeated_texts": [item.to_dict() for item in self.repeated],
            "near_duplicates": None if self.near is None else [n.to_dict() for n in self.near],
            "estimate": None if self.estimate is None else self.estimate.to_dict(),
        }


def check(
    paths: Sequence[Path],
    *,
    lang: str = "zh",
    train: str = "train",
    read: ReadOptions = AUTO,
    config: dict[str, Any] | None = None,
    encoder: Path | None = None,
    near: bool = True,
    progress: bool = False,
) -> CheckReport:
    """Check the files of one corpus, before conversion or after it (.spacy).

    paths (Sequence[Path]): The files or folders.
    lang (str): Language code of the tokeniser that entities must fit.
    train (str): Stem of the training file: labels must occur there.
    read (ReadOptions): How to read them.
    config (dict | None): An interpolated training config, to judge it with its corpora.
    encoder (Path | None): Folder of the encoder, to count word pieces and to estimate the
        training; by default paths.encoder of the config.
    near (bool): Whether to look for near-duplicates, if the library for it is installed.
    progress (bool): Whether to show a progress bar.
    RETURNS (CheckReport): Counts and findings.
    RAISES (XinzhiError): If the language is unknown. Bad input is reported, not raised.
    """
    from .findings import findings_of

    tokenise = tokeniser(blank(lang))
    report = CheckReport(lang, take_inventory(paths, read, progress), train)
    folder = encoder_folder(encoder, config)
    counter = piece_counter(folder) if folder is not None else None
    look = _Look(report, tokenise, counter, near and has_minhash())
    for path in report.inventory.files:
        look.at_file(path, read, progress)
    report.problems.extend(unseen_labels(report.inventory, train))
    report.repeated = group_by_text(look.repeated)
    if look.near:
        report.near = list(near_pairs(look.texts))
    if config is not None and folder is not None:
        report.estimate = estimate_training(report, config, folder)
    report.findings = findings_of(report, config)
    return report


def read_config(path: Path, corpora: Sequence[Path] = ()) -> dict[str, Any]:
    """Read a training config, with the corpora that are being checked as its own.

    path (Path): The config.
    corpora (Sequence[Path]): Files; those named train.spacy and dev.spacy take the place of
        paths.train and paths.dev.
    RETURNS (dict): The interpolated config.
    RAISES (XinzhiError): If it is missing or invalid.
    """
    from spacy.util import load_config

    from ..training.checks import check_config_file, readable_errors

    check_config_file(path)
    with readable_errors(path):
        config = load_config(path)
        known = config.get("paths", {})
        for corpus in corpora:
            if corpus.suffix == ".spacy" and corpus.stem in known:
                config["paths"][corpus.stem] = str(corpus)
        return config.interpolate()


def encoder_folder(encoder: Path | None, config: dict[str, Any] | None) -> Path | None:
    """RETURNS (Path | None): The folder of the encoder, if it is one with a fast tokenizer.

    RAISES (XinzhiError): If the one that was asked for is not.
    """
    named = str((config or {}).get("paths", {}).get("encoder") or "")
    folder = encoder or (Path(named) if named else None)
    if folder is not None and (folder / "tokenizer.json").is_file():
        return folder
    if encoder is not None:
        raise XinzhiError(
            f"{encoder} is not the folder of an encoder: it has no tokenizer.json.",
            f"Fetch one: xinzhi encoder fetch e5-small --out {encoder}",
        )
    return None


def piece_counter(folder: Path) -> Callable[[str], int]:
    """RETURNS (Callable): From a text to its number of word pieces."""
    from ..encoders.tokenizer import PieceTokenizer

    tokenizer = PieceTokenizer((folder / "tokenizer.json").read_text(encoding="utf8"), 0)
    return lambda text: len(tokenizer.encode([text])[0].ids)


def estimate_training(report: CheckReport, config: dict[str, Any], folder: Path) -> Estimate | None:
    """RETURNS (Estimate | None): Time and memory; None if the encoder does not say its sizes."""
    size = EncoderSize.of(folder)
    if size is None:
        return None
    train = [n for path, f in report.files.items() if path.stem == report.train for n in f.pieces]
    dev = [n for path, f in report.files.items() if path.stem == "dev" for n in f.pieces]
    return estimate(config, size, train, dev)


def has_minhash() -> bool:
    """RETURNS (bool): Whether the library for near-duplicates is installed."""
    try:
        require("datasketch", "'xinzhi[dedup]'", "finding near-duplicates")
    except XinzhiError:
        return False
    return True


def near_pairs(records: Sequence[Record]) -> Iterable[NearDuplicate]:
    """YIELDS (NearDuplicate): Pairs of different texts in different files."""
    for one, two, similarity in near_duplicates([record.text for record in records]):
        pair = NearDuplicate(records[one], records[two], similarity)
        if pair.one.source != pair.two.source and pair.one.text != pair.two.text:
            yield pair


def spread(lengths: Sequence[int]) -> dict[str, float] | None:
    """RETURNS (dict | None): Smallest, mean, median, 95 % and largest; None if there are none."""
    if not lengths:
        return None
    ordered = sorted(lengths)
    last = len(ordered) - 1
    return {
        "min": ordered[0],
        "mean": round(sum(ordered) / len(ordered), 1),
        "median": ordered[last // 2],
        "p95": ordered[round(last * 0.95)],
        "max": ordered[-1],
    }


@dataclass
class _Look:
    """One check under way."""

    report: CheckReport
    tokenise: Callable[[str], Tokens]
    count_pieces: Callable[[str], int] | None
    near: bool
    repeated: list[Record] = field(default_factory=list)
    texts: list[Record] = field(default_factory=list)

    def at_file(self, path: Path, read: ReadOptions, progress: bool) -> None:
        """Look at every record of a file."""
        found = self.report.inventory.files[path]
        facts = self.report.files[path] = FileFacts()
        items: Iterable[Record | Problem] = read_records(path, read)
        if progress:
            items = track(items, path.name, found.records + found.problems, transient=True)
        for item in items:
            if isinstance(item, Record):
                self.at_record(item, facts)
                if (item.source, str(item.id)) in found.ids:
                    self.report.problems.append(item.problem("the id is used twice in the file"))
            elif item.kind == "error":
                self.report.problems.append(item)

    def at_record(self, record: Record, facts: FileFacts) -> None:
        """Look at one record."""
        facts.characters.append(len(record.text))
        if self.count_pieces is not None and len(facts.pieces) < PIECES_TEXTS:
            facts.pieces.append(self.count_pieces(record.text))
        if record.text in self.report.inventory.texts:
            self.repeated.append(record)
        if self.near and len(self.texts) < NEAR_TEXTS:
            self.texts.append(record)
        if "\ufffd" in record.text:
            facts.damaged.append(record.problem("the text has U+FFFD: lost characters", "note"))
        prepared = prepare(record, Settings(), self.report.inventory.exclusive)
        for fact in _facts(prepared.changes):
            self.report.problems.append(record.problem(fact))
        tokens = self.tokenise(record.text)
        if tokens.text != record.text:
            fact = f"the tokeniser of '{self.report.lang}' changes the text"
            self.report.problems.append(record.problem(fact))
            return
        misaligned = align(tokens, prepared.record)[1]
        facts.misaligned += len(misaligned)
        self.report.misaligned += misaligned


def _facts(changes: Sequence[Change]) -> list[str]:
    """The facts of errors; one for each record with overlaps, not one for each span."""
    facts = [c.fact for c in changes if c.error and not c.reason.startswith(OVERLAP)]
    return facts + [c.fact for c in changes if c.error and c.reason.startswith(OVERLAP)][:1]
