"""Kernel functions, plugins and kernels as tools and workbenches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated, Any

import pytest

pytest.importorskip("semantic_kernel", reason="Semantic Kernel is not in every environment")

from pydantic import BaseModel
from semantic_kernel.functions import KernelFunctionFromMethod, KernelFunctionFromPrompt, KernelPlugin, kernel_function
from semantic_kernel.kernel import Kernel

from hubbub_core import CancellationToken
from hubbub_core.models import UserMessage
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_core.tools import Workbench
from hubbub_registry import adapt
from hubbub_semantic_kernel import HubChatCompletion, KernelFunctionTool


class Sum(BaseModel):
    total: int


class Maths:
    """A plugin."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.ended = asyncio.Event()

    @kernel_function(description="Add two numbers")
    def add(self, a: Annotated[int, "First"], b: int = 1) -> Sum:
        return Sum(total=a + b)

    @kernel_function(name="wait", description="Wait")
    async def wait(self) -> None:
        self.started.set()
        try:
            await asyncio.Future()
        finally:
            self.ended.set()

    @kernel_function(name="fail", description="Fail")
    async def fail(self) -> None:
        raise LookupError("no such number")

    @kernel_function(name="count", description="Count")
    async def count(self, to: int) -> AsyncGenerator[str, None]:
        for number in range(to):
            yield str(number)


def plugin(maths: Maths | None = None) -> KernelPlugin:
    return KernelPlugin.from_object("maths", maths or Maths())


async def call(tool: KernelFunctionTool, **args: Any) -> str:
    return tool.return_value_as_string(await tool.run_json(args, CancellationToken()))


async def test_a_kernel_function_is_a_tool_of_the_hub() -> None:
    tool = adapt(plugin()["add"])

    assert isinstance(tool, KernelFunctionTool)
    parameters: Any = tool.schema["parameters"]
    assert (tool.name, tool.description, parameters["required"]) == ("maths-add", "Add two numbers", ["a"])
    assert parameters["properties"]["a"] == {"type": "integer", "description": "First"}
    assert await call(tool, a=2) == '{"total":3}'


async def test_arguments_become_the_types_of_the_method() -> None:
    assert await call(KernelFunctionTool(plugin()["add"]), a="2") == '{"total":3}'


async def test_the_arguments_class_serves_those_who_want_one() -> None:
    tool = KernelFunctionTool(plugin()["add"])

    assert await tool.run(tool.args_type().model_validate({"a": 4}), CancellationToken()) == Sum(total=5)


@pytest.mark.parametrize(("args", "problem"), [({}, r"missing: \['a'\]"), ({"a": 1, "c": 2}, r"unknown: \['c'\]")])
async def test_arguments_that_do_not_fit_are_named(args: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=f"the arguments of function 'maths-add' do not fit; {problem}"):
        await KernelFunctionTool(plugin()["add"]).run_json(args, CancellationToken())


async def test_an_error_of_the_function_arrives_as_itself() -> None:
    with pytest.raises(LookupError, match="no such number"):
        await call(KernelFunctionTool(plugin()["fail"]))


async def test_what_a_generator_yields_is_its_result() -> None:
    assert await call(KernelFunctionTool(plugin()["count"]), to=2) == '["0", "1"]'


async def test_cancelling_the_token_cancels_the_function() -> None:
    maths, token = Maths(), CancellationToken()
    running = asyncio.ensure_future(KernelFunctionTool(plugin(maths)["wait"]).run_json({}, token))
    await maths.started.wait()

    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert maths.ended.is_set()


async def test_what_semantic_kernel_injects_is_not_asked_of_the_model() -> None:
    @kernel_function(name="where")
    def where(question: str, kernel: Kernel) -> str:
        return f"{question} {type(kernel).__name__}"

    tool = adapt(KernelFunctionFromMethod(where))
    parameters: Any = tool.schema["parameters"]

    assert parameters["required"] == list(parameters["properties"]) == ["question"]
    assert await call(tool, question="In the") == "In the Kernel"


def test_a_schema_that_is_no_json_is_refused() -> None:
    @kernel_function(name="paint")
    def paint(color: str) -> None: ...

    function = KernelFunctionFromMethod(paint)
    function.parameters[0].schema_data = {"type": "string", "enum": {"red", "blue"}}

    with pytest.raises(ValueError, match=r"parameter 'color' of function 'paint' cannot be converted: its schema is"):
        adapt(function)


async def test_a_prompt_function_asks_a_model_of_the_hub() -> None:
    client = ReplayChatCompletionClient(["Bees hum.", "Bees buzz."])
    function = KernelFunctionFromPrompt(
        function_name="write", plugin_name="prose", prompt="Write on {{$topic}}", description="Write"
    )

    tool = adapt(function, model_client=client)
    in_a_kernel = adapt(function, kernel=Kernel(services=HubChatCompletion(client)), name="poet")

    assert await call(tool, topic="bees") == "Bees hum."
    assert await call(in_a_kernel, topic="bees") == "Bees buzz."
    assert (tool.name, in_a_kernel.name) == ("prose-write", "poet")
    assert client.create_calls[0]["messages"] == [UserMessage(content="Write on bees", source="user")]


def test_a_prompt_function_without_a_model_is_refused() -> None:
    function = KernelFunctionFromPrompt(function_name="write", prompt="Write")

    with pytest.raises(ValueError, match="function 'write' is made from a prompt and asks a model: pass kernel="):
        KernelFunctionTool(function)


def test_a_kernel_and_a_model_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="both a kernel and a model_client are given"):
        KernelFunctionTool(plugin()["add"], Kernel(), model_client=ReplayChatCompletionClient([]))


async def test_a_function_without_a_plugin_has_its_own_name() -> None:
    @kernel_function(name="now", description="The time")
    def now() -> str:
        return "noon"

    tool = adapt(KernelFunctionFromMethod(now))

    assert (tool.name, await call(tool)) == ("now", "noon")


async def test_a_plugin_is_a_workbench() -> None:
    workbench = adapt(plugin())

    assert isinstance(workbench, Workbench)
    async with workbench:
        names = [schema["name"] for schema in await workbench.list_tools()]
        result = await workbench.call_tool("maths-add", {"a": 2, "b": 2})
        failed = await workbench.call_tool("maths-fail", {})
    assert sorted(names) == ["maths-add", "maths-count", "maths-fail", "maths-wait"]
    assert (result.to_text(), result.is_error) == ('{"total":4}', False)
    assert failed.is_error


async def test_a_kernel_is_a_workbench_of_all_its_plugins() -> None:
    kernel = Kernel(plugins=[plugin(), KernelPlugin.from_object("more", Maths())])

    names = [schema["name"] for schema in await adapt(kernel).list_tools()]

    assert {"maths-add", "more-add"} <= set(names)
