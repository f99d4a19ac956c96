"""Blocks become files and processes, in order, inside the working directory."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hubbub_core import CancellationToken
from hubbub_core.code_executor import CodeBlock
from hubbub_local_executor import CommandLineCodeResult, LocalCommandLineCodeExecutor, _process

Make = Callable[..., LocalCommandLineCodeExecutor]
Run = Callable[..., Any]


async def test_python_block_runs_without_a_start_and_its_file_is_absolute(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    executor = make(work_dir=Path("coding"))
    code = "print('Hello, World!')"

    result = await executor.execute_code_blocks(
        code_blocks=[CodeBlock(language="python", code=code)], cancellation_token=CancellationToken()
    )

    name = f"tmp_code_{hashlib.sha256(code.encode()).hexdigest()}.py"
    assert result == CommandLineCodeResult(
        exit_code=0, output="Hello, World!\n", code_file=str(tmp_path / "coding" / name)
    )
    assert executor.work_dir == Path("coding")


@pytest.mark.parametrize(
    ("language", "suffix"), [("bash", ".bash"), ("sh", ".sh"), ("shell", ".sh"), ("python", ".py"), ("Python", ".py")]
)
async def test_each_language_has_its_suffix(make: Make, run: Run, language: str, suffix: str) -> None:
    code = "print('out')" if suffix == ".py" else "echo out"

    result = await run(make(), (language, code))

    assert (result.exit_code, result.output) == (0, "out\n")
    assert result.code_file.endswith(suffix)


async def test_bash_blocks_run_in_bash(make: Make, run: Run) -> None:
    result = await run(make(), ("bash", 'words=(a b); [[ ${words[1]} == b ]] && echo "$BASH_VERSION"'))

    assert result.exit_code == 0
    assert result.output.strip()


async def test_blocks_run_in_order_and_share_the_working_directory(make: Make, run: Run, tmp_path: Path) -> None:
    result = await run(make(), ("python", "open('n', 'w').write('1'); print('first')"), ("sh", "cat n; pwd"))

    assert result.output == f"first\n1{tmp_path / 'coding'}\n"
    assert "tmp_code" in result.code_file
    assert result.code_file.endswith(".py")


async def test_standard_error_comes_before_standard_output(make: Make, run: Run) -> None:
    result = await run(make(), ("sh", "echo out; echo err >&2"), ("sh", "echo more >&2"))

    assert result.output == "err\nout\nmore\n"


async def test_the_first_failing_block_is_the_last_that_runs(make: Make, run: Run) -> None:
    result = await run(make(), ("python", "print('a')"), ("python", "raise ValueError('b')"), ("sh", "echo c"))

    assert result.exit_code == 1
    assert result.output.startswith("a\nTraceback")
    assert result.output.endswith("ValueError: b\n")


async def test_exit_status_is_the_exit_code(make: Make, run: Run) -> None:
    assert (await run(make(), ("sh", "exit 42"))).exit_code == 42
    assert (await run(make(), ("sh", "kill -KILL $$"))).exit_code == -9


async def test_no_blocks_give_an_empty_result(make: Make, run: Run) -> None:
    assert await run(make()) == CommandLineCodeResult(exit_code=0, output="", code_file=None)


@pytest.mark.parametrize("language", ["cobol", ""])
async def test_unknown_language_fails_after_the_blocks_before_it(make: Make, run: Run, language: str) -> None:
    result = await run(make(), ("sh", "printf before"), (language, "x"), ("sh", "echo after"))

    assert (result.exit_code, result.output) == (1, f"before\nunknown language {language}")


async def test_a_block_has_no_input(make: Make, run: Run) -> None:
    assert (await run(make(), ("sh", "cat; echo end"))).output == "end\n"


async def test_nothing_of_a_path_or_code_reaches_a_shell(make: Make, run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "a b $(touch pwned); 'x"
    executor = make(work_dir=folder)

    result = await run(executor, ("sh", "# filename: -c $(touch pwned) ;.sh\necho fine"), ("python", "print('fine')"))

    assert (result.exit_code, result.output) == (0, "fine\nfine\n")
    assert sorted(path.name for path in folder.iterdir()) == ["-c $(touch pwned) ;.sh"]


async def test_text_of_every_script_survives(make: Make, run: Run) -> None:
    assert (await run(make(), ("python", "print('žluťoučký 🐎')"))).output == "žluťoučký 🐎\n"


async def test_output_that_is_no_text_is_readable_all_the_same(make: Make, run: Run) -> None:
    assert (await run(make(), ("sh", r"printf 'a\377b'"))).output == "a\ufffdb"


async def test_much_output_on_both_streams_is_kept(make: Make, run: Run) -> None:
    code = "import sys\nfor stream in (sys.stdout, sys.stderr):\n    stream.write(stream.name[4] * 3_000_000)"

    result = await run(make(), ("python", code))

    assert result.output == "e" * 3_000_000 + "o" * 3_000_000


async def test_output_without_end_does_not_fill_the_memory(
    make: Make, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_process, "OUTPUT_LIMIT", 1000)

    result = await run(make(), ("python", "print('x' * 5000, end='')"))

    assert result.output == "x" * 1000 + "\n[4000 more bytes are left out]\n"


async def test_the_loop_goes_on_while_a_block_runs(make: Make, run: Run, tmp_path: Path, wait_until: Run) -> None:
    executor = make()
    fifo = executor.work_dir / "fifo"
    await executor.start()
    os.mkfifo(fifo)

    waiting = asyncio.create_task(run(executor, ("sh", "touch here; cat fifo")))
    await wait_until((executor.work_dir / "here").exists)
    await asyncio.to_thread(fifo.write_text, "from outside")

    assert (await waiting).output == "from outside"


# Code that was quoted with indentation (spec: 000 L20863).


@pytest.mark.parametrize(
    "code",
    [
        "x = 1\n\n            # Use it\n            if x:\n                print('ran')",
        "    x = 1\n    if x:\n        print('ran')",
        "\n    x = 1\n    print('ran')\n",
        "if True:\n    print('ran')",
        "  # filename: named.py\n  print('ran')",
    ],
)
async def test_indentation_that_came_along_is_taken_off(make: Make, run: Run, code: str) -> None:
    result = await run(make(), ("python", code))

    assert (result.exit_code, result.output) == (0, "ran\n")


async def test_code_that_stays_wrong_is_left_to_the_interpreter(make: Make, run: Run) -> None:
    result = await run(make(), ("python", "x = 1\n    y = 2\n  z = 3"))

    assert result.exit_code == 1
    assert "IndentationError" in result.output


# Names of files.


async def test_a_block_names_its_file_and_that_stays(make: Make, run: Run, tmp_path: Path) -> None:
    executor = make()

    result = await run(executor, ("python", "# filename: pkg/tool.py\nVALUE = 3"), ("sh", "python3 pkg/tool.py"))
    again = await run(executor, ("python", "from pkg.tool import VALUE\nprint(VALUE)"))

    path = tmp_path / "coding" / "pkg" / "tool.py"
    assert (result.exit_code, result.code_file) == (0, str(path))
    assert path.read_text() == "# filename: pkg/tool.py\nVALUE = 3"
    assert again.output == "3\n"


async def test_an_absolute_name_inside_the_working_directory_is_fine(make: Make, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "coding" / "x.py"

    result = await run(make(), ("python", f"# filename: {path}\nprint(1)"))

    assert (result.exit_code, result.output) == (0, "1\n")


@pytest.mark.parametrize(
    "name", ["../out.py", "/tmp/out-of-hubbub.py", "a/../../out.py", "link/out.py", "file", ".", "a\0b", "dir/.."]
)
async def test_a_name_outside_of_the_working_directory_is_refused(
    make: Make, run: Run, tmp_path: Path, name: str
) -> None:
    executor = make()
    await executor.start()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "victim").write_text("untouched")
    (executor.work_dir / "link").symlink_to(tmp_path / "elsewhere")
    (executor.work_dir / "file").symlink_to(tmp_path / "victim")

    result = await run(executor, ("python", f"# filename: {name}\nprint('ran')"))

    assert result == CommandLineCodeResult(exit_code=1, output="Filename is not in the workspace", code_file=None)
    assert (tmp_path / "victim").read_text() == "untouched"
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert sorted(os.listdir(tmp_path)) == ["coding", "elsewhere", "victim"]


async def test_a_name_that_cannot_be_written_is_told(make: Make, run: Run) -> None:
    executor = make()
    await executor.start()
    (executor.work_dir / "taken").mkdir()

    result = await run(executor, ("python", "# filename: taken\nprint('ran')"))

    assert result.exit_code == 1
    assert "Is a directory" in result.output
    assert result.code_file is None


async def test_a_link_in_place_of_a_temporary_file_is_not_followed(make: Make, run: Run, tmp_path: Path) -> None:
    executor = make()
    first = await run(executor, ("python", "print(1)"))
    (tmp_path / "victim").write_text("untouched")
    os.symlink(tmp_path / "victim", first.code_file)

    second = await run(executor, ("python", "print(1)"))

    assert second.output == "1\n"
    assert (tmp_path / "victim").read_text() == "untouched"


# Temporary files.


async def test_code_files_are_gone_after_the_call(make: Make, run: Run) -> None:
    executor = make()

    await run(executor, ("python", "print(1)"), ("sh", "exit 3"))

    assert executor.cleanup_temp_files
    assert list(executor.work_dir.iterdir()) == []


async def test_code_files_are_kept_on_request(make: Make, run: Run) -> None:
    executor = make(cleanup_temp_files=False)

    result = await run(executor, ("python", "print(1)"), ("sh", "exit 3"))

    kept = sorted(executor.work_dir.iterdir(), key=lambda path: path.suffix)
    assert [path.read_text() for path in kept] == ["print(1)", "exit 3"]
    assert str(kept[0]) == result.code_file


# The first to come leaves when the second is there; the second then reads its own file.
TWINS = """
if mkdir first 2>/dev/null; then
    while [ ! -e second ]; do sleep 0.01; done
    exit 0
