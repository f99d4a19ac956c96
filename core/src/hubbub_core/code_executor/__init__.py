"""Protocol and values of code executors, and functions that travel with their requirements."""

from hubbub_core.code_executor._requirements import (
    Alias,
    FunctionWithRequirements,
    FunctionWithRequirementsStr,
    Import,
    ImportFromModule,
    import_statement,
    source_of,
    with_requirements,
)
from hubbub_core.code_executor._types import CodeBlock, CodeExecutor, CodeResult

__all__ = [
    "Alias",
    "CodeBlock",
    "CodeExecutor",
    "CodeResult",
    "FunctionWithRequirements",
    "FunctionWithRequirementsStr",
    "Import",
    "ImportFromModule",
    "import_statement",
    "source_of",
    "with_requirements",
]
