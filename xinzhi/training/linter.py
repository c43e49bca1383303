"""Looks at a training config and its data before step 1, for what would waste the run.

Every rule is a function from a `Case` to findings; `RULES` lists them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .corpus_facts import CorpusFacts, read_facts
from .schedule import first_values
from .settings import SECTION

ERROR, WARNING = "error", "warning"
TRANSFORMER = re.compile(r"Transformer(Model)?\.v\d|^xinzhi\.Encoder\.v\d")
# A constant rate from here on, or any rate from HIGH_RATE on, has ruined pretrained encoders:
# spaCy's discussion 11519 (score 0 at 1e-3), and our own runs on multilingual-e5-small, where
# 1.5e-4 trained with warm-up and 5e-4 collapsed.
CONSTANT_RATE, HIGH_RATE = 1e-4, 5e-4
SHOWN = 5


@dataclass(frozen=True)
class Finding:
    """Something that is wrong, or probably is.

    rule (str): Name of the rule.
    level (str): "error": the run would be useless. "warning": it may be meant.
    setting (str): Where, as a dotted name.
    fact (str): What was found.
    fix (str): What to do.
    """

    rule: str
    level: str
    setting: str
    fact: str
    fix: str

    def __str__(self) -> str:
        return f"{self.fact}\n  {self.fix} [{self.rule}]"


class Case:
    """A config, and what can be derived from it.

    config (dict): The interpolated config.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.training: dict[str, Any] = config.get("training", {})
        self.max_steps = self.number("max_steps")
        self.eval_frequency = self.number("eval_frequency") or 1
        self.every_epoch = bool(config.get(SECTION, {}).get("evaluate_every_epoch"))

    @cached_property
    def train(self) -> CorpusFacts | None:
        return self._facts("train_corpus")

    @cached_property
    def dev(self) -> CorpusFacts | None:
        return self._facts("dev_corpus")

    def number(self, name: str) -> int:
        """RETURNS (int): A setting of [training]; 0 if it is not set, or no whole number."""
        value = self.training.get(name)
        return value if isinstance(value, int) else 0

    def corpus(self, setting: str) -> dict[str, Any]:
        """RETURNS (dict): The reader that training.train_corpus or training.dev_corpus names."""
        section: Any = self.config
        for key in str(self.training.get(setting, "")).split("."):
            section = section.get(key, {}) if isinstance(section, dict) else {}
        return section if isinstance(section, dict) else {}

    def _facts(self, setting: str) -> CorpusFacts | None:
        return read_facts(self.corpus(setting))

    @cached_property
    def rates(self) -> list[float]:
        """RETURNS (list): The learning rate step by step; empty if it is unknown."""
        setting = self.training.get("optimizer", {}).get("learn_rate")
        try:
            return first_values(setting, self.max_steps or 1000)
        except Exception:  # an invalid schedule is spaCy's to report
            return []

    @cached_property
    def encoder_scale(self) -> float | None:
        """RETURNS (float): The largest factor on the learning rate of a transformer that is
        trained; None if there is none."""
        frozen = self.training.get("frozen_components", [])
        components = self.config.get("components", {})
        scales = [
            scale
            for name in self.config.get("nlp", {}).get("pipeline", [])
            if name not in frozen
            for scale in _transformers(components.get(name, {}))
        ]
        return max(scales, default=None)


def lint(config: dict[str, Any]) -> list[Finding]:
    """Look at a config and at the corpora it names.

    config (dict): The interpolated config.
    RETURNS (list): What was found, errors first.
    """
    case = Case(config)
    found = [finding for rule in RULES for finding in rule(case)]
    return sorted(found, key=lambda finding: finding.level != ERROR)


def transformer_rate(case: Case) -> Iterator[Finding]:
    """A pretrained transformer at a learning rate that destroys what it knows."""
    if case.encoder_scale is None or not case.rates:
        return
    peak = max(case.rates) * case.encoder_scale
    constant = max(case.rates) == min(case.rates)
    setting = "training.optimizer.learn_rate"
    if constant and peak >= CONSTANT_RATE:
        yield Finding(
            "transformer-rate",
            ERROR,
            setting,
            f"The transformer learns at a constant rate of {peak:g}, without warm-up: it forgets "
            "what it knows, and the score stays near 0.",
            f'Use a schedule: [{setting}] @schedules = "warmup_linear.v1", '
            f"initial_rate = {5e-5 / case.encoder_scale:g}, warmup_steps = "
            f"{max(1, case.max_steps // 10) or 100}, total_steps = {case.max_steps or 1000}.",
        )
    elif peak >= HIGH_RATE:
        yield Finding(
            "transformer-rate",
            WARNING,
            setting,
            f"The learning rate of the transformer goes up to {peak:g}.",
            f"Rates of {HIGH_RATE:g} and more have made training collapse; start at "
            f"{5e-5 / case.encoder_scale:g}.",
        )


