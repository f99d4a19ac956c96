from __future__ import annotations

import subprocess
import sys

import openai
import pytest

import hubbub_openai
from hubbub_core.models import ChatCompletionClient
from hubbub_openai import plugin
from hubbub_registry import adapt


def run(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout


@pytest.mark.parametrize("module", ["hubbub_openai", "hubbub_openai.plugin"])
def test_importing_the_package_loads_neither_sdk_nor_pydantic(module: str) -> None:
    assert run(f"import sys, {module}; print({{'openai', 'pydantic'}} & set(sys.modules))") == "set()\n"


def test_public_names_are_all_there() -> None:
    assert set(hubbub_openai._LAZY) == set(hubbub_openai.__all__)
    for name in hubbub_openai.__all__:
        assert getattr(hubbub_openai, name).__name__ == name
    with pytest.raises(AttributeError, match="hubbub_openai offers no 'Missing'"):
        _ = hubbub_openai.Missing  # type: ignore[attr-defined] # bad input is what is tested


def test_declared_provider_and_adapter_exist() -> None:
    (component,) = plugin.hubbub_components()
    (adapter,) = plugin.hubbub_adapters()

    assert getattr(hubbub_openai, component.provider.rpartition(".")[2]) is hubbub_openai.OpenAIChatCompletionClient
    assert adapter.by == f"{hubbub_openai.from_client.__module__}.from_client"
    names = {f"{cls.__module__}.{cls.__qualname__}" for cls in openai.AsyncOpenAI.__mro__}
    assert names & set(adapter.sources)


@pytest.mark.parametrize("kind", [openai.AsyncOpenAI, openai.AsyncAzureOpenAI])
async def test_adapt_makes_a_model_of_an_sdk_client(kind: type[openai.AsyncOpenAI]) -> None:
    azure = {"azure_endpoint": "https://x.example", "api_version": "v1"} if kind is openai.AsyncAzureOpenAI else {}
    async with kind(api_key="test", **azure) as client:  # type: ignore[arg-type] # both take these as texts
        model = adapt(client, model="gpt-4o")

    assert isinstance(model, ChatCompletionClient)
    assert model.model_info["family"] == "gpt-4o"
