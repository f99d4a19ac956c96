"""A team's agents in a runtime: their types and topics, and the runtime of the team's own if the caller gives none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

from hubbub_agentchat.teams._group_chat._chat_agent_container import ChatAgentContainer
from hubbub_agentchat.teams._group_chat._sequential_routed_agent import SequentialRoutedAgent
from hubbub_core import AgentId, AgentRuntime, SingleThreadedAgentRuntime, TypeSubscription


class GroupAgents:
    """The participants and the manager of one team, as agents of a runtime.

    Args:
        runtime: Where they live; the caller starts and stops it. None for a runtime of their own, which runs only while
            the team has something to do.
        participant_names: In order.
        manager_name: The manager's name.
    """

    def __init__(self, runtime: AgentRuntime | None, participant_names: Sequence[str], manager_name: str) -> None:
        # With the team's id in every type, several teams, and teams of the same participants, share one runtime.
        self.team_id = str(uuid4())
        self.group_topic_type = f"group_topic_{self.team_id}"
        self.output_topic_type = f"output_topic_{self.team_id}"
        self.participant_topic_types = [f"{name}_{self.team_id}" for name in participant_names]
        self._manager_type = f"{manager_name}_{self.team_id}"
        self.embedded: SingleThreadedAgentRuntime | None = None
        if runtime is None:
            runtime = self.embedded = SingleThreadedAgentRuntime(ignore_unhandled_exceptions=False)
        self.runtime: AgentRuntime = runtime
        self.manager_id = AgentId(type=self._manager_type, key=self.team_id)
        participant_ids = [AgentId(type=topic_type, key=self.team_id) for topic_type in self.participant_topic_types]
        self.all = [*participant_ids, self.manager_id]
        """Ids of the participants in order, then the manager's."""
        self.by_name = list(zip([*participant_names, manager_name], self.all, strict=True))
        self.registered = False
        self._delivering = False
        """Whether the runtime of the team's own delivers messages."""

    async def register(
        self,
        containers: Sequence[Callable[[], ChatAgentContainer]],
        manager_class: type[SequentialRoutedAgent],
        manager: Callable[[], SequentialRoutedAgent],
    ) -> None:
        """Register participants and manager. The agents themselves are made by their first message.

        Args:
            containers: Make the participants' places, in order.
            manager_class: The manager's class.
            manager: Makes the manager.
        """
        for factory, topic_type in zip(containers, self.participant_topic_types, strict=True):
            await ChatAgentContainer.register(self.runtime, type=topic_type, factory=factory)
            await self._subscribe(topic_type, topic_type)
            await self._subscribe(self.group_topic_type, topic_type)
        await manager_class.register(self.runtime, type=self._manager_type, factory=manager)
        await self._subscribe(self.group_topic_type, self._manager_type)
        await self._subscribe(self._manager_type, self._manager_type)
        self.registered = True

    async def _subscribe(self, topic_type: str, agent_type: str) -> None:
        await self.runtime.add_subscription(TypeSubscription(topic_type=topic_type, agent_type=agent_type))

    def start(self) -> bool:
        """Start the runtime of the team's own; returns whether there is one to `stop`."""
        if self.embedded is None or self._delivering:
            return False
        self.embedded.start()
        self._delivering = True
        return True

    async def stop(self) -> None:
        """Wait until the runtime of the team's own has gone idle.

        Raises:
            Exception: What ended it before.
        """
        assert self.embedded is not None  # start() said so
        try:
            await self.embedded.stop_when_idle()
        finally:
            self._delivering = False

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Have the runtime deliver messages within the block."""
        started = self.start()
        try:
            yield
        finally:
            if started:
                await self.stop()
