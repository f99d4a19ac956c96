"""Blocks run in the virtual environment they were given."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hubbub_local_executor import LocalCommandLineCodeExecutor

Make = Callable[..., LocalCommandLineCodeExecutor]
Run = Callable[..., Any]


async def test_python_blocks_run_in_this_interpreter_by_default(make: Make, run: Run) -> None:
    result = await run(make(), ("python", "import sys\nprint(sys.executable, sys.prefix)"))

    assert result.output == f"{sys.executable} {sys.prefix}\n"


async def test_every_block_finds_the_environment(
    make: Make, run: Run, environment: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHOME", "/nonexistent")
    executor = make(virtual_env_context=environment)

    result = await run(
        executor,
        ("python", "import sys\nprint(sys.prefix)"),
        ("bash", "command -v python pip"),
        ("sh", 'echo "$VIRTUAL_ENV"'),
    )

    folder, programs = environment.env_dir, environment.bin_path
    assert result.output.splitlines() == [folder, f"{programs}/python", f"{programs}/pip", folder]


async def test_the_environment_of_this_program_stays_as_it_is(
    make: Make, run: Run, environment: SimpleNamespace
) -> None:
    before = dict(os.environ)

    await run(make(virtual_env_context=environment), ("sh", "true"))

    assert dict(os.environ) == before


async def test_pip_installs_into_the_environment_without_a_word(
    make: Make, run: Run, environment: SimpleNamespace
) -> None:
    executor = make(virtual_env_context=environment)

    install = await run(executor, ("bash", "pip install six"))
    use = await run(executor, ("python", "import six\nprint(six.__file__)"))

    assert (install.exit_code, install.output) == (0, "")
    assert install.code_file.endswith(".bash")
    assert len(Path(install.code_file).stem) == len("tmp_code_") + 64
    assert use.output.startswith(environment.env_dir)


@pytest.mark.parametrize("command", ["pip install", "python -m pip install", "  pip3 install"])
async def test_what_pip_says_when_it_fails_is_shown(
    make: Make, run: Run, environment: SimpleNamespace, command: str
) -> None:
    executor = make(virtual_env_context=environment)

    result = await run(executor, ("sh", f"{command} --no-index hubbub-no-such-package"))

    assert result.exit_code == 1
    assert result.output.splitlines()[-1] == "ERROR: No matching distribution found for hubbub-no-such-package"


async def test_other_commands_of_pip_speak(make: Make, run: Run, environment: SimpleNamespace) -> None:
    result = await run(make(virtual_env_context=environment), ("sh", "pip --version\necho pip install x"))

    assert result.output.startswith("pip ")
    assert result.output.endswith("\npip install x\n")


async def test_a_missing_environment_is_told(make: Make, run: Run, tmp_path: Path) -> None:
    context = SimpleNamespace(env_dir="gone", env_exe="gone/bin/python", bin_path="gone/bin")

    result = await run(make(virtual_env_context=context), ("python", "print(1)"))

    missing = Path.cwd() / "gone/bin/python"
    assert (result.exit_code, result.output) == (
        127,
        f"there is no Python at '{missing}', so python code cannot be run here",
    )


async def test_relative_folders_of_a_context_are_where_they_were(
    make: Make, run: Run, environment: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the documented example has them: `ensure_directories(Path("coding") / ".venv")`."""
    above = Path(environment.env_dir).parent
    monkeypatch.chdir(above)
    paths = {name: Path(getattr(environment, name)).relative_to(above) for name in ("env_dir", "env_exe", "bin_path")}
    executor = make(virtual_env_context=SimpleNamespace(**paths))
    monkeypatch.chdir(tmp_path)

    result = await run(executor, ("python", "import sys\nprint(sys.prefix)"))

    assert result.output == f"{environment.env_dir}\n"


def test_what_is_no_context_is_refused(make: Make) -> None:
    with pytest.raises(ValueError, match=r"virtual_env_context has no bin_path; pass what venv\.EnvBuilder"):
        make(virtual_env_context=SimpleNamespace(env_dir="x"))
