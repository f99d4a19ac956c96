"""What this plugin offers."""

from __future__ import annotations

from hubbub_registry import AdapterSpec, ComponentSpec, hookimpl


def _component(kind: str, module: str, cls: str, name: str, summary: str, *more_aliases: str) -> ComponentSpec:
    """Declare a class under our name, the documents' dotted name, its bare name and others."""
    return ComponentSpec(
        kind=kind,
        provider=f"hubbub_agentchat.{module}.{cls}",
        name=name,
        summary=summary,
        aliases=(f"autogen_agentchat.{module}.{cls}", cls, *more_aliases),
    )


@hookimpl
def hubbub_components() -> list[ComponentSpec]:
    conditions = (
        ("ExternalTermination", "external_termination", "Ends a run when the application says so"),
        (
            "FunctionCallTermination",
            "function_call_termination",
            "Ends a run when a tool was called",
            # As AutoGen 0.4 wrote it, which gave this one condition no public provider.
            "autogen_agentchat.conditions._terminations.FunctionCallTermination",
        ),
        ("HandoffTermination", "handoff_termination", "Ends a run at a handoff to a target"),
        ("MaxMessageTermination", "max_message_termination", "Ends a run after a number of messages"),
        ("SourceMatchTermination", "source_match_termination", "Ends a run after a message of a source"),
        ("StopMessageTermination", "stop_message_termination", "Ends a run at a stop message"),
        ("TextMentionTermination", "text_mention_termination", "Ends a run when a text is mentioned"),
        ("TextMessageTermination", "text_message_termination", "Ends a run at a text message"),
        ("TimeoutTermination", "timeout_termination", "Ends a run after a time"),
        ("TokenUsageTermination", "token_usage_termination", "Ends a run after a number of tokens"),
    )
    return [
        _component("agent", "agents", "AssistantAgent", "assistant_agent", "Answers with a model and tools"),
        _component("agent", "agents", "CodeExecutorAgent", "code_executor_agent", "Runs code that agents write"),
        _component("agent", "agents", "MessageFilterAgent", "message_filter_agent", "Gives an agent some messages"),
        _component("agent", "agents", "SocietyOfMindAgent", "society_of_mind_agent", "Answers for an inner team"),
        _component("agent", "agents", "UserProxyAgent", "user_proxy_agent", "Asks a human"),
        _component("team", "teams", "GraphFlow", "graph_flow", "Participants speak in the order of a graph"),
        _component("team", "teams", "MagenticOneGroupChat", "magentic_one_group_chat", "A planning model leads"),
        _component("team", "teams", "RoundRobinGroupChat", "round_robin_group_chat", "Participants speak in turn"),
        _component(
            "team", "teams", "SelectorGroupChat", "selector_group_chat", "A model or function selects speakers."
        ),
        _component("team", "teams", "Swarm", "swarm", "Participants hand over to each other"),
        _component("tool", "tools", "AgentTool", "agent_tool", "An agent as a tool of another."),
        _component("tool", "tools", "TeamTool", "team_tool", "A team as a tool of an agent."),
        *(_component("termination", "conditions", *condition) for condition in conditions),
        _component("termination", "base", "AndTerminationCondition", "and_termination", "All of several conditions"),
        _component("termination", "base", "OrTerminationCondition", "or_termination", "Any of several conditions"),
        _component(
            "structured_message",
            "messages",
            "StructuredMessageFactory",
            "structured_message_factory",
            "Makes chat messages with content of a schema",
        ),
    ]


@hookimpl
def hubbub_adapters() -> list[AdapterSpec]:
    return [
        AdapterSpec(
            source="hubbub_agentchat.base._chat_agent.ChatAgent",
            to="agent",
            by="hubbub_agentchat.exchange.from_chat_agent",
            summary="A chat agent as an agent of the hub",
        ),
        AdapterSpec(
            source="hubbub_agentchat.base._team.Team",
            to="agent",
            by="hubbub_agentchat.exchange.from_team",
            summary="A team as an agent of the hub",
        ),
        AdapterSpec(
            source="hubbub_core._adapted.AdaptedAgent",
            to="chat agent",
            by="hubbub_agentchat.exchange.to_chat_agent",
            summary="An agent of any framework as a participant of teams",
        ),
    ]
