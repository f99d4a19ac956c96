"""What the plugin declares, what importing it costs, and its README."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import hubbub_local_executor
from hubbub_local_executor.plugin import hubbub_checks, hubbub_components

README = Path(__file__).parents[3] / "plugins" / "local-executor" / "README.md"


def test_importing_the_package_and_its_plugin_loads_no_pydantic() -> None:
    program = (
        "import sys, hubbub_local_executor, hubbub_local_executor.plugin\n"
        "print([name for name in ('pydantic', 'asyncio', 'hubbub_core') if name in sys.modules])"
    )

    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert output == "[]\n"


def test_every_public_name_is_served_and_listed() -> None:
    assert all(getattr(hubbub_local_executor, name).__name__ == name for name in hubbub_local_executor.__all__)
    assert set(hubbub_local_executor.__all__) <= set(dir(hubbub_local_executor))
    assert list(hubbub_local_executor._LAZY) == hubbub_local_executor.__all__


def test_an_unknown_name_is_an_attribute_error_that_names_it() -> None:
    with pytest.raises(AttributeError, match="hubbub_local_executor offers no 'LocalExecutor'"):
        _ = hubbub_local_executor.LocalExecutor


def test_every_declared_provider_exists_and_dumps_under_its_name() -> None:
    for spec in hubbub_components():
        module, _, name = spec.provider.rpartition(".")
        component = getattr(importlib.import_module(module), name)

        assert component.component_provider_override == spec.provider
        assert component.component_type == spec.kind
    for check in hubbub_checks():
        module, _, name = check.by.rpartition(".")
        assert callable(getattr(importlib.import_module(module), name))


def test_the_programs_of_the_readme_run(tmp_path: Path) -> None:
    text = README.read_text(encoding="utf-8")
    first, second = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    [output] = re.findall(r"It prints:\n\n```\n(.*?)```", text, re.DOTALL)
    # A function's source is read from its file, so the second program needs one.
    (tmp_path / "program.py").write_text(second)

    one = subprocess.run([sys.executable, "-c", first], capture_output=True, text=True, cwd=tmp_path, check=True)
    two = subprocess.run([sys.executable, "program.py"], capture_output=True, text=True, cwd=tmp_path, check=True)

    assert one.stdout == output
    assert "UserWarning" in one.stderr
    assert two.stdout.endswith('def text(data: bytes) -> str:\n    """Decode bytes."""\n    ...\n')
