"""The agent classes of Semantic Kernel that differ from the others: their threads, and what they take and hand over.

They go by name: their modules import vendors' packages, and whoever has such an agent has them loaded.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, Final

from semantic_kernel.agents.agent import Agent, AgentThread
from semantic_kernel.agents.chat_completion.chat_completion_agent import ChatCompletionAgent, ChatHistoryAgentThread
from semantic_kernel.contents.chat_history import ChatHistory
from semantic_kernel.contents.chat_message_content import ChatMessageContent
from semantic_kernel.contents.image_content import ImageContent
from semantic_kernel.contents.kernel_content import KernelContent
from semantic_kernel.contents.reasoning_content import ReasoningContent
from semantic_kernel.contents.text_content import TextContent
from semantic_kernel.contents.utils.author_role import AuthorRole

ThreadFactory = Callable[[str | None], AgentThread]
"""Makes a thread: a new one of None, the existing one of its id."""

Kind = tuple[str, str]
"""Module and name of a class."""

ASSISTANT: Final[Kind] = ("semantic_kernel.agents.open_ai.openai_assistant_agent", "OpenAIAssistantAgent")
RESPONSES: Final[Kind] = ("semantic_kernel.agents.open_ai.openai_responses_agent", "OpenAIResponsesAgent")
AZURE_AI: Final[Kind] = ("semantic_kernel.agents.azure_ai.azure_ai_agent", "AzureAIAgent")
BEDROCK: Final[Kind] = ("semantic_kernel.agents.bedrock.bedrock_agent", "BedrockAgent")
COPILOT: Final[Kind] = ("semantic_kernel.agents.copilot_studio.copilot_studio_agent", "CopilotStudioAgent")
CONVERSABLE: Final[Kind] = ("semantic_kernel.agents.autogen.autogen_conversable_agent", "AutoGenConversableAgent")

_TAKES: Final[Mapping[Kind, tuple[type[KernelContent], ...]]] = {
    ASSISTANT: (TextContent,),
    AZURE_AI: (TextContent,),
    BEDROCK: (TextContent,),
    COPILOT: (TextContent,),
    RESPONSES: (TextContent, ImageContent),
}


class LocalThread(ChatHistoryAgentThread):
    """The thread of a session where nobody brings one.

    Its history is at hand, so that what a run does to it needs no walk through the conversation.
    """

    def __init__(self, thread_id: str | None) -> None:
        self.history = ChatHistory()
        super().__init__(self.history, thread_id)


def is_a(found: object, kind: Kind) -> bool:
    """Say whether an object is of a class."""
    module = sys.modules.get(kind[0])
    return module is not None and isinstance(found, getattr(module, kind[1]))


def default_factory(agent: Agent) -> ThreadFactory | None:
    """Return how threads of an agent are made; None where only the agent itself knows."""
    if isinstance(agent, ChatCompletionAgent):
        return LocalThread
    owner: Any = agent
    makers: dict[Kind, Callable[[Any, str | None], AgentThread]] = {
        ASSISTANT: lambda module, thread_id: module.AssistantAgentThread(client=owner.client, thread_id=thread_id),
        RESPONSES: lambda module, thread_id: module.ResponsesAgentThread(
            client=owner.client, previous_response_id=thread_id, enable_store=owner.store_enabled
        ),
        AZURE_AI: lambda module, thread_id: module.AzureAIAgentThread(client=owner.client, thread_id=thread_id),
        BEDROCK: lambda module, thread_id: module.BedrockAgentThread(owner.bedrock_runtime_client, thread_id),
        COPILOT: lambda module, thread_id: module.CopilotStudioAgentThread(owner.client, thread_id),
        CONVERSABLE: lambda module, thread_id: module.AutoGenConversableAgentThread(thread_id=thread_id),
    }
    for kind, make in makers.items():
        if is_a(agent, kind):
            return lambda thread_id: make(import_module(kind[0]), thread_id)  # the loop ends here
    return None


async def begin(thread: AgentThread) -> AgentThread:
    """Return a new thread, ready for its agent: the one of Bedrock starts only those that it has made itself."""
    if is_a(thread, (BEDROCK[0], "BedrockAgentThread")) and thread.id is None:
        await thread.create()
    return thread


def keeps_messages(thread: AgentThread) -> bool:
    """Say whether a thread keeps the conversation itself, and no server does."""
    if is_a(thread, (RESPONSES[0], "ResponsesAgentThread")):
        # One that the server does not store has no id.
        return thread.id is None
    return isinstance(thread, ChatHistoryAgentThread) or is_a(thread, (CONVERSABLE[0], "AutoGenConversableAgentThread"))


def loses_in_streams(agent: Agent) -> bool:
    """Say whether Semantic Kernel would lose messages of any streamed run.

    An agent of Responses that has the server store nothing does not keep its answers; one of Copilot Studio does not
    stream, and makes several messages one.
    """
    return is_a(agent, COPILOT) or getattr(agent, "store_enabled", True) is False


def as_taken(agent: Agent, messages: Sequence[ChatMessageContent]) -> ChatMessageContent | list[ChatMessageContent]:
    """Return messages in the form that an agent takes.

    Semantic Kernel leaves out without a word what the service of an agent has no place for: so thoughts are left out
    here, and everything else is refused. Agents of Bedrock take one message, those of Copilot Studio the first text of
    each; they are given one text, with the names of the authors where several speak.

    Raises:
        ValueError: A message holds what the agent does not take.
    """
    taken = next((items for kind, items in _TAKES.items() if is_a(agent, kind)), None)
    if taken is None:
        return list(messages)
    whose = f"agent {agent.name!r} is {_article(type(agent).__name__)}"
    kept = [_without_thoughts(message) for message in messages]
    _check(kept, taken, whose)
    if is_a(agent, BEDROCK) or is_a(agent, COPILOT):
        return one_text(kept, whose)
    return [message for message in kept if message.items]


def one_text(messages: Sequence[ChatMessageContent], whose: str) -> ChatMessageContent:
    """Return messages as one, with the names of the authors where several speak.

    Args:
        messages: The messages.
        whose: Who takes no more than this, for the error.

    Raises:
        ValueError: There is something other than texts.
    """
    _check(messages, (TextContent,), whose)
    texts = ["\n".join(item.text for item in message.items if isinstance(item, TextContent)) for message in messages]
    if len(texts) > 1:
        texts = [f"{message.name or message.role.value}: {text}" for message, text in zip(messages, texts, strict=True)]
    return ChatMessageContent(role=AuthorRole.USER, content="\n\n".join(texts))


def _check(messages: Sequence[ChatMessageContent], taken: tuple[type[KernelContent], ...], whose: str) -> None:
    for message in messages:
        for item in message.items:
            if not isinstance(item, taken):
                raise ValueError(
                    f"{type(item).__name__} in a message of the {message.role.value} cannot be converted: {whose}, "
                    f"which takes {'texts and images' if ImageContent in taken else 'texts only'}"
                )


def _without_thoughts(message: ChatMessageContent) -> ChatMessageContent:
    items = [item for item in message.items if not isinstance(item, ReasoningContent)]
    return message if len(items) == len(message.items) else message.model_copy(update={"items": items})


def _article(name: str) -> str:
    return f"{'an' if name[0] in 'AEIO' else 'a'} {name}"
