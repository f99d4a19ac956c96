"""Tools both ways."""

from __future__ import annotations

import asyncio
import functools
import json
import threading
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import ToolMessage
from langchain_core.messages.tool import ToolOutputMixin, tool_call
from langchain_core.tools import BaseTool as ForeignTool
from langchain_core.tools import InjectedToolArg, InjectedToolCallId, StructuredTool, ToolException, tool
from langchain_core.tools import Tool as SingleInputTool
from pydantic import BaseModel, Field, field_validator
from pydantic.v1 import BaseModel as OldBaseModel

from hubbub_core import CancellationToken
from hubbub_core.tools import BaseTool, FunctionTool, StaticWorkbench, ToolSchema
from hubbub_core.tools import Tool as HubToolProtocol
from hubbub_langchain import HubTool, LangChainToolAdapter
from hubbub_registry import adapt

FOREIGN = "langchain_core.tools.base.BaseTool"


@tool
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
        self.call_id: str | None = None

    async def run(self, args: AddArgs, cancellation_token: CancellationToken) -> int:
        if args.a < 0:
            self.token = cancellation_token
            self.started.set()
            await asyncio.Future()
        return args.a + args.b

    async def run_json(
        self, args: Mapping[str, Any], cancellation_token: CancellationToken, call_id: str | None = None
    ) -> Any:
        self.call_id = call_id
        return await super().run_json(args, cancellation_token, call_id)


async def call(adapted: Any, **args: Any) -> Any:
    return await adapted.run_json(args, CancellationToken())


async def test_a_langchain_tool_is_a_tool_of_the_hub() -> None:
    adapted = adapt(add)

    assert isinstance(adapted, LangChainToolAdapter)
    assert isinstance(adapted, HubToolProtocol)
    assert adapted.schema == {
        "name": "add",
        "description": "Add two numbers.",
        "parameters": {
            "type": "object",
            "properties": {
                "a": {"title": "A", "type": "integer"},
                "b": {"title": "B", "type": "integer", "default": 1},
            },
            "required": ["a"],
            "additionalProperties": False,
        },
        "strict": False,
    }
    assert await call(adapted, a=2) == 3
    assert await adapted.run(adapted.args_type()(a=2, b=3), CancellationToken()) == 5
    assert adapted.return_value_as_string(3) == "3"


async def test_arguments_are_those_of_the_tools_class() -> None:
    class Calculator(ForeignTool):
        name: str = "calculator"
        description: str = "Adds."
        args_schema: Any = AddArgs

        def _run(self, a: int, b: int) -> int:
            return a + b

    adapted = LangChainToolAdapter(Calculator())

    assert adapted.args_type() is AddArgs
    assert adapted.schema["parameters"]["properties"]["a"]["description"] == "First"
    assert await call(adapted, a=1, b=2) == 3


async def test_without_a_class_the_arguments_are_those_of_the_signature() -> None:
    class Shout(ForeignTool):
        name: str = "shout"
        description: str = "Shouts."

        def _run(self, text: str, times: int = 1) -> str:
            return text.upper() * times

    adapted = LangChainToolAdapter(Shout())

    parameters = adapted.schema["parameters"]
    assert (set(parameters["properties"]), parameters["required"]) == ({"text", "times"}, ["text"])
    assert await call(adapted, text="hi", times=2) == "HIHI"


def shout(query: str) -> str:
    return query.upper()


@pytest.mark.parametrize(
    ("function", "argument"),
    [(shout, "query"), (lambda question: question.upper(), "question"), (str.upper, "tool_input")],
    ids=["function", "lambda", "built-in"],
)
async def test_a_single_input_tool_takes_its_functions_argument(function: Callable[..., str], argument: str) -> None:
    adapted = LangChainToolAdapter(SingleInputTool(name="shout", func=function, description="Shouts."))

    assert {name: about["type"] for name, about in adapted.schema["parameters"]["properties"].items()} == {
        argument: "string"
    }
    assert await call(adapted, **{argument: "hi"}) == "HI"


async def test_a_json_schema_stays_as_it_is() -> None:
    schema = {
        "type": "object",
        "properties": {"q": {"type": "string", "enum": ["x", "y"], "x-note": "kept"}},
        "required": ["q"],
    }

    async def search(**arguments: Any) -> dict[str, Any]:
        return arguments

    foreign = StructuredTool(name="search", description="Finds.", args_schema=schema, coroutine=search)
    adapted = LangChainToolAdapter(foreign)

    assert adapted.schema == {"name": "search", "description": "Finds.", "parameters": schema}
    assert await call(adapted, q="x") == {"q": "x"}


async def test_a_synchronous_tool_does_not_run_in_the_loop_and_an_asynchronous_one_does() -> None:
    @tool
    def where() -> int:
        """Where."""
        return threading.get_ident()

    @tool
    async def here() -> int:
        """Here."""
        return threading.get_ident()

    assert await call(LangChainToolAdapter(where)) != threading.get_ident()
    assert await call(LangChainToolAdapter(here)) == threading.get_ident()


