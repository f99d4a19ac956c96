"""What a long conversation costs: each turn adds its messages and nothing else."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Sequence
from typing import Any

from hubbub_agentchat.agents import AssistantAgent
from hubbub_agentchat.teams import RoundRobinGroupChat
from hubbub_core.model_context import BufferedChatCompletionContext
from hubbub_core.models import CreateResult, LLMMessage, ModelInfo, RequestUsage
from hubbub_core.models.replay import ReplayChatCompletionClient

INFO = ModelInfo(vision=False, function_calling=True, json_output=False, family="unknown", structured_output=False)

CONVERSATION = {"TextMessage", "RequestUsage", "UserMessage", "AssistantMessage"}
"""Each answer, and what each agent makes of it for its model."""


class Constant(ReplayChatCompletionClient):
    """Always says the same, and notes how much it was shown."""

    def __init__(self) -> None:
        super().__init__([], model_info=INFO)
        self.most = 0

    async def create(self, messages: Sequence[LLMMessage], **kwargs: Any) -> CreateResult:
        self.most = max(self.most, len(messages))
        return CreateResult(finish_reason="stop", content="A leaf.", usage=RequestUsage(1, 1), cached=False)


def census() -> Counter[str]:
    gc.collect()
    return Counter(type(each).__name__ for each in gc.get_objects())


async def test_thousand_turns_keep_only_what_was_said_and_show_a_bounded_part_of_it() -> None:
    models = [Constant(), Constant()]
    agents = [
        AssistantAgent(name, model, model_context=BufferedChatCompletionContext(10))
        for name, model in zip("ab", models, strict=True)
    ]
    team = RoundRobinGroupChat([*agents], max_turns=1000)
    spoken = 0
    early: Counter[str] = Counter()

    async for _ in team.run_stream(task="go"):
        spoken += 1
        if spoken == 200:
            early = census()
        if spoken == 1000:
            late = census()

    grown = {kind for kind, count in (late - early).items() if count > 80}
    # Pydantic keeps a set of the fields that were given, and each message a dict.
    assert grown <= CONVERSATION | {"set", "dict"}
    assert (late - early)["dict"] <= 3 * 800
    assert [model.most for model in models] == [11, 11]  # the system message and the last ten
