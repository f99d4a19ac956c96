"""Passages: from a framework's metadata to what a model reads."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub_core.exchange import AgentTask, Source
from hubbub_core.models import AssistantMessage, UserMessage
from hubbub_core.passages import json_object, passages_text, source_from, with_sources

GULL = Source(content="Gulls nest on cliffs.", title="birds.md")


def test_a_source_takes_title_address_and_score_from_the_metadata() -> None:
    metadata = {"source": "birds.md", "url": "https://b", "score": 1, "day": date(2026, 1, 2)}

    found = source_from("Gulls.", metadata, identity={"n": "7"})

    assert found == Source(
        content="Gulls.",
        title="birds.md",
        uri="https://b",
        score=1.0,
        metadata={"source": "birds.md", "url": "https://b", "score": 1, "day": "2026-01-02", "n": "7"},
    )


def test_what_the_caller_knows_fills_in_for_the_metadata() -> None:
    assert source_from("Gulls.", None, title="7", score=0.5) == Source(content="Gulls.", title="7", score=0.5)
    assert source_from("Gulls.", {"title": "Birds", "score": 3}, title="7", score=0.5).title == "Birds"
    assert source_from("Gulls.", {"title": "Birds", "score": 3}, title="7", score=0.5).score == 0.5


def test_passages_are_numbered_below_their_titles() -> None:
    text = passages_text([Source(content=" One. \n", title="a\n b"), Source(content="Two.")])

    assert text == "[1] a b\nOne.\n\n[2]\nTwo."


def test_the_newest_message_is_completed_with_passages() -> None:
    task = AgentTask(messages=[UserMessage(content="Where?", source="ann")], sources=[GULL])

    assert with_sources(task) == [UserMessage(content=f"Where?\n\n{passages_text([GULL])}", source="ann")]
    assert task.messages == [UserMessage(content="Where?", source="ann")]


@pytest.mark.parametrize("said", [[], [AssistantMessage(content="Well.", source="bob")]])
def test_passages_that_no_user_message_could_take_are_one(said: list[AssistantMessage]) -> None:
    assert with_sources(AgentTask(messages=[*said], sources=[GULL])) == [
        *said,
        UserMessage(content="[1] birds.md\nGulls nest on cliffs.", source="sources"),
    ]


def test_what_was_said_already_is_not_said_again() -> None:
    task = AgentTask(messages=[UserMessage(content=f"So: {GULL.content}", source="ann")], sources=[GULL])

    assert with_sources(task) == task.messages


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), json_values))
def test_json_data_stays_as_it_is(values: dict[str, object]) -> None:
    assert json_object(values) == values