async def test_arguments_are_validated_once_and_defaults_are_the_tools() -> None:
    seen: list[str] = []

    class Once(BaseModel):
        text: str
        times: int = 2

        @field_validator("text")
        @classmethod
        def double(cls, value: str) -> str:
            seen.append(value)
            return value * 2

    @tool(args_schema=Once)
    def repeat(text: str, times: int) -> str:
        """Repeat."""
        return text * times

    assert await call(LangChainToolAdapter(repeat), text="a") == "aaaa"
    assert seen == ["a"]


async def test_arguments_that_do_not_fit_are_a_value_error() -> None:
    with pytest.raises(ValueError, match=r"unable to parse string as an integer"):
        await call(LangChainToolAdapter(add), a="x")


async def test_an_error_of_the_tool_arrives_as_itself() -> None:
    @tool
    def fail() -> None:
        """Fail."""
        raise LookupError("no such thing")

    with pytest.raises(LookupError, match=r"^no such thing$"):
        await call(LangChainToolAdapter(fail))


async def test_an_error_that_the_tool_handles_is_an_error_with_the_handled_text() -> None:
    def fail() -> None:
        """Fail."""
        raise ToolException("secret detail")

    handled = StructuredTool.from_function(fail, handle_tool_error="Try something else.")
    workbench = StaticWorkbench([LangChainToolAdapter(handled)])

    result = await workbench.call_tool("fail", {})

    assert (result.is_error, result.to_text()) == (True, "Try something else.")


async def test_an_artifact_comes_with_the_content() -> None:
    @tool(response_format="content_and_artifact")
    def find(query: str) -> tuple[str, list[int]]:
        """Find."""
        return f"found {query}", [1, 2]

    adapted = LangChainToolAdapter(find)
    message = await call(adapted, query="x")

    assert isinstance(message, ToolMessage)
    assert (adapted.return_value_as_string(message), message.artifact) == ("found x", [1, 2])


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "a\nb"),
        (
            [{"type": "image", "base64": "AAAA", "mime_type": "image/png"}],
            '[{"type": "image", "base64": "AAAA", "mime_type": "image/png"}]',
        ),
    ],
    ids=["text", "image"],
)
async def test_content_blocks_are_not_dropped(content: list[dict[str, Any]], text: str) -> None:
    @tool(response_format="content_and_artifact")
    def show() -> tuple[Any, None]:
        """Show."""
        return content, None

    adapted = LangChainToolAdapter(show)

    assert adapted.return_value_as_string(await call(adapted)) == text


async def test_an_injected_call_id_is_filled_in_and_not_shown() -> None:
    @tool
    def echo(text: str, tool_call_id: Annotated[str, InjectedToolCallId]) -> str:
        """Echo."""
        return f"{text} {tool_call_id}"

    adapted = LangChainToolAdapter(echo)
    message = await adapted.run_json({"text": "hi"}, CancellationToken(), call_id="c1")

    assert list(adapted.schema["parameters"]["properties"]) == ["text"]
    assert adapted.return_value_as_string(message) == "hi c1"


def test_an_argument_that_only_a_graph_could_inject_is_refused() -> None:
    @tool
    def remember(text: str, state: Annotated[dict[str, Any], InjectedToolArg]) -> str:
        """Remember."""
        return text

    with pytest.raises(ValueError, match=r"^the LangChain tool 'remember' needs the argument 'state', which no model"):
        LangChainToolAdapter(remember)


async def test_what_only_a_graph_could_apply_is_refused() -> None:
    class Command(ToolOutputMixin):
        pass

    @tool
    def jump() -> Any:
        """Jump."""
        return Command()

    with pytest.raises(TypeError, match=r"^the LangChain tool 'jump' returned a Command, which only a LangGraph graph"):
        await call(LangChainToolAdapter(jump))


async def test_cancelling_the_token_cancels_the_tool() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    @tool
    async def wait() -> None:
        """Wait."""
        started.set()
        try:
            await asyncio.Future()
        finally:
            ended.set()

    token = CancellationToken()
    run = asyncio.ensure_future(LangChainToolAdapter(wait).run_json({}, token))
    await started.wait()

    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run

    assert ended.is_set()


async def test_callbacks_of_the_tool_see_the_call() -> None:
    class Watch(BaseCallbackHandler):
        def __init__(self) -> None:
            self.seen: list[Any] = []

        def on_tool_start(self, serialized: Any, input_str: str, **kwargs: Any) -> None:
            self.seen.append(kwargs["inputs"])

    watch = Watch()

    await call(LangChainToolAdapter(add.model_copy(update={"callbacks": [watch]})), a=2)

    assert watch.seen == [{"a": 2}]


def test_what_has_nothing_to_call_is_an_attribute_error_with_its_name() -> None:
    class Nothing:
        name = "idle"

    hollow = StructuredTool(name="hollow", description="", args_schema=AddArgs)

    with pytest.raises(AttributeError, match=r"^the LangChain tool 'idle' has neither a callable `func` nor `_run`"):
        LangChainToolAdapter(Nothing())  # type: ignore[arg-type] # what is tested
    with pytest.raises(AttributeError, match=r"^the LangChain tool 'hollow' has neither"):
        LangChainToolAdapter(hollow)


