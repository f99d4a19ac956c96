"""A flow of agents as a graph: `python examples/teams/review_flow.py`.

A writer drafts. Two reviewers read at the same time; a judge hears both, and sends the draft back or on to the
publisher. It needs no key, because the models replay prepared answers.
"""

import asyncio

from hubbub_agentchat.agents import AssistantAgent
from hubbub_agentchat.teams import DiGraphBuilder, GraphFlow
from hubbub_agentchat.ui import Console
from hubbub_core.models.replay import ReplayChatCompletionClient


def agent(name: str, *answers: str) -> AssistantAgent:
    return AssistantAgent(name, ReplayChatCompletionClient(list(answers)))


async def main() -> None:
    writer = agent("writer", "Gulls nest in trees.", "Gulls nest on cliffs.")
    facts = agent("facts", "They nest on cliffs.", "Correct.")
    style = agent("style", "Short and clear.", "Short and clear.")
    judge = agent("judge", "REVISE: see facts.", "ACCEPT")
    publisher = agent("publisher", "Published: Gulls nest on cliffs.")

    builder = DiGraphBuilder()
    builder.add_node(writer, activation="any")  # at the start, or when the judge sends the draft back
    for node in (facts, style, judge, publisher):
        builder.add_node(node)
    builder.add_edge(writer, facts).add_edge(writer, style)
    builder.add_edge(facts, judge).add_edge(style, judge)
    builder.add_edge(judge, writer, condition="REVISE").add_edge(judge, publisher, condition="ACCEPT")
    builder.set_entry_point(writer)

    flow = GraphFlow(builder.get_participants(), builder.build(), max_turns=20)
    result = await Console(flow.run_stream(task="One true sentence about gulls."))
    print("stopped:", result.stop_reason)


asyncio.run(main())
