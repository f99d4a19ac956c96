"""Tokens of Entra ID, from a credential of azure-identity (spec: 000 L30847-30897, newer N-254)."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Self

from pydantic import BaseModel, field_validator

from hubbub_registry import Component, ComponentBase

if TYPE_CHECKING:
    from azure.core.credentials import SupportsTokenInfo, TokenCredential

# azure-identity is imported when a provider is made: listing the component and its schema need not wait half a second.

_KIND: Final = "DefaultAzureCredential"
_PATIENCE_SECONDS: Final = 10.0  # what azure-identity gives the Azure CLI, the slowest of its usual sources

_INSTEAD: Final = (
    f"Use {_KIND}(), which finds its identity where the program runs: AZURE_CLIENT_ID, AZURE_TENANT_ID and "
    "AZURE_CLIENT_SECRET in the environment, a managed identity, or `az login`"
)


class TokenProviderConfig(BaseModel):
    """Configuration of the component `azure_token_provider`."""

    provider_kind: str
    """Class of the credential: `DefaultAzureCredential`, which is made without arguments."""
    scopes: list[str]
    """What the tokens are good for: `https://cognitiveservices.azure.com/.default` for Azure OpenAI."""

    @field_validator("provider_kind")
    @classmethod
    def _is_known(cls, kind: str) -> str:
        if kind != _KIND:
            raise ValueError(
                f"Only {_KIND} is supported in a configuration, and not {kind!r}. {_INSTEAD}; or make an "
                "AzureTokenProvider of your credential in Python"
            )
        return kind


class AzureTokenProvider(ComponentBase[TokenProviderConfig], Component[TokenProviderConfig]):
    """Gives tokens of Entra ID for the scopes it was made with.

    Call it: it returns the text of a token. A token that was fetched is used until minutes before it expires. The call
    blocks while it fetches one; `AzureOpenAIChatCompletionClient` calls it in a thread.

    Args:
        credential: A synchronous credential, as azure-identity has them. It stays the caller's, who closes it.
        *scopes: What the tokens are good for, such as `https://cognitiveservices.azure.com/.default`.

    Raises:
        TypeError: The credential is asynchronous, or none for tokens.
        ValueError: There is no scope.
    """

    component_type = "token_provider"
    component_config_schema = TokenProviderConfig
    component_provider_override = "hubbub_azure.AzureTokenProvider"

    def __init__(self, credential: TokenCredential | SupportsTokenInfo, *scopes: str) -> None:
        from azure.identity import get_bearer_token_provider

        _check_credential(credential)
        if not scopes:
            raise ValueError(
                "AzureTokenProvider needs the scopes of its tokens, such as https://cognitiveservices.azure.com/.default"
            )
        self._credential = credential
        self._scopes = scopes
        # Releases of azure-identity differ in what they accept; all take what passed the check.
        make: Callable[..., Callable[[], str]] = get_bearer_token_provider
        self._token = make(credential, *scopes)
        self._fetching = threading.Lock()

    def __call__(self) -> str:
        """Return a token, fetching one if need be. Threads may call it together.

        Raises:
            azure.identity.CredentialUnavailableError: There is no identity to be found.
            azure.core.exceptions.ClientAuthenticationError: The identity is refused. Also the class of the former.
        """
        # One fetch serves all: twenty agents that begin together would start twenty processes of the Azure CLI. A fetch
        # that hangs must not hold up the others, though.
        mine = self._fetching.acquire(timeout=_PATIENCE_SECONDS)
        try:
            return self._token()
        finally:
            if mine:
                self._fetching.release()

    def _to_config(self) -> TokenProviderConfig:
        from azure.identity import DefaultAzureCredential

        # Not a subclass: what it adds would be lost.
        if type(self._credential) is not DefaultAzureCredential:
            raise ValueError(
                f"Only {_KIND} is supported in a configuration, which must hold no secret, and not "
                f"{type(self._credential).__name__}. {_INSTEAD}"
            )
        return TokenProviderConfig(provider_kind=_KIND, scopes=list(self._scopes))

    @classmethod
    def _from_config(cls, config: TokenProviderConfig) -> Self:
        from azure.identity import DefaultAzureCredential

        return cls(DefaultAzureCredential(), *config.scopes)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        # Copies of a client go on as the same identity, with the same tokens.
        return self

    def __reduce__(self) -> tuple[type[Self], tuple[object, ...]]:
        # For pickle, which cannot take the lock.
        return type(self), (self._credential, *self._scopes)


def _check_credential(credential: object) -> None:
    """Refuse what gives no token when it is asked.

    Raises:
        TypeError: It is asynchronous, or none for tokens.
    """
    ask = getattr(credential, "get_token", None) or getattr(credential, "get_token_info", None)
    if ask is None:
        raise TypeError(
            f"AzureTokenProvider takes a credential that gives tokens, such as those of azure.identity, not "
            f"{type(credential).__name__}; a key is the `api_key` of a model client"
        )
    if inspect.iscoroutinefunction(ask):
        raise TypeError(
            f"AzureTokenProvider takes a credential of azure.identity, not {type(credential).__name__} of "
            f"{type(credential).__module__}, which is asynchronous; what azure.identity.aio.get_bearer_token_provider "
            "makes of it is a token provider already"
        )
