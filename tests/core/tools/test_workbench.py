"""Workbenches, streaming tools, and tools with state."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import pytest
from PIL import Image as PILImage
from pydantic import BaseModel

from hubbub_core import EVENT_LOGGER_NAME, CancellationToken, Image
from hubbub_core.logging import ToolCallEvent
from hubbub_core.tool_agent import ToolException
from hubbub_core.tools import (
    BaseStreamTool,
    BaseTool,
    BaseToolWithState,
    FunctionTool,
    ImageResultContent,
    StaticStreamWorkbench,
    StaticWorkbench,
    StreamTool,
    TextResultContent,
    Tool,
    ToolOverride,
    ToolResult,
    Workbench,
)
from hubbub_registry import Component, allow


def double(x: int) -> int:
    """Double."""
    return 2 * x


def fail(text: str) -> str:
    raise RuntimeError(text)


class CountConfig(BaseModel):
    pass


class CountArgs(BaseModel):
    by: int = 1


class CountState(BaseModel):
    total: int


class CountTool(BaseToolWithState[CountArgs, int, CountState], Component[CountConfig]):
    component_config_schema = CountConfig

    def __init__(self) -> None:
        super().__init__(CountArgs, int, CountState, "count", "Counts.")
        self.total = 0

    async def run(self, args: CountArgs, cancellation_token: CancellationToken) -> int:
        self.total += args.by
        return self.total

    def save_state(self) -> CountState:
        return CountState(total=self.total)

    def load_state(self, state: CountState) -> None:
        self.total = state.total

    def _to_config(self) -> CountConfig:
        return CountConfig()

    @classmethod
    def _from_config(cls, config: CountConfig) -> CountTool:
        return cls()


class UpToArgs(BaseModel):
    n: int
    fail_at: int | None = None


class Total(BaseModel):
    total: int


class UpTo(BaseStreamTool[UpToArgs, int, Total]):
    """Yields 1 to n, then their sum."""

    def __init__(self) -> None:
        super().__init__(UpToArgs, Total, "up_to", "Counts up.")
        self.closed = False

    async def run(self, args: UpToArgs, cancellation_token: CancellationToken) -> Total:
        return Total(total=sum(range(args.n + 1)))

    async def run_stream(
        self, args: UpToArgs, cancellation_token: CancellationToken
    ) -> AsyncGenerator[int | Total, None]:
        try:
            for number in range(1, args.n + 1):
                if number == args.fail_at:
                    raise RuntimeError("stuck")
                yield number
                await asyncio.sleep(0)
            yield Total(total=sum(range(args.n + 1)))
        finally:
            self.closed = True


class Endless(UpTo):
    async def run_stream(
        self, args: UpToArgs, cancellation_token: CancellationToken
    ) -> AsyncGenerator[int | Total, None]:
        try:
            yield 1
            yield 2
            await asyncio.Event().wait()
        finally:
            self.closed = True


class Unfinished(UpTo):
    async def run_stream(
        self, args: UpToArgs, cancellation_token: CancellationToken
    ) -> AsyncGenerator[int | Total, None]:
        for number in range(args.n):
            yield number


def workbench(**overrides: ToolOverride) -> StaticWorkbench:
    tools: list[BaseTool[Any, Any]] = [FunctionTool(double, "Doubles."), FunctionTool(fail, "Fails.")]
    return StaticWorkbench(tools, overrides)


def text(result: Any) -> tuple[str, str, bool]:
    assert isinstance(result, ToolResult)
    return result.name, result.to_text(), result.is_error


class TestToolResult:
    def test_fields_print_in_the_documented_order(self) -> None:
        result = ToolResult(name="f", result=[TextResultContent(content="a")], is_error=False)

        assert str(result) == (
            "type='ToolResult' name='f' "
            "result=[TextResultContent(type='TextResultContent', content='a')] is_error=False"
        )

    def test_parts_are_lines_and_images_can_be_replaced(self) -> None:
        image = Image(PILImage.new("L", (1, 1)))
        result = ToolResult(name="f", result=[TextResultContent(content="a"), ImageResultContent(content=image)])

        assert result.to_text("<image>") == "a\n<image>"
        assert result.to_text() == f"a\n[Image: {image.to_base64()}]"

    def test_kinds_of_content_survive_json(self) -> None:
        image = ImageResultContent(content=Image(PILImage.new("L", (1, 1))))
        result = ToolResult(name="f", result=[TextResultContent(content="a"), image], is_error=True)

        restored = ToolResult.model_validate_json(result.model_dump_json())

        assert [type(part) for part in restored.result] == [TextResultContent, ImageResultContent]
        assert restored.is_error


class TestStaticWorkbench:
    async def test_tools_are_listed_and_called(self) -> None:
        bench = workbench()

        assert [schema["name"] for schema in await bench.list_tools()] == ["double", "fail"]
        assert text(await bench.call_tool("double", {"x": 4})) == ("double", "8", False)

    async def test_failures_are_results(self) -> None:
        bench = workbench()

        assert text(await bench.call_tool("nothing")) == ("nothing", "Tool nothing not found.", True)
        assert text(await bench.call_tool("fail", {"text": "no luck"})) == ("fail", "no luck", True)
        name, message, is_error = text(await bench.call_tool("double"))
        assert (name, is_error) == ("double", True)
        assert "x" in message

    async def test_groups_of_errors_are_flattened(self) -> None:
        async def several() -> None:
            raise ExceptionGroup("all", [ValueError("one"), ExceptionGroup("more", [KeyError("two")])])

        result = await StaticWorkbench([FunctionTool(several, "")]).call_tool("several")

        assert text(result) == ("several", "one\n'two'", True)

    async def test_whatever_ends_a_tool_by_itself_is_a_failure_of_the_tool(self) -> None:
        async def silent() -> None:
            raise TimeoutError

        async def cancelled_inside() -> None:
            task = asyncio.ensure_future(asyncio.sleep(60))
            task.cancel()
            await task

        async def refused() -> None:
            raise ToolException(call_id="inner", content="Error: not allowed", name="inner")

        tools: list[BaseTool[Any, Any]] = [FunctionTool(each, "") for each in (silent, cancelled_inside, refused)]
        bench = StaticStreamWorkbench(tools)

        for name, message in (
            ("silent", "TimeoutError"),
            ("cancelled_inside", "CancelledError"),
            ("refused", "Error: not allowed"),
        ):
            assert text(await bench.call_tool(name)) == (name, message, True)
            (streamed,) = [item async for item in bench.call_tool_stream(name)]
            assert text(streamed) == (name, message, True)

    async def test_override_changes_name_and_description_but_not_parameters(self) -> None:
        bench = workbench(double=ToolOverride(name="twice", description="Makes two."), absent=ToolOverride(name="x"))

        first, second = await bench.list_tools()

        assert (first["name"], first["description"]) == ("twice", "Makes two.")
        assert first["parameters"] == FunctionTool(double, "").schema["parameters"]
        assert second["name"] == "fail"

    async def test_tool_answers_to_both_names_with_the_one_asked_for(self) -> None:
        bench = workbench(double=ToolOverride(name="twice"))

        assert text(await bench.call_tool("twice", {"x": 1})) == ("twice", "2", False)
        assert text(await bench.call_tool("double", {"x": 1})) == ("double", "2", False)

    @pytest.mark.parametrize(
        "overrides",
        [
            {"double": ToolOverride(name="fail")},
            {"double": ToolOverride(name="same"), "fail": ToolOverride(name="same")},
        ],
    )
    def test_name_that_would_mean_two_tools_is_refused(self, overrides: dict[str, ToolOverride]) -> None:
        with pytest.raises(ValueError, match=r"Tool override name '(fail|same)'"):
            workbench(**overrides)

    async def test_cancelling_the_token_cancels_the_call(self) -> None:
        started = asyncio.Event()

        async def forever() -> None:
            started.set()
            await asyncio.Event().wait()

        token = CancellationToken()
        call = asyncio.ensure_future(StaticWorkbench([FunctionTool(forever, "")]).call_tool("forever", None, token))
        await started.wait()

        token.cancel()

        with pytest.raises(asyncio.CancelledError):
            await call

    async def test_state_of_the_tools_is_saved_and_absent_tools_are_ignored(self) -> None:
        bench = StaticWorkbench([CountTool()])
        await bench.call_tool("count", {"by": 5})

        state = await bench.save_state()
        other = StaticWorkbench([CountTool()])
        await other.load_state({**state, "tools": {**state["tools"], "gone": {"a": 1}}})

        assert state == {"type": "StaticWorkbenchState", "tools": {"count": {"total": 5}}}
        assert text(await other.call_tool("count")) == ("count", "6", False)

    async def test_starting_and_stopping_change_nothing(self) -> None:
        async with workbench() as bench:
            await bench.reset()
            assert text(await bench.call_tool("double", {"x": 1})) == ("double", "2", False)

    @pytest.mark.filterwarnings("ignore:\\n.*SECURITY")
    async def test_component_round_trip_keeps_tools_and_overrides(self) -> None:
        bench = StaticWorkbench([FunctionTool(double, "Doubles."), CountTool()], {"double": ToolOverride(name="twice")})

        dumped = bench.dump_component()
        with allow("code"):
            loaded = Workbench.load_component(dumped.model_dump())

        assert (dumped.provider, dumped.component_type) == ("hubbub_core.tools.StaticWorkbench", "workbench")
        assert text(await loaded.call_tool("twice", {"x": 2})) == ("twice", "4", False)
        assert text(await loaded.call_tool("count")) == ("count", "1", False)


class TestStreamTool:
    async def test_every_item_is_yielded_and_the_last_one_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        tool = UpTo()

        with caplog.at_level(logging.INFO, logger=EVENT_LOGGER_NAME):
            items = [item async for item in tool.run_json_stream({"n": 2}, CancellationToken())]

        assert items == [1, 2, Total(total=3)]
        (event,) = [record.msg for record in caplog.records]
        assert isinstance(event, ToolCallEvent)
        assert event.kwargs["result"] == '{"total": 3}'

    @pytest.mark.parametrize(("n", "message"), [(0, "yielded nothing"), (2, "is a int, but a Total is declared")])
    async def test_stream_without_a_result_of_the_declared_type_is_an_error(self, n: int, message: str) -> None:
        with pytest.raises(TypeError, match=message):
            async for _ in Unfinished().run_json_stream({"n": n}, CancellationToken()):
                pass

    def test_protocols_tell_the_tools_apart(self) -> None:
        assert isinstance(UpTo(), StreamTool)
        assert isinstance(UpTo(), Tool)
        assert not isinstance(CountTool(), StreamTool)


class TestStaticStreamWorkbench:
    async def items(self, tool: BaseTool[Any, Any], arguments: Mapping[str, Any], name: str | None = None) -> list[Any]:
        bench = StaticStreamWorkbench([tool])
        return [item async for item in bench.call_tool_stream(name or tool.name, arguments)]

    async def test_last_item_becomes_the_result(self) -> None:
        *numbers, result = await self.items(UpTo(), {"n": 3})

        assert numbers == [1, 2, 3]
        assert text(result) == ("up_to", '{"total": 6}', False)

    async def test_failure_midway_comes_after_what_was_pending(self) -> None:
        *numbers, result = await self.items(UpTo(), {"n": 5, "fail_at": 3})

        assert numbers == [1, 2]
        assert text(result) == ("up_to", "stuck", True)

    async def test_plain_and_unknown_tools_yield_only_a_result(self) -> None:
        (result,) = await self.items(FunctionTool(double, ""), {"x": 2})
        (unknown,) = await self.items(UpTo(), {}, name="gone")

        assert text(result) == ("double", "4", False)
        assert text(unknown) == ("gone", "Tool gone not found.", True)

    async def test_call_tool_works_too(self) -> None:
        assert text(await StaticStreamWorkbench([UpTo()]).call_tool("up_to", {"n": 3})) == (
            "up_to",
            '{"total": 6}',
            False,
        )

    async def test_cancelling_the_token_ends_a_stream_that_waits(self) -> None:
        tool = Endless()
        token = CancellationToken()
        stream = StaticStreamWorkbench([tool]).call_tool_stream("up_to", {"n": 1}, token)
        assert await anext(stream) == 1

        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        token.cancel()

        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert tool.closed

    async def test_closing_the_stream_early_stops_the_tool(self) -> None:
        tool = Endless()
        stream = StaticStreamWorkbench([tool]).call_tool_stream("up_to", {"n": 1})
        await anext(stream)

        await stream.aclose()

        assert tool.closed
        assert len(asyncio.all_tasks()) == 1

    def test_provider_is_its_own(self) -> None:
        assert StaticStreamWorkbench([]).dump_component().provider == "hubbub_core.tools.StaticStreamWorkbench"
