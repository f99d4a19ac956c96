"""Errors that say which agent they came out of."""

from __future__ import annotations

import asyncio

import pytest

from hubbub_core.error_notes import naming_agent


def test_an_error_is_itself_and_names_the_agents_from_the_inside_out() -> None:
    error = LookupError("no such page")

    with (
        pytest.raises(LookupError) as caught,
        naming_agent("team 'press'", "desk"),
        naming_agent("graph 'g'", "writer"),
    ):
        raise error

    assert caught.value is error
    assert error.__notes__ == [
        "in the graph 'g', which is 'writer' in the hub",
        "in the team 'press', which is 'desk' in the hub",
    ]


def test_a_cancellation_is_left_alone() -> None:
    with pytest.raises(asyncio.CancelledError) as caught, naming_agent("graph 'g'", "writer"):
        raise asyncio.CancelledError

    assert not hasattr(caught.value, "__notes__")
