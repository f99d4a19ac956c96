"""Tools made from functions."""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError

from hubbub_core import EVENT_LOGGER_NAME, CancellationToken
from hubbub_core.code_executor import Alias, ImportFromModule
from hubbub_core.logging import ToolCallEvent
from hubbub_core.tools import BaseTool, FunctionTool, Tool
from hubbub_registry import CapabilityError, allow

PREFIX = ContextVar("PREFIX", default="none")


async def get_stock_price(ticker: str, date: Annotated[str, "Date in YYYY/MM/DD"]) -> float:
    return 143.83


def plain(text: str, times: int = 2) -> str:
    return text * times


class Point(BaseModel):
    x: int
    y: int = 0


@dataclass
class Label:
    text: str


class Tree(BaseModel):
    value: int
    children: list[Tree] = []


def test_schema_is_the_documented_one() -> None:
    schema = FunctionTool(get_stock_price, description="Get the stock price.").schema

    assert schema == {
        "name": "get_stock_price",
        "description": "Get the stock price.",
        "parameters": {
            "type": "object",
            "properties": {
                "ticker": {"description": "ticker", "title": "Ticker", "type": "string"},
                "date": {"description": "Date in YYYY/MM/DD", "title": "Date", "type": "string"},
            },
            "required": ["ticker", "date"],
            "additionalProperties": False,
        },
        "strict": False,
    }
    assert list(schema) == ["name", "description", "parameters", "strict"]


async def test_run_json_returns_the_native_value_and_its_text() -> None:
    tool = FunctionTool(get_stock_price, description="")

    value = await tool.run_json({"ticker": "AAPL", "date": "2021/01/01"}, CancellationToken())

    assert value == 143.83
    assert tool.return_value_as_string(value) == "143.83"


async def test_default_makes_an_argument_optional() -> None:
    tool = FunctionTool(plain, "Repeat.")

    assert await tool.run_json({"text": "a"}, CancellationToken()) == "aa"
    parameters = tool.schema["parameters"]
    assert parameters["required"] == ["text"]
    assert parameters["properties"]["times"]["default"] == 2


def test_function_without_parameters_has_an_empty_required_list() -> None:
    def now() -> str:
        return "now"

    assert FunctionTool(now, "").schema["parameters"] == {
        "type": "object",
        "properties": {},
        "required": [],
        "additionalProperties": False,
    }


def test_strict_tool_refuses_defaults() -> None:
    with pytest.raises(
        ValueError, match=r"^Strict mode is enabled.*Default arguments are not allowed in strict mode.*'times'"
    ):
        _ = FunctionTool(plain, "", strict=True).schema


def test_strict_flag_is_in_the_schema() -> None:
    assert FunctionTool(get_stock_price, "", strict=True).schema["strict"] is True


def test_strict_tool_refuses_additional_properties() -> None:
    class Open(BaseModel, extra="allow"):
        x: int

    class OpenTool(BaseTool[Open, str]):
        async def run(self, args: Open, cancellation_token: CancellationToken) -> str:
            return ""

    with pytest.raises(ValueError, match=r"^Strict mode is enabled but additional argument is also enabled"):
        _ = OpenTool(Open, str, "open", "", strict=True).schema


def test_definitions_are_written_inline() -> None:
    def draw(point: Annotated[Point, "where"], others: Sequence[Point], kind: Literal["a", "b"]) -> None: ...

    parameters = FunctionTool(draw, "").schema["parameters"]

    point = {
        "title": "Point",
        "type": "object",
        "properties": {
            "x": {"title": "X", "type": "integer"},
            "y": {"default": 0, "title": "Y", "type": "integer"},
        },
        "required": ["x"],
    }
    assert parameters["properties"]["point"] == {**point, "description": "where"}
    assert parameters["properties"]["others"]["items"] == point
    assert parameters["properties"]["kind"]["enum"] == ["a", "b"]
    assert "$defs" not in parameters


def test_recursive_definition_stays_a_reference_that_resolves() -> None:
    def count(tree: Tree) -> int:
        return 1

    parameters: Any = FunctionTool(count, "").schema["parameters"]

    assert parameters["properties"]["tree"]["$ref"] == "#/$defs/Tree"
    assert parameters["$defs"]["Tree"]["properties"]["children"]["items"] == {"$ref": "#/$defs/Tree"}


async def test_arguments_arrive_as_validated_objects() -> None:
    def show(point: Point, labels: list[Label]) -> str:
        return f"{type(point).__name__} {point.x} {labels[0]!r}"

    text = await FunctionTool(show, "").run_json({"point": {"x": "3"}, "labels": [{"text": "t"}]}, CancellationToken())

    assert text == "Point 3 Label(text='t')"


async def test_arguments_that_do_not_fit_are_a_validation_error() -> None:
    with pytest.raises(ValidationError, match="times"):
        await FunctionTool(plain, "").run_json({"text": "a", "times": "many"}, CancellationToken())


