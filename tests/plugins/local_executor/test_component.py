"""The executor as a component, its warnings, and its working directory."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hubbub_core import CancellationToken
from hubbub_core.code_executor import CodeBlock, CodeExecutor
from hubbub_core.tools import PythonCodeExecutionTool
from hubbub_local_executor import LocalCommandLineCodeExecutor, LocalCommandLineCodeExecutorConfig
from hubbub_registry import CapabilityError

Make = Callable[..., LocalCommandLineCodeExecutor]
Run = Callable[..., Any]


def test_dump_holds_the_documented_configuration(make: Make, tmp_path: Path) -> None:
    dumped = make(timeout=5, functions_module="mine", cleanup_temp_files=False).dump_component()

    assert dumped.provider == "hubbub_local_executor.LocalCommandLineCodeExecutor"
    assert (dumped.component_type, dumped.component_version) == ("code_executor", 1)
    assert dumped.config == {
        "timeout": 5,
        "work_dir": str(tmp_path / "coding"),
        "functions_module": "mine",
        "cleanup_temp_files": False,
    }


def test_defaults_of_the_configuration_are_the_documented_ones() -> None:
    assert LocalCommandLineCodeExecutorConfig().model_dump() == {
        "timeout": 60,
        "work_dir": None,
        "functions_module": "functions",
        "cleanup_temp_files": True,
    }


def test_a_temporary_folder_is_not_part_of_the_configuration(make: Make) -> None:
    executor = make(work_dir=None)
    assert executor.work_dir.is_dir()

    assert executor.dump_component().config == {
        "timeout": 60,
        "functions_module": "functions",
        "cleanup_temp_files": True,
    }


def test_what_a_dump_leaves_out_is_logged(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    def function() -> None: ...

    with caplog.at_level(logging.INFO):
        make(functions=[function]).dump_component()

    assert [record.getMessage() for record in caplog.records] == [
        "The functions ['function'] are not part of the configuration"
    ]


@pytest.mark.parametrize(
    "provider",
    [
        "hubbub_local_executor.LocalCommandLineCodeExecutor",
        "autogen_ext.code_executors.local.LocalCommandLineCodeExecutor",
        "LocalCommandLineCodeExecutor",
    ],
)
async def test_a_granted_load_runs_code(provider: str, run: Run, tmp_path: Path) -> None:
    model = {"provider": provider, "config": {"timeout": 7, "work_dir": str(tmp_path)}}

    with pytest.warns(UserWarning, match="without a sandbox"):
        executor = CodeExecutor.load_component(model, allow=["process"])

    assert isinstance(executor, LocalCommandLineCodeExecutor)
    assert (executor.timeout, executor.work_dir, executor.cleanup_temp_files) == (7, tmp_path, True)
    assert (await run(executor, ("python", "print(1)"))).output == "1\n"


def test_loading_asks_for_the_grant_process() -> None:
    with pytest.raises(CapabilityError, match="process"):
        CodeExecutor.load_component({"provider": "LocalCommandLineCodeExecutor", "config": {}})


async def test_the_tool_that_runs_python_runs_it_here(make: Make) -> None:
    tool = PythonCodeExecutionTool(make())

    result = await tool.run_json({"code": "print('from a tool')"}, CancellationToken())

    assert (result.success, result.output) == (True, "from a tool\n")


def test_a_timeout_below_one_second_is_refused(make: Make) -> None:
    with pytest.raises(ValueError, match=r"^Timeout must be greater than or equal to 1\.$"):
        make(timeout=0)


def test_the_prompt_template_is_the_documented_one() -> None:
    template = LocalCommandLineCodeExecutor.FUNCTION_PROMPT_TEMPLATE

    assert len(template) == 265
    assert hashlib.sha256(template.encode()).hexdigest().startswith("0564cd507f438f44")


def test_the_languages_are_the_documented_ones() -> None:
    assert LocalCommandLineCodeExecutor.SUPPORTED_LANGUAGES == [
        "bash",
        "shell",
        "sh",
        "pwsh",
        "powershell",
        "ps1",
        "python",
    ]


async def test_restart_only_warns(make: Make, run: Run) -> None:
    executor = make()

    with pytest.warns(UserWarning, match=r"No action is taken\.$"):
        await executor.restart()

    assert (await run(executor, ("sh", "echo on"))).output == "on\n"


# The working directory.


@pytest.mark.parametrize("work_dir", [".", Path("."), Path.cwd])
def test_the_current_directory_is_deprecated(make: Make, work_dir: Any) -> None:
    given = work_dir() if callable(work_dir) else work_dir

    with pytest.warns(DeprecationWarning, match=r"^Using the current directory as work_dir is deprecated\.$") as caught:
        executor = make(work_dir=given)

    assert [Path(warning.filename).name for warning in caught if warning.category is DeprecationWarning] == [
        "conftest.py"
    ]
    assert executor.work_dir == Path(given)


async def test_a_temporary_folder_lives_from_start_to_stop(make: Make, run: Run) -> None:
    executor = make(work_dir=None)
    async with executor:
        folder = executor.work_dir
        assert folder.is_dir()
        assert (await run(executor, ("sh", "touch kept; pwd"))).output == f"{folder}\n"
        assert [path.name for path in folder.iterdir()] == ["kept"]

    assert not folder.exists()
    assert executor.work_dir != folder


async def test_a_given_folder_is_made_and_stays(make: Make, run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    executor = make(work_dir=str(folder))
    assert not folder.exists()

    async with executor:
        await run(executor, ("sh", "touch kept"))

    assert executor.work_dir == folder
    assert [path.name for path in folder.iterdir()] == ["kept"]


async def test_a_relative_folder_is_where_it_was_when_the_executor_was_made(
    make: Make, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    executor = make(work_dir="coding")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    assert (await run(executor, ("sh", "pwd"))).output == f"{tmp_path / 'coding'}\n"


def test_a_file_is_no_working_directory(make: Make, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ValueError, match="is not a folder"):
        make(work_dir=tmp_path / "file")


async def test_stop_without_start_and_twice_is_fine(make: Make) -> None:
    executor = make(work_dir=None)

    await executor.stop()
    await executor.stop()


async def test_results_need_no_start(make: Make) -> None:
    result = await make(work_dir=None).execute_code_blocks([CodeBlock("print(1)", "python")], CancellationToken())

    assert result.output == "1\n"
