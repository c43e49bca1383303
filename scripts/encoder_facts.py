"""How alike the token vectors of an encoder are, before any training.

python scripts/encoder_facts.py [ENCODER] [CORPUS.spacy]
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import spacy
import typer
from spacy.tokens import DocBin


def main(
    encoder: Annotated[str, typer.Argument()] = "assets/encoders/e5-small",
    corpus: Annotated[Path, typer.Argument()] = Path("corpus/smartcity/dev.spacy"),
) -> None:
    """Print the mean cosine of two tokens and the median standard deviation of a feature."""
    nlp = spacy.blank("zh")
    model = {"@architectures": "xinzhi.Encoder.v1", "name": encoder}
    nlp.add_pipe("transformer", config={"model": model})
    nlp.initialize()
    texts = [doc.text for doc in DocBin().from_disk(corpus).get_docs(nlp.vocab)][:60]
    vectors = [d._.trf_data.model_output.last_hidden_state[0] for d in nlp.pipe(texts)]
    X = np.concatenate(vectors)
    units = X / np.linalg.norm(X, axis=1, keepdims=True)
    typer.echo(f"{len(X)} word pieces of {len(texts)} texts")
    typer.echo(f"mean cosine of two pieces: {(units @ units.T).mean():.2f}")
    typer.echo(f"median standard deviation of a feature: {np.median(X.std(0)):.2f}")


if __name__ == "__main__":
    typer.run(main)
