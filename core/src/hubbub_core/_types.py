"""Small values that models, tools and agents exchange."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class FunctionCall:
    """A call of a function that a model asks for."""

    id: str
    """Names this call; its result carries the same id."""
    arguments: str
    """The arguments, as the JSON text that the model wrote."""
    name: str
    """Which function."""
