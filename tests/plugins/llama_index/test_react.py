"""The text of a ReActAgent's model, told apart however it arrives."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from hubbub_llama_index._react import ReasoningSplitter


def split(pieces: list[str]) -> tuple[str, str]:
    """Return the reasoning and the answer."""
    splitter = ReasoningSplitter()
    told = [part for piece in pieces for part in splitter.take(piece)] + splitter.end()
    return (
        "".join(text for kind, text in told if kind == "thought"),
        "".join(text for kind, text in told if kind == "text"),
    )


def cut(text: str, places: list[int]) -> list[str]:
    ends = sorted({place % (len(text) + 1) for place in places} | {0, len(text)})
    return [text[start:end] for start, end in itertools.pairwise(ends)]


WORDS = st.text(alphabet="aAnswer: \n", max_size=20).filter(lambda text: "Answer:" not in text)
PLACES = st.lists(st.integers(min_value=0, max_value=200), max_size=8)


@given(WORDS, WORDS, PLACES)
def test_a_thought_and_an_answer_are_told_apart_wherever_they_are_cut(thought: str, answer: str, at: list[int]) -> None:
    reasoning = f"Thought: {thought}."

    assert split(cut(f"{reasoning}Answer:{answer}", at)) == (reasoning, answer.lstrip())


@given(WORDS, PLACES)
def test_a_call_is_reasoning_as_a_whole(text: str, at: list[int]) -> None:
    call = f"Thought: {text}.\nAction: add\nAction Input: {{}}"

    assert split(cut(call, at)) == (call, "")


@given(st.text(max_size=30).filter(lambda text: not text.lstrip().startswith(("Thought:", "Action:"))), PLACES)
def test_any_other_text_is_the_answer_as_it_is(text: str, at: list[int]) -> None:
    assert split(cut(text, at)) == ("", text)
