"""Documents into passages: sections by headings, passages by paragraphs and sentences. No framework, no data files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Markup = Literal["markdown", "rst", "plain"]

# A sentence may end here: punctuation, what closes after it, white space. Chinese and Japanese stops need no space.
_END = re.compile(r"[.!?…]+[\"'”’»)\]*_`]*\s+|[。！？]+[」』”]*\s*|\n[ \t]*\n\s*")  # noqa: RUF001 # they are meant
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[\"'])(?:[A-Za-z]|e\.g|i\.e|etc|cf|vs|al|approx|ca|no|nos|fig|figs|eq|sec|ch|vol|pp|ed|eds|"
    r"mr|mrs|ms|dr|prof|st|jr|sr|inc|ltd|z\.b|d\.h|bzw|usw|u\.a)\.$",
    re.IGNORECASE,
)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_RST_LINE = re.compile(r"([=\-~^\"'`#*+:._<>])\1{2,}[ \t]*$")
_ROWS = re.compile(r"\s*(?:[-*+|]|\d+[.)])\s?")
_LINK = re.compile(r"!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])")


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document that can be read by itself."""

    text: str

    headings: tuple[str, ...] = ()
    """The headings it stands under, the outermost first."""


def markup_of(suffix: str) -> Markup:
    """Return how a file with this suffix marks its headings."""
    if suffix.lower() in {".md", ".markdown", ".mdx"}:
        return "markdown"
    return "rst" if suffix.lower() == ".rst" else "plain"


def split_document(text: str, *, markup: Markup, chunk_size: int, chunk_overlap: int = 0) -> list[Passage]:
    """Split a document into passages.

    A passage never crosses a heading. It holds whole paragraphs while they fit, else whole sentences or lines; only a
    sentence longer than a passage is cut, between words.

    Args:
        text: The document.
        markup: How it marks headings.
        chunk_size: Longest passage, in characters.
        chunk_overlap: How many characters of whole sentences or paragraphs a passage may repeat from the one before it.
    """
    passages: list[Passage] = []
    for headings, body in _sections(text, markup):
        pieces = [piece for block in _blocks(body) for piece in _cut(block, chunk_size)]
        passages += [Passage(chunk, headings) for chunk in _pack(pieces, chunk_size, chunk_overlap)]
    return passages


def split_sentences(text: str) -> list[str]:
    """Split text after each sentence; the parts joined are the text again, white space included.

    Stands in for nltk where LlamaIndex splits sentences: `SentenceSplitter(chunking_tokenizer_fn=split_sentences)`.
    """
    parts: list[str] = []
    start = 0
    for match in _END.finditer(text):
        end = match.end()
        if end < len(text) and _goes_on(text, start, match):
            continue
        parts.append(text[start:end])
        start = end
    if start < len(text):
        parts.append(text[start:])
    return parts


def _goes_on(text: str, start: int, match: re.Match[str]) -> bool:
    ending = match.group()
    if "\n" in ending.strip(" \t.!?…") and ending.count("\n") > 1:
        return False  # a blank line ends whatever stands before it
    if text[match.end()].islower():
        return True
    return ending.startswith(".") and _ABBREVIATION.search(text[start : match.start() + 1]) is not None


def _sections(text: str, markup: Markup) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield each section's headings and body; a heading that nothing follows is its own body."""
    lines = text.splitlines(keepends=True)
    if markup == "markdown":
        found = _markdown_headings(lines)
    elif markup == "rst":
        found = _rst_headings(lines)
    else:
        found = []
    path: list[tuple[int, str]] = []
    at = _front_matter(lines) if markup == "markdown" else 0
    for first, after, level, title in [*found, (len(lines), len(lines), 0, "")]:
        if first < at:
            continue  # inside the front matter
        body = "".join(lines[at:first])
        headings = tuple(name for _, name in path)
        if body.strip():
            yield headings, body
        elif path and level <= path[-1][0]:
            yield headings[:-1], path[-1][1]
        at = after
        while path and path[-1][0] >= level:
            path.pop()
        path.append((level, title))


def _front_matter(lines: list[str]) -> int:
    if lines and lines[0].rstrip() == "---":
        for number, line in enumerate(lines[1:], 1):
            if line.rstrip() in {"---", "..."}:
                return number + 1
    return 0