fi
touch second
cat fifo
cat "$0"
"""


async def test_equal_blocks_at_the_same_time_do_not_remove_the_file_under_each_other(make: Make, run: Run) -> None:
    executor = make()
    await executor.start()
    os.mkfifo(executor.work_dir / "fifo")
    calls = [asyncio.create_task(run(executor, ("sh", TWINS))) for _ in range(2)]

    [first], [second] = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.to_thread((executor.work_dir / "fifo").write_text, "")

    assert (first.result().exit_code, first.result().output) == (0, "")
    assert ((await second).exit_code, (await second).output) == (0, TWINS)
    assert sorted(os.listdir(executor.work_dir)) == ["fifo", "first", "second"]


async def test_equal_blocks_at_the_same_time_never_read_half_a_file(make: Make, run: Run) -> None:
    executor = make()
    block = ("python", "# filename: same.py\nprint('whole')")

    results = await asyncio.gather(*(run(executor, block, ("python", "print('too')")) for _ in range(20)))

    assert [result.output for result in results] == ["whole\ntoo\n"] * 20
    assert os.listdir(executor.work_dir) == ["same.py"]


async def test_a_file_that_cannot_be_removed_is_logged(make: Make, run: Run, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        result = await run(make(), ("python", "import os\nos.remove(__file__)\nos.mkdir(__file__)"))

    assert result.exit_code == 0
    assert [record.getMessage().startswith("Failed to delete temporary file") for record in caplog.records] == [True]


async def test_a_file_that_its_code_removed_is_no_error(make: Make, run: Run, caplog: pytest.LogCaptureFixture) -> None:
    assert (await run(make(), ("python", "import os\nos.remove(__file__)"))).exit_code == 0
    assert caplog.records == []


# PowerShell.


async def test_powershell_blocks_say_so_when_there_is_no_powershell(
    make: Make, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")

    result = await run(make(), ("pwsh", "Write-Output 1"))

    assert (result.exit_code, result.output) == (127, "there is no 'pwsh' on PATH, so pwsh code cannot be run here")
    assert result.code_file.endswith(".ps1")


@pytest.mark.parametrize("language", ["pwsh", "powershell", "ps1"])
async def test_powershell_is_called_without_profile_and_policy(
    make: Make, run: Run, language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands in for pwsh shows the command line that it would get (spec: newer N-262)."""
    stand_in = tmp_path / "bin" / "pwsh"
    stand_in.parent.mkdir()
    stand_in.write_text('#!/bin/sh\necho "$@"\n')
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", f"{stand_in.parent}{os.pathsep}{os.environ['PATH']}")

    result = await run(make(), (language, "Write-Output 1"))

    assert result.output == f"-NoProfile -ExecutionPolicy Bypass -File {result.code_file}\n"


@pytest.mark.skipif(shutil.which("pwsh") is None, reason="needs PowerShell (pwsh) on PATH")
async def test_powershell_blocks_run(make: Make, run: Run) -> None:
    assert (await run(make(), ("pwsh", 'Write-Output "a$(1 + 1)"'))).output == "a2\n"
