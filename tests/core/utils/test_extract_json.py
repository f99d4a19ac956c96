"""Finding JSON in what a model wrote."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub_core.utils import extract_json_from_str

OBJECTS = st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text(), max_size=4)


def test_text_without_fences_is_the_json() -> None:
    assert extract_json_from_str('{"a": 1}') == [{"a": 1}]


def test_every_block_is_found_whatever_the_case_of_its_language() -> None:
    text = 'First:\n```json\n{"a": 1}\n```\nthen\n```\n{"b": "```"}\n```\nlast ```JSON\n```JSON\n{"c": {}}\n```'

    assert extract_json_from_str(text) == [{"a": 1}, {"b": "```"}, {"c": {}}]


def test_block_of_another_language_is_named() -> None:
    with pytest.raises(ValueError, match="python"):
        extract_json_from_str("```python\n1\n```")


@pytest.mark.parametrize("text", ["no json", "```json\n{\n```", ""])
def test_invalid_json_is_a_decode_error(text: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        extract_json_from_str(text)


@given(st.lists(OBJECTS, min_size=1, max_size=3))
def test_what_is_fenced_comes_out(objects: list[dict[str, object]]) -> None:
    text = "\n".join(f"```json\n{json.dumps(each)}\n```" for each in objects)

    assert extract_json_from_str(text) == objects
