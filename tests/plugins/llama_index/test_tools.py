"""Tools both ways."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from typing import Any

import pytest
from llama_index.core.llms import ImageBlock
from llama_index.core.tools import BaseTool as ForeignTool
from llama_index.core.tools import FunctionTool, ToolOutput
from llama_index.core.workflow import Context
from pydantic import BaseModel, Field

from hubbub_core import CancellationToken
from hubbub_core.tools import BaseTool, ToolSchema
from hubbub_llama_index import LlamaIndexTool
from hubbub_registry import adapt

FOREIGN = "llama_index.core.tools.types.BaseTool"


def add(a: int, b: int = 1) -> int:
    """Add two numbers."""
    return a + b


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
        return args.a + args.b


async def call(tool: LlamaIndexTool, **args: Any) -> str:
    return tool.return_value_as_string(await tool.run_json(args, CancellationToken()))


async def test_a_llama_index_tool_is_a_tool_of_the_hub() -> None:
    tool = adapt(FunctionTool.from_defaults(add))

    assert isinstance(tool, LlamaIndexTool)
    assert (tool.name, "Add two numbers." in tool.description) == ("add", True)
    parameters = tool.schema["parameters"]
    assert set(parameters["properties"]) == {"a", "b"}
    assert parameters["required"] == ["a"]
    assert await call(tool, a=2) == "3"


async def test_a_synchronous_tool_does_not_run_in_the_loop() -> None:
    tool = LlamaIndexTool(FunctionTool.from_defaults(lambda: threading.get_ident(), name="where", description="Where"))

    assert await call(tool) != str(threading.get_ident())


async def test_an_error_of_the_tool_arrives_as_itself() -> None:
    def fail() -> None:
        """Fail."""
        raise LookupError("no such thing")

    with pytest.raises(LookupError, match="no such thing"):
        await call(LlamaIndexTool(FunctionTool.from_defaults(fail)))


async def test_cancelling_the_token_cancels_the_tool() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        """Wait."""
        started.set()
        try:
            await asyncio.Future()
        finally:
            ended.set()

    token = CancellationToken()
    run = asyncio.ensure_future(LlamaIndexTool(FunctionTool.from_defaults(async_fn=wait)).run_json({}, token))
    await started.wait()

    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run

    assert ended.is_set()


async def test_a_tool_of_the_hub_is_a_llama_index_tool() -> None:
    tool = adapt(Add(), to=FOREIGN)

    assert isinstance(tool, FunctionTool)
    assert (tool.metadata.name, tool.metadata.description) == ("add", "Add two numbers")
    assert tool.metadata.get_parameters_dict()["properties"]["a"]["description"] == "First"
    output = await tool.acall(a=2, b=3)
    assert isinstance(output, ToolOutput)
    assert output.content == "5"


async def test_a_tool_that_knows_only_its_schema_keeps_it() -> None:
    class Remote(Add):
        """As the tools of a server are: described by a JSON schema alone."""

        @property
        def schema(self) -> ToolSchema:
            return ToolSchema(
                name="remote",
                description="Remote",
                parameters={
                    "type": "object",
                    "properties": {"q": {"type": "string", "enum": ["x", "y"]}},
                    "required": ["q"],
                },
            )

        async def run_json(
            self, args: Mapping[str, Any], cancellation_token: CancellationToken, call_id: str | None = None
        ) -> Any:
            return dict(args)

    tool: ForeignTool = adapt(Remote(), to=FOREIGN)

    assert isinstance(tool, FunctionTool)
    assert tool.metadata.get_parameters_dict() == {
        "type": "object",
        "properties": {"q": {"type": "string", "enum": ["x", "y"]}},
        "required": ["q"],
    }
    assert (await tool.acall(q="x")).content == "{'q': 'x'}"


async def test_cancelling_the_llama_index_call_cancels_the_tool_of_the_hub() -> None:
    source = Add()
    tool = adapt(source, to=FOREIGN)
    run = asyncio.ensure_future(tool.acall(a=-1))
    await source.started.wait()

    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run

    assert source.token is not None
    assert source.token.is_cancelled()


async def test_there_and_back_a_tool_does_the_same() -> None:
    tool = adapt(adapt(Add(), to=FOREIGN))

    assert tool.schema["parameters"]["properties"].keys() == {"a", "b"}
    assert await call(tool, a=2, b=5) == "7"


async def test_a_wrapped_llama_index_tool_goes_back_as_itself() -> None:
    tool = FunctionTool.from_defaults(add)

    assert adapt(adapt(tool), to=FOREIGN) is tool


async def test_what_a_tool_shows_beside_text_is_not_dropped_silently() -> None:
    def draw() -> ImageBlock:
        """Draw."""
        return ImageBlock(image=b"x")

    with pytest.raises(
        ValueError, match="tool 'draw' answered with a block of type ImageBlock; tools of the hub answer with text"
    ):
        await call(LlamaIndexTool(FunctionTool.from_defaults(draw)))


def test_a_tool_that_needs_a_workflow_is_refused_when_it_is_adapted() -> None:
    async def count(ctx: Context, by: int) -> int:
        """Count."""
        return by

    count.__annotations__.update(ctx=Context, by=int)  # LlamaIndex reads no annotations that are text

    with pytest.raises(ValueError, match="tool 'count' takes a workflow's Context"):
        adapt(FunctionTool.from_defaults(async_fn=count))
