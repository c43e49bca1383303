"""How large the gradients are that each head sends to the shared encoder before any training.

python scripts/gradient_shares.py configs/stock.cfg [--batches 10] [--section.setting value]
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from spacy.cli._util import parse_config_overrides
from spacy.language import Language
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.util import load_config, registry, resolve_dot_names
from spacy_transformers.layers import TransformerListener

app = typer.Typer(add_completion=False)


def gradient_norms(nlp: Language, examples: list[Example]) -> dict[str, float]:
    """Measure one batch; no weight changes.

    nlp (Language): An initialised pipeline with a shared transformer.
    examples (list): The batch.
    RETURNS (dict): Head -> L2 norm of its gradient by the encoder's output.
    """
    transformer: Any = nlp.get_pipe("transformer")
    docs = [example.predicted for example in examples]
    output, _ = transformer.model.begin_update(docs)
    norms = {}
    for name, listeners in transformer.listener_map.items():
        squares: list[float] = []

        def keep(gradients: list[Any], squares: list[float] = squares) -> None:
            squares += [float((x**2).sum()) for data in gradients for x in data.tensors]

        batch_id = TransformerListener.get_batch_id(docs)
        listeners[0].receive(batch_id, output.doc_data, keep)
        head: Any = nlp.get_pipe(name)
        head.update(examples, drop=0.0, sgd=None, losses={})
        norms[name] = float(np.sqrt(sum(squares)))
    return norms


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def main(
    ctx: typer.Context,
    config_path: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    batches: Annotated[int, typer.Option(help="How many batches of the training data")] = 10,
) -> None:
    """Print the median norm per head."""
    overrides = parse_config_overrides(list(ctx.args))
    nlp = init_nlp(load_config(config_path, overrides=overrides, interpolate=False))
    training = registry.resolve(nlp.config.interpolate()["training"], validate=False)
    (corpus,) = resolve_dot_names(nlp.config.interpolate(), [training["train_corpus"]])
    rows = [gradient_norms(nlp, list(b)) for b in islice(training["batcher"](corpus(nlp)), batches)]
    for name in rows[0]:
        typer.echo(f"{name}: {np.median([row[name] for row in rows]):.4f}")
    typer.echo(f"(median of {len(rows)} batches)")


if __name__ == "__main__":
    app()
