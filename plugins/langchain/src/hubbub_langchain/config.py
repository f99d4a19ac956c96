"""Configurations: objects of LangChain in a hub file, named as `FILE.py:ATTRIBUTE`."""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from hubbub_core.hub.source import SourceError, load_attribute
from hubbub_core.models import ChatCompletionClient, ModelInfo
from hubbub_registry import ComponentModel

T = TypeVar("T")


class LangChainToolAdapterConfig(BaseModel):
    """Configuration of `LangChainToolAdapter`."""

    model_config = ConfigDict(extra="forbid")

    tool: str
    """`FILE.py:ATTRIBUTE`: a LangChain tool, or a function without parameters that returns one."""


class LangChainChatCompletionClientConfig(BaseModel):
    """Configuration of `LangChainChatCompletionClient`."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    model: str
    """`FILE.py:ATTRIBUTE`: a LangChain chat model, or a function without parameters that returns one."""

    model_info: ModelInfo | None = None
    """What the model can do, where its LangChain class does not tell."""

    context_window: int | None = None
    """Tokens of prompt and answer, where the model's profile does not tell."""


class RetrieverMemoryConfig(BaseModel):
    """Configuration of `RetrieverMemory`."""

    model_config = ConfigDict(extra="forbid")

    retriever: str
    """`FILE.py:ATTRIBUTE`: a LangChain retriever, or a function without parameters that returns one."""


class RunnableAgentConfig(BaseModel):
    """Configuration of `RunnableAgent`."""

    model_config = ConfigDict(extra="forbid")

    runnable: str
    """`FILE.py:ATTRIBUTE`: a Runnable, or a function that returns one; it may take a LangChain chat model `model`."""

    model: ComponentModel | None = None
    """Model client of the hub, for the function; it gets it as a LangChain chat model."""

    input: str | None = None
    """Key of the runnable's input that takes the task's text."""

    output: str | None = None
    """Key of what the runnable returns that holds the answer."""

    config: dict[str, Any] = Field(default_factory=dict)
    """LangChain's configuration of each run: `tags`, `metadata`, `max_concurrency`, `configurable`, ..."""

    name: str | None = None
    """Author of the messages, and the agent's name in errors; the runnable's own name without it."""

    description: str = ""
    """One line on what the agent does."""


def load_object(reference: str, kind: type[T], what: str, model: ChatCompletionClient | None = None) -> T:
    """Load what `FILE.py:ATTRIBUTE` names; a function is called, with the model if it takes one.

    Args:
        reference: `FILE.py:ATTRIBUTE`.
        kind: The class of LangChain that it has to be of.
        what: That class in words, for errors: `"a LangChain tool"`.
        model: The hub's model client for the function; it gets it dressed as a `BaseChatModel`.

    Raises:
        CapabilityError: The caller did not grant `code`.
        SourceError: A ValueError: there is no such file or attribute, or it is not of that kind and makes none.
    """
    found = load_attribute(reference, what=what)
    if inspect.isfunction(found) or inspect.ismethod(found):
        found = _call(reference, found, model)
    if isinstance(found, kind):
        return found
    raise SourceError(reference, f"is of type {type(found).__name__}, not {what} or a function that returns one")


def _call(reference: str, function: Any, model: ChatCompletionClient | None) -> Any:
    from .chat_model import HubChatModel

    if inspect.iscoroutinefunction(function):
        raise SourceError(reference, "is a coroutine function; the function is a plain one")
    parameters = inspect.signature(function).parameters
    arguments: dict[str, Any] = {}
    if "model" in parameters:
        if model is None and parameters["model"].default is inspect.Parameter.empty:
            raise SourceError(reference, "takes a model; set `model` in the configuration")
        if model is not None:
            arguments["model"] = HubChatModel(model_client=model)
    try:
        inspect.signature(function).bind(**arguments)
    except TypeError as error:
        raise SourceError(reference, f"{error}; it may take one parameter, `model`, and no other") from None
    return function(**arguments)
