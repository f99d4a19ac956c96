"""Tools of the hub as kernel functions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import pytest

pytest.importorskip("semantic_kernel", reason="Semantic Kernel is not in every environment")

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field
from semantic_kernel.connectors.ai.function_calling_utils import kernel_function_metadata_to_function_call_format
from semantic_kernel.exceptions import KernelInvokeException
from semantic_kernel.functions import KernelArguments, KernelFunction, KernelPlugin
from semantic_kernel.kernel import Kernel

from hubbub_core import CancellationToken
from hubbub_core.tools import BaseStreamTool, BaseTool, FunctionTool, StaticWorkbench, ToolSchema
from hubbub_registry import adapt
from hubbub_semantic_kernel import (
    KernelFunctionFromTool,
    KernelFunctionFromToolSchema,
    KernelFunctionTool,
    plugin_from_workbench,
)

FUNCTION = "semantic_kernel.functions.kernel_function.KernelFunction"


class AddArgs(BaseModel):
    a: int = Field(description="First")
    b: int = 1


class Add(BaseTool[AddArgs, int]):
    def __init__(self) -> None:
        super().__init__(AddArgs, int, "add", "Add two numbers")
        self.started = asyncio.Event()
        self.token: CancellationToken | None = None

    async def run(self, args: AddArgs, cancellation_token: CancellationToken) -> int:
        if args.a < 0:
            self.token = cancellation_token
            self.started.set()
            await asyncio.Future()
        if args.a == 0:
            raise LookupError("no such number")
        return args.a + args.b


async def invoke(function: KernelFunction, **arguments: Any) -> Any:
    given = KernelArguments()
    given.update(arguments)
    result = await function.invoke(Kernel(), given)
    assert result is not None
    return result.value


def offered(function: KernelFunction) -> Any:
    """Return what a model is told of a function."""
    return kernel_function_metadata_to_function_call_format(function.metadata)["function"]


async def test_a_tool_of_the_hub_is_a_kernel_function() -> None:
    function = adapt(Add(), to=FUNCTION, plugin_name="maths")

    assert isinstance(function, KernelFunctionFromTool)
    assert offered(function) == {
        "name": "maths-add",
        "description": "Add two numbers",
        "parameters": {
            "type": "object",
            "properties": {
                "a": {"description": "First", "title": "A", "type": "integer"},
                "b": {"default": 1, "title": "B", "type": "integer"},
            },
            "required": ["a"],
        },
    }
    assert await invoke(function, a=2) == 3


async def test_a_kernel_finds_and_invokes_it_in_its_plugin() -> None:
    kernel = Kernel(plugins=KernelPlugin(name="maths", functions=[KernelFunctionFromTool(Add())]))

    result = await kernel.invoke(plugin_name="maths", function_name="add", arguments=KernelArguments(a=2, b=3))

    assert str(result) == "5"


async def test_arguments_are_validated_by_the_tool() -> None:
    with pytest.raises(ValueError, match="Input should be a valid integer"):
        await invoke(KernelFunctionFromTool(Add()), a="x")


async def test_an_error_of_the_tool_arrives_as_itself() -> None:
    with pytest.raises(LookupError, match="no such number"):
        await invoke(KernelFunctionFromTool(Add()), a=0)


async def test_a_missing_argument_is_named() -> None:
    with pytest.raises(Exception, match="Parameter a is required but not provided"):
        await invoke(KernelFunctionFromTool(Add()), b=0)


async def test_cancelling_the_call_cancels_the_tool() -> None:
    tool = Add()
    running = asyncio.create_task(invoke(KernelFunctionFromTool(tool), a=-1))
    await tool.started.wait()

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert tool.token is not None
    assert tool.token.is_cancelled()


class Sum(BaseModel):
    total: int


async def test_a_result_is_what_the_tool_makes_of_it_for_a_model() -> None:
    def total(a: int) -> Sum:
        return Sum(total=a)

    function = KernelFunctionFromTool(FunctionTool(total, "Sum up"))

    assert await invoke(function, a=3) == '{"total": 3}'


async def test_parameters_with_names_of_semantic_kernel_get_the_models_values() -> None:
    def run(kernel: str, arguments: str, service: str) -> str:
        return f"{kernel} {arguments} {service}"

    function = KernelFunctionFromTool(FunctionTool(run, "Run"))

    assert await invoke(function, kernel="linux", arguments="-v", service="ssh") == "linux -v ssh"


async def test_a_tool_that_streams_streams_in_semantic_kernel() -> None:
    class Count(BaseStreamTool[AddArgs, str, str]):
        def __init__(self) -> None:
            super().__init__(AddArgs, str, "count", "Count")

        async def run(self, args: AddArgs, cancellation_token: CancellationToken) -> str:
            return "counted"

        async def run_stream(self, args: AddArgs, cancellation_token: CancellationToken) -> AsyncGenerator[str, None]:
            for number in range(args.a):
                yield str(number)
            yield "counted"

    function = KernelFunctionFromTool(Count())

    items: list[Any] = [item async for item in function.invoke_stream(Kernel(), KernelArguments(a=2))]
    assert items == ["0", "1", "counted"]
    assert await invoke(function, a=2) == "counted"


@pytest.mark.parametrize("name", ["self", "settings", "a b", "ä"])
def test_a_parameter_that_semantic_kernel_cannot_take_is_refused(name: str) -> None:
    schema = ToolSchema(name="f", parameters={"type": "object", "properties": {name: {"type": "string"}}})

    with pytest.raises(ValueError, match=f"parameter {name!r} of tool 'f' cannot be converted"):
        KernelFunctionFromToolSchema(schema)


def test_a_name_that_semantic_kernel_cannot_take_is_refused() -> None:
    with pytest.raises(ValueError, match="tool 'a b' cannot be a kernel function"):
        KernelFunctionFromTool(FunctionTool(lambda: "", "F", name="a b"))


class Tree(BaseModel):
    children: list[Tree] = Field(default_factory=list)


def test_a_schema_that_contains_itself_is_refused() -> None:
    def grow(tree: Tree) -> str:
        return ""

    with pytest.raises(ValueError, match=r"the schema of tool 'grow' contains itself \(Tree\)"):
        KernelFunctionFromTool(FunctionTool(grow, "Grow"))


async def test_a_function_of_a_schema_is_offered_and_not_called() -> None:
    schema = ToolSchema(
        name="search",
        description="Search",
        parameters={
            "type": "object",
            "properties": {"q": {"type": "string", "enum": ["x", "y"]}, "n": {"type": "integer", "default": 3}},
            "required": ["q"],
        },
    )

    function = KernelFunctionFromToolSchema(schema, "web")

    assert offered(function) == {**schema, "name": "web-search"}
    with pytest.raises(NotImplementedError, match="function 'search' is known by its schema only"):
        await function.invoke(Kernel(), KernelArguments(q="x"))
    with pytest.raises(KernelInvokeException):
        await Kernel().invoke(function, q="x")


name = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,10}", fullmatch=True).filter(lambda n: n not in ("self", "settings"))
leaf = st.sampled_from(["string", "integer", "number", "boolean"]).map(lambda kind: {"type": kind})
prop = st.recursive(
    leaf | st.lists(st.text(max_size=5), min_size=1, max_size=3).map(lambda e: {"type": "string", "enum": e}),
    lambda inner: (
        st.builds(lambda items: {"type": "array", "items": items}, inner)
        | st.builds(lambda props: {"type": "object", "properties": props}, st.dictionaries(name, inner, max_size=2))
        | st.builds(lambda each: {"anyOf": each}, st.lists(inner, min_size=1, max_size=2))
    ),
    max_leaves=4,
)


@given(name, st.text(max_size=10), st.dictionaries(name, prop, max_size=4), st.data())
def test_schemas_survive_the_way_there_and_back(
    called: str, description: str, properties: dict[str, Any], data: st.DataObject
) -> None:
    required = [each for each in properties if data.draw(st.booleans())]
    schema = ToolSchema(
        name=called,
        description=description,
        parameters={
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        },
        strict=False,
    )

    class Shown(Add):
        @property
        def schema(self) -> ToolSchema:
            return schema

    there = KernelFunctionFromTool(Shown())

    assert KernelFunctionTool(there).schema == {key: value for key, value in schema.items() if key != "strict"}


async def test_the_tools_of_a_workbench_are_a_plugin() -> None:
    plugin = await plugin_from_workbench(StaticWorkbench([Add()]), "maths", "Sums")

    assert (plugin.name, plugin.description, list(plugin.functions)) == ("maths", "Sums", ["add"])
    assert offered(plugin["add"])["name"] == "maths-add"
    assert await invoke(plugin["add"], a=2) == "3"
    with pytest.raises(Exception, match="no such number"):
        await invoke(plugin["add"], a=0)


async def test_a_tool_that_knows_only_its_schema_gets_any_arguments() -> None:
    class Remote(Add):
        @property
        def schema(self) -> ToolSchema:
            return ToolSchema(name="remote", parameters={"type": "object", "properties": {"q": {"type": "string"}}})

        async def run_json(
            self, args: Mapping[str, Any], cancellation_token: CancellationToken, call_id: str | None = None
        ) -> Any:
            return dict(args)

    assert await invoke(KernelFunctionFromTool(Remote()), q="x") == {"q": "x"}