def warm_up(case: Case) -> Iterator[Finding]:
    """A transformer whose learning rate begins at full height."""
    if case.encoder_scale is None or not case.rates:
        return
    if max(case.rates) == min(case.rates) and max(case.rates) * case.encoder_scale >= CONSTANT_RATE:
        return  # transformer-rate says it
    if case.rates[0] > max(case.rates) / 2:
        yield Finding(
            "warm-up",
            WARNING,
            "training.optimizer.learn_rate",
            "The learning rate of the transformer has no warm-up.",
            'Use @schedules = "warmup_linear.v1" with warmup_steps at about a tenth of the steps.',
        )


def rate_at_the_end(case: Case) -> Iterator[Finding]:
    """A schedule that is shorter or longer than the training."""
    rates = case.rates
    if not case.max_steps or len(rates) < 10:
        return
    setting = "training.optimizer.learn_rate"
    zeros = next((i for i, rate in enumerate(reversed(rates)) if rate > 0), len(rates))
    if zeros > len(rates) / 10:
        yield Finding(
            "schedule-too-short",
            WARNING,
            setting,
            f"The learning rate is 0 from step {len(rates) - zeros} of {case.max_steps} on.",
            f"Set total_steps of the schedule to {case.max_steps}, as training.max_steps.",
        )
    elif len(set(rates)) > 1 and rates.index(max(rates)) >= len(rates) * 0.9:
        yield Finding(
            "warm-up-too-long",
            WARNING,
            setting,
            f"The learning rate still rises at the last of {case.max_steps} steps.",
            f"Set warmup_steps to about {max(1, case.max_steps // 10)}.",
        )


def eval_frequency(case: Case) -> Iterator[Finding]:
    """Evaluations that never come."""
    if case.max_steps and case.eval_frequency > case.max_steps and not case.every_epoch:
        yield Finding(
            "eval-frequency",
            ERROR,
            "training.eval_frequency",
            f"training.eval_frequency = {case.eval_frequency} is beyond training.max_steps = "
            f"{case.max_steps}: only the untrained pipeline would be scored, and kept as the best.",
            f"Set training.eval_frequency to {max(1, case.max_steps // 10)} or so.",
        )


def patience(case: Case) -> Iterator[Finding]:
    """A patience that was meant in evaluations: spaCy counts steps."""
    steps = case.number("patience")
    if 0 < steps < case.eval_frequency and not case.every_epoch:
        yield Finding(
            "patience-unit",
            ERROR,
            "training.patience",
            f"training.patience = {steps} counts steps, and the first evaluation after step 0 is "
            f"at step {case.eval_frequency}: training would end at step {steps}.",
            f"Set it to {steps * case.eval_frequency} for {steps} evaluations, or to 0 and use "
            f"--run.patience {steps}, which counts evaluations.",
        )


def empty_corpus(case: Case) -> Iterator[Finding]:
    """A corpus without a document."""
    for name, facts in (("train", case.train), ("dev", case.dev)):
        if facts is not None and not facts.lengths:
            where = str(case.training[f"{name}_corpus"])
            yield Finding(
                "empty-corpus",
                ERROR,
                where,
                f"{where}: the {name} corpus holds no document.",
                "Make it with: xinzhi convert FILE.jsonl FOLDER",
            )


def labels_in_one_split(case: Case) -> Iterator[Finding]:
    """Labels that cannot be learned, or are never scored."""
    train, dev = case.train, case.dev
    if not train or not dev or not train.lengths or not dev.lengths:
        return
    unlearned, unscored = set(dev.labels) - set(train.labels), set(train.labels) - set(dev.labels)
    if unlearned and train.complete:
        yield Finding(
            "label-only-in-dev",
            WARNING,
            "corpora.train",
            f"In the dev corpus only, so never learned: {_some(unlearned)}.",
            "Add training documents with them, or split the corpora anew.",
        )
    if unscored and dev.complete:
        yield Finding(
            "label-only-in-train",
            WARNING,
            "corpora.dev",
            f"In the training corpus only, so never scored: {_some(unscored)}.",
            "Add dev documents with them, or split the corpora anew.",
        )


def same_texts(case: Case) -> Iterator[Finding]:
    """Dev texts that are in the training corpus too."""
    if not case.train or not case.dev or not case.dev.texts:
        return
    share = len(case.train.texts & case.dev.texts) / len(case.dev.texts)
    if share > 0.05:
        yield Finding(
            "dev-in-train",
            WARNING,
            "corpora.dev",
            f"{share:.0%} of the dev texts are in the training corpus too: the scores will be too "
            "good.",
            "Take them out of one of the two.",
        )


