"""The agent that runs code: what others have written, or what its own model writes."""

from __future__ import annotations

import warnings
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, ClassVar, Self

from pydantic import BaseModel

from hubbub_agentchat._cancel_scope import CancelScope
from hubbub_agentchat._ownership import built_from
from hubbub_agentchat.agents._approval import ApprovalFuncType, ApprovalRequest, ApprovalResponse, ask
from hubbub_agentchat.agents._base_chat_agent import BaseChatAgent
from hubbub_agentchat.agents._code_blocks import CodeFences, described, fenced
from hubbub_agentchat.agents._code_writer import CodeWriter
from hubbub_agentchat.agents._turn import Turn, final_response
from hubbub_agentchat.base import Response
from hubbub_agentchat.messages import BaseAgentEvent, BaseChatMessage, TextMessage
from hubbub_agentchat.state import BaseState, CodeExecutorAgentState
from hubbub_core import CancellationToken
from hubbub_core.code_executor import CodeBlock, CodeExecutor, CodeResult
from hubbub_core.model_context import ChatCompletionContext, UnboundedChatCompletionContext
from hubbub_core.models import ChatCompletionClient, LLMMessage, SystemMessage
from hubbub_registry import Component, ComponentModel


class CodeExecutorAgentConfig(BaseModel):
    """Configuration of `CodeExecutorAgent`. Retries and the approval function are not part of it."""

    name: str
    code_executor: ComponentModel
    model_client: ComponentModel | None = None
    description: str | None = None
    sources: list[str] | None = None
    system_message: str | None = None
    model_client_stream: bool = False
    model_context: ComponentModel | None = None
    supported_languages: list[str] | None = None


