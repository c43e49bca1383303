"""Two pipelines with a leak, as a plug-in that a process of its own can load."""

from __future__ import annotations

from pathlib import Path

METADATA = "Metadata-Version: 2.1\nName: leaks\nVersion: 0.0.0\n"
ENTRY_POINTS = """[spacy_factories]
keep_strings = leaks:make_strings
keep_results = leaks:make_results
"""
CODE = '''
from spacy.language import Language

KEPT = []


def keep_string(doc):
    """As a component that makes up names and looks them up in the table of strings."""
    doc.vocab.strings.add(f"id-{hash(doc.text)}", allow_transient=False)
    return doc


def keep_result(doc):
    """As a cache without a bound."""
    KEPT.append(doc.to_json())
    return doc


@Language.factory("keep_strings")
def make_strings(nlp, name):
    return keep_string


@Language.factory("keep_results")
def make_results(nlp, name):
    return keep_result
'''


def write_plugin(folder: Path) -> Path:
    """RETURNS (Path): The folder, to be put on PYTHONPATH."""
    facts = folder / "leaks-0.0.0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text(METADATA)
    (facts / "entry_points.txt").write_text(ENTRY_POINTS)
    (folder / "leaks.py").write_text(CODE)
    return folder
