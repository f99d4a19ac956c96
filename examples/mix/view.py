"""What a run looks like on the terminal: who says what, with which tool of whom."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import indent

from hubbub_agentchat.base import TaskResult
from hubbub_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    ToolCallExecutionEvent,
    ToolCallRequestEvent,
)

from .team import FRAMEWORKS
from .texts import plain_name, plain_result


class View:
    """Prints the messages and tool events of a team as they come, and keeps who called what.

    Args:
        makers: What each tool is made with.
    """

    def __init__(self, makers: Mapping[str, str]) -> None:
        self._makers = makers
        self._callers: dict[str, list[str]] = {name: [] for name in makers}
        self._speaker = ""
        self._result: TaskResult | None = None

    def show(self, item: BaseAgentEvent | BaseChatMessage | TaskResult) -> None:
        """Print one item of the team's stream."""
        if isinstance(item, TaskResult):
            self._result = item
        elif isinstance(item, ToolCallRequestEvent):
            self._header(item.source)
            for call in item.content:
                name = plain_name(call.name)
                if name in self._callers:
                    self._callers[name].append(item.source)
                print(f"  calls {name} ({self._makers.get(name, 'no tool of the team')}) with {call.arguments}")
        elif isinstance(item, ToolCallExecutionEvent):
            for result in item.content:
                print(indent(plain_result(result.content), "    "))
        elif isinstance(item, BaseChatMessage):
            self._header(item.source)
            print("  says")
            print(indent(item.to_text(), "    "), flush=True)

    def end(self) -> int:
        """Print who shared what and why the team stopped; return the exit status."""
        assert self._result is not None  # a team's stream ends with its result
        print("\nTools shared")
        for name, callers in self._callers.items():
            who = ", ".join(f"{caller} ({FRAMEWORKS[caller]})" for caller in dict.fromkeys(callers))
            print(f"  {name:<14} made with {self._makers[name]:<16} called by {who or 'nobody'}")
        reason = self._result.stop_reason or ""
        print(f"\nStopped: {reason}")
        return 0 if "CONFIRMED" in reason else 1

    def _header(self, source: str) -> None:
        if source != self._speaker:
            print(f"\n{source}" + (f" ({FRAMEWORKS[source]})" if source in FRAMEWORKS else ""))
            self._speaker = source
