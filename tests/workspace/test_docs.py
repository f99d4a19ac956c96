"""Every Python block of the documents is a whole program that runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = sorted((Path(__file__).resolve().parents[2] / "docs").glob("*.md"))
BLOCKS = [
    pytest.param(block, id=f"{path.stem}-{number}")
    for path in DOCS
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL))
]
HUB = """\
hub: 1
name: town
set:
  town: {default: Bergen}
agents:
  reader: {component: llama_index_retriever, subscriptions: [task], publishes: answer, config: {folder: "${hub:dir}"}}
entry: {topic: task}
result: {topic: answer}
"""


@pytest.mark.parametrize("block", BLOCKS)
def test_block_runs(block: str, tmp_path: Path) -> None:
    (tmp_path / "hub.yaml").write_text(HUB)
    (tmp_path / "news.md").write_text("# News\n\nWhat is new is the bridge.\n")

    done = subprocess.run(
        [sys.executable, "-c", block],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        env={**os.environ, "OPENAI_API_KEY": "unused"},
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.stem)
def test_every_link_leads_to_a_file(path: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")) if "://" not in link]

    assert [link for link in links if not (path.parent / link).exists()] == []


def test_table_of_versions_is_that_of_the_pins() -> None:
    root = DOCS[0].parents[1]
    pins = [root / "pyproject.toml", root / "scripts/pins/newest.txt", root / "scripts/pins/oldest.txt"]
    texts = [path.read_text(encoding="utf-8") for path in pins]
    table = (root / "docs" / "frameworks.md").read_text(encoding="utf-8").split("## Versions")[1]
    rows = re.findall(r"^\| ([a-z-]+) \| ([\d.]*) \| ([\d.]*) ?\| ([\d.]*) \|$", table, re.MULTILINE)

    assert len(rows) == 7
    for name, *versions in rows:
        pinned = [re.search(rf'^[ "]*{name}==([\d.]+)', text, re.MULTILINE) for text in texts]
        assert versions == [found.group(1) if found else "" for found in pinned], name
