"""Fuzzing one parser, guided by the lines that its bytes reach: `python -m tests.fuzz.run csv -max_total_time=600`.

Here: the start of libFuzzer with a target of `targets`, its seeds, and where it leaves what it finds.
Add here: another setting that every run needs.
Keep out: what is fuzzed (`targets`).

Options are those of libFuzzer. What it found by itself is kept in `build/fuzz/NAME`, so the next run goes on from
there; bytes that break a promise are left as `build/fuzz/found/NAME-crash-...`.
"""

import hashlib
import os
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["pipelines.sources", "pipelines.shown", "zipfile"]):
    from tests.fuzz.targets import TARGETS

FOLDER = Path(os.environ.get("PLIMSOLL_FUZZ", "build/fuzz"))
LARGEST = 20_000  # bytes; what is larger says no more and takes longer


def main() -> None:
    """Runs the target that the first argument names; without one, names them all."""
    if len(sys.argv) == 1:
        print(*TARGETS, sep="\n")
        return
    _, name, *options = sys.argv
    target = TARGETS[name]
    grown, found = FOLDER / name, FOLDER / "found"
    grown.mkdir(parents=True, exist_ok=True)
    found.mkdir(parents=True, exist_ok=True)
    for seed in target.seeds():
        if len(seed) <= LARGEST:
            (grown / hashlib.sha256(seed).hexdigest()[:40]).write_bytes(seed)
    settings = [f"-artifact_prefix={found / name}-", f"-max_len={LARGEST}", "-timeout=60", "-rss_limit_mb=3000"]
    atheris.Setup([sys.argv[0], *settings, *options, str(grown)], target.look)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
