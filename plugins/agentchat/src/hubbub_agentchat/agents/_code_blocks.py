"""Code in messages: finding it, writing it, and telling what came out of it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hubbub_core.code_executor import CodeBlock, CodeResult


class CodeFences:
    """Finds fenced blocks of code.

    Args:
        languages: Those that count, in any case; blocks in others, and without one, are passed over.
    """

    def __init__(self, languages: Sequence[str]) -> None:
        # The end is a fence on a line of its own: one within a line is a text in the code.
        self._fence = re.compile(
            rf"```[ \t]*({'|'.join(map(re.escape, languages))})[ \t]*\r?\n(.*?)\r?\n?^[ \t]*```[ \t]*\r?$",
            re.IGNORECASE | re.DOTALL | re.MULTILINE,
        )

    def find(self, text: str) -> list[CodeBlock]:
        """Return the blocks in a text, in order, with their languages in lower case."""
        return [CodeBlock(code=code, language=language.lower()) for language, code in self._fence.findall(text)]


def fenced(blocks: Sequence[CodeBlock]) -> str:
    """Return blocks as text, each fenced with its language, a blank line between them."""
    return "\n\n".join(f"```{block.language}\n{block.code}\n```" for block in blocks)


def described(result: CodeResult) -> str:
    """Return the output as it is told to others (N-159): with the exit code when it failed or printed nothing."""
    failed = f"The script ran, then exited with an error (POSIX exit code: {result.exit_code})"
    if not result.output.strip():
        if result.exit_code == 0:
            return (
                "The script ran but produced no output to console (POSIX exit code: 0). "
                "If you expected output, print it to stdout."
            )
        return f"{failed} and produced no output to console."
    return result.output if result.exit_code == 0 else f"{failed}\nIts output was:\n{result.output}"
