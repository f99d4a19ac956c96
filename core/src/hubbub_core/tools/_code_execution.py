"""A tool that runs Python code in a code executor."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import BaseModel, Field, model_serializer

from hubbub_core.code_executor import CodeBlock, CodeExecutor
from hubbub_core.tools._base import BaseTool
from hubbub_registry import Component, ComponentModel

if TYPE_CHECKING:
    from hubbub_core._cancellation_token import CancellationToken


class CodeExecutionInput(BaseModel):
    code: str = Field(description="The contents of the Python code block that should be executed")


class CodeExecutionResult(BaseModel):
    """What came of a run. It serialises to the output alone: that is what a model shall read."""

    success: bool
    output: str

    @model_serializer
    def ser_model(self) -> str:
        return self.output


class PythonCodeExecutionToolConfig(BaseModel):
    """Configuration of a `PythonCodeExecutionTool`."""

    executor: ComponentModel
    """Where the code runs."""

    description: str = "Execute Python code blocks."
    """What the model is told about it."""


class PythonCodeExecutionTool(
    BaseTool[CodeExecutionInput, CodeExecutionResult],
    Component[PythonCodeExecutionToolConfig],
):
    """Runs Python code in any code executor. The model calls it `CodeExecutor`.

    Args:
        executor: Where the code runs. Its owner starts and stops it.
    """

    component_provider_override: ClassVar[str] = "hubbub_core.tools.PythonCodeExecutionTool"
    component_config_schema = PythonCodeExecutionToolConfig

    def __init__(self, executor: CodeExecutor) -> None:
        super().__init__(CodeExecutionInput, CodeExecutionResult, "CodeExecutor", "Execute Python code blocks.")
        self._executor = executor

    async def run(self, args: CodeExecutionInput, cancellation_token: CancellationToken) -> CodeExecutionResult:
        """Run the code; success means exit code 0."""
        result = await self._executor.execute_code_blocks(
            code_blocks=[CodeBlock(code=args.code, language="python")],
            cancellation_token=cancellation_token,
        )
        return CodeExecutionResult(success=result.exit_code == 0, output=result.output)

    def _to_config(self) -> PythonCodeExecutionToolConfig:
        return PythonCodeExecutionToolConfig(executor=self._executor.dump_component(), description=self.description)

    @classmethod
    def _from_config(cls, config: PythonCodeExecutionToolConfig) -> Self:
        tool = cls(executor=CodeExecutor.load_component(config.executor))
        tool._description = config.description
        return tool
