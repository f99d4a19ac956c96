"""Functions that travel as source code, with the imports and packages they need."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, ParamSpec, TypeAlias, TypeVar

T = TypeVar("T")
P = ParamSpec("P")


@dataclass(frozen=True)
class Alias:
    """`import name as alias`."""

    name: str
    alias: str


@dataclass(frozen=True)
class ImportFromModule:
    """`from module import ...`. A list of names is kept as a tuple."""

    module: str
    imports: tuple[str | Alias, ...]

    def __init__(self, module: str, imports: tuple[str | Alias, ...] | list[str | Alias]) -> None:
        # A frozen dataclass can only be filled in through object.
        object.__setattr__(self, "module", module)
        object.__setattr__(self, "imports", tuple(imports))


Import: TypeAlias = str | ImportFromModule | Alias
"""A module's name, names from a module, or a module under another name."""


def import_statement(item: Import) -> str:
    """Return the line of code for an import.

    Raises:
        ValueError: A name is not an identifier; anything else could smuggle code into what is executed.
    """
    if isinstance(item, str):
        return f"import {_dotted(item)}"
    if isinstance(item, Alias):
        return f"import {_dotted(item.name)} as {_identifier(item.alias)}"
    names = [
        f"{_identifier(name.name)} as {_identifier(name.alias)}" if isinstance(name, Alias) else _identifier(name)
        for name in item.imports
    ]
    return f"from {_dotted(item.module)} import {', '.join(names)}"


def source_of(func: Callable[..., Any]) -> str:
    """Return the source code of a function, not indented.

    Raises:
        OSError: The source is not available.
        TypeError: It is not a function.
    """
    if isinstance(func, FunctionWithRequirements):
        func = func.func
    return textwrap.dedent(inspect.getsource(func))


@dataclass
class FunctionWithRequirements(Generic[T, P]):
    """A function, the packages it needs installed and the imports it needs executed. Calling it calls the function.

    Args:
        func: The function.
        python_packages: What to install, such as `"pandas>=1.0.0"`.
        global_imports: What to import at the top of the module that the function is written to.
    """

    func: Callable[P, T]
    python_packages: Sequence[str] = field(default_factory=list)
    global_imports: Sequence[Import] = field(default_factory=list)

    def __post_init__(self) -> None:
        # Name, docstring and signature of the function, for whoever looks at the wrapper.
        functools.update_wrapper(self, self.func)

    @classmethod
    def from_callable(
        cls,
        func: Callable[P, T],
        python_packages: Sequence[str] = [],
        global_imports: Sequence[Import] = [],
    ) -> FunctionWithRequirements[T, P]:
        """Wrap a function."""
        return cls(func=func, python_packages=python_packages, global_imports=global_imports)

    @staticmethod
    def from_str(
        func: str,
        python_packages: Sequence[str] = [],
        global_imports: Sequence[Import] = [],
    ) -> FunctionWithRequirementsStr:
        """Wrap the source code of a function."""
        return FunctionWithRequirementsStr(func=func, python_packages=python_packages, global_imports=global_imports)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.func(*args, **kwargs)


@dataclass
class FunctionWithRequirementsStr:
    """The source code of one function, with what it needs. The code is compiled at once, which runs its definition.

    Args:
        func: Source code of exactly one function, at the top level.
        python_packages: What to install.
        global_imports: What to import at the top of the module that the function is written to.

    Raises:
        ValueError: The text is not Python, or does not define exactly one function.
    """

    func: str
    compiled_func: Callable[..., Any]
    _func_name: str
    python_packages: Sequence[str] = field(default_factory=list)
    global_imports: Sequence[Import] = field(default_factory=list)

    def __init__(
        self,
        func: str,
        python_packages: Sequence[str] = [],
        global_imports: Sequence[Import] = [],
    ) -> None:
        self.func = func
        self.python_packages = python_packages
        self.global_imports = global_imports
        # The imports are those of the executor's environment; here the function is only defined, never called, so
        # annotations stay texts and need none of them.
        code = textwrap.dedent(func)
        name = single_function_name(code)
        self.compiled_func = compile_function("from __future__ import annotations\n" + code, name, {})
        self._func_name = name

    @property
    def __name__(self) -> str:
        return self._func_name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(
            f"{self._func_name!r} is source code for a code executor and cannot be called here; "
            "use compiled_func at your own risk",
        )


def with_requirements(
    python_packages: Sequence[str] = [],
    global_imports: Sequence[Import] = [],
) -> Callable[[Callable[P, T]], FunctionWithRequirements[T, P]]:
    """Decorate a function with what it needs, so that a code executor can offer it by name.

    Args:
        python_packages: What to install, such as `"pandas>=1.0.0"`.
        global_imports: What to import at the top of the module that the function is written to.
    """

    def wrap(func: Callable[P, T]) -> FunctionWithRequirements[T, P]:
        return FunctionWithRequirements.from_callable(func, python_packages, global_imports)

    return wrap


def single_function_name(code: str) -> str:
    """Return the name of the one function that `code` defines at its top level.

    Raises:
        ValueError: The code is not valid Python, or it does not define exactly one function.
    """
    try:
        tree = ast.parse(code)
    except SyntaxError as exc:
        raise ValueError(f"the source code of a function is not valid Python: {exc}") from exc
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    if len(names) != 1:
        raise ValueError(f"the source code has to define exactly one function at its top level, but defines {names}")
    return names[0]


def compile_function(code: str, name: str, namespace: Mapping[str, Any]) -> Callable[..., Any]:
    """Execute the definition in a new module namespace and return the function.

    Raises:
        ValueError: Executing the definition failed, or what it defines is not callable.
    """
    module: dict[str, Any] = {"__name__": f"hubbub_function_{name}", **namespace}
    try:
        # dont_inherit: the future imports of this module must not change the meaning of that code.
        exec(compile(code, f"<function {name}>", "exec", dont_inherit=True), module)
    except Exception as exc:
        raise ValueError(f"cannot define function {name!r} from its source code: {exc}") from exc
    func = module[name]
    if not callable(func):
        raise ValueError(f"{name!r} is not callable after its source code was executed: {func!r}")
    return func  # type: ignore[no-any-return] # what executed code defines has no static type


def _identifier(name: str) -> str:
    if not name.isidentifier():
        raise ValueError(f"not a name that can be imported: {name!r}")
    return name


def _dotted(name: str) -> str:
    if not all(part.isidentifier() for part in name.split(".")):
        raise ValueError(f"not the name of a module: {name!r}")
    return name
