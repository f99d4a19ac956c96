"""What this plugin declares."""

from __future__ import annotations

from hubbub_registry import ComponentSpec, hookimpl


@hookimpl
def hubbub_components() -> list[ComponentSpec]:
    """Return the token provider."""
    return [
        ComponentSpec(
            kind="token_provider",
            provider="hubbub_azure.AzureTokenProvider",
            name="azure_token_provider",
            summary="Tokens of Entra ID, for model clients that take no key",
            aliases=("autogen_ext.auth.azure.AzureTokenProvider", "AzureTokenProvider"),
            needs=("an identity of Azure: the environment's, a managed one, or that of `az login`",),
        ),
    ]
