"""`AzureTokenProvider`: its tokens, its configuration, and what it refuses."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import (
    AzureCliCredential,
    ClientSecretCredential,
    CredentialUnavailableError,
    DefaultAzureCredential,
    ManagedIdentityCredential,
)
from azure.identity.aio import AzureCliCredential as AsyncAzureCliCredential
from azure_identity import PROVIDER, RESOURCE, SCOPE, IdentityEndpoint, install_az
from pydantic import ValidationError

from hubbub_azure import AzureTokenProvider, TokenProviderConfig
from hubbub_registry import ComponentLoader, ComponentModel


def load(model: dict[str, Any] | ComponentModel) -> AzureTokenProvider:
    return ComponentLoader.load_component(model, AzureTokenProvider)


def test_token_of_a_managed_identity_is_fetched_once_and_kept(identity: IdentityEndpoint) -> None:
    provider = AzureTokenProvider(ManagedIdentityCredential(), SCOPE)

    tokens = [provider(), provider()]

    assert tokens == ["token-1", "token-1"]
    assert identity.queries == [{"api-version": "2019-08-01", "resource": RESOURCE}]


def test_token_that_is_about_to_expire_is_fetched_anew(identity: IdentityEndpoint) -> None:
    identity.lifetime = 1
    provider = AzureTokenProvider(ManagedIdentityCredential(), SCOPE)

    tokens = [provider(), provider()]

    assert tokens == ["token-1", "token-2"]


def test_loaded_provider_finds_the_identity_of_its_surroundings(identity: IdentityEndpoint) -> None:
    assert load(PROVIDER)() == "token-1"
    assert len(identity.queries) == 1


def test_token_of_the_azure_cli_is_that_of_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_az(tmp_path / "bin", monkeypatch, f'echo "$@" >> {tmp_path}/calls\ntoken cli-token')

    assert AzureTokenProvider(AzureCliCredential(), SCOPE)() == "cli-token"
    assert (tmp_path / "calls").read_text().startswith(f"account get-access-token --output json --resource {RESOURCE}")


async def test_threads_that_need_a_token_together_share_a_fetch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_az(tmp_path / "bin", monkeypatch, f"echo called >> {tmp_path}/calls\ntoken shared")
    provider = AzureTokenProvider(AzureCliCredential(), SCOPE)

    tokens = await asyncio.gather(*(asyncio.to_thread(provider) for _ in range(8)))

    assert Counter(tokens) == {"shared": 8}
    assert (tmp_path / "calls").read_text() == "called\n"


def test_fetch_that_failed_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = tmp_path / "done"
    install_az(
        tmp_path / "bin", monkeypatch,
        f"if [ -e {done} ]; then token later; else touch {done}; echo 'Please run az login' >&2; exit 1; fi",
    )  # fmt: skip
    provider = AzureTokenProvider(AzureCliCredential(), SCOPE)

    with pytest.raises(CredentialUnavailableError, match="az login"):
        provider()
    assert provider() == "later"


def test_refusal_of_the_identity_is_told(identity: IdentityEndpoint) -> None:
    identity.refusal = "No managed identity is assigned"

    with pytest.raises(ClientAuthenticationError, match="App Service managed identity configuration not found"):
        AzureTokenProvider(ManagedIdentityCredential(), SCOPE)()


@pytest.mark.parametrize(
    "name",
    [
        "hubbub_azure.AzureTokenProvider",
        "autogen_ext.auth.azure.AzureTokenProvider",
        "AzureTokenProvider",
        "azure_token_provider",
    ],
)
def test_dump_has_the_documented_shape_and_loads_under_every_name(name: str) -> None:
    dumped = AzureTokenProvider(DefaultAzureCredential(), SCOPE, "api://other/.default").dump_component()

    assert dumped.provider == "hubbub_azure.AzureTokenProvider"
    assert (dumped.component_type, dumped.version, dumped.component_version) == ("token_provider", 1, 1)
    assert dumped.config == {
        "provider_kind": "DefaultAzureCredential",
        "scopes": [SCOPE, "api://other/.default"],
    }
    assert load({**dumped.model_dump(), "provider": name}).dump_component() == dumped


def test_configuration_schema_is_the_documented_one() -> None:
    """spec: 000 L30866-30887."""
    schema = TokenProviderConfig.model_json_schema()

    assert schema["title"] == "TokenProviderConfig"
    assert schema["required"] == ["provider_kind", "scopes"]
    assert schema["properties"] == {
        "provider_kind": {"title": "Provider Kind", "type": "string"},
        "scopes": {"items": {"type": "string"}, "title": "Scopes", "type": "array"},
    }


def test_credential_with_secrets_is_not_dumped_and_the_error_says_what_to_use() -> None:
    provider = AzureTokenProvider(ClientSecretCredential("tenant", "client", "very-secret"), SCOPE)

    with pytest.raises(ValueError, match="Only DefaultAzureCredential is supported") as refused:
        provider.dump_component()

    assert "not ClientSecretCredential. Use DefaultAzureCredential()" in str(refused.value)
    assert "AZURE_CLIENT_SECRET in the environment" in str(refused.value)
    assert "very-secret" not in str(refused.value) + repr(provider)


def test_subclass_is_not_dumped_as_the_credential_it_extends() -> None:
    class Mine(DefaultAzureCredential):
        pass

    with pytest.raises(ValueError, match=r"Only DefaultAzureCredential is supported .* not Mine"):
        AzureTokenProvider(Mine(), SCOPE).dump_component()


def test_other_kinds_do_not_load() -> None:
    with pytest.raises(ValidationError, match=r"Only DefaultAzureCredential is supported .* not 'AzureCliCredential'"):
        load({**PROVIDER, "config": {"provider_kind": "AzureCliCredential", "scopes": [SCOPE]}})
    with pytest.raises(ValidationError, match="scopes"):
        load({**PROVIDER, "config": {"provider_kind": "DefaultAzureCredential"}})


def test_what_gives_no_tokens_is_refused_when_the_provider_is_made() -> None:
    with pytest.raises(ValueError, match="needs the scopes of its tokens"):
        AzureTokenProvider(DefaultAzureCredential())
    with pytest.raises(ValueError, match="needs the scopes of its tokens"):
        load({**PROVIDER, "config": {"provider_kind": "DefaultAzureCredential", "scopes": []}})
    key: Any = AzureKeyCredential("key")
    asynchronous: Any = AsyncAzureCliCredential()
    with pytest.raises(TypeError, match="not AzureKeyCredential; a key is the `api_key` of a model client"):
        AzureTokenProvider(key, SCOPE)
    with pytest.raises(TypeError, match=r"of azure.identity.aio.* which is asynchronous"):
        AzureTokenProvider(asynchronous, SCOPE)


def test_copies_are_the_same_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_az(tmp_path / "bin", monkeypatch, "token copied")
    provider = AzureTokenProvider(AzureCliCredential(), SCOPE)

    copies = [copy.copy(provider), copy.deepcopy(provider), pickle.loads(pickle.dumps(provider))]

    assert [each() for each in copies] == ["copied"] * 3
