"""How commands print: JSON for programs, aligned columns for people."""

from __future__ import annotations

import json
from collections.abc import Sequence


def print_json(value: object) -> None:
    """Print a value as JSON."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_columns(rows: Sequence[Sequence[str]], notes: Sequence[Sequence[str]] = ()) -> None:
    """Print rows in aligned columns.

    Args:
        rows: Cells; the last column is not padded.
        notes: Lines to print below each row.
    """
    if not rows:
        return
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for index, row in enumerate(rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        for note in notes[index] if index < len(notes) else ():
            print(f"    {note}")


def counted(number: int, what: str) -> str:
    """Return `1 plugin`, `2 plugins`."""
    return f"{number} {what}{'' if number == 1 else 's'}"
