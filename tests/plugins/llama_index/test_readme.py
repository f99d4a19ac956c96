"""The README's program runs and prints what the README says, and so does its hub file."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from hubbub_core.hub import Hub, ResultArrived

README = Path(__file__).parents[3] / "plugins" / "llama-index" / "README.md"


def test_the_program_of_the_readme_prints_what_it_says() -> None:
    text = README.read_text(encoding="utf-8")
    found = re.search(r"```python\n(.*?)```\n\n    (.*?)\n", text, re.DOTALL)
    assert found is not None

    done = subprocess.run([sys.executable, "-c", found[1]], capture_output=True, text=True, check=True)

    assert done.stdout == f"{found[2]}\n"


@pytest.mark.filterwarnings("ignore::DeprecationWarning:inspect")  # LlamaIndex looks through its agents with it
@pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning")
async def test_the_hub_file_of_the_readme_runs_what_a_python_file_makes(tmp_path: Path) -> None:
    _, snippet = re.findall(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "agents.py").write_text(
        """
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.tools import FunctionTool

def build(model, tools):
    assert [tool.metadata.name for tool in tools] == ["add_numbers"]
    return FunctionAgent(llm=model, tools=tools)

def add_numbers(a: int, b: int) -> int:
    "Add two numbers."
    return a + b

add = FunctionTool.from_defaults(add_numbers)
"""
    )
    info = "{vision: false, function_calling: true, json_output: false, family: unknown, structured_output: false}"
    file = tmp_path / "hub.yaml"
    file.write_text(
        f"hub: 1\nname: sums\nentry: {{topic: task}}\nresult: {{topic: answer}}\nmodels:\n  default:\n"
        f"    component: replay\n    config: {{chat_completions: [It is 5.], model_info: {info}}}\n{snippet}"
    )
    hub = Hub.from_file(file)
    hub.check()

    answers = [event.result.text() async for event in hub.run("2+3?") if isinstance(event, ResultArrived)]

    assert answers == ["It is 5."]
