"""The vendor's token tables, which this package carries, so that exact counts need no connection.

`_tables/NAME.bin` is the vendor's `NAME.tiktoken` without what can be computed again: the tokens in the order of their
ranks, each behind one byte with its length, compressed by zlib. The tests write the vendor's file of it, and tiktoken
itself compares its digest. Tables and patterns are those of tiktoken, under the licence beside them.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from typing import Final

# How a text is cut before its pieces are looked up; as tiktoken has them.
_PATTERNS: Final = {
    "cl100k_base": (
        r"""'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"""
        r"""|\s++$|\s*[\r\n]|\s+(?!\S)|\s"""
    ),
    "o200k_base": (
        r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"""
        r"""|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"""
        r"""|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
    ),
}


def read_tokens(encoding: str) -> Iterator[bytes]:
    """Yield the tokens of a table in the order of their ranks."""
    data = zlib.decompress(files("hubbub_openai").joinpath("_tables", f"{encoding}.bin").read_bytes())
    position = 0
    while position < len(data):
        start = position + 1
        position = start + data[position]
        yield data[start:position]


@cache
def load_length(encoding: str) -> Callable[[str], int] | None:
    """Return what counts the tokens of a text by a table; None if tiktoken is not installed.

    A text that looks like a special token counts as the text that it is.
    """
    if find_spec("tiktoken") is None:
        return None
    import tiktoken

    ranks = {token: rank for rank, token in enumerate(read_tokens(encoding))}
    table = tiktoken.Encoding(encoding, pat_str=_PATTERNS[encoding], mergeable_ranks=ranks, special_tokens={})
    return lambda text: len(table.encode_ordinary(text))
