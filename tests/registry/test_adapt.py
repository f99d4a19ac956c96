"""`adapt`: types are matched by name, what is wanted may lie two steps away, and errors say what to install."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from hubbub_registry import (
    AdapterSpec,
    AmbiguousAdapterError,
    ComponentBase,
    NoAdapterError,
    NotReadyError,
    Registry,
    adapt,
    hookimpl,
)

Make = Callable[[str], Registry]


class Base:
    """A framework's base class."""


class Graph(Base):
    """A framework's graph."""


class Uncompiled:
    """What has to be compiled first."""


class HubAgent:
    def __init__(self, made_from: object, **options: Any) -> None:
        self.made_from = made_from
        self.options = options


class HubTool(HubAgent):
    pass


class ForeignTool:
    def __init__(self, made_from: object, strict: bool) -> None:
        self.made_from = made_from
        self.strict = strict


class SpecialForeignTool(ForeignTool):
    pass


class Plugin:
    def __init__(self, specs: list[AdapterSpec]) -> None:
        self._specs = specs

    @hookimpl
    def hubbub_adapters(self) -> list[AdapterSpec]:
        return self._specs


HERE = "adapt_world"


def to_agent(obj: object, name: str = "agent") -> HubAgent:
    return HubAgent(obj, name=name)


def base_to_agent(obj: object) -> HubAgent:
    return HubAgent(obj, base=True)


def to_tool(obj: object, **options: Any) -> HubTool:
    return HubTool(obj, **options)


def to_foreign_tool(obj: object, strict: bool = False) -> ForeignTool:
    return SpecialForeignTool(obj, strict)


def not_ready(obj: object) -> HubAgent:
    raise NotReadyError("this graph is not compiled; call .compile() first")


@pytest.fixture
def world(here: Make, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Registry]:
    """A registry with plugins that declare the given adapters; functions and types are in a module of their own."""
    module = ModuleType(HERE)
    for thing in (Base, Graph, Uncompiled, HubAgent, HubTool, ForeignTool, SpecialForeignTool):
        monkeypatch.setattr(thing, "__module__", HERE)
        setattr(module, thing.__name__, thing)
    for function in (to_agent, base_to_agent, to_tool, to_foreign_tool, not_ready):
        setattr(module, function.__name__, function)
    monkeypatch.setitem(sys.modules, HERE, module)
    known = here("none")

    def declare(**plugins: list[AdapterSpec]) -> Registry:
        for name, specs in plugins.items():
            known.register(Plugin(specs), name)
        return known

    return declare


def spec(source: str | tuple[str, ...], to: str, by: str) -> AdapterSpec:
    return AdapterSpec(source=source, to=to, by=f"{HERE}.{by}")


def test_an_object_is_adapted_by_its_types_name(world: Callable[..., Registry]) -> None:
    world(one=[spec(("old.place.Graph", f"{HERE}.Graph"), "agent", "to_agent")])
    graph = Graph()

    adapted = adapt(graph, name="planner")

    assert adapted.made_from is graph
    assert adapted.options == {"name": "planner"}


def test_the_earliest_mro_entry_wins_whatever_the_order_of_plugins(world: Callable[..., Registry]) -> None:
    world(a=[spec(f"{HERE}.Base", "agent", "base_to_agent")], b=[spec(f"{HERE}.Graph", "agent", "to_agent")])

    assert adapt(Graph()).options == {"name": "agent"}
    assert adapt(Base()).options == {"base": True}


def test_two_plugins_at_one_entry_are_an_error_naming_both(world: Callable[..., Registry]) -> None:
    world(a=[spec(f"{HERE}.Graph", "agent", "base_to_agent")], b=[spec(f"{HERE}.Graph", "agent", "to_agent")])

    with pytest.raises(AmbiguousAdapterError) as caught:
        adapt(Graph())

    assert str(caught.value) == (
        "adapt_world.Graph is adapted (as adapt_world.Graph) by the plugins a and b; "
        "choose one with adapt(..., prefer='a' or prefer='b')"
    )
    assert adapt(Graph(), prefer="a").options == {"base": True}
    assert adapt(Graph(), prefer="b").options == {"name": "agent"}


def test_one_plugin_with_two_kinds_makes_the_first_by_default(world: Callable[..., Registry]) -> None:
    world(a=[spec(f"{HERE}.Graph", "agent", "to_agent"), spec(f"{HERE}.Graph", "tool", "to_tool")])

    assert type(adapt(Graph())) is HubAgent
    assert type(adapt(Graph(), "tool")) is HubTool


