"""Functions of the user that blocks import, with what they require."""

from __future__ import annotations

import asyncio
import functools
import os
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from hubbub_core import CancellationToken
from hubbub_core.code_executor import (
    Alias,
    CodeBlock,
    FunctionWithRequirements,
    ImportFromModule,
    with_requirements,
)
from hubbub_local_executor import LocalCommandLineCodeExecutor
from hubbub_local_executor._environment import uv_command

if TYPE_CHECKING:
    import six  # type: ignore[import-untyped] # only the copy of the function is ever called

Make = Callable[..., LocalCommandLineCodeExecutor]
Run = Callable[..., Any]


def add_two_numbers(a: int, b: int = 1) -> int:
    """Add two numbers together."""
    return a + b


@with_requirements(
    python_packages=["six>=1.16"],
    global_imports=["six", Alias("json", "j"), ImportFromModule("pathlib", ["Path", Alias("PurePath", "P")])],
)
def load_data(source: str = "file") -> list[dict[str, str]]:
    """Load some sample data.

    Returns:
        Rows with names.
    """
    rows = [{"name": six.ensure_text(name)} for name in (b"John", b"Anna")]
    return j.loads(j.dumps(rows)) if Path(source) == P(source) else []  # type: ignore[name-defined]  # noqa: F821 # imported where the function is copied to


@with_requirements()
@functools.cache
def decorated(n: int) -> int:
    return n


async def wait_a_moment() -> str:
    return "waited"


MULTIPLY = FunctionWithRequirements.from_str('def multiply(a: float, b) -> float:\n    "Multiply."\n    return a * b')


async def test_a_function_is_imported_from_the_module(make: Make, run: Run) -> None:
    executor = make(functions=[add_two_numbers, MULTIPLY])
    code = f"from {executor.functions_module} import add_two_numbers, multiply\nprint(multiply(add_two_numbers(1), 5))"

    result = await run(executor, ("python", code))

    assert (result.exit_code, result.output) == (0, "10\n")
    assert (executor.functions_module, executor.functions) == ("functions", ["add_two_numbers", "multiply"])


async def test_the_documented_example_with_requirements(
    make: Make, run: Run, environment: SimpleNamespace, tmp_path: Path
) -> None:
    """With a small package, and with the indentation that the document prints (spec: 000 L20835-20878)."""
    executor = make(work_dir=tmp_path / "a b", functions=[load_data], virtual_env_context=environment)
    code = f"""from {executor.functions_module} import load_data

            # Use the imported function
            data = load_data()
            print(data[0]['name'])"""

    result = await run(executor, ("python", code))

    assert (result.exit_code, result.output) == (0, "John\n")
    site = await run(executor, ("python", "import six\nprint(six.__file__)"))
    assert site.output.startswith(environment.env_dir)


async def test_the_module_is_importable_from_a_subfolder_and_from_a_shell_block(make: Make, run: Run) -> None:
    executor = make(functions=[add_two_numbers], functions_module="mine")
    use = "from mine import add_two_numbers\nprint(add_two_numbers(2, 3))"

    result = await run(executor, ("python", f"# filename: sub/use.py\n{use}"), ("sh", f"{sys.executable} sub/use.py"))

    assert result.output == "5\n5\n"


async def test_a_module_that_a_block_wrote_over_is_back_for_the_next_call(make: Make, run: Run) -> None:
    executor = make(functions=[add_two_numbers])
    use = ("python", "from functions import add_two_numbers\nprint(add_two_numbers(1))")
    await run(executor, use, ("python", "# filename: functions.py\nraise SystemExit(0)"))

    assert (await run(executor, use)).output == "2\n"


async def test_an_executor_that_was_stopped_sets_its_functions_up_again(make: Make, run: Run) -> None:
    executor = make(work_dir=None, functions=[add_two_numbers])
    use = ("python", "from functions import add_two_numbers\nprint(add_two_numbers(1))")

    for _ in range(2):
        assert (await run(executor, use)).output == "2\n"
        await executor.stop()


async def test_calls_at_the_same_time_wait_for_one_set_up(make: Make, run: Run) -> None:
    executor = make(functions=[add_two_numbers])
    use = ("python", "from functions import add_two_numbers\nprint(add_two_numbers(1))")

    results = await asyncio.gather(*(run(executor, use) for _ in range(4)))

    assert [result.output for result in results] == ["2\n"] * 4