def batch_size(case: Case) -> Iterator[Finding]:
    """Batches as large as the corpus."""
    batcher = case.training.get("batcher", {})
    size = _largest(batcher.get("size"))
    if size is None or not case.train or not case.train.lengths:
        return
    content = _content(str(batcher.get("@batchers")), case.train.lengths)
    if content is not None and content <= size:
        yield Finding(
            "batch-size",
            WARNING,
            "training.batcher.size",
            f"A batch ({size:g}) holds the whole training corpus ({content}): one step an epoch.",
            f"Set training.batcher.size to {max(1, content // 20)} or so.",
        )


def oversize(case: Case) -> Iterator[Finding]:
    """Documents that the batcher leaves out without a word."""
    batcher = case.training.get("batcher", {})
    size = _largest(batcher.get("size"))
    if size is None or not case.train or not batcher.get("discard_oversize"):
        return
    if str(batcher.get("@batchers")).startswith("spacy.batch_by_words"):
        size *= 1 + (batcher.get("tolerance") or 0.0)
    dropped = sum(length > size for length in case.train.lengths)
    if dropped:
        yield Finding(
            "oversize",
            WARNING,
            "training.batcher.discard_oversize",
            f"{dropped} of {len(case.train.lengths)} training documents are longer than a batch "
            "and would be left out.",
            "Set training.batcher.discard_oversize to false, or size higher.",
        )


def score_weights(case: Case) -> Iterator[Finding]:
    """No score to choose the best pipeline by."""
    weights = case.training.get("score_weights", {})
    if weights and not any(weights.values()):
        yield Finding(
            "score-weights",
            ERROR,
            "training.score_weights",
            "No score has a weight, so every pipeline scores 0 and the first is kept as the best.",
            "Give one a weight, e.g. --training.score_weights.ents_f 1.0",
        )


def frozen(case: Case) -> Iterator[Finding]:
    """Nothing left to train."""
    pipeline = case.config.get("nlp", {}).get("pipeline", [])
    names = case.training.get("frozen_components", [])
    if pipeline and set(pipeline) <= set(names):
        yield Finding(
            "all-frozen",
            ERROR,
            "training.frozen_components",
            "All components are frozen: nothing would be trained.",
            f"Take one of {', '.join(pipeline)} out of training.frozen_components.",
        )


def dropout(case: Case) -> Iterator[Finding]:
    """Dropout at which little is learned."""
    rates = case.training.get("dropout")
    if isinstance(rates, float) and rates > 0.5:
        yield Finding(
            "dropout",
            WARNING,
            "training.dropout",
            f"training.dropout = {rates} drops more than half of what the components see.",
            "Use 0.1 to 0.3.",
        )


def seed(case: Case) -> Iterator[Finding]:
    """A run that cannot be repeated."""
    if "seed" in case.training and case.training["seed"] is None:
        yield Finding(
            "seed",
            WARNING,
            "training.seed",
            "training.seed = null: no second run will give the same pipeline.",
            "Set it to any number: --training.seed 0",
        )


RULES: list[Callable[[Case], Iterator[Finding]]] = [
    transformer_rate,
    warm_up,
    rate_at_the_end,
    eval_frequency,
    patience,
    empty_corpus,
    labels_in_one_split,
    same_texts,
    batch_size,
    oversize,
    score_weights,
    frozen,
    dropout,
    seed,
]


def _transformers(section: dict[str, Any]) -> Iterator[float]:
    """The factor on the learning rate of every transformer in the config of a component."""
    if TRANSFORMER.search(str(section.get("@architectures", ""))):
        yield float(section.get("lr_scale", 1.0))
    for value in section.values():
        if isinstance(value, dict):
            yield from _transformers(value)


def _largest(size: Any) -> float | None:
    """RETURNS (float): The largest batch size in the first thousand batches; None if unknown."""
    if size is None:
        return None
    try:
        return max(first_values(size, 1000))
    except Exception:  # an invalid schedule is spaCy's to report
        return None


def _content(batcher: str, lengths: list[int]) -> int | None:
    """RETURNS (int): The size of the whole corpus in the unit of a batcher; None if unknown."""
    sizes = {
        "spacy.batch_by_sequence": len(lengths),
        "spacy.batch_by_words": sum(lengths),
        "spacy.batch_by_padded": len(lengths) * max(lengths),
    }
    return sizes.get(batcher.rpartition(".")[0])


def _some(labels: set[str]) -> str:
    names = sorted(labels)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
