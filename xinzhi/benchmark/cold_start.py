"""A new Python: import, load, predict one text, then some more. Prints its times and memory.

python -m xinzhi.benchmark.cold_start < JOB.json

Only the standard library is imported before the clock starts.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path


def main() -> None:
    """Read {"name", "paths", "texts"} from standard input, write one line of JSON."""
    job = json.load(sys.stdin)
    start = time.perf_counter()
    from .contenders import CONTENDERS
    from .memory import peak_rss
    from .settings import Paths

    paths = Paths(**{name: Path(path) for name, path in job["paths"].items()})
    predictor = CONTENDERS[job["name"]].load(paths)
    loaded = time.perf_counter()
    predictor.one(job["texts"][0])
    done = time.perf_counter()
    for _ in predictor.stream(job["texts"]):
        pass
    times = {"seconds": done - start, "first": done - loaded, "peak_rss": peak_rss()}
    print(json.dumps(times))


if __name__ == "__main__":
    main()
