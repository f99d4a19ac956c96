"""What a running hub tells: who works, what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hubbub_core.exchange import AgentChunk, AgentResult


@dataclass(frozen=True, slots=True)
class HubStarted:
    """The run begins."""

    name: str
    agents: tuple[str, ...]
    grants: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the event as JSON data."""
        return {"event": "started", "hub": self.name, "agents": list(self.agents), "grants": list(self.grants)}


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The run of an agent or team file begins."""

    kind: str
    """`agent`, `team`."""

    name: str
    grants: tuple[str, ...]
    resumed: bool
    """Whether it goes on from a saved state."""

    def to_json(self) -> dict[str, Any]:
        """Return the event as JSON data."""
        about = {"event": "started", "kind": self.kind, "name": self.name}
        return {**about, "grants": list(self.grants), "resumed": self.resumed}


@dataclass(frozen=True, slots=True)
class PartProgress:
    """A model, tool or shared part is being made ready, or reports how far it is."""

    part: str
    text: str
    done: int | None = None
    total: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the event as JSON data."""
        return {"event": "progress", "part": self.part, "text": self.text, "done": self.done, "total": self.total}


@dataclass(frozen=True, slots=True)
class AgentStarted:
    """An agent has begun to handle a message."""

    agent: str
    key: str
    message: str
    """Type name of the message."""

    def to_json(self) -> dict[str, Any]:
        """Return the event as JSON data."""
        return {"event": "agent_started", "agent": self.agent, "key": self.key, "message": self.message}


@dataclass(frozen=True, slots=True)
class AgentFinished:
    """An agent is done with a message."""

    agent: str
    key: str
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return the event as JSON data."""
        return {"event": "agent_finished", "agent": self.agent, "key": self.key, "seconds": round(self.seconds, 3)}


@dataclass(frozen=True, slots=True)
class ChunkArrived:
    """An agent streams a piece of its work."""

    agent: str
    key: str
    chunk: AgentChunk

    def to_json(self) -> dict[str, Any]:
        """Return the event as JSON data."""
        return {"event": "chunk", "agent": self.agent, "key": self.key, "chunk": self.chunk.model_dump(mode="json")}


@dataclass(frozen=True, slots=True)
class ResultArrived:
    """A result was published on the hub's result topic."""

    agent: str
    key: str
    result: AgentResult

    def to_json(self) -> dict[str, Any]:
        """Return the event as JSON data."""
        return {"event": "result", "agent": self.agent, "key": self.key, "result": self.result.model_dump(mode="json")}


HubEvent = HubStarted | RunStarted | PartProgress | AgentStarted | AgentFinished | ChunkArrived | ResultArrived