async def test_field_constraints_of_a_parameter_hold() -> None:
    def half(n: Annotated[int, Field(ge=2, description="even")]) -> float:
        return n / 2

    tool = FunctionTool(half, "")

    assert tool.schema["parameters"]["properties"]["n"] == {
        "description": "even",
        "minimum": 2,
        "title": "N",
        "type": "integer",
    }
    with pytest.raises(ValidationError):
        await tool.run_json({"n": 1}, CancellationToken())


async def test_parameter_names_that_pydantic_reserves_work() -> None:
    def odd(schema: str, _hidden: int, model_config: str, copy: bool = False) -> str:
        return f"{schema} {_hidden} {model_config} {copy}"

    tool = FunctionTool(odd, "")

    assert list(tool.schema["parameters"]["properties"]) == ["schema", "_hidden", "model_config", "copy"]
    args = {"schema": "s", "_hidden": 1, "model_config": "m", "copy": True}
    assert await tool.run_json(args, CancellationToken()) == "s 1 m True"


async def test_bound_methods_partials_and_callable_objects_are_tools() -> None:
    class Adder:
        def __init__(self, start: int) -> None:
            self.start = start

        def add(self, n: int) -> int:
            return self.start + n

        async def __call__(self, n: int) -> int:
            return self.start * n

    token = CancellationToken()
    tools = [
        FunctionTool(Adder(10).add, ""),
        FunctionTool(functools.partial(plain, times=3), ""),
        FunctionTool(functools.partial(plain, "x"), "", name="crosses"),
        FunctionTool(Adder(10), ""),
    ]

    assert [tool.name for tool in tools] == ["add", "plain", "crosses", "Adder"]
    assert [list(tool.schema["parameters"]["properties"]) for tool in tools] == [["n"], ["text"], ["times"], ["n"]]
    assert await tools[0].run_json({"n": 1}, token) == 11
    assert await tools[1].run_json({"text": "a"}, token) == "aaa"
    assert await tools[2].run_json({"times": 4}, token) == "xxxx"
    assert await tools[3].run_json({"n": 2}, token) == 20


async def test_synchronous_function_runs_in_another_thread_with_the_context_of_the_caller() -> None:
    def where() -> str:
        return f"{threading.current_thread() is threading.main_thread()} {PREFIX.get()}"

    PREFIX.set("here")

    assert await FunctionTool(where, "").run_json({}, CancellationToken()) == "False here"


async def test_cancellation_token_is_handed_over_and_not_in_the_schema() -> None:
    async def wait(cancellation_token: CancellationToken, text: str) -> str:
        return f"{text} {cancellation_token.is_cancelled()}"

    tool = FunctionTool(wait, "")

    assert list(tool.schema["parameters"]["properties"]) == ["text"]
    assert await tool.run_json({"text": "a"}, CancellationToken()) == "a False"


@pytest.mark.parametrize("is_async", [True, False])
async def test_cancelling_the_token_ends_the_wait_for_a_function(is_async: bool) -> None:
    started = asyncio.Event()
    loop = asyncio.get_running_loop()
    release = threading.Event()

    async def forever() -> None:
        started.set()
        await asyncio.Event().wait()

    def block() -> None:
        loop.call_soon_threadsafe(started.set)
        release.wait(10)

    token = CancellationToken()
    running = asyncio.ensure_future(FunctionTool(forever if is_async else block, "").run_json({}, token))
    await started.wait()

    token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    release.set()


def test_parameter_without_annotation_is_named() -> None:
    def untyped(a: int, b) -> None:  # type: ignore[no-untyped-def] # the missing annotation is the point
        ...

    with pytest.raises(TypeError, match=r"tool 'untyped': parameter 'b' has no type annotation"):
        FunctionTool(untyped, "")


def test_variable_parameters_are_refused() -> None:
    def many(*values: int, **options: str) -> None: ...

    with pytest.raises(TypeError, match=r"parameter '\*values' cannot be described"):
        FunctionTool(many, "")


def test_annotation_that_cannot_be_resolved_is_named() -> None:
    def lost(a: Nowhere) -> None:  # type: ignore[name-defined] # noqa: F821 # the unknown name is the point
        ...

    with pytest.raises(TypeError, match=r"tool 'lost'.*Nowhere"):
        FunctionTool(lost, "")


@pytest.mark.parametrize(
    ("value", "text"),
    [("as it is", "as it is"), (1.5, "1.5"), (None, "None"), (Point(x=1), '{"x": 1, "y": 0}'), ([1, "a"], "[1, 'a']")],
)
def test_values_become_text_as_documented(value: Any, text: str) -> None:
    assert FunctionTool(plain, "").return_value_as_string(value) == text


async def test_successful_call_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger=EVENT_LOGGER_NAME):
        await FunctionTool(plain, "").run_json({"text": "a"}, CancellationToken(), call_id="1")

    (record,) = caplog.records
    assert isinstance(record.msg, ToolCallEvent)
    assert record.msg.kwargs == {
        "type": "ToolCall",
        "tool_name": "plain",
        "arguments": {"text": "a"},
        "result": "aa",
        "agent_id": None,
    }


def test_function_tool_fits_the_protocol_without_its_schema_being_made() -> None:
    # A strict tool with a default cannot make its schema, yet it is a tool.
    assert isinstance(FunctionTool(plain, "", strict=True), Tool)


