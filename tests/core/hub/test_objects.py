"""Objects of frameworks that configurations name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hubbub_core.hub.objects import load_object, object_config
from hubbub_core.hub.source import SourceError
from hubbub_registry import CapabilityError, allow

CODE = """
class Maker:
    def made(self):
        return {"by": "method"}

found = {"a": 1}
number = 7
bound = Maker().made

def make():
    return {"b": 2}

def with_model(model):
    return {"model": model}

def with_default(model="own"):
    return {"model": model}

def with_more(model, graph):
    return {}

def makes_none():
    return 7

async def later():
    return {}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "objects.py"
    path.write_text(CODE)
    return path


@pytest.mark.parametrize(
    ("attribute", "offers", "expected"),
    [
        ("found", {}, {"a": 1}),
        ("make", {}, {"b": 2}),
        ("make", {"model": "hub's"}, {"b": 2}),
        ("bound", {}, {"by": "method"}),
        ("with_model", {"model": "hub's"}, {"model": "hub's"}),
        ("with_default", {"model": None}, {"model": "own"}),
        ("with_default", {}, {"model": "own"}),
    ],
)
def test_the_object_or_what_a_function_makes_is_loaded(file: Path, attribute: str, offers: Any, expected: Any) -> None:
    with allow("code"):
        assert load_object(f"{file}:{attribute}", dict, "a dict", offers=offers) == expected


@pytest.mark.parametrize(
    ("attribute", "offers", "problem"),
    [
        ("number", {}, "is of type int, not a dict or a function that returns one"),
        ("makes_none", {}, "is of type int, not a dict or a function that returns one"),
        ("later", {}, "is a coroutine function; the function is a plain one"),
        ("with_model", {"model": None}, "takes `model`; set it in the configuration"),
        ("with_model", {}, "missing a required argument: 'model'; the function takes no parameters"),
        (
            "with_more",
            {"model": 1},
            "missing a required argument: 'graph'; the function takes nothing but `model`",
        ),
    ],
)
def test_what_cannot_be_loaded_is_named(file: Path, attribute: str, offers: Any, problem: str) -> None:
    with allow("code"), pytest.raises(SourceError) as caught:
        load_object(f"{file}:{attribute}", dict, "a dict", offers=offers)

    assert str(caught.value) == f"{file}:{attribute}: {problem}"


def test_code_has_to_be_granted(file: Path) -> None:
    with pytest.raises(CapabilityError, match="a dict from"):
        load_object(f"{file}:found", dict, "a dict")


def test_only_what_a_configuration_named_is_dumped_again() -> None:
    assert object_config({"retriever": "birds.py:found"}, "the ByWord", "retriever") == {"retriever": "birds.py:found"}
    with pytest.raises(NotImplementedError) as caught:
        object_config(None, "the ByWord", "retriever")

    assert str(caught.value) == (
        "This component does not support dumping to config: the ByWord was passed as an object; load it from "
        "`retriever: FILE.py:ATTRIBUTE` to dump it"
    )
