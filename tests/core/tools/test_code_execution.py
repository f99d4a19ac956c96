"""The tool that runs Python code, over an executor that runs it in a real interpreter."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest
from pydantic import BaseModel

from hubbub_core import CancellationToken
from hubbub_core.code_executor import CodeBlock, CodeExecutor, CodeResult
from hubbub_core.tools import BaseTool, CodeExecutionResult, PythonCodeExecutionTool
from hubbub_registry import Component


class Config(BaseModel):
    flag: str = "-I"


class InterpreterExecutor(CodeExecutor, Component[Config]):
    component_config_schema = Config

    def __init__(self) -> None:
        self.log: list[str] = []

    async def execute_code_blocks(
        self, code_blocks: list[CodeBlock], cancellation_token: CancellationToken
    ) -> CodeResult:
        (block,) = code_blocks
        assert block.language == "python"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-c", block.code, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        out, _ = await process.communicate()
        assert process.returncode is not None
        return CodeResult(exit_code=process.returncode, output=out.decode())

    async def start(self) -> None:
        self.log.append("start")

    async def stop(self) -> None:
        self.log.append("stop")

    async def restart(self) -> None: ...

    def _to_config(self) -> Config:
        return Config()

    @classmethod
    def _from_config(cls, config: Config) -> InterpreterExecutor:
        return cls()


def test_schema_is_the_documented_one() -> None:
    tool = PythonCodeExecutionTool(InterpreterExecutor())

    assert tool.schema == {
        "name": "CodeExecutor",
        "description": "Execute Python code blocks.",
        "parameters": {
            "type": "object",
            "properties": {
                "code": {
                    "description": "The contents of the Python code block that should be executed",
                    "title": "Code",
                    "type": "string",
                },
            },
            "required": ["code"],
            "additionalProperties": False,
        },
        "strict": False,
    }


async def test_output_is_what_the_model_reads() -> None:
    tool = PythonCodeExecutionTool(InterpreterExecutor())

    result = await tool.run_json({"code": "print('Hello, world!')"}, CancellationToken())

    assert result == CodeExecutionResult(success=True, output="Hello, world!\n")
    assert tool.return_value_as_string(result) == "Hello, world!\n"


async def test_failing_code_is_no_success() -> None:
    result = await PythonCodeExecutionTool(InterpreterExecutor()).run_json({"code": "1/0"}, CancellationToken())

    assert not result.success
    assert "ZeroDivisionError" in result.output


async def test_component_round_trip_keeps_executor_and_description() -> None:
    dumped = PythonCodeExecutionTool(InterpreterExecutor()).dump_component().model_dump()
    dumped["config"]["description"] = "Runs."

    loaded: BaseTool[Any, Any] = BaseTool.load_component(dumped)

    assert dumped["provider"] == "hubbub_core.tools.PythonCodeExecutionTool"
    assert (loaded.name, loaded.description) == ("CodeExecutor", "Runs.")
    assert loaded.return_value_as_string(await loaded.run_json({"code": "print(1)"}, CancellationToken())) == "1\n"


async def test_executor_as_a_context_manager_is_started_and_stopped() -> None:
    executor = InterpreterExecutor()

    async def fail_inside() -> None:
        async with executor as entered:
            assert entered is executor
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        await fail_inside()

    assert executor.log == ["start", "stop"]
