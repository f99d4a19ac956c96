"""The briefing example over a folder of many Markdown files, from the command line to the answer.

    uv run python benchmarks/briefing.py [--files 1000]

The budget is a minute for 1,000 files on 2 cores. The MCP server of the example is fetched before the clock starts.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORDS = [
    "harbour",
    "tide",
    "gull",
    "rope",
    "anchor",
    "sail",
    "lantern",
    "captain",
    "storm",
    "island",
    "compass",
    "chart",
    "keel",
    "mast",
    "deck",
    "crew",
]


def make_documents(folder: Path, count: int) -> None:
    """Write files of about 6 kB, the same ones each time."""
    chance = random.Random(7)
    for number in range(count):
        sections = (
            f"## Section {section}\n\n" + " ".join(chance.choice(WORDS) for _ in range(160)).capitalize() + "."
            for section in range(6)
        )
        (folder / f"note{number:04}.md").write_text(f"# Note {number}\n\n" + "\n\n".join(sections) + "\n")


def main() -> int:
    """Run the benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1000)
    count = parser.parse_args().files
    command = [sys.executable, "-m", "hubbub_registry", "run", str(ROOT / "examples" / "briefing" / "hub.yaml")]
    command += ["--task", "Where is the anchor?"]
    subprocess.run(command, check=True, capture_output=True)
    with tempfile.TemporaryDirectory() as name:
        make_documents(Path(name), count)
        begun = time.perf_counter()
        done = subprocess.run([*command, "--set", f"docs={name}"], capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - begun
    if done.returncode:
        print(done.stderr, file=sys.stderr)
        return 1
    indexed = [line for line in done.stderr.splitlines() if "indexing" in line]
    print(f"{count} files: {seconds:.1f} s to the answer, {len(indexed)} lines of progress (budget: 60 s for 1,000)")
    return 0 if seconds <= 60 or count > 1000 else 1


if __name__ == "__main__":
    sys.exit(main())
