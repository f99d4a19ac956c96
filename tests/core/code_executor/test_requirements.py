"""Functions that travel with their requirements."""

from __future__ import annotations

import pytest

from hubbub_core.code_executor import (
    Alias,
    CodeBlock,
    CodeResult,
    FunctionWithRequirements,
    FunctionWithRequirementsStr,
    ImportFromModule,
    with_requirements,
)
from hubbub_core.code_executor._requirements import import_statement


@with_requirements(python_packages=["pandas>=1.0.0"], global_imports=["math", Alias("json", "j")])
def root(n: float) -> float:
    """Square root."""
    import math

    return math.sqrt(n)


def test_decorated_function_stays_usable() -> None:
    assert isinstance(root, FunctionWithRequirements)
    assert root(9) == 3
    assert (root.__name__, root.__doc__) == ("root", "Square root.")  # type: ignore[attr-defined] # set by update_wrapper
    assert (root.python_packages, root.global_imports) == (["pandas>=1.0.0"], ["math", Alias("json", "j")])


def test_source_code_is_compiled_but_not_called() -> None:
    wrapped = FunctionWithRequirements.from_str("def add(a: Frame, b: Frame) -> Frame:\n    return a + b", ["pandas"])

    assert isinstance(wrapped, FunctionWithRequirementsStr)
    assert (wrapped.__name__, wrapped.compiled_func(1, 2), wrapped.python_packages) == ("add", 3, ["pandas"])
    with pytest.raises(NotImplementedError, match="'add' is source code"):
        wrapped(1, 2)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("def broken(", "not valid Python"),
        ("x = 1", "exactly one function"),
        ("def a(): ...\ndef b(): ...", r"\['a', 'b'\]"),
        ("def a(x=undefined): ...", "undefined"),
    ],
)
def test_source_code_that_is_not_one_function_is_refused(code: str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        FunctionWithRequirementsStr(code)


@pytest.mark.parametrize(
    ("item", "line"),
    [
        ("os.path", "import os.path"),
        (Alias("numpy", "np"), "import numpy as np"),
        (ImportFromModule("typing", ["Any", Alias("List", "L")]), "from typing import Any, List as L"),
    ],
)
def test_imports_are_written_as_code(item: str | Alias | ImportFromModule, line: str) -> None:
    assert import_statement(item) == line


@pytest.mark.parametrize(
    "item",
    ["os; evil()", Alias("os", "x\nevil()"), ImportFromModule("os", ["path; evil()"]), ImportFromModule("a b", ["c"])],
)
def test_imports_that_are_more_than_names_are_refused(item: str | Alias | ImportFromModule) -> None:
    with pytest.raises(ValueError, match="not "):
        import_statement(item)


def test_imports_are_hashable_and_lists_become_tuples() -> None:
    assert ImportFromModule("m", ["a"]) == ImportFromModule("m", ("a",))
    assert len({ImportFromModule("m", ["a"]), ImportFromModule("m", ("a",)), Alias("a", "b"), Alias("a", "b")}) == 2
    assert ImportFromModule("m", ["a"]).imports == ("a",)


def test_values_take_their_fields_in_the_documented_order() -> None:
    assert CodeBlock("print(1)", "python") == CodeBlock(code="print(1)", language="python")
    assert CodeResult(0, "x") == CodeResult(exit_code=0, output="x")