def _markdown_headings(lines: list[str]) -> list[tuple[int, int, int, str]]:
    """Return `(first line, line after, level, title)` of each heading outside fenced code."""
    found: list[tuple[int, int, int, str]] = []
    fence = ""
    paragraph = 0  # lines of the paragraph that is being read
    for number, line in enumerate(lines[(skipped := _front_matter(lines)) :], skipped):
        mark = _FENCE.match(line)
        if fence:
            if mark is not None and mark[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
            continue
        if mark is not None:
            fence, paragraph = mark[1], 0
        elif (atx := _ATX.match(line.rstrip("\r\n"))) is not None:
            if title := _plain(atx[2] or ""):
                found.append((number, number + 1, len(atx[1]), title))
            paragraph = 0
        elif paragraph == 1 and (setext := _SETEXT.match(line.rstrip("\r\n"))) is not None:
            before = lines[number - 1]
            if _ROWS.match(before) is None:
                found.append((number - 1, number + 1, 1 if setext[1][0] == "=" else 2, _plain(before)))
            paragraph = 0
        else:
            paragraph = paragraph + 1 if line.strip() and not line.startswith(("    ", "\t", ">")) else 0
    return found


def _rst_headings(lines: list[str]) -> list[tuple[int, int, int, str]]:
    found: list[tuple[int, int, int, str]] = []
    levels: dict[tuple[str, bool], int] = {}  # reStructuredText ranks its marks by first use
    for number in range(1, len(lines)):
        title, under = lines[number - 1].rstrip(), lines[number].rstrip()
        if not title or _RST_LINE.match(under) is None or len(under) < len(title):
            continue
        if _RST_LINE.match(title) is not None or title.startswith((" ", "..")):
            continue
        over = number > 1 and lines[number - 2].rstrip() == under
        if number > 1 and not over and lines[number - 2].strip():
            continue  # the line stands inside a paragraph or a table
        level = levels.setdefault((under[0], over), len(levels) + 1)
        found.append((number - 2 if over else number - 1, number + 1, level, _plain(title)))
    return found


def _plain(heading: str) -> str:
    return " ".join(re.sub(r"[*`]", "", _LINK.sub(r"\1", heading)).split())


def _blocks(body: str) -> Iterator[str]:
    """Yield paragraphs and fenced code, each with the blank lines after it."""
    block: list[str] = []
    fence = ""
    blank = False
    for line in body.splitlines(keepends=True):
        if blank and line.strip() and not fence:
            yield "".join(block)
            block = []
        mark = _FENCE.match(line)
        if fence:
            if mark is not None and mark[1].startswith(fence):
                fence = ""
        elif mark is not None:
            fence = mark[1]
        blank = not line.strip()
        block.append(line)
    if block:
        yield "".join(block)


def _cut(block: str, size: int) -> Iterator[str]:
    """Yield a block whole if it fits, else its lines (code, tables), items or sentences."""
    if len(block.strip()) <= size:
        yield block
        return
    for piece in _parts(block):
        if len(piece.strip()) <= size:
            yield piece
            continue
        for sentence in split_sentences(piece):
            yield from _cut_words(sentence, size)


def _parts(block: str) -> list[str]:
    """Return the lines of code and tables, the items of a list, the sentences of anything else."""
    if _FENCE.match(block) is not None or block.lstrip().startswith("|"):
        return block.splitlines(keepends=True)
    if _ROWS.match(block) is None:
        return split_sentences(block)
    items: list[str] = []
    for line in block.splitlines(keepends=True):
        if not items or _ROWS.match(line) is not None:
            items.append(line)
        else:
            items[-1] += line
    return items


def _cut_words(piece: str, size: int) -> Iterator[str]:
    rest = piece
    while len(rest.strip()) > size:
        rest = rest.lstrip()
        at = max(rest.rfind(" ", 0, size + 1), rest.rfind("\n", 0, size + 1))
        at = at + 1 if at > 0 else size
        yield rest[:at]
        rest = rest[at:]
    if rest:
        yield rest


def _pack(pieces: list[str], size: int, overlap: int) -> Iterator[str]:
    held: list[str] = []
    fresh = False  # whether `held` has more than what is repeated
    for piece in pieces:
        if held and len("".join([*held, piece]).strip()) > size:
            if fresh:
                yield "".join(held).strip()
                held = _tail(held, overlap)
            while held and len("".join([*held, piece]).strip()) > size:
                held.pop(0)
            fresh = False
        held.append(piece)
        fresh = fresh or bool(piece.strip())
    if fresh:
        yield "".join(held).strip()


def _tail(pieces: list[str], length: int) -> list[str]:
    tail: list[str] = []
    for piece in reversed(pieces):
        if sum(map(len, tail)) + len(piece) > length:
            break
        tail.insert(0, piece)
    return tail
