"""Handoffs: a customer is passed between agents, to a human and back (spec: 000 DP-14..18; 001 HAND-3..11)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from uuid import uuid4

import pytest
from pydantic import BaseModel

from hubbub_core import (
    FunctionCall,
    MessageContext,
    RoutedAgent,
    SingleThreadedAgentRuntime,
    TopicId,
    TypeSubscription,
    message_handler,
)
from hubbub_core.models import (
    AssistantMessage,
    ChatCompletionClient,
    CreateResult,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    SystemMessage,
    UserMessage,
)
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_core.tools import FunctionTool, Tool

TRIAGE, SALES, ISSUES, HUMAN, USER = "TriageAgent", "SalesAgent", "IssuesAndRepairsAgent", "HumanAgent", "User"


class UserLogin(BaseModel):
    pass


class UserTask(BaseModel):
    context: list[LLMMessage]


class AgentResponse(BaseModel):
    reply_to_topic_type: str
    context: list[LLMMessage]


class AIAgent(RoutedAgent):
    """Answers with its model. Delegate tools name the topic of the agent that takes over."""

    def __init__(
        self,
        model_client: ChatCompletionClient,
        tools: list[Tool],
        delegate_tools: list[Tool],
    ) -> None:
        super().__init__("An agent with a model")
        self._system_message = SystemMessage(content=f"You are the {self.id.type}.")
        self._model_client = model_client
        self._tools = {tool.name: tool for tool in tools}
        self._delegate_tools = {tool.name: tool for tool in delegate_tools}
        self._schemas = [tool.schema for tool in (*tools, *delegate_tools)]

    @message_handler
    async def handle_task(self, message: UserTask, ctx: MessageContext) -> None:
        context = list(message.context)
        while True:
            reply = await self._model_client.create(
                [self._system_message, *context], tools=self._schemas, cancellation_token=ctx.cancellation_token
            )
            if isinstance(reply.content, str):
                break
            done = [call for call in reply.content if not await self._delegate(call, context, ctx)]
            if not done:
                return
            results = [await self._execute(call, ctx) for call in done]
            context += [
                AssistantMessage(content=done, source=self.id.type),
                FunctionExecutionResultMessage(content=results),
            ]
        print(f"{self.id.type}: {reply.content}")
        context.append(AssistantMessage(content=reply.content, source=self.id.type))
        await self.publish_message(
            AgentResponse(reply_to_topic_type=self.id.type, context=context), TopicId(USER, source=self.id.key)
        )

    async def _delegate(self, call: FunctionCall, context: list[LLMMessage], ctx: MessageContext) -> bool:
        if call.name not in self._delegate_tools:
            return False
        topic_type = await self._text_of(self._delegate_tools[call.name], call, ctx)
        print(f"{self.id.type} delegates to {topic_type}")
        result = FunctionExecutionResult(
            content=f"Transferred to {topic_type}.", call_id=call.id, is_error=False, name=call.name
        )
        task = UserTask(
            context=[
                *context,
                AssistantMessage(content=[call], source=self.id.type),
                FunctionExecutionResultMessage(content=[result]),
            ]
        )
        await self.publish_message(task, TopicId(topic_type, source=self.id.key))
        return True

    async def _execute(self, call: FunctionCall, ctx: MessageContext) -> FunctionExecutionResult:
        if call.name not in self._tools:
            raise ValueError(f"Unknown tool: {call.name}")
        text = await self._text_of(self._tools[call.name], call, ctx)
        print(f"{self.id.type} called {call.name}({call.arguments}): {text}")
        return FunctionExecutionResult(content=text, call_id=call.id, is_error=False, name=call.name)

    async def _text_of(self, tool: Tool, call: FunctionCall, ctx: MessageContext) -> str:
        value = await tool.run_json(json.loads(call.arguments), ctx.cancellation_token)
        return tool.return_value_as_string(value)


class HumanAgent(RoutedAgent):
    @message_handler
    async def handle_user_task(self, message: UserTask, ctx: MessageContext) -> None:
        text = await asyncio.to_thread(input, "Human agent: ")
        print(f"{self.id.type}: {text}")
        context = [*message.context, AssistantMessage(content=text, source=self.id.type)]
        await self.publish_message(
            AgentResponse(reply_to_topic_type=self.id.type, context=context), TopicId(USER, source=self.id.key)
        )


class UserAgent(RoutedAgent):
    @message_handler
    async def handle_user_login(self, message: UserLogin, ctx: MessageContext) -> None:
        print(f"User login, session ID: {self.id.key}.")
        text = await self._ask()
        await self._task(TRIAGE, [UserMessage(content=text, source=USER)])

    @message_handler
    async def handle_task_result(self, message: AgentResponse, ctx: MessageContext) -> None:
        text = await self._ask()
        if text.strip().lower() == "exit":
            print(f"User session ended, session ID: {self.id.key}.")
            return
        await self._task(message.reply_to_topic_type, [*message.context, UserMessage(content=text, source=USER)])

    async def _ask(self) -> str:
        text = await asyncio.to_thread(input, "User: ")
        print(f"{self.id.type}: {text}")
        return text

    async def _task(self, topic_type: str, context: list[LLMMessage]) -> None:
        await self.publish_message(UserTask(context=context), TopicId(topic_type, source=self.id.key))


def execute_order(product: str, price: int) -> str:
    print(f"Order: {product} at {price}")
    return "success"


def look_up_item(search_query: str) -> str:
    return "item_132612938"


def execute_refund(item_id: str, reason: str = "not provided") -> str:
    print(f"Refund: {item_id} because {reason}")
    return "success"


def transfer_to_sales_agent() -> str:
    return SALES


def transfer_to_issues_and_repairs() -> str:
    return ISSUES


def transfer_back_to_triage() -> str:
    return TRIAGE


def escalate_to_human() -> str:
    return HUMAN


# A description may be empty or have several lines.
ORDER = FunctionTool(execute_order, description="Price should be in USD.")
LOOK_UP = FunctionTool(look_up_item, description="Find an item.\nThe query may be a description or keywords.")
REFUND = FunctionTool(execute_refund, description="")
TO_SALES = FunctionTool(transfer_to_sales_agent, description="Anything about buying.")
TO_ISSUES = FunctionTool(transfer_to_issues_and_repairs, description="Issues, repairs, refunds.")
TO_TRIAGE = FunctionTool(transfer_back_to_triage, description="Anything else,\nincluding escalations.")
TO_HUMAN = FunctionTool(escalate_to_human, description="Only when asked for.")


@dataclass
class Script:
    """What the models answer, in order."""

    triage: list[str | CreateResult] = field(default_factory=list)
    sales: list[str | CreateResult] = field(default_factory=list)
    issues: list[str | CreateResult] = field(default_factory=list)


async def register_company(
    runtime: SingleThreadedAgentRuntime, script: Script
) -> dict[str, ReplayChatCompletionClient]:
    models = {
        TRIAGE: ReplayChatCompletionClient(script.triage),
        SALES: ReplayChatCompletionClient(script.sales),
        ISSUES: ReplayChatCompletionClient(script.issues),
    }
    tools: dict[str, tuple[list[Tool], list[Tool]]] = {
        TRIAGE: ([], [TO_ISSUES, TO_SALES, TO_HUMAN]),
        SALES: ([ORDER], [TO_TRIAGE]),
        ISSUES: ([REFUND, LOOK_UP], [TO_TRIAGE]),
    }
    for name, model in models.items():
        await AIAgent.register(runtime, type=name, factory=partial(AIAgent, model, *tools[name]))
    await HumanAgent.register(runtime, type=HUMAN, factory=lambda: HumanAgent("A human agent."))
    await UserAgent.register(runtime, type=USER, factory=lambda: UserAgent("The customer."))
    for name in (TRIAGE, SALES, ISSUES, HUMAN, USER):
        await runtime.add_subscription(TypeSubscription(topic_type=name, agent_type=name))
    return models


def call(call_id: str, tool: Tool, arguments: str = "{}") -> FunctionCall:
    return FunctionCall(id=call_id, arguments=arguments, name=tool.name)


async def test_customer_is_passed_to_repairs_and_to_a_human(
    runtime: SingleThreadedAgentRuntime,
    calling: Callable[..., CreateResult],
    typed: Callable[[dict[str, list[str]]], list[str]],
    printed: Callable[[], list[str]],
) -> None:
    typed(
        {
            "User: ": ["hello", "refund my shoe", "no", "yes", "your manager, please", "Okay", "sue you", " Exit "],
            "Human agent: ": ["A human here.", "Please do not."],
        }
    )
    script = Script(
        triage=["How can I help?", calling(call("1", TO_ISSUES)), calling(call("5", TO_HUMAN))],
        issues=[
            "Is the shoe torn?",
            "Shall I refund it?",
            calling(call("2", LOOK_UP, '{"search_query": "shoe"}')),
            calling(call("3", REFUND, '{"item_id": "item_132612938"}')),
            "It is refunded.",
            "Shall I pass you on?",
            calling(call("4", TO_TRIAGE)),
        ],
    )
    models = await register_company(runtime, script)
    session = str(uuid4())
    runtime.start()
    await runtime.publish_message(UserLogin(), topic_id=TopicId(USER, source=session))
    await asyncio.wait_for(runtime.stop_when_idle(), 10)

    assert printed() == [
        f"User login, session ID: {session}.",
        "User: hello",
        "TriageAgent: How can I help?",
        "User: refund my shoe",
        "TriageAgent delegates to IssuesAndRepairsAgent",
        "IssuesAndRepairsAgent: Is the shoe torn?",
        "User: no",
        "IssuesAndRepairsAgent: Shall I refund it?",
        "User: yes",
        'IssuesAndRepairsAgent called look_up_item({"search_query": "shoe"}): item_132612938',
        "Refund: item_132612938 because not provided",
        'IssuesAndRepairsAgent called execute_refund({"item_id": "item_132612938"}): success',
        "IssuesAndRepairsAgent: It is refunded.",
        "User: your manager, please",
        "IssuesAndRepairsAgent: Shall I pass you on?",
        "User: Okay",
        "IssuesAndRepairsAgent delegates to TriageAgent",
        "TriageAgent delegates to HumanAgent",
        "HumanAgent: A human here.",
        "User: sue you",
        "HumanAgent: Please do not.",
        "User:  Exit ",
        f"User session ended, session ID: {session}.",
    ]
    # Whoever takes over sees the whole conversation, handoffs included.
    first_of_issues, *_ = models[ISSUES].create_calls
    handed_over = [
        UserMessage(content="hello", source=USER),
        AssistantMessage(content="How can I help?", source=TRIAGE),
        UserMessage(content="refund my shoe", source=USER),
        AssistantMessage(content=[call("1", TO_ISSUES)], source=TRIAGE),
        FunctionExecutionResultMessage(
            content=[
                FunctionExecutionResult(
                    content="Transferred to IssuesAndRepairsAgent.",
                    call_id="1",
                    is_error=False,
                    name="transfer_to_issues_and_repairs",
                )
            ]
        ),
    ]
    assert first_of_issues["messages"] == [SystemMessage(content="You are the IssuesAndRepairsAgent."), *handed_over]
    last_of_triage = models[TRIAGE].create_calls[-1]["messages"]
    assert last_of_triage[1:6] == handed_over
    assert last_of_triage[-2] == AssistantMessage(content=[call("4", TO_TRIAGE)], source=ISSUES)
    # The model is offered its own tools and the handoffs, as schemas; a handoff takes no arguments.
    assert [schema["name"] for schema in first_of_issues["tools"]] == [
        "execute_refund",
        "look_up_item",
        "transfer_back_to_triage",
    ]
    assert first_of_issues["tools"][2]["parameters"]["properties"] == {}
    assert models[SALES].create_calls == []


async def test_tool_and_handoff_in_one_reply_are_both_carried_out(
    runtime: SingleThreadedAgentRuntime,
    calling: Callable[..., CreateResult],
    typed: Callable[[dict[str, list[str]]], list[str]],
    printed: Callable[[], list[str]],
) -> None:
    """Then the same agent asks its model again, besides the delegate (spec: 000 L4235)."""
    typed({"User: ": ["buy a boat", "exit", "exit"]})
    order = call("2", ORDER, '{"product": "boat", "price": 9}')
    script = Script(
        triage=[calling(call("1", TO_SALES)), "Anything else?"],
        sales=[calling(order, call("3", TO_TRIAGE)), "Ordered."],
    )
    models = await register_company(runtime, script)
    runtime.start()
    await runtime.publish_message(UserLogin(), topic_id=TopicId(USER, source="s"))
    await asyncio.wait_for(runtime.stop_when_idle(), 10)

    assert sorted(printed()) == sorted(
        [
            "User login, session ID: s.",
            "User: buy a boat",
            "TriageAgent delegates to SalesAgent",
            "SalesAgent delegates to TriageAgent",
            "Order: boat at 9",
            'SalesAgent called execute_order({"product": "boat", "price": 9}): success',
            "SalesAgent: Ordered.",
            "TriageAgent: Anything else?",
            *["User: exit", "User session ended, session ID: s."] * 2,
        ]
    )
    _, again = models[SALES].create_calls
    assert again["messages"][-2:] == [
        AssistantMessage(content=[order], source=SALES),
        FunctionExecutionResultMessage(
            content=[FunctionExecutionResult(content="success", call_id="2", is_error=False, name="execute_order")]
        ),
    ]


async def test_tool_that_nobody_has_is_an_error(
    runtime: SingleThreadedAgentRuntime,
    calling: Callable[..., CreateResult],
    typed: Callable[[dict[str, list[str]]], list[str]],
) -> None:
    typed({"User: ": ["hello"]})
    await register_company(runtime, Script(triage=[calling(FunctionCall(id="1", arguments="{}", name="dance"))]))
    runtime.start()
    await runtime.publish_message(UserLogin(), topic_id=TopicId(USER, source="s"))

    with pytest.raises(ValueError, match=r"\AUnknown tool: dance\Z"):
        await runtime.stop_when_idle()