class CodeExecutorAgent(BaseChatAgent, Component[CodeExecutorAgentConfig]):
    """An agent that runs code in fenced blocks.

    Without a model it runs the blocks in the text messages that it is given and answers with the output. With one, its
    model writes the code: what came out is put into the conversation, and the model sums it up as the answer; a reply
    without code is the answer itself. Blocks look so, and the language has to be there:

        ```python
        print("hello")
        ```

    The code comes from a model: let somebody see it (`approval_func`), or run it where it can do no harm. The caller
    starts and stops the executor. A turn that fails or is cancelled leaves nothing in the context.

    Args:
        name: The agent's name.
        code_executor: Runs the code.
        model_client: Writes the code.
        model_context: Where the conversation is kept, with a model; unbounded by default.
        model_client_stream: Whether pieces of the model's text are yielded as `ModelClientStreamingChunkEvent`.
        max_retries_on_error: How often the model may write other code after a failure. It is asked each time whether
            it wants to.
        description: What teams read about the agent; by default it depends on whether there is a model.
        system_message: Put before the conversation; None for none.
        sources: Without a model, whose messages are looked at; everybody's by default.
        supported_languages: Languages of the blocks that are run, in any case; Python and sh by default.
        approval_func: Asked before code runs. A synchronous function runs in a thread. Not part of a configuration.

    Raises:
        ValueError: `max_retries_on_error` is negative, or above 0 without a model that knows structured output.

    Warns:
        UserWarning: There is no `approval_func`.
    """

    DEFAULT_TERMINAL_DESCRIPTION: ClassVar[str] = (
        "A computer terminal that performs no other action than running Python scripts (provided to it quoted in "
        "```python code blocks), or sh shell scripts (provided to it quoted in ```sh code blocks)."
    )
    DEFAULT_AGENT_DESCRIPTION: ClassVar[str] = (
        "An agent that writes Python or shell code for a task, runs it, and reports what came out."
    )
    DEFAULT_SYSTEM_MESSAGE: ClassVar[str] = (
        "You solve tasks by writing code. Put Python code into ```python blocks and shell scripts into ```sh blocks; "
        "they are run as they are, one after another, and you are shown what they print. Write whole scripts that need "
        "nothing to be filled in, and print what you need to know. When no code is needed, answer without a block."
    )
    NO_CODE_BLOCKS_FOUND_MESSAGE: ClassVar[str] = (
        "No code blocks found in the thread. Please provide at least one markdown-encoded code block to execute "
        "(i.e., quoting code in ```python or ```sh code blocks)."
    )
    DEFAULT_SUPPORTED_LANGUAGES: ClassVar[list[str]] = ["python", "sh"]

    component_config_schema = CodeExecutorAgentConfig
    component_provider_override = "hubbub_agentchat.agents.CodeExecutorAgent"

    def __init__(
        self,
        name: str,
        code_executor: CodeExecutor,
        *,
        model_client: ChatCompletionClient | None = None,
        model_context: ChatCompletionContext | None = None,
        model_client_stream: bool = False,
        max_retries_on_error: int = 0,
        description: str | None = None,
        system_message: str | None = DEFAULT_SYSTEM_MESSAGE,
        sources: Sequence[str] | None = None,
        supported_languages: list[str] | None = None,
        approval_func: ApprovalFuncType | None = None,
    ) -> None:
        if description is None:
            description = self.DEFAULT_TERMINAL_DESCRIPTION if model_client is None else self.DEFAULT_AGENT_DESCRIPTION
        super().__init__(name=name, description=description)
        _check_retries(max_retries_on_error, model_client)
        if approval_func is None:
            warnings.warn(
                f"No approval function set for CodeExecutorAgent {name!r}: code is executed without anybody having "
                "seen it. Pass an approval_func to review it before.",
                UserWarning,
                stacklevel=2,
            )
        self._code_executor = code_executor
        self._model_client = model_client
        self._model_client_stream = model_client_stream
        self._system_message = system_message
        self._sources = None if sources is None else list(sources)
        self._supported_languages = supported_languages or list(self.DEFAULT_SUPPORTED_LANGUAGES)
        self._approval_func = approval_func
        self._model_context = UnboundedChatCompletionContext() if model_context is None else model_context
        self._fences = CodeFences(self._supported_languages)
        self._writer: CodeWriter | None = None
        if model_client is not None:
            self._writer = CodeWriter(
                name,
                model_client,
                self._model_context,
                [] if system_message is None else [SystemMessage(content=system_message)],
                stream=model_client_stream,
                find=self._fences.find,
                execute=self.execute_code_block,
                retries=max_retries_on_error,
            )

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        return (TextMessage,)

    @property
    def model_context(self) -> ChatCompletionContext:
        """The conversation as the model sees it; empty without a model."""
        return self._model_context

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        with CancelScope(cancellation_token):
            return await final_response(self.on_messages_stream(messages, cancellation_token))

    async def on_messages_stream(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | Response, None]:
        """Run the code in the messages, or have the model write some; yields what happens, the `Response` last.

        Raises:
            RuntimeError: The model answered with something else than text, or its stream is malformed.
            Exception: What the executor or `approval_func` raised.
            asyncio.CancelledError: The token was cancelled.
        """
        if self._writer is None:
            yield Response(chat_message=await self._run_code_of(messages, cancellation_token))
            return
        async with (
            Turn(self._model_context) as turn,
            aclosing(self._writer.answer(messages, cancellation_token)) as items,
        ):
            async for item in items:
                if isinstance(item, Response):
                    turn.complete(cancellation_token)
                yield item

    async def _run_code_of(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> TextMessage:
        blocks = await self.extract_code_blocks_from_messages(messages)
        if not blocks:
            return TextMessage(content=self.NO_CODE_BLOCKS_FOUND_MESSAGE, source=self.name)
        # Nobody reads the conversation but whoever approves, so it is not kept.
        given: list[LLMMessage] = [message.to_model_message() for message in messages]
        result = await self._execute(blocks, given, cancellation_token)
        return TextMessage(content=result.output, source=self.name)

    async def extract_code_blocks_from_messages(self, messages: Sequence[BaseChatMessage]) -> list[CodeBlock]:
        """Return the blocks in the text messages of `sources`, in order."""
        found: list[CodeBlock] = []
        for message in messages:
            if isinstance(message, TextMessage) and (self._sources is None or message.source in self._sources):
                found.extend(self._fences.find(message.content))
        return found

    async def execute_code_block(
        self, code_blocks: list[CodeBlock], cancellation_token: CancellationToken
    ) -> CodeResult:
        """Run blocks if that is approved; a failure, and that nothing was printed, is said in the output (N-159).

        Returns:
            The result; exit code 1 and the reason when the code was not approved.
        """
        return await self._execute(code_blocks, await self._model_context.get_messages(), cancellation_token)

    async def _execute(
        self, blocks: list[CodeBlock], context: list[LLMMessage], cancellation_token: CancellationToken
    ) -> CodeResult:
        if self._approval_func is not None:
            decided = await ask(
                self._approval_func, ApprovalRequest(code=fenced(blocks), context=context), ApprovalResponse
            )
            if not decided.approved:
                return CodeResult(exit_code=1, output=f"Code execution was not approved. Reason: {decided.reason}")
        result = await self._code_executor.execute_code_blocks(blocks, cancellation_token)
        return CodeResult(exit_code=result.exit_code, output=described(result))

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        """Clear the conversation."""
        await self._model_context.clear()

    async def save_state(self) -> Mapping[str, Any]:
        """Return the conversation, as `CodeExecutorAgentState`; without a model there is none."""
        if self._writer is None:
            return BaseState().model_dump()
        return CodeExecutorAgentState(llm_context=await self._model_context.save_state()).model_dump()

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Replace the conversation. States of AutoGen hold none."""
        await self._model_context.load_state(CodeExecutorAgentState.model_validate(state).llm_context)

    def _to_config(self) -> CodeExecutorAgentConfig:
        if self._approval_func is not None:
            raise ValueError(
                f"Cannot serialize CodeExecutorAgent with approval_func set: it is a function. Agent: {self.name!r}."
            )
        return CodeExecutorAgentConfig(
            name=self.name,
            code_executor=self._code_executor.dump_component(),
            model_client=None if self._model_client is None else self._model_client.dump_component(),
            description=self.description,
            sources=self._sources,
            system_message=self._system_message,
            model_client_stream=self._model_client_stream,
            model_context=self._model_context.dump_component(),
            supported_languages=self._supported_languages,
        )

    @classmethod
    def _from_config(cls, config: CodeExecutorAgentConfig) -> Self:
        model_client = ChatCompletionClient.load_component(config.model_client) if config.model_client else None
        agent = cls(
            name=config.name,
            code_executor=CodeExecutor.load_component(config.code_executor),
            model_client=model_client,
            model_context=ChatCompletionContext.load_component(config.model_context) if config.model_context else None,
            model_client_stream=config.model_client_stream,
            description=config.description,
            system_message=config.system_message,
            sources=config.sources,
            supported_languages=config.supported_languages,
        )
        agent._owned = built_from((config.model_client, model_client))
        return agent


def _check_retries(retries: int, model_client: ChatCompletionClient | None) -> None:
    if retries < 0:
        raise ValueError(f"max_retries_on_error must not be negative, got {retries}")
    if not retries:
        return
    if model_client is None or not model_client.model_info:
        raise ValueError("model_client.model_info must be provided when max_retries_on_error is greater than 0.")
    if not model_client.model_info.get("structured_output"):
        raise ValueError(
            "The model client does not support structured output mode, which max_retries_on_error greater than 0 needs."
        )
