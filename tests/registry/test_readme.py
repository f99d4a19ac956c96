"""The README's program prints what the README says, and its plugin loads."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from hubbub_registry import Registry

if TYPE_CHECKING:
    from tests.registry.conftest import Site

README = Path(__file__).parents[2] / "registry" / "README.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def test_the_program_prints_what_is_shown(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(blocks("python")[0])

    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=60)

    assert (done.stderr, done.stdout) == ("", shown_output())


def shown_output() -> str:
    return next(line for line in README.read_text(encoding="utf-8").splitlines() if line.startswith("secret ")) + "\n"


def test_the_plugin_loads(site: Site, here: Callable[[str], Registry]) -> None:
    site.distribution("hubbub-weather", plugin="weather", code=blocks("python")[1])

    assert here("weather").get("weather").spec.provider == "hubbub_weather.Weather"
