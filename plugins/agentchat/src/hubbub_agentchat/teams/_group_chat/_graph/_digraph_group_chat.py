"""The team whose order of speakers is a graph."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self, Unpack

from hubbub_agentchat import TRACE_LOGGER_NAME
from hubbub_agentchat.base import ChatAgent, TerminationCondition
from hubbub_agentchat.messages import BaseAgentEvent, BaseChatMessage, StopMessage
from hubbub_agentchat.state import BaseGroupChatManagerState
from hubbub_agentchat.teams._group_chat._base_group_chat import BaseGroupChat
from hubbub_agentchat.teams._group_chat._base_group_chat_manager import BaseGroupChatManager, ManagerArguments
from hubbub_agentchat.teams._group_chat._config import GroupChatConfig, load_options
from hubbub_agentchat.teams._group_chat._events import GroupChatStart, SerializableException
from hubbub_agentchat.teams._group_chat._graph._digraph import DiGraph
from hubbub_agentchat.teams._group_chat._graph._graph_execution import GraphExecution, GraphExecutionState
from hubbub_agentchat.teams._group_chat._participants import load_agents, require_agents
from hubbub_core import AgentRuntime, CancellationToken
from hubbub_registry import Component

_TRACE = logging.getLogger(TRACE_LOGGER_NAME)


class GraphFlowManager(BaseGroupChatManager):
    """Selects whom the edges of the graph have made ready."""

    def __init__(self, graph: DiGraph, **arguments: Unpack[ManagerArguments]) -> None:
        super().__init__(**arguments)
        graph.graph_validate()
        for node in graph.nodes:
            if node not in self._participant_names:
                raise ValueError(
                    f"Node {node!r} of the graph is not one of the participants {self._participant_names}. "
                    "Pass the agents of all nodes, as DiGraphBuilder.get_participants() returns them."
                )
        if graph.get_has_cycles() and self._termination_condition is None and self._max_turns is None:
            raise ValueError("A termination condition is required for cyclic graphs without a maximum turn limit.")
        self._execution = GraphExecution(graph)

    async def validate_group_state(self, messages: list[BaseChatMessage] | None) -> None:
        """Accept any task."""

    async def _begin(self, start: GroupChatStart, cancellation_token: CancellationToken) -> None:
        if self._execution.complete:
            self._execution.restart()  # the last answer came when the run had been aborted
        await super()._begin(start, cancellation_token)

    async def select_speaker(self, thread: Sequence[BaseAgentEvent | BaseChatMessage]) -> list[str]:
        return self._execution.next_round()

    async def _take(self, delta: list[BaseAgentEvent | BaseChatMessage], speaker: str) -> None:
        # Before anything that a cancellation could cut off, and also when the run has been aborted meanwhile: the
        # others have read the answer, so the next run may not ask for it again.
        if self._execution.is_at_work(speaker):
            answer = delta[-1]
            assert isinstance(answer, BaseChatMessage)  # the chat message of a response: participants are no teams
            try:
                self._execution.answered(speaker, answer)
            except Exception as exc:
                exc.add_note(f"This happened in a condition of an edge that leaves {speaker!r}.")
                if speaker in self._active_speakers and not self._run_token.is_cancelled():
                    await self._end_with_error(SerializableException.from_exception(exc))
                return
        await super()._take(delta, speaker)

    async def _apply_termination_condition(
        self, delta: Sequence[BaseAgentEvent | BaseChatMessage], increment_turn_count: bool = False
    ) -> bool:
        if self._execution.complete:
            self._execution.restart()
            await self._end(StopMessage(content="Digraph execution is complete", source=self._name))
            return True
        return await super()._apply_termination_condition(delta, increment_turn_count)

    async def reset(self) -> None:
        await self._reset_base()
        self._execution.restart()

    async def save_state(self) -> Mapping[str, Any]:
        return {**self._dump_base(), **self._execution.dump().model_dump()}

    async def load_state(self, state: Mapping[str, Any]) -> None:
        loaded = BaseGroupChatManagerState.model_validate(state)
        self._execution.load(GraphExecutionState.model_validate(state))
        self._load_base(loaded)


class GraphFlowConfig(GroupChatConfig):
    """Configuration of `GraphFlow`."""

    graph: DiGraph


class GraphFlow(BaseGroupChat, Component[GraphFlowConfig]):
    """A team that runs a group chat following a Directed Graph execution pattern.

    The start nodes speak first, all at once. Who has answered makes those ready to whom its edges lead, as far as the
    edges' conditions hold for that answer and their activation groups are satisfied. All who are ready speak in the
    next round, at the same time; when nobody is, the flow is complete, and the next task begins at the start nodes.
    Every participant reads every answer; wrap one in a `MessageFilterAgent` to narrow that.

    A run that a condition, the turn limit, an error or a cancellation ends earlier goes on, in the next run and from a
    saved state, with whoever has not answered yet. `reset` begins anew. The graph is checked when the team is first
    run, saved or loaded.

    Args:
        participants: Chat agents: the nodes of the graph, and others, who only listen.
        graph: Who speaks after whom; `DiGraphBuilder` makes one.
        name: The team's name.
        description: What the team does.
        termination_condition: When a run ends before the flow is complete.
        max_turns: How many rounds a run has at most. A graph with loops needs this or a condition.
        runtime: Where the team's agents live; the caller starts and stops it.
        custom_message_types: Message and event classes, besides the built-in ones, that participants exchange.

    Raises:
        ValueError: There are no participants, or two have one name. From the first run, save or load: the graph is
            invalid, a node is no participant, or there are loops and nothing that ends a run.
        TypeError: A participant is a team. A `SocietyOfMindAgent` makes an agent of one.
    """

    component_config_schema = GraphFlowConfig
    component_provider_override = "hubbub_agentchat.teams.GraphFlow"

    DEFAULT_NAME: ClassVar[str] = "GraphFlow"
    DEFAULT_DESCRIPTION: ClassVar[str] = "A team of agents"

    def __init__(
        self,
        participants: Sequence[ChatAgent],
        graph: DiGraph,
        *,
        name: str | None = None,
        description: str | None = None,
        termination_condition: TerminationCondition | None = None,
        max_turns: int | None = None,
        runtime: AgentRuntime | None = None,
        custom_message_types: list[type[BaseAgentEvent | BaseChatMessage]] | None = None,
    ) -> None:
        require_agents(participants)
        super().__init__(
            name=name or self.DEFAULT_NAME,
            description=description or self.DEFAULT_DESCRIPTION,
            participants=list(participants),
            group_chat_manager_name="GraphManager",
            group_chat_manager_class=GraphFlowManager,
            termination_condition=termination_condition,
            max_turns=max_turns,
            runtime=runtime,
            custom_message_types=custom_message_types,
        )
        self._graph = graph

    def _create_group_chat_manager_factory(
        self, **arguments: Unpack[ManagerArguments]
    ) -> Callable[[], GraphFlowManager]:
        return lambda: GraphFlowManager(self._graph, **arguments)

    def _to_config(self) -> GraphFlowConfig:
        for name, node in self._graph.nodes.items():
            for edge in node.edges:
                if edge.condition_function is not None:
                    _TRACE.warning(
                        "The condition of the edge from %s to %s is a function, which a configuration cannot hold: "
                        "loaded from it the edge has no condition. A text as condition is kept.",
                        name,
                        edge.target,
                    )
        return GraphFlowConfig(**self._common_config(), graph=self._graph)

    @classmethod
    def _from_config(cls, config: GraphFlowConfig) -> Self:
        return cls(load_agents(config.participants), config.graph, **load_options(config))
