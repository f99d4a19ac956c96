"""What a tool agent answers when a call cannot be carried out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class ToolException(BaseException):
    """A function call failed or was refused.

    Derives from `BaseException` as documented, so `except Exception` does not catch it.
    """

    call_id: str
    content: str
    name: str

    def __post_init__(self) -> None:
        # An exception is copied by calling its class with `args`.
        super().__init__(self.call_id, self.content, self.name)

    # A dataclass compares by value, which would leave an exception without a hash.
    __hash__ = BaseException.__hash__

    def __str__(self) -> str:
        return self.content


@dataclass
class ToolNotFoundException(ToolException):
    """The tool agent has no such tool."""

    __hash__ = BaseException.__hash__
    __str__ = ToolException.__str__


@dataclass
class InvalidToolArgumentsException(ToolException):
    """The arguments are not JSON, or do not fit the tool."""

    __hash__ = BaseException.__hash__
    __str__ = ToolException.__str__


@dataclass
class ToolExecutionException(ToolException):
    """The tool raised."""

    __hash__ = BaseException.__hash__
    __str__ = ToolException.__str__
