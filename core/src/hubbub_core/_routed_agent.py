"""Agents that route messages to methods by message type, and by match functions."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from types import NoneType
from typing import Any, ClassVar, Final, Literal, TypeVar, cast, overload

from ._agent import Agent
from ._base_agent import BaseAgent
from ._constants import ROOT_LOGGER_NAME
from ._first_step import as_coroutine
from ._handled_types import member_types, resolve_hints
from ._message_context import MessageContext
from .exceptions import CantHandleException

logger: Final = logging.getLogger(ROOT_LOGGER_NAME)

AgentT = TypeVar("AgentT")
ReceivesT = TypeVar("ReceivesT")
ProducesT = TypeVar("ProducesT")
HandlerMethod = Callable[[AgentT, ReceivesT, MessageContext], Coroutine[Any, Any, ProducesT]]
"""What a handler is: `async def method(self, message: T, ctx: MessageContext) -> R`."""
Match = Callable[[Any, MessageContext], bool]
"""Says whether a handler takes a message that has the right type. `Any`, so that a lambda needs no annotation."""

_HANDLER_ATTRIBUTE: Final = "__hubbub_handler__"


@dataclass(frozen=True, slots=True)
class Handler:
    """One decorated method, as the routing table holds it."""

    func: Callable[[Any, Any, MessageContext], Coroutine[Any, Any, Any]]
    target_types: tuple[Any, ...]
    produced_types: frozenset[Any] | None
    """What it may return; None means anything."""
    strict: bool
    accepts: Match | None
    """What has to hold besides the message's type; None means nothing."""

    def check_message(self, message: Any) -> None:
        if type(message) not in self.target_types and Any not in self.target_types:
            self._complain(
                CantHandleException, f"takes {_names(self.target_types)}, but was called with {type(message).__name__}"
            )

    def check_reply(self, reply: Any) -> None:
        produced = self.produced_types
        if produced is None or type(reply) in produced or isinstance(reply, tuple(produced)):
            return
        self._complain(ValueError, f"is declared to return {_names(produced)}, but returned {type(reply).__name__}")

    def _complain(self, error: type[Exception], what: str) -> None:
        text = f"handler {self.func.__qualname__} {what}"
        if self.strict:
            raise error(text)
        logger.warning("%s", text)


def _names(types: tuple[Any, ...] | frozenset[Any]) -> str:
    return " or ".join(sorted(getattr(each, "__name__", str(each)) for each in types))


