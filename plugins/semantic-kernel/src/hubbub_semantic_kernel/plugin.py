"""What hubbub-semantic-kernel declares."""

from __future__ import annotations

from hubbub_registry import AdapterSpec, ComponentSpec, hookimpl

_CLIENT = "hubbub_core.models._model_client.ChatCompletionClient"
_SERVICE = "semantic_kernel.connectors.ai.chat_completion_client_base.ChatCompletionClientBase"
_FUNCTION = "semantic_kernel.functions.kernel_function.KernelFunction"


@hookimpl
def hubbub_components() -> list[ComponentSpec]:
    return [
        ComponentSpec(
            kind="agent",
            provider="hubbub_semantic_kernel.SemanticKernelAgent",
            name="semantic_kernel_agent",
            summary="A ChatCompletionAgent of Semantic Kernel on a model and tools of the hub",
        )
    ]


@hookimpl
def hubbub_adapters() -> list[AdapterSpec]:
    return [
        AdapterSpec(
            source="semantic_kernel.agents.agent.Agent",
            to="agent",
            by="hubbub_semantic_kernel.agent.from_agent",
            summary="ChatCompletionAgent and the other agents of Semantic Kernel",
        ),
        AdapterSpec(
            source="semantic_kernel.agents.orchestration.orchestration_base.OrchestrationBase",
            to="agent",
            by="hubbub_semantic_kernel.orchestration.from_orchestration",
            summary="Sequential, concurrent, group chat, handoff and Magentic orchestrations",
        ),
        AdapterSpec(
            source="semantic_kernel.agents.group_chat.agent_chat.AgentChat",
            to="agent",
            by="hubbub_semantic_kernel.orchestration.refuse_group_chat",
            summary="AgentGroupChat is refused; orchestrations have taken its place",
        ),
        AdapterSpec(
            source=_FUNCTION,
            to="tool",
            by="hubbub_semantic_kernel.tools.from_kernel_function",
            summary="A kernel function for any model of the hub",
        ),
        AdapterSpec(
            source="semantic_kernel.functions.kernel_plugin.KernelPlugin",
            to="workbench",
            by="hubbub_semantic_kernel.tools.from_kernel_plugin",
            summary="The functions of a kernel plugin as a workbench",
        ),
        AdapterSpec(
            source="semantic_kernel.kernel.Kernel",
            to="workbench",
            by="hubbub_semantic_kernel.tools.from_kernel",
            summary="The functions of all plugins of a kernel as a workbench",
        ),
        AdapterSpec(
            source="hubbub_core.tools._base.Tool",
            to=_FUNCTION,
            by="hubbub_semantic_kernel.functions.to_kernel_function",
            summary="A tool of the hub as a kernel function",
        ),
        AdapterSpec(
            source=_SERVICE,
            to="model",
            by="hubbub_semantic_kernel.model_client.from_chat_service",
            summary="A chat completion service of Semantic Kernel as a model client of the hub",
        ),
        AdapterSpec(
            source=_CLIENT,
            to=_SERVICE,
            by="hubbub_semantic_kernel.chat_service.from_model_client",
            summary="The hub's model as a chat completion service of Semantic Kernel",
        ),
    ]