def test_what_is_no_langchain_tool_is_a_type_error() -> None:
    with pytest.raises(TypeError, match=r"^expected a tool of langchain_core, not a partial$"):
        LangChainToolAdapter(functools.partial(shout))  # type: ignore[arg-type] # what is tested


@pytest.mark.filterwarnings("ignore::UserWarning")  # on a newer Python, of pydantic 1 itself
def test_arguments_of_pydantic_1_are_refused_as_documented() -> None:
    class Old(OldBaseModel):
        a: int

    old = StructuredTool(name="old", description="", args_schema=Old, func=lambda a: a)

    with pytest.raises(ValueError, match=r"^Failed to create a valid Pydantic v2 model for old: "):
        LangChainToolAdapter(old)


def test_a_tool_that_was_passed_as_an_object_is_not_dumped() -> None:
    with pytest.raises(NotImplementedError, match=r"^This component does not support dumping to config: .* 'add'"):
        LangChainToolAdapter(add).dump_component()


async def test_a_tool_of_the_hub_is_a_langchain_tool() -> None:
    adapted = adapt(Add(), to=FOREIGN)

    assert isinstance(adapted, HubTool)
    assert (adapted.name, adapted.description) == ("add", "Add two numbers")
    assert adapted.args["a"] == {"description": "First", "title": "A", "type": "integer"}
    assert await adapted.ainvoke({"a": 2, "b": 3}) == "5"
    assert adapted.invoke({"a": 2}) == "3"
    adapted.close()


async def test_a_call_becomes_a_message_with_the_result_as_artifact() -> None:
    source = Add()

    message = await adapt(source, to=FOREIGN).ainvoke(tool_call(name="add", args={"a": 2}, id="c1"))

    assert isinstance(message, ToolMessage)
    assert (message.content, message.artifact, message.tool_call_id) == ("3", 3, "c1")
    assert source.call_id == "c1"


async def test_an_artifact_is_json_so_that_checkpointers_can_keep_it() -> None:
    def text() -> str:
        return "said"

    def arguments() -> AddArgs:
        return AddArgs(a=1)

    def opaque() -> object:
        return object()

    artifacts = []
    for function in (text, arguments, opaque):
        adapted = adapt(FunctionTool(function, "x"), to=FOREIGN)
        message = await adapted.ainvoke(tool_call(name=adapted.name, args={}, id="1"))
        artifacts.append(message.artifact)

    assert artifacts == [None, {"a": 1, "b": 1}, None]


async def test_a_single_text_goes_to_the_only_argument() -> None:
    assert await adapt(FunctionTool(shout, "Shouts."), to=FOREIGN).ainvoke("hi") == "HI"
    with pytest.raises(ValueError, match=r"^the tool 'add' takes a, b, not a single text$"):
        await adapt(Add(), to=FOREIGN).ainvoke("hi")


async def test_arguments_may_have_any_name() -> None:
    def odd(config: str, run_manager: str, self_: str = "") -> str:
        return config + run_manager

    adapted = adapt(FunctionTool(odd, "Odd."), to=FOREIGN)

    assert await adapted.ainvoke({"config": "a", "run_manager": "b"}) == "ab"


async def test_a_tool_that_knows_only_its_schema_keeps_it() -> None:
    schema = ToolSchema(
        name="remote",
        description="Remote",
        parameters={"type": "object", "properties": {"q": {"type": "string", "enum": ["x", "y"]}}, "required": ["q"]},
    )

    class Remote(Add):
        @property
        def schema(self) -> ToolSchema:
            return schema

        async def run_json(
            self, args: Mapping[str, Any], cancellation_token: CancellationToken, call_id: str | None = None
        ) -> Any:
            return dict(args)

    adapted = adapt(Remote(), to=FOREIGN)

    assert adapted.args_schema == schema["parameters"]
    assert await adapted.ainvoke({"q": "x"}) == "{'q': 'x'}"


async def test_errors_of_a_hub_tool_are_langchains_to_handle() -> None:
    def fail() -> str:
        raise LookupError("no such thing")

    adapted = adapt(FunctionTool(fail, "Fails."), to=FOREIGN)

    with pytest.raises(LookupError, match=r"^no such thing$"):
        await adapted.ainvoke({})


async def test_cancelling_the_langchain_call_cancels_the_tool_of_the_hub() -> None:
    source = Add()
    run = asyncio.ensure_future(adapt(source, to=FOREIGN).ainvoke({"a": -1}))
    await source.started.wait()

    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run

    assert source.token is not None
    assert source.token.is_cancelled()


def test_there_and_back_a_tool_is_itself() -> None:
    source = Add()

    assert adapt(adapt(source, to=FOREIGN)) is source
    assert adapt(adapt(add), to=FOREIGN) is add


def test_a_dump_and_a_text_of_a_hub_tool_hold_the_tool_by_name_only() -> None:
    adapted = adapt(Add(), to=FOREIGN)

    assert "hub_tool" not in adapted.model_dump()
    assert "hub_tool" not in repr(adapted)
    assert json.loads(adapted.model_dump_json())["name"] == "add"