async def test_tool_without_state_saves_nothing() -> None:
    tool = FunctionTool(plain, "")

    await tool.load_state_json({})

    assert await tool.save_state_json() == {}
    assert tool.state_type() is None


class TestConfiguration:
    def test_source_and_imports_are_dumped(self) -> None:
        dumped = FunctionTool(plain, "Repeat.", name="repeat", global_imports=["math"], strict=True).dump_component()

        assert dumped.provider == "hubbub_core.tools.FunctionTool"
        assert dumped.component_type == "tool"
        assert dumped.config == {
            "source_code": "def plain(text: str, times: int = 2) -> str:\n    return text * times\n",
            "name": "repeat",
            "description": "Repeat.",
            "global_imports": ["math"],
            "has_cancellation_support": False,
        }

    def test_loading_code_needs_a_grant(self) -> None:
        dumped = FunctionTool(plain, "").dump_component()

        with pytest.raises(CapabilityError, match="code"):
            BaseTool.load_component(dumped)

    async def test_loaded_tool_works_and_can_be_dumped_again(self) -> None:
        def distance(point: Annotated[str, "a point"], cancellation_token: CancellationToken) -> float:
            x, y = point.split()
            return float(m.hypot(float(x), float(y)))  # type: ignore[name-defined] # noqa: F821 # imported when loaded

        imports: list[str | ImportFromModule | Alias] = [
            Alias("math", "m"),
            ImportFromModule("typing", ["Annotated"]),
            ImportFromModule("hubbub_core", ("CancellationToken",)),
        ]
        dumped = FunctionTool(distance, "", global_imports=imports).dump_component()

        with allow("code"), pytest.warns(UserWarning, match="executes the code"):
            loaded = FunctionTool.load_component(dumped.model_dump())

        assert await loaded.run_json({"point": "3 4"}, CancellationToken()) == 5.0
        assert loaded.schema["parameters"]["properties"]["point"]["description"] == "a point"
        assert loaded.dump_component() == dumped

    @pytest.mark.parametrize(
        ("changes", "error", "text"),
        [
            ({"global_imports": ["no_such_module_here"]}, ModuleNotFoundError, "no_such_module_here"),
            ({"global_imports": [{"module": "math", "imports": ["nope"]}]}, ImportError, "nope"),
            ({"global_imports": ["os; import sys"]}, ValueError, "not the name of a module"),
            ({"source_code": "def broken(:"}, ValueError, "not valid Python"),
            ({"source_code": "x = 1"}, ValueError, "exactly one function"),
            ({"source_code": "def f(a: Unknown = undefined) -> int: ..."}, ValueError, "undefined|Unknown"),
        ],
        ids=str,
    )
    @pytest.mark.filterwarnings("ignore:\\n.*SECURITY")
    def test_bad_configuration_is_told_apart(self, changes: dict[str, Any], error: type[Exception], text: str) -> None:
        dumped = FunctionTool(plain, "").dump_component().model_dump()
        dumped["config"].update(changes)

        with allow("code"), pytest.raises(error, match=text):
            FunctionTool.load_component(dumped)

    @pytest.mark.skipif(find_spec("autogen_core") is not None, reason="autogen_core itself is installed")
    @pytest.mark.filterwarnings("ignore:\\n.*SECURITY")
    @pytest.mark.parametrize(
        ("imports", "annotation"),
        [
            ([{"module": "autogen_core", "imports": ["CancellationToken"]}], "CancellationToken"),
            ([{"name": "autogen_core", "alias": "core"}], "core.CancellationToken"),
            (["autogen_core"], "autogen_core.CancellationToken"),
        ],
    )
    async def test_tool_saved_with_imports_of_the_documents_loads(self, imports: list[Any], annotation: str) -> None:
        saved = {
            "provider": "autogen_core.tools.FunctionTool",
            "component_type": "tool",
            "version": 1,
            "component_version": 1,
            "config": {
                "source_code": f"async def twice(n: int, cancellation_token: {annotation}) -> int:\n    return n * 2\n",
                "name": "twice",
                "description": "Double.",
                "global_imports": imports,
                "has_cancellation_support": True,
            },
        }

        with allow("code"):
            tool: BaseTool[Any, Any] = BaseTool.load_component(saved)

        assert await tool.run_json({"n": 2}, CancellationToken()) == 4
        assert list(tool.schema["parameters"]["properties"]) == ["n"]

    def test_what_has_no_source_of_its_own_cannot_be_dumped(self) -> None:
        class Thing:
            def method(self, a: int) -> int:
                return a

        for func in (Thing().method, functools.partial(plain, times=1)):
            with pytest.raises(NotImplementedError, match=r"^This component does not support dumping to config"):
                FunctionTool(func, "").dump_component()

    def test_variables_of_the_enclosing_function_are_warned_about(self) -> None:
        factor = 3

        def scale(n: int) -> int:
            return n * factor

        with pytest.warns(UserWarning, match="uses factor of the function that it is defined in"):
            FunctionTool(scale, "").dump_component()
