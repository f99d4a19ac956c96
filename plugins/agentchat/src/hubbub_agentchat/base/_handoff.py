"""The wish of an agent to hand over to another, as a tool for its model."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field, model_validator

from hubbub_core.tools import BaseTool, FunctionTool


class Handoff(BaseModel):
    """A target to hand over to.

    Raises:
        ValueError: `name` is given and is not a Python identifier (N-116).
    """

    target: str
    """Name of the agent, or user, that goes on."""

    description: str = Field(default="")
    """When to hand over, for the model. Made from the target when empty."""

    name: str = Field(default="")
    """Name of the tool. `transfer_to_<target>` in lower case when empty."""

    message: str = Field(default="")
    """What the tool returns and the target reads. Made from the target when empty."""

    @model_validator(mode="before")
    @classmethod
    def set_defaults(cls, values: Any) -> Any:
        """Fill in what was left empty from the target."""
        if not isinstance(values, dict) or "target" not in values:
            return values
        filled = dict(values)
        target = filled["target"]
        if not filled.get("description"):
            filled["description"] = f"Handoff to {target}."
        if not filled.get("name"):
            filled["name"] = f"transfer_to_{target}".lower()
        elif isinstance(filled["name"], str) and not filled["name"].isidentifier():
            raise ValueError(f"Handoff name must be a valid Python identifier: {filled['name']!r}")
        if not filled.get("message"):
            filled["message"] = f"Transferred to {target}, who takes over the role and goes on from here."
        return filled

    @property
    def handoff_tool(self) -> BaseTool[BaseModel, BaseModel]:
        """The tool that a model calls to hand over: no arguments, strict, returns `message`."""
        message = self.message

        def _handoff_tool() -> str:
            return message

        return FunctionTool(_handoff_tool, name=self.name, description=self.description, strict=True)
