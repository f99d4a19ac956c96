"""`ref:NAME` providers load as the very object that the hub shares."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from hubbub_registry import ComponentBase, ComponentModel, UnboundReferenceError, bound


class Model(ComponentBase[BaseModel]):
    component_type = "model"


class Tool(ComponentBase[BaseModel]):
    component_type = "tool"


REF = {"provider": "ref:models.default", "config": {}}


def test_a_reference_loads_as_the_very_object() -> None:
    shared = Model()

    with bound({"models.default": shared}):
        assert Model.load_component(REF) is shared
        assert Model.load_component(ComponentModel.model_validate(REF)) is shared
        assert Model.load_component({"provider": "ref:models.default"}) is shared


def test_a_reference_to_another_type_is_a_type_error() -> None:
    with (
        bound({"models.default": Model()}),
        pytest.raises(TypeError, match=r"ref:models\.default is a Model, not a Tool"),
    ):
        Tool.load_component(REF)


def test_an_unknown_reference_lists_what_is_bound() -> None:
    with bound({"shared.index": Model(), "models.fast": Model()}), pytest.raises(UnboundReferenceError) as caught:
        Model.load_component(REF)

    assert str(caught.value) == (
        "reference 'ref:models.default' names nothing that is bound here; bound are: models.fast, shared.index"
    )


def test_outside_of_a_block_nothing_is_bound() -> None:
    with bound({"models.default": Model()}):
        pass

    with pytest.raises(ValueError, match="bound are: nothing"):
        Model.load_component(REF)


def test_blocks_nest_and_the_inner_name_wins() -> None:
    outer, inner = Model(), Model()

    with bound({"models.default": outer, "a": outer}), bound({"models.default": inner}):
        assert Model.load_component(REF) is inner
        assert Model.load_component({"provider": "ref:a", "config": {}}) is outer
