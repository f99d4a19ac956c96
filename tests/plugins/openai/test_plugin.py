from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import openai
import pytest
from openai_server import running_process

import hubbub_openai
from hubbub_core.models import ChatCompletionClient
from hubbub_openai import plugin
from hubbub_registry import adapt


def run(code: str, cwd: Path | None = None, **environment: str) -> str:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, **environment},
    ).stdout


@pytest.mark.parametrize("module", ["hubbub_openai", "hubbub_openai.plugin"])
def test_importing_the_package_loads_neither_sdk_nor_pydantic(module: str) -> None:
    assert run(f"import sys, {module}; print({{'openai', 'pydantic'}} & set(sys.modules))") == "set()\n"


def test_public_names_are_all_there() -> None:
    assert set(hubbub_openai._LAZY) == set(hubbub_openai.__all__)
    for name in hubbub_openai.__all__:
        value = getattr(hubbub_openai, name)
        assert isinstance(value, str) or value.__name__ == name
    with pytest.raises(AttributeError, match="hubbub_openai offers no 'Missing'"):
        _ = hubbub_openai.Missing


def test_chat_agents_name_the_extra_that_they_need() -> None:
    code = """
import sys
sys.modules["hubbub_agentchat"] = None
import hubbub_openai
try:
    hubbub_openai.OpenAIAgent
except ImportError as exc:
    print(exc)
hubbub_openai.OpenAIChatCompletionClient
"""
    assert run(code) == "OpenAIAgent is a chat agent: `pip install hubbub-openai[agentchat]` adds what it needs\n"


def test_declared_providers_and_adapter_exist() -> None:
    (adapter,) = plugin.hubbub_adapters()

    for component in plugin.hubbub_components():
        cls = getattr(hubbub_openai, component.provider.rpartition(".")[2])
        assert cls.component_provider_override == component.provider
        assert cls.component_type == component.kind
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


def test_programs_of_the_readme_run(tmp_path: Path) -> None:
    readme = Path(__file__).parents[3] / "plugins" / "openai" / "README.md"
    programs = re.findall(r"```python\n(.*?)```", readme.read_text("utf-8"), re.DOTALL)
    (tmp_path / "data.csv").write_text("a,b\n1,2\n")

    with running_process() as url:
        model, agent, assistant = (
            run(program, tmp_path, OPENAI_API_KEY="any text", OPENAI_BASE_URL=url) for program in programs
        )

    assert agent == "gpt-4o-mini was asked: What is a hub?\n"
    assert assistant == "gpt-4o-mini was asked: What is in data.csv?\n"
    assert model == (
        "gpt-4o-mini was asked: What is a hub?"
        "finish_reason='stop' content='gpt-4o-mini was asked: What is a hub?' "
        "usage=RequestUsage(prompt_tokens=9, completion_tokens=7) cached=False logprobs=None thought=None\n"
    )
