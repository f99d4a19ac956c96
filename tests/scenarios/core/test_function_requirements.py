"""A function that says what it needs, so that a code executor can offer it (spec: 000 part 3 L20817..20878)."""

from __future__ import annotations

import inspect

import pytest

from hubbub_core.code_executor import Alias, FunctionWithRequirements, ImportFromModule, with_requirements


@with_requirements(
    python_packages=["pandas>=1.0.0", "numpy"],
    global_imports=["json", Alias("numpy", "np"), ImportFromModule("collections.abc", ["Sequence", Alias("Set", "S")])],
)
def load_data(row: int = 0) -> dict[str, str]:
    """Load one of four people."""
    names = ["John", "Anna", "Peter", "Linda"]
    return {"name": names[row]}


def test_function_is_called_as_before() -> None:
    assert load_data() == {"name": "John"}
    assert load_data(row=3)["name"] == "Linda"
    with pytest.raises(IndexError):
        load_data(4)


def test_function_says_what_it_needs() -> None:
    assert isinstance(load_data, FunctionWithRequirements)
    assert load_data.python_packages == ["pandas>=1.0.0", "numpy"]
    assert load_data.global_imports == [
        "json",
        Alias(name="numpy", alias="np"),
        ImportFromModule(module="collections.abc", imports=("Sequence", Alias("Set", "S"))),
    ]
    assert inspect.signature(load_data) == inspect.signature(load_data.func)
    assert load_data.func.__doc__ == "Load one of four people."
