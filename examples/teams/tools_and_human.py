"""A booking agent with tools and a human who approves: `python examples/teams/tools_and_human.py`.

The human is asked twice: before the agent books (`y`, or a reason why not), and whether that is all (`APPROVE`, or what
else there is to do). It needs no key, because the model replays prepared answers.
"""

import asyncio

from hubbub_agentchat.agents import AssistantAgent, ToolApprovalRequest, ToolApprovalResponse, UserProxyAgent
from hubbub_agentchat.conditions import MaxMessageTermination, TextMentionTermination
from hubbub_agentchat.teams import RoundRobinGroupChat
from hubbub_agentchat.ui import Console, UserInputManager
from hubbub_core import FunctionCall
from hubbub_core.models import CreateResult, ModelInfo, RequestUsage
from hubbub_core.models.replay import ReplayChatCompletionClient

ABLE = ModelInfo(vision=False, function_calling=True, json_output=False, family="unknown", structured_output=False)


async def find_trains(origin: str, destination: str) -> list[str]:
    """Find trains between two towns."""
    return [f"{origin} 08:12 - {destination} 11:40", f"{origin} 14:12 - {destination} 17:40"]


async def book(train: str) -> str:
    """Book a seat on a train."""
    return f"Booked: {train}."


def approve(request: ToolApprovalRequest) -> ToolApprovalResponse:
    """Ask the human before anything is booked; searching is free."""
    if request.tool_name != "book":
        return ToolApprovalResponse(approved=True)
    answer = input(f"{request.source} wants to call {request.tool_name} with {request.arguments}. Ok? ")
    return ToolApprovalResponse(approved=answer.strip().lower() in ("y", "yes"), reason=answer)


def calling(name: str, arguments: str) -> CreateResult:
    """Return what a model answers that calls a tool."""
    call = FunctionCall(id=name, name=name, arguments=arguments)
    return CreateResult(finish_reason="function_calls", content=[call], usage=RequestUsage(0, 0), cached=False)


async def main() -> None:
    model = ReplayChatCompletionClient(
        [
            calling("find_trains", '{"origin": "Oslo", "destination": "Bergen"}'),
            calling("book", '{"train": "Oslo 08:12 - Bergen 11:40"}'),
            "I have done what you allowed. Is there anything else?",
            *["There is nothing else that I can do."] * 10,
        ],
        model_info=ABLE,
    )
    agent = AssistantAgent(
        "agent",
        model,
        tools=[find_trains, book],
        max_tool_iterations=3,
        reflect_on_tool_use=True,
        tool_approval=approve,
    )
    inputs = UserInputManager(input)
    human = UserProxyAgent("human", input_func=inputs.get_wrapped_callback())
    team = RoundRobinGroupChat(
        [agent, human],
        termination_condition=TextMentionTermination("APPROVE", sources=["human"]) | MaxMessageTermination(20),
    )
    result = await Console(team.run_stream(task="Book me a train to Bergen."), user_input_manager=inputs)
    print("stopped:", result.stop_reason)


asyncio.run(main())