async def test_a_package_that_cannot_be_installed_is_an_error_that_names_it(
    make: Make, run: Run, environment: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing is looked up: there is no index, and no folder either.
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    wanting = with_requirements(python_packages=["hubbub-no-such-package==0.0.1"])(add_two_numbers)

    with pytest.raises(
        ValueError, match=r"(?s)installing \['hubbub-no-such-package==0\.0\.1'\] .*No matching distribution"
    ):
        await run(make(functions=[wanting], virtual_env_context=environment), ("sh", "echo ran"))


async def test_a_package_is_no_way_to_smuggle_options_in(
    make: Make, run: Run, environment: SimpleNamespace, tmp_path: Path
) -> None:
    wanting = with_requirements(python_packages=["--log=smuggled"])(add_two_numbers)

    with pytest.raises(ValueError, match="Invalid requirement"):
        await run(make(functions=[wanting], virtual_env_context=environment), ("sh", "echo ran"))

    assert os.listdir(tmp_path / "coding") == ["functions.py"]


async def test_an_environment_without_pip_is_installed_into_with_uv(make: Make, run: Run, tmp_path: Path) -> None:
    if uv_command() is None:
        pytest.skip("needs uv on PATH or in this environment")
    builder = venv.EnvBuilder(with_pip=False)
    builder.create(tmp_path / ".venv")
    executor = make(functions=[load_data], virtual_env_context=builder.ensure_directories(tmp_path / ".venv"))

    result = await run(executor, ("python", "from functions import load_data\nprint(load_data()[1]['name'])"))

    assert (result.exit_code, result.output) == (0, "Anna\n")


async def test_a_function_that_cannot_be_imported_is_an_error_with_its_cause(make: Make, run: Run) -> None:
    wanting = with_requirements(global_imports=["no_such_module"])(add_two_numbers)

    with pytest.raises(ValueError, match=r"(?s)importing the functions \['add_two_numbers'\] failed: .*no_such_module"):
        await run(make(functions=[wanting]), ("sh", "echo ran"))


async def test_setting_up_has_the_timeout_too(
    make: Make, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow_to_import.py").write_text("import time\ntime.sleep(600)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    wanting = with_requirements(global_imports=["slow_to_import"])(add_two_numbers)

    with pytest.raises(TimeoutError, match=r"setting up the functions \['add_two_numbers'\] took longer than 1 s"):
        await run(make(timeout=1, functions=[wanting]), ("sh", "echo ran"))


async def test_token_ends_setting_up_and_waiting_for_it(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait_until: Run, running: Callable[[int], bool]
) -> None:
    (tmp_path / "slow_to_import.py").write_text(
        "import os, time\nopen('pid.tmp', 'w').write(str(os.getpid()))\nos.rename('pid.tmp', 'pid')\ntime.sleep(600)"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    executor = make(functions=[with_requirements(global_imports=["slow_to_import"])(add_two_numbers)])
    token = CancellationToken()
    calls = [asyncio.create_task(executor.execute_code_blocks([CodeBlock("echo ran", "sh")], token)) for _ in range(2)]
    await wait_until((executor.work_dir / "pid").exists)

    token.cancel()

    assert [(await call).output for call in calls] == ["Cancelled", "Cancelled"]
    assert not running(int((executor.work_dir / "pid").read_text()))


def test_functions_are_described_to_a_model(make: Make) -> None:
    executor = make(functions=[add_two_numbers, load_data, MULTIPLY, wait_a_moment], functions_module="mine")

    prompt = executor.format_functions_for_prompt()

    assert prompt == (
        "You have access to the following user defined functions. They can be accessed from the module called `mine` "
        "by their function names.\n\n"
        "For example, if there was a function called `foo` you could import it by writing `from mine import foo`\n\n"
        'def add_two_numbers(a: int, b: int=1) -> int:\n    """Add two numbers together."""\n    ...\n\n'
        "def load_data(source: str='file') -> list[dict[str, str]]:\n"
        '    """Load some sample data.\n\n    Returns:\n        Rows with names.\n    """\n    ...\n\n'
        'def multiply(a: float, b) -> float:\n    """Multiply."""\n    ...\n\n'
        "async def wait_a_moment() -> str:\n    ..."
    )


def test_a_prompt_of_ones_own_keeps_its_dollar_signs(make: Make) -> None:
    executor = make(functions=[wait_a_moment])

    assert executor.format_functions_for_prompt("$5 for $module_name: $functions") == (
        "$5 for functions: async def wait_a_moment() -> str:\n    ..."
    )


async def test_other_decorators_are_kept(make: Make, run: Run) -> None:
    wanting = FunctionWithRequirements.from_callable(decorated.func, [], ["functools"])

    result = await run(
        make(functions=[wanting]), ("python", "from functions import decorated\nprint(decorated.cache_info().hits)")
    )

    assert result.output == "0\n"


@pytest.mark.parametrize(
    ("functions", "text"),
    [
        ([len], "cannot read the source code of <built-in function len>"),
        ([lambda: 1], "not defined by a `def` statement|cannot stand alone"),
        ([add_two_numbers, add_two_numbers], "two functions are called 'add_two_numbers'"),
        ([with_requirements(global_imports=["os; evil()"])(add_two_numbers)], "not the name of a module"),
    ],
)
def test_functions_that_make_no_module_are_refused_at_once(make: Make, functions: list[Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        make(functions=functions)


@pytest.mark.parametrize("name", ["not-a-name", "1st", "", "a.b", "class"])
def test_a_module_name_has_to_be_an_identifier(make: Make, name: str) -> None:
    with pytest.raises(ValueError, match="Module name must be a valid Python identifier"):
        make(functions_module=name)


async def test_without_functions_nothing_is_written_or_put_on_the_path(make: Make, run: Run) -> None:
    executor = make()

    result = await run(executor, ("python", "import os\nprint(os.environ.get('PYTHONPATH'))"))

    assert result.output == f"{os.environ.get('PYTHONPATH')}\n"
    assert list(executor.work_dir.iterdir()) == []
