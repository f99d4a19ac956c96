"""Read a prompt: which passages it holds, what the question is, and which sentences the passages consist of.

The format is described at `hubbub_core.models.extractive`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from hubbub_core.models._function_words import ABBREVIATIONS

NUMBERED = re.compile(r"\[\d+\][ \t]+(?P<title>\S.*)")
NAMED = re.compile(r"\[(?P<title>(?![ xX!^]?\])[^\[\]!^][^\[\]]*)\]")
SOURCE = re.compile(r"(?:Source|Quelle|Fuente)\s*:\s*(?P<title>\S.*)", re.IGNORECASE)
QUESTION = re.compile(r"(?:\*\*)?(?:Question|Query|Task|Frage)(?:\*\*)?\s*:(?:\*\*)?\s*(?P<rest>.*)", re.IGNORECASE)

_FENCE = re.compile(r" {0,3}(?P<mark>`{3,}|~{3,})\s*(?P<language>[^\s`]*)")
_HEADING = re.compile(r" {0,3}(?P<level>#{1,6})\s+(?P<text>.+?)\s*#*\s*$")
_UNDERLINE = re.compile(r" {0,3}(?P<mark>=|-|~)(?P=mark){2,}\s*$")
_RULE = re.compile(r" {0,3}([-*_])(\s*\1){2,}\s*$")
_ITEM = re.compile(r"\s*(?:[-*+•]|\(?\d{1,3}[.)])\s+(?:\[[ xX]\]\s+)?(?P<text>\S.*)")
_TABLE_RULE = re.compile(r"\s*\|?\s*:?-{2,}:?\s*(\|\s*:?-{2,}:?\s*)*\|?\s*$")
_QUOTE = re.compile(r"\s{0,3}>\s?")
_CODE_SPAN = re.compile(r"(?<!`)(`++).+?(?<!`)\1(?!`)")
_LINK_TARGET = re.compile(r"\]\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*\)|<?https?://\S+")

EXTRACTIVE_NOTICE: Final = "Quoted from the given passages by matching words; no language model wrote this."
"""The first line of an answer, unless `announce` is off."""

NO_PASSAGE: Final = "The prompt holds no passage about the question."
"""The answer when nothing matches."""

_LONG_PARAGRAPH = 600
_LONG_WORD = 80
# Prose is read in pieces of at most this many characters, since a regular expression holds up every other thread.
_PIECE = 32_768
_LONG_CODE = 30

# Begins only where a run of stops begins, and never gives one back: a page of dots takes no more time than other text.
_END = re.compile(
    r"(?<![.!?…])(?P<end>[.!?…]++)(?P<close>[\"'”\u2019»)\]*_]*)\s+|(?P<wide>[。\uff01\uff1f｡]+[」』”\uff09]*)"
)


@dataclass(slots=True)
class Passage:
    """Text from one source. `marker` is the line that introduced it, empty if there was none."""

    marker: str
    text: str


@dataclass(slots=True)
class Unit:
    """The smallest thing that is quoted: a sentence, an item, a row of a table, a block of code."""

    text: str
    """What is quoted."""

    context: tuple[str, ...] = ()
    """Headings above it, the line that introduces its list, the head of its table."""

    frame: str = ""
    """What has to stand before it to be read: the head of a table."""

    is_code: bool = False


def split_prompt(
    question_text: str,
    earlier: Iterable[tuple[str, str]],
    marked_only: Iterable[str] = (),
) -> tuple[str, list[Passage]]:
    """Return the question and the passages of a prompt.

    Args:
        question_text: The last user message.
        earlier: Marker and text of the messages before it.
        marked_only: Texts of which only marked passages count.
    """
    passages: list[Passage] = []
    for text in marked_only:
        passages += [passage for passage in _split_marked(text) if passage.marker]
    for marker, text in earlier:
        passages += [Passage(passage.marker or marker, passage.text) for passage in _split_marked(text)]
    question, rest = _take_question(question_text)
    if question:
        passages += [Passage(passage.marker, passage.text) for passage in _split_marked(rest)]
        return question, _not_empty(passages)
    own = _split_marked(question_text)
    marked = [passage for passage in own if passage.marker]
    if marked:
        # The question stands before the passages; a text without any is an instruction to quote by.
        question = "\n".join(passage.text for passage in own if not passage.marker)
        return question.strip(), _not_empty([*passages, *marked])
    return question_text.strip(), _not_empty(passages)


def _not_empty(passages: Iterable[Passage]) -> list[Passage]:
    return [passage for passage in passages if passage.text.strip()]


def _take_question(text: str) -> tuple[str, str]:
    """Cut the last `Question:` paragraph out of a text."""
    lines = text.split("\n")
    found = [number for number, line in enumerate(lines) if QUESTION.fullmatch(line.strip())]
    if not found:
        return "", text
    start = found[-1]
    end = start + 1
    while end < len(lines) and not _marker_title(lines[end], numbered=False):
        end += 1
    match = QUESTION.fullmatch(lines[start].strip())
    assert match is not None
    question = "\n".join([match["rest"], *lines[start + 1 : end]]).strip()
    return question, "\n".join([*lines[:start], "", *lines[end:]])


def _marker_title(line: str, *, numbered: bool) -> str | None:
    line = line.strip()
    patterns = (NUMBERED,) if numbered else (NUMBERED, NAMED, SOURCE)
    for pattern in patterns:
        match = pattern.fullmatch(line)
        if match is not None:
            return match["title"]
    return None


def _split_marked(text: str) -> list[Passage]:
    lines = text.split("\n")
    numbered = any(NUMBERED.fullmatch(line.strip()) for line in lines)
    passages = [Passage("", "")]
    collected: list[str] = []
    fence = ""
    for line in lines:
        if line.strip() in (EXTRACTIVE_NOTICE, NO_PASSAGE):
            # An earlier answer of this kind is a passage like any other, except for what it says about itself.
            continue
        match = _FENCE.match(line)
        is_marker = _marker_title(line, numbered=numbered) is not None
        # A passage may have been cut inside a fence, so a numbered marker ends one; [names] are common in code.
        if is_marker and (not fence or numbered):
            passages[-1].text = "\n".join(collected)
            passages.append(Passage(line.strip(), ""))
            collected, fence = [], ""
            continue
        if match is not None:
            if not fence:
                fence = match["mark"]
            elif match["mark"].startswith(fence) and not match["language"]:
                fence = ""
        collected.append(line)
    passages[-1].text = "\n".join(collected)
    return [passage for passage in passages if passage.marker or passage.text.strip()]


@dataclass(slots=True)
class _Reader:
    """Walks through the lines of one passage. Headings form a stack: (level, text)."""

    units: list[Unit] = field(default_factory=list)
    headings: list[tuple[int, str]] = field(default_factory=list)
    lead_in: str = ""
    bare_heading: bool = False

    def heading(self, level: int, text: str) -> None:
        self.flush_heading(level)
        while self.headings and self.headings[-1][0] >= level:
            self.headings.pop()
        self.headings.append((level, text))
        self.lead_in, self.bare_heading = "", True

    def flush_heading(self, level: int = 0) -> None:
        # A heading without text below it is all there is to quote of its section.
        if self.bare_heading and (not level or level <= self.headings[-1][0]):
            *above, (_, text) = self.headings
            self.units.append(Unit(text, tuple(each for _, each in above)))
        self.bare_heading = False

    def add(self, unit: Unit) -> None:
        self.bare_heading = False
        above = tuple(text for _, text in self.headings)
        self.units.append(Unit(unit.text, (*above, *unit.context), unit.frame, unit.is_code))

    def prose(self, lines: Sequence[str], *, item: bool = False) -> None:
        text = " ".join(line.strip() for line in lines if line.strip())
        if not text:
            return
        context = (self.lead_in,) if item and self.lead_in else ()
        if not item:
            self.lead_in = ""
        parts = [sentence for piece in _cut(text) for sentence in split_sentences(piece)]
        if len(parts) == 1 and len(text) > _LONG_PARAGRAPH and len(lines) > 1:
            # Not prose but a log, a listing or the like: the line is its sentence.
            parts = [line.strip() for line in lines if line.strip()]
        for part in parts:
            self.add(Unit(part, context))
        if not item and parts[-1].endswith((":", "\uff1a")):
            self.lead_in = parts[-1]

    def code(self, lines: Sequence[str], fence: str, language: str) -> None:
        for block in _code_blocks(lines):
            if any(line.strip() for line in block):
                context = (self.lead_in,) if self.lead_in else ()
                self.add(Unit("\n".join([fence + language, *block, fence]), context, is_code=True))

    def table(self, lines: Sequence[str]) -> None:
        head, rows = list(lines[:2]), lines[2:]
        for row in rows:
            self.add(Unit(row.strip(), (head[0],), frame="\n".join(line.strip() for line in head)))


def split_units(text: str) -> list[Unit]:
    """Split a passage, Markdown or plain text, into what can be quoted."""
    lines = _without_comments(text).replace("\r\n", "\n").replace("\t", "    ").split("\n")
    lines = _without_front_matter(lines)
    reader = _Reader()
    block: list[str] = []
    in_item = False
    position = 0

    def end_block() -> None:
        nonlocal block, in_item
        reader.prose(block, item=in_item)
        block, in_item = [], False

    while position < len(lines):
        line = _QUOTE.sub("", lines[position], count=1) if _QUOTE.match(lines[position]) else lines[position]
        position += 1
        fence = _FENCE.match(line)
        heading = _HEADING.match(line)
        item = _ITEM.fullmatch(line.rstrip())
        if fence is not None:
            end_block()
            body: list[str] = []
            while position < len(lines) and not lines[position].strip().startswith(fence["mark"]):
                body.append(lines[position])
                position += 1
            position += 1
            reader.code(body, fence["mark"], fence["language"])
        elif heading is not None:
            end_block()
            reader.heading(len(heading["level"]), heading["text"])
        elif _is_table(line, lines, position):
            end_block()
            start = position - 1
            while position < len(lines) and "|" in lines[position]:
                position += 1
            reader.table(lines[start:position])
        elif _is_underlined(block, in_item, line):
            title, block = block[0].strip(), []
            reader.heading(1 if "=" in line else 2, title)
        elif _RULE.match(line) or not line.strip():
            end_block()
        elif item is not None:
            end_block()
            block, in_item = [item["text"]], True
        else:
            block.append(line)
    end_block()
    reader.flush_heading()
    return reader.units


def _is_table(line: str, lines: Sequence[str], following: int) -> bool:
    return (
        "|" in line and following < len(lines) and "|" in lines[following] and bool(_TABLE_RULE.match(lines[following]))
    )


def _is_underlined(block: Sequence[str], in_item: bool, line: str) -> bool:
    return len(block) == 1 and not in_item and len(block[0].strip()) <= 120 and bool(_UNDERLINE.match(line))


def _without_comments(text: str) -> str:
    """Drop HTML comments. One that never ends is text."""
    kept: list[str] = []
    position = 0
    while (start := text.find("<!--", position)) >= 0 and (end := text.find("-->", start)) >= 0:
        kept.append(text[position:start])
        position = end + len("-->")
    return "".join([*kept, text[position:]])


def _without_front_matter(lines: list[str]) -> list[str]:
    """Drop the YAML at the top of a Markdown file."""
    while lines and not lines[0].strip():
        lines = lines[1:]
    if not lines or lines[0].rstrip() != "---":
        return lines
    for number, line in enumerate(lines[1:], 1):
        if line.rstrip() == "---":
            return lines[number + 1 :]
        if line.strip() and not re.match(r"\s*(#|-\s|[\w.-]+\s*:|\s)", line):
            return lines
    return lines


def _code_blocks(lines: Sequence[str]) -> Iterator[list[str]]:
    """Return short code whole; cut long code at its blank lines into pieces of some size."""
    if len(lines) <= _LONG_CODE:
        yield list(lines)
        return
    piece: list[str] = []
    for line in lines:
        if not line.strip() and len(piece) >= _LONG_CODE // 3:
            yield piece
            piece = []
        elif line.strip() or piece:
            piece.append(line)
        if len(piece) >= _LONG_CODE:
            yield piece
            piece = []
    if piece:
        yield piece


def _cut(text: str) -> Iterator[str]:
    """Cut a paragraph of extraordinary length, if possible after a full stop, else between two words."""
    start = 0
    while len(text) - start > _PIECE:
        end = text.rfind(". ", start, start + _PIECE) + 1 or text.rfind(" ", start, start + _PIECE)
        end = end if end > start else start + _PIECE
        yield text[start:end]
        start = end
    yield text[start:]


def split_sentences(text: str) -> list[str]:
    """Split prose into sentences. Nothing ends inside `code`, links, abbreviations, initials or numbers."""
    masked = _CODE_SPAN.sub(_mask, text)
    masked = _LINK_TARGET.sub(_mask, masked)
    sentences: list[str] = []
    start = 0
    for match in _END.finditer(masked):
        if match["wide"] is None and not _ends_sentence(masked, match):
            continue
        sentence = text[start : match.end()].strip()
        if sentence:
            sentences.append(sentence)
        start = match.end()
    rest = text[start:].strip()
    if rest:
        sentences.append(rest)
    return sentences


def _mask(match: re.Match[str]) -> str:
    # As long as the original, so that positions stay; the last character may end a sentence and has to stay visible.
    found = match.group()
    tail = len(found) - len(found.rstrip(".!?,;:"))
    return "x" * (len(found) - tail) + (found[-tail:] if tail else "")


def _ends_sentence(text: str, match: re.Match[str]) -> bool:
    following = text[match.end() : match.end() + 3].lstrip("\"'“”„\u2018\u2019«»([*_¿¡")
    if not following:
        return True
    if following[0].islower():
        return False
    if match["end"] != ".":
        return True
    # Only the last word matters; copying all of a long paragraph for each of its stops would take time without bound.
    begin = max(0, match.start() - _LONG_WORD)
    words = text[begin : match.start()].rsplit(None, 1)
    word = words[-1].lstrip("\"'“„\u2018«([*_").casefold() if words else ""
    if word in ABBREVIATIONS:
        return False
    # An initial, but not the pronoun at the end of "So do I."
    if len(word) == 1 and word.isalpha() and word != "i":
        return False
    # The number of an item that a line break did not set apart.
    return not (word.isdigit() and len(word) <= 2 and len(words) == 1 and not begin)
