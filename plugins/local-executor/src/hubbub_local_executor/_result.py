"""What came of running code blocks."""

from __future__ import annotations

from dataclasses import dataclass

from hubbub_core.code_executor import CodeResult


@dataclass
class CommandLineCodeResult(CodeResult):
    """Exit code, output, and the path of the first block's file; None if no block was written to a file."""

    code_file: str | None
