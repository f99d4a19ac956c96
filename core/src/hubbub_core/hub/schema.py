"""What a hub file may hold: its pydantic schema, version 1."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

HUB_VERSION = 1

Renderer = Literal["markdown", "text", "json"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Variable(_Part):
    """A variable of the file, set by `--set NAME=VALUE` and read as `${set:NAME}`."""

    default: str | int | float | bool | None = None
    """Value when nothing is set; a variable without one must be set."""

    type: Literal["string", "integer", "number", "boolean", "path"] = "string"
    """`path`: a default is relative to the hub file, a value that is set to the working directory."""

    summary: str = ""


class ComponentEntry(_Part):
    """A component by name, and its configuration."""

    component: str
    """Name, provider or alias: `extractive`, `hubbub_openai.OpenAIChatCompletionClient`."""

    config: dict[str, Any] = Field(default_factory=dict)
    """Its configuration; strings may hold `${set:NAME}`, `${env:NAME}`, `${hub:dir}`, and a whole value may be a
    reference `${models:NAME}`, `${tools:NAME}` or `${shared:NAME}`."""


class AgentEntry(ComponentEntry):
    """An agent type: one instance per key, made by the runtime when the first message for the key arrives."""

    subscriptions: list[str] = Field(default_factory=list)
    """Topic types it listens to."""

    publishes: str | None = None
    """Topic type of its results."""

    summary: str = ""


class Entry(_Part):
    """Where the task goes in."""

    topic: str
    """Topic type that the task is published to."""

    keys: list[str] = Field(default_factory=lambda: ["default"], min_length=1)
    """Topic sources: each key gets the task, and agent instances of its own."""


class Result(_Part):
    """Where the answer comes out."""

    topic: str
    """Topic type that results are read from; also the reply topic of the task, where chunks are read."""

    renderer: Renderer = "markdown"
    """How `hubbub run` prints a result: its text as Markdown or as it is, or the whole result as JSON."""


class HubFile(_Part):
    """A hub file."""

    hub: Literal[1]
    """Version of the file format."""

    name: str
    summary: str = ""
    set: dict[str, Variable] = Field(default_factory=dict)
    grants: list[str] = Field(default_factory=list)
    """Capabilities that running the file needs: `code`, `process`."""

    models: dict[str, ComponentEntry] = Field(default_factory=dict)
    """Model clients; `--model NAME:ID` replaces `default`."""

    tools: dict[str, ComponentEntry] = Field(default_factory=dict)
    """Tools and workbenches."""

    shared: dict[str, ComponentEntry] = Field(default_factory=dict)
    """What several agents use and the hub owns: an index, a server, a memory."""

    agents: dict[str, AgentEntry] = Field(min_length=1)
    entry: Entry
    result: Result

    @field_validator("models", "tools", "shared", "set")
    @classmethod
    def _names(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in value:
            if not name.replace("-", "_").isidentifier():
                raise ValueError(f"{name!r} is not a name; use letters, digits, - and _")
        return value