def test_a_wanted_kind_of_a_base_beats_another_kind_of_the_type_itself(world: Callable[..., Registry]) -> None:
    world(a=[spec(f"{HERE}.Graph", "agent", "to_agent"), spec(f"{HERE}.Base", "tool", "to_tool")])

    assert type(adapt(Graph(), to="tool")) is HubTool


@pytest.mark.parametrize("to", [f"{HERE}.ForeignTool", ForeignTool, SpecialForeignTool])
def test_without_a_direct_adapter_the_way_leads_through_the_hub(to: str | type, world: Callable[..., Registry]) -> None:
    world(
        a=[spec(f"{HERE}.Graph", "agent", "to_agent"), spec(f"{HERE}.Graph", "tool", "to_tool")],
        b=[spec(f"{HERE}.HubTool", f"{HERE}.ForeignTool", "to_foreign_tool")],
    )

    adapted = adapt(Graph(), to, strict=True)

    assert type(adapted) is SpecialForeignTool
    assert type(adapted.made_from) is HubTool
    assert adapted.strict is True


def test_what_comes_out_is_checked_against_the_wanted_type(world: Callable[..., Registry]) -> None:
    world(a=[spec(f"{HERE}.Graph", f"{HERE}.HubAgent", "to_agent")])

    with pytest.raises(NoAdapterError, match="of another type"):
        adapt(Graph(), HubTool)


def test_what_is_asked_for_already_is_returned_as_it_is(world: Callable[..., Registry]) -> None:
    world()
    tool = SpecialForeignTool(None, False)

    assert adapt(tool, ForeignTool) is tool
    assert adapt(tool, f"{HERE}.ForeignTool") is tool


def test_a_component_of_the_wanted_type_is_returned_as_it_is(world: Callable[..., Registry]) -> None:
    class Model(ComponentBase[Any]):
        component_type = "model"

    world()
    model = Model()

    assert adapt(model) is model
    assert adapt(model, "model") is model


def test_not_ready_travels_on(world: Callable[..., Registry]) -> None:
    world(a=[spec(f"{HERE}.Uncompiled", "agent", "not_ready")])

    with pytest.raises(NotReadyError, match=r"call \.compile\(\) first"):
        adapt(Uncompiled())


def test_an_option_that_nobody_takes_is_a_type_error_showing_the_call(world: Callable[..., Registry]) -> None:
    world(a=[spec(f"{HERE}.Graph", "agent", "to_agent")])

    with pytest.raises(TypeError, match=r"adapt_world\.to_agent takes no option 'nme'; it is called as to_agent\(obj"):
        adapt(Graph(), nme="x")


def test_what_is_wanted_is_a_name_or_a_type(world: Callable[..., Registry]) -> None:
    world(a=[spec(f"{HERE}.Graph", "agent", "to_agent")])
    wanted: Any = 5

    with pytest.raises(TypeError, match=r"^to= is a hub kind such as 'agent', a type or its dotted name, not 5$"):
        adapt(Graph(), to=wanted)


def test_a_foreign_type_without_its_plugin_is_answered_with_the_install_command(
    world: Callable[..., Registry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Graph, "__module__", "crewai.agents")
    world()

    with pytest.raises(NoAdapterError) as caught:
        adapt(Graph())

    assert str(caught.value) == (
        "no installed plugin adapts crewai.agents.Graph; `pip install hubbub-crewai` adds what adapts crewai objects"
    )


def test_a_wanted_type_without_its_plugin_is_answered_with_the_install_command(world: Callable[..., Registry]) -> None:
    world(a=[spec(f"{HERE}.Graph", "agent", "to_agent")])

    with pytest.raises(NoAdapterError, match=r"adapt_world\.Graph to crewai\.Agent; `pip install hubbub-crewai`"):
        adapt(Graph(), "crewai.Agent")


def test_what_nobody_knows_is_answered_with_its_name(world: Callable[..., Registry]) -> None:
    world()

    with pytest.raises(LookupError, match=r"no installed plugin adapts builtins\.int; `hubbub plugins list` shows"):
        adapt(3)
    with pytest.raises(NoAdapterError, match=r"the class adapt_world\.Graph; adapt takes an object, not its class"):
        adapt(Graph)


def test_asking_for_an_adapter_imports_no_framework() -> None:
    code = """
import sys
from hubbub_registry import NoAdapterError, adapt
try:
    adapt(object(), to="llama_index.core.llms.llm.LLM")
except NoAdapterError:
    print(sorted({"llama_index", "langgraph", "mcp", "openai"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.strip() == "[]"
