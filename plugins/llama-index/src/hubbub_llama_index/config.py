"""Configurations: objects of LlamaIndex in a hub file, named as `FILE.py:ATTRIBUTE`."""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict

from hubbub_core.hub.source import SourceError, load_attribute
from hubbub_core.models import ModelInfo

T = TypeVar("T")


class LlamaIndexChatCompletionClientConfig(BaseModel):
    """Configuration of `LlamaIndexChatCompletionClient`."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    llm: str
    """`FILE.py:ATTRIBUTE`: an LLM of LlamaIndex, or a function without parameters that returns one."""

    model_info: ModelInfo | None = None
    """What the model can do, where its LlamaIndex class does not tell."""


class RetrieverMemoryConfig(BaseModel):
    """Configuration of `RetrieverMemory`."""

    model_config = ConfigDict(extra="forbid")

    retriever: str
    """`FILE.py:ATTRIBUTE`: a LlamaIndex retriever, or a function without parameters that returns one."""


def load_object(reference: str, kind: type[T], what: str) -> T:
    """Load what `FILE.py:ATTRIBUTE` names; a function is called.

    Args:
        reference: `FILE.py:ATTRIBUTE`.
        kind: The class of LlamaIndex that it has to be of.
        what: That class in words, for errors: `"a LlamaIndex retriever"`.

    Raises:
        CapabilityError: The caller did not grant `code`.
        SourceError: A ValueError: there is no such file or attribute, or it is not of that kind and makes none.
    """
    found: Any = load_attribute(reference, what=what)
    if inspect.isfunction(found):
        if inspect.iscoroutinefunction(found) or inspect.signature(found).parameters:
            raise SourceError(reference, "takes parameters or is a coroutine; the function is a plain one without any")
        found = found()
    if isinstance(found, kind):
        return found
    raise SourceError(reference, f"is of type {type(found).__name__}, not {what} or a function that returns one")
