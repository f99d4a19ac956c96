"""Reasoning in the text of models: written between tags, read however they are cut, split off a whole text."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hubbub_core.models.thoughts import PieceKind, ThoughtSplitter, ThoughtTagger, parse_r1_content


def read(pieces: list[str]) -> list[tuple[PieceKind, str]]:
    """Read a stream, and join pieces of a kind that follow one another."""
    splitter = ThoughtSplitter()
    told = [part for piece in pieces for part in splitter.feed(piece)] + list(splitter.end())
    joined: list[tuple[PieceKind, str]] = []
    for kind, text in told:
        assert text
        if joined and joined[-1][0] == kind:
            joined[-1] = (kind, joined[-1][1] + text)
        else:
            joined.append((kind, text))
    return joined


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        ("Hi.", [("text", "Hi.")]),
        ("<think>Greet.</think>Hi.", [("thought", "Greet."), ("text", "Hi.")]),
        ("<think>2 < 3 </ 4</think>Hi.", [("thought", "2 < 3 </ 4"), ("text", "Hi.")]),
        ("<think>cut o</th", [("thought", "cut o</th")]),
        ("<think></think>Hi.", [("text", "Hi.")]),
        ("<think>", []),
        ("<thin", [("text", "<thin")]),
        ("<the end>", [("text", "<the end>")]),
        ("a <think>b</think>", [("text", "a <think>b</think>")]),
        ("<think>a</think>b<think>c</think>", [("thought", "a"), ("text", "b<think>c</think>")]),
        ("", []),
    ],
)
def test_reasoning_is_told_from_text_however_the_stream_is_cut(
    stream: str, expected: list[tuple[PieceKind, str]]
) -> None:
    assert read([stream]) == expected
    assert read(list(stream)) == expected
    for cut in range(len(stream)):
        assert read([stream[:cut], stream[cut:]]) == expected


def test_what_is_certain_is_told_at_once() -> None:
    splitter = ThoughtSplitter()

    told = [list(splitter.feed(piece)) for piece in ("<think>", "Gre", "et.<", "/think>H", "i")]

    assert told == [[], [("thought", "Gre")], [("thought", "et.")], [("text", "H")], [("text", "i")]]
    assert list(splitter.end()) == []


@given(st.lists(st.text("<think/>ab", max_size=9)), st.lists(st.text("<think/>ab", min_size=1), min_size=1))
def test_what_is_written_is_what_is_read(thoughts: list[str], texts: list[str]) -> None:
    assume("</think>" not in "".join(thoughts))  # which no tags can tell, nor a text that begins with one
    assume(any(thoughts) or not "".join(texts).startswith("<think>"))
    tagger = ThoughtTagger()
    written = [tagger.feed(thought, "") for thought in thoughts] + [tagger.feed("", text) for text in texts]

    expected = [("thought", "".join(thoughts))] if any(thoughts) else []
    assert read([*written, tagger.end()]) == [*expected, ("text", "".join(texts))]


def test_reasoning_is_wrapped_once() -> None:
    tagger = ThoughtTagger()

    pieces = [tagger.feed("Gre", ""), tagger.feed("et.", "Hi "), tagger.feed("", "there"), tagger.end()]

    assert pieces == ["<think>Gre", "et.</think>Hi ", "there", ""]


def test_reasoning_after_the_text_is_not_written() -> None:
    """Its tags would be read as text."""
    tagger = ThoughtTagger()
    assert not tagger.has_text

    pieces = [tagger.feed("", "Hi "), tagger.feed("Hm.", ""), tagger.feed("Well.", "there"), tagger.end()]

    assert pieces == ["Hi ", "", "there", ""]
    assert tagger.has_text


def test_reasoning_without_text_is_closed_at_the_end() -> None:
    tagger = ThoughtTagger()

    assert [tagger.feed("Look.", ""), tagger.end(), tagger.end()] == ["<think>Look.", "</think>", ""]
    assert not tagger.has_text


def test_the_reasoning_of_an_r1_model_is_split_off() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")

        assert parse_r1_content("<think> Greet.\n</think>\n\nHi.") == ("Greet.", "Hi.")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("Hi.", r"^Could not find <think>\.\.</think> field in model response content\. No thought was extracted\.$"),
        ("<think>Hi.", r"^Could not find <think>\.\.</think> field in model response content\. No thought was"),
        ("</think>H<think>", r"^Found </think> before <think> in model response content\. No thought was extracted\.$"),
    ],
)
def test_a_text_without_whole_reasoning_stays_as_it_is_with_a_warning(content: str, problem: str) -> None:
    with pytest.warns(UserWarning, match=problem):
        assert parse_r1_content(content) == (None, content)