class RoutedAgent(BaseAgent):
    """An agent whose decorated methods handle messages (spec: 001 L1906).

    Methods decorated with `message_handler`, `event` or `rpc` are inherited; a subclass that defines a method of the
    same name replaces it. Messages are routed by their exact type; among several handlers of one type the first in
    alphabetical order of method names whose `match` says yes gets the message. A handler of `Any` gets what no other
    handler's type names.

    Args:
        description: One line on what the agent does.
    """

    # Built once per class. A type without handlers is looked up as if it were `Any`.
    _handlers: ClassVar[dict[Any, tuple[Handler, ...]]] = {}
    _handlers_of_any: ClassVar[tuple[Handler, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        attributes: dict[str, Any] = {}
        for base in reversed(cls.__mro__):
            attributes.update(vars(base))
        table: dict[Any, tuple[Handler, ...]] = {}
        for name in sorted(attributes):
            handler: Handler | None = getattr(attributes[name], _HANDLER_ATTRIBUTE, None)
            if handler is not None:
                for target in handler.target_types:
                    table[target] = (*table.get(target, ()), handler)
        cls._handlers_of_any = table.pop(Any, ())
        cls._handlers = table

    async def on_message_impl(self, message: Any, ctx: MessageContext) -> Any | None:
        """Route a message to its handler; not to be overridden."""
        handling, handler = self._route(message, ctx)
        reply = await handling
        if handler is not None:
            handler.check_reply(reply)
        return reply

    def _route(self, message: Any, ctx: MessageContext) -> tuple[Coroutine[Any, Any, Any], Handler | None]:
        """Return what handles a message, and the handler whose reply it is."""
        for handler in self._handlers.get(type(message), self._handlers_of_any):
            if handler.accepts is None or handler.accepts(message, ctx):
                return handler.func(self, message, ctx), handler
        return as_coroutine(self.on_unhandled_message(message, ctx)), None

    async def on_unhandled_message(self, message: Any, ctx: MessageContext) -> None:
        """Called for a message that no handler takes; logs it. Such a message is no error for its sender."""
        logger.info("Unhandled message: %r", message)

    @classmethod
    def _handled_types(cls) -> tuple[Any, ...]:
        return tuple(each for each in cls._handlers if each is not NoneType)


_ROUTING: Final = RoutedAgent.on_message_impl


def begin_handling(agent: Agent, message: Any, ctx: MessageContext) -> tuple[Coroutine[Any, Any, Any], Handler | None]:
    """Return what handles a message, to be run, and what has to check its reply.

    That is `agent.on_message`, without a coroutine between the caller and the handler where it would do nothing else.
    """
    # A subclass may have an `on_message_impl` of its own.
    if getattr(type(agent), "on_message_impl", None) is _ROUTING:
        return cast("RoutedAgent", agent)._route(message, ctx)
    return as_coroutine(agent.on_message(message, ctx)), None


def _decorate(
    func: HandlerMethod[Any, Any, Any],
    kind: Literal["message_handler", "event", "rpc"],
    strict: bool,
    match: Match | None,
) -> HandlerMethod[Any, Any, Any]:
    name = getattr(func, "__qualname__", repr(func))
    if not inspect.iscoroutinefunction(func):
        raise AssertionError(f"{name} is decorated with @{kind} but is not an `async def` method")
    parameters = list(inspect.signature(func).parameters)
    if len(parameters) != 3 or parameters[1] != "message":
        raise AssertionError(
            f"a handler takes (self, message, ctx), and its second parameter is named `message`; {name} takes"
            f" ({', '.join(parameters)})"
        )
    hints = resolve_hints(func)
    if "message" not in hints:
        raise AssertionError(f"message parameter not found in the type hints of {name}: annotate it with its type")
    if "return" not in hints:
        raise AssertionError(f"return not found in the type hints of {name}: annotate what it returns, or None")
    produced = frozenset(member_types(hints["return"], f"the return value of {name}"))
    handler = Handler(
        func=func,
        target_types=member_types(hints["message"], f"the message of {name}"),
        produced_types=None if kind == "event" or Any in produced else produced,
        strict=strict,
        accepts=_acceptance(kind, match),
    )

    # For direct calls of the method, such as super().on_text(message, ctx); the runtime routes by the table.
    @functools.wraps(func)
    async def checked(self: Any, message: Any, ctx: MessageContext) -> Any:
        handler.check_message(message)
        reply = await func(self, message, ctx)
        handler.check_reply(reply)
        return reply

    setattr(checked, _HANDLER_ATTRIBUTE, handler)
    return checked


def _acceptance(kind: str, match: Match | None) -> Match | None:
    if kind == "message_handler":
        return match
    wants_rpc = kind == "rpc"
    if match is None:
        return lambda message, ctx: ctx.is_rpc is wants_rpc
    return lambda message, ctx: ctx.is_rpc is wants_rpc and match(message, ctx)


@overload
def message_handler(
    func: HandlerMethod[AgentT, ReceivesT, ProducesT],
) -> HandlerMethod[AgentT, ReceivesT, ProducesT]: ...
@overload
def message_handler(
    func: None = None, *, strict: bool = ..., match: Match | None = ...
) -> Callable[[HandlerMethod[AgentT, ReceivesT, ProducesT]], HandlerMethod[AgentT, ReceivesT, ProducesT]]: ...
def message_handler(func: Any = None, *, strict: bool = True, match: Match | None = None) -> Any:
    """Make a method handle published and direct messages of the types its `message` parameter is annotated with.

    Works bare, with empty parentheses and with arguments. The method is `async`, takes `(self, message, ctx)` and is
    annotated with what it returns; both annotations may be unions.

    Args:
        func: The method, when used bare.
        strict: A message or reply of an undeclared type is an error; otherwise a warning is logged.
        match: Says whether this handler takes a message of its type. Handlers of one type are asked in alphabetical
            order of their names; the first that takes it is the only one called.

    Raises:
        AssertionError: The method's signature is not as described.
        CantHandleException: Called with a message of another type, if `strict`.
        ValueError: It returned something of another type, if `strict`.
    """
    return _decorator("message_handler", func, strict, match)


@overload
def event(func: HandlerMethod[AgentT, ReceivesT, None]) -> HandlerMethod[AgentT, ReceivesT, None]: ...
@overload
def event(
    func: None = None, *, strict: bool = ..., match: Match | None = ...
) -> Callable[[HandlerMethod[AgentT, ReceivesT, None]], HandlerMethod[AgentT, ReceivesT, None]]: ...
def event(func: Any = None, *, strict: bool = True, match: Match | None = None) -> Any:
    """Make a method handle published messages only; it returns None. Otherwise as `message_handler`."""
    return _decorator("event", func, strict, match)


@overload
def rpc(func: HandlerMethod[AgentT, ReceivesT, ProducesT]) -> HandlerMethod[AgentT, ReceivesT, ProducesT]: ...
@overload
def rpc(
    func: None = None, *, strict: bool = ..., match: Match | None = ...
) -> Callable[[HandlerMethod[AgentT, ReceivesT, ProducesT]], HandlerMethod[AgentT, ReceivesT, ProducesT]]: ...
def rpc(func: Any = None, *, strict: bool = True, match: Match | None = None) -> Any:
    """Make a method handle direct messages only. Otherwise as `message_handler`."""
    return _decorator("rpc", func, strict, match)


def _decorator(
    kind: Literal["message_handler", "event", "rpc"],
    func: Any,
    strict: bool,
    match: Match | None,
) -> Any:
    if func is None:
        return lambda method: _decorate(method, kind, strict, match)
    return _decorate(cast("HandlerMethod[Any, Any, Any]", func), kind, strict, match)
