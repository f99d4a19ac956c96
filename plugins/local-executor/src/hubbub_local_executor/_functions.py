"""The user's functions: a module that blocks import them from, and the stubs that a model is shown."""

from __future__ import annotations

import ast
import keyword
import textwrap
from collections.abc import Callable, Sequence
from string import Template
from typing import Any, TypeAlias

from hubbub_core.code_executor import (
    FunctionWithRequirements,
    FunctionWithRequirementsStr,
    import_statement,
    source_of,
)

Function: TypeAlias = FunctionWithRequirements[Any, Any] | Callable[..., Any] | FunctionWithRequirementsStr
"""What `functions` takes: a function, with or without requirements, or its source code."""


class FunctionsModule:
    """A module that holds functions.

    Args:
        name: Of the module.
        functions: What it holds.

    Raises:
        ValueError: The name is no identifier, the source code of a function cannot be had, or two have one name.
    """

    def __init__(self, name: str, functions: Sequence[Function]) -> None:
        if not name.isidentifier() or keyword.iskeyword(name):
            raise ValueError(f"Module name must be a valid Python identifier, not {name!r}")
        self.name = name
        self._definitions: dict[str, _Definition] = {}
        # As keys: in order, each once.
        self._imports: dict[str, None] = {}
        self._packages: dict[str, None] = {}
        for function in functions:
            self._add(function)

    def _add(self, function: Function) -> None:
        definition = _Definition(function)
        if definition.name in self._definitions:
            raise ValueError(f"two functions are called {definition.name!r}; a module can hold only one of them")
        self._definitions[definition.name] = definition
        if isinstance(function, FunctionWithRequirements | FunctionWithRequirementsStr):
            self._imports.update((import_statement(item), None) for item in function.global_imports)
            self._packages.update((package, None) for package in function.python_packages)

    @property
    def function_names(self) -> list[str]:
        return list(self._definitions)

    @property
    def packages(self) -> list[str]:
        """What has to be installed for the functions."""
        return list(self._packages)

    @property
    def text(self) -> str:
        """The module's source code."""
        # Annotations stay texts, as they may be in the module that the functions come from: they need no imports.
        head = ["from __future__ import annotations", *self._imports]
        return "\n".join(head) + "".join(f"\n\n\n{item.code}" for item in self._definitions.values()) + "\n"

    def prompt(self, template: str) -> str:
        """Fill `$module_name` and `$functions` of a template in; other dollar signs stay as they are."""
        stubs = "\n\n".join(definition.stub for definition in self._definitions.values())
        return Template(template).safe_substitute(module_name=self.name, functions=stubs)


class _Definition:
    """The source code of one function."""

    def __init__(self, function: Function) -> None:
        code, node = _parsed(function)
        self.name = node.name
        lines: list[str | None] = list(code.split("\n"))
        for decorator in node.decorator_list:
            # The requirements are met already where the module is imported, and the decorator is not known there.
            if _last_name(decorator) == "with_requirements":
                lines[decorator.lineno - 1 : decorator.end_lineno] = [None] * _height(decorator)
        self.code = "\n".join(line for line in lines if line is not None).strip("\n")
        docstring = ast.get_docstring(node, clean=False)
        node.decorator_list = []
        node.body = [ast.Expr(ast.Constant(...))]
        if docstring is not None:
            node.body.insert(0, ast.Expr(ast.Constant(docstring)))
        self.stub = ast.unparse(node)


def _parsed(function: Function) -> tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    if isinstance(function, FunctionWithRequirementsStr):
        code = textwrap.dedent(function.func)
    else:
        try:
            code = source_of(function)
        except (OSError, TypeError) as exc:
            raise ValueError(
                f"cannot read the source code of {function!r}: {exc}; define it in a file, or give its source to "
                "FunctionWithRequirements.from_str"
            ) from exc
    try:
        tree = ast.parse(code)
    except SyntaxError as exc:
        raise ValueError(f"the source code of {function!r} cannot stand alone: {exc}") from exc
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            return code, node
    raise ValueError(f"{function!r} is not defined by a `def` statement, so no module can be made of it")


def _last_name(decorator: ast.expr) -> str | None:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    if isinstance(called, ast.Attribute):
        return called.attr
    return called.id if isinstance(called, ast.Name) else None


def _height(node: ast.expr) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1
