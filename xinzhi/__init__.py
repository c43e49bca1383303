"""xinzhi: annotated Chinese and English text in, a fast installable spaCy model out."""

import os

__version__ = "0.1.0"

# Threads of a matrix product that wait for each other soon sleep instead of spinning: as fast on a
# free machine, several times as fast beside another busy process (docs/speed.md, Threads). OpenMP
# reads this when torch is loaded: it works for the commands of xinzhi, and for whatever imports
# xinzhi before torch.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
