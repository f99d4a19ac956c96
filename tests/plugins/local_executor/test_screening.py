"""Commands that destroy a machine by accident are refused; ordinary work is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hubbub_local_executor import LocalCommandLineCodeExecutor
from hubbub_local_executor._screening import refusal

# Through the screen alone: one that slips through must not be run here.


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("rm -rf /", "rm -rf"),
        ("sudo rm -rf --no-preserve-root /", "rm -rf"),
        ("rm -fr ~", "rm -rf"),
        ("cd x && rm -r -f $HOME/stuff", "rm -rf"),
        ('rm -rf "${HOME}"', "rm -rf"),
        ("rm --recursive --force ../other", "rm -rf"),
        ("rm -Rf build /etc", "rm -rf"),
        ("mv important /dev/null", "/dev/null"),
        ("dd if=/dev/zero of=/dev/sda bs=1M", "'dd'"),
        ("mkfs.ext4 /dev/sda1", "Formatting"),
        ("echo x > /dev/sda", "disk blocks"),
        ("cat image >/dev/nvme0n1", "disk blocks"),
        (":(){ :|:& };:", "Fork bombs"),
        ("bomb() { bomb | bomb & }; bomb", "Fork bombs"),
    ],
)
def test_dangerous_commands_are_refused(code: str, reason: str) -> None:
    text = refusal(code)

    assert text is not None
    assert text.startswith("Potentially dangerous command detected: ")
    assert reason in text


@pytest.mark.parametrize(
    "code",
    [
        "rm -rf build dist",
        "rm -rf ./build && ls /",
        "rm file; cat /etc/hostname",
        "rm -f /tmp/one-file",
        "mv a b; echo x > /dev/null",
        "dd if=/dev/zero of=file bs=1 count=1",
        "dd if=file of=/dev/null",
        "echo '/dev/sda' > list",
        "build() { make | tee log & }; build",
        "echo form -r / .",
    ],
)
def test_ordinary_commands_are_not_refused(code: str) -> None:
    assert refusal(code) is None


async def test_a_refused_block_does_not_run(
    make: Callable[..., LocalCommandLineCodeExecutor], run: Callable[..., Any]
) -> None:
    executor = make()

    result = await run(executor, ("sh", "touch ran; mv ran /dev/null"))

    assert result.exit_code == 1
    assert result.output == "Potentially dangerous command detected: Moving files to /dev/null is not allowed."
    assert list(executor.work_dir.iterdir()) == []


async def test_python_code_is_not_read_as_shell(
    make: Callable[..., LocalCommandLineCodeExecutor], run: Callable[..., Any]
) -> None:
    assert (await run(make(), ("python", "print('rm -rf /')"))).output == "rm -rf /\n"
