"""How commands print: JSON for programs, aligned columns for people."""

from __future__ import annotations

import json
from collections.abc import Sequence


def print_json(value: object) -> None:
    """Print a value as JSON."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_columns(rows: Sequence[Sequence[str]], notes: Sequence[str | None] = ()) -> None:
    """Print rows in aligned columns.

    Args:
        rows: Cells; the last column is not padded.
        notes: One per row, printed below it when there is one.
    """
    if not rows:
        return
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for index, row in enumerate(rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        note = notes[index] if index < len(notes) else None
        if note:
            print(f"    {note}")
