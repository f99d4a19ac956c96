"""A writer and a critic take turns until the critic approves: `python examples/teams/writer_and_critic.py`.

It needs no key, because the models replay prepared answers. With a real model, `OpenAIChatCompletionClient(model=...)`
of hubbub-openai takes their place.
"""

import asyncio

from hubbub_agentchat.agents import AssistantAgent
from hubbub_agentchat.conditions import MaxMessageTermination, TextMentionTermination
from hubbub_agentchat.teams import RoundRobinGroupChat
from hubbub_agentchat.ui import Console
from hubbub_core.models.replay import ReplayChatCompletionClient


async def main() -> None:
    writer = AssistantAgent(
        "writer",
        ReplayChatCompletionClient(["Leaves fall.", "Gold leaves fall, slowly."]),
        system_message="Write one line. Use the critic's advice.",
        model_client_stream=True,
    )
    critic = AssistantAgent(
        "critic",
        ReplayChatCompletionClient(["More colour, please.", "APPROVE"]),
        system_message="Give one piece of advice, or say APPROVE.",
    )
    team = RoundRobinGroupChat(
        [writer, critic], termination_condition=TextMentionTermination("APPROVE") | MaxMessageTermination(10)
    )
    result = await Console(team.run_stream(task="A line about autumn."))
    print("stopped:", result.stop_reason)


asyncio.run(main())
