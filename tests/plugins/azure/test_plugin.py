"""What the plugin declares, what importing it costs, and its README."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from azure_identity import PROVIDER, RESOURCE, IdentityEndpoint
from openai_server import OpenAIServer

import hubbub_azure
from hubbub_azure.plugin import hubbub_components
from hubbub_core.models import ChatCompletionClient
from hubbub_openai import AzureOpenAIChatCompletionClient

README = Path(__file__).parents[3] / "plugins" / "azure" / "README.md"


def output(program: str, **variables: str) -> str:
    environment = {**os.environ, **variables}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout


def test_importing_the_package_and_its_plugin_loads_neither_azure_identity_nor_pydantic() -> None:
    program = (
        "import sys, hubbub_azure, hubbub_azure.plugin\n"
        "print([name for name in ('azure', 'azure.identity', 'msal', 'pydantic') if name in sys.modules])"
    )

    assert output(program) == "[]\n"


def test_the_class_and_its_schema_load_no_azure_identity() -> None:
    program = (
        "import sys, hubbub_azure\n"
        "hubbub_azure.AzureTokenProvider.component_config_schema.model_json_schema()\n"
        "print('azure.identity' in sys.modules)"
    )

    assert output(program) == "False\n"


def test_every_public_name_is_served_and_listed() -> None:
    assert all(getattr(hubbub_azure, name).__name__ == name for name in hubbub_azure.__all__)
    assert set(hubbub_azure.__all__) <= set(dir(hubbub_azure))
    assert list(hubbub_azure._LAZY) == hubbub_azure.__all__


def test_an_unknown_name_is_an_attribute_error_that_names_it() -> None:
    with pytest.raises(AttributeError, match="hubbub_azure offers no 'TokenProvider'"):
        _ = hubbub_azure.TokenProvider


def test_every_declared_provider_exists_and_dumps_under_its_name() -> None:
    for spec in hubbub_components():
        module, _, name = spec.provider.rpartition(".")
        component = getattr(importlib.import_module(module), name)

        assert component.component_provider_override == spec.provider
        assert component.component_type == spec.kind


def test_the_schema_of_the_component_is_the_documented_one() -> None:
    program = (
        "import json, hubbub_registry\n"
        "known = hubbub_registry.registry()\n"
        "print(json.dumps(hubbub_registry.component_schemas(known)['azure_token_provider']))"
    )

    # With this plugin alone: the schemas of all that is installed take seconds.
    schema = json.loads(output(program, HUBBUB_PLUGINS="azure"))

    config = schema["properties"]["config"]
    assert {name: field["type"] for name, field in config["properties"].items()} == {
        "provider_kind": "string",
        "scopes": "array",
    }
    assert config["required"] == ["provider_kind", "scopes"]
    assert "autogen_ext.auth.azure.AzureTokenProvider" in schema["properties"]["provider"]["enum"]


async def test_the_program_of_the_readme_prints_what_it_shows(server: OpenAIServer, identity: IdentityEndpoint) -> None:
    text = README.read_text(encoding="utf-8")
    [program] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    [shown] = re.findall(r"in a configuration:\n\n```\n(.*?)```", text, re.DOTALL)

    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-c", program,
        env={**os.environ, "AZURE_OPENAI_ENDPOINT": server.azure_endpoint},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 60)

    assert err.decode() == ""
    assert out.decode() == f"gpt-4o was asked: What is a hub?\n{shown}"
    assert server.requests[0].headers["authorization"] == "Bearer token-1"
    assert identity.queries[0]["resource"] == RESOURCE


def test_the_configuration_of_the_readme_loads() -> None:
    [configuration] = re.findall(r"```json\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    model = json.loads(configuration)

    client = ChatCompletionClient.load_component(model)

    assert isinstance(client, AzureOpenAIChatCompletionClient)
    assert client.dump_component().config["azure_ad_token_provider"]["config"] == PROVIDER["config"]
