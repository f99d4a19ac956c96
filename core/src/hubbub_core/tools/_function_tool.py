"""A tool made from a Python function."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import importlib.util
import inspect
import textwrap
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel

from hubbub_core.code_executor._requirements import (
    Alias,
    Import,
    ImportFromModule,
    compile_function,
    import_statement,
    single_function_name,
    source_of,
)
from hubbub_core.tools._base import BaseTool
from hubbub_core.tools._signature import CANCELLATION_PARAMETER, shape_of
from hubbub_registry import Component, require

if TYPE_CHECKING:
    from hubbub_core._cancellation_token import CancellationToken

_NOT_DECLARATIVE = "This component does not support dumping to config"


class FunctionToolConfig(BaseModel):
    """Configuration of a `FunctionTool`: the source code itself."""

    source_code: str
    """Source code of exactly one function, at the top level."""

    name: str
    """What the model calls it."""

    description: str
    """What the model is told about it."""

    global_imports: Sequence[Import]
    """What the source code needs imported."""

    has_cancellation_support: bool
    """Whether the function has a parameter `cancellation_token`."""


class FunctionTool(BaseTool[BaseModel, BaseModel], Component[FunctionToolConfig]):
    """A tool made from a Python function.

    The schema is made from the annotations: every parameter needs one. `Annotated[str, "Date as YYYY/MM/DD"]` gives a
    parameter its description, without it the description is the parameter's name. Arguments arrive at the function as
    validated Python objects: pydantic objects and dataclasses as such.

    An asynchronous function runs on the event loop, any other in the default executor. A parameter named
    `cancellation_token` is not part of the schema and receives the token of the call; a function without it is
    cancelled from outside, which for a synchronous one means that nobody waits for its thread any more.

    Args:
        func: A function, bound method, partial object or callable object.
        description: What the model is told about it.
        name: What the model calls it; defaults to the function's name.
        global_imports: What the source code needs imported when the tool is loaded from a configuration.
        strict: Whether the model must keep to the schema exactly; defaults of parameters are then not allowed.
            Needed together with structured output.

    Raises:
        TypeError: A parameter has no annotation, or is `*args` or `**kwargs`.
    """

    component_provider_override: ClassVar[str] = "hubbub_core.tools.FunctionTool"
    component_config_schema = FunctionToolConfig

    def __init__(
        self,
        func: Callable[..., Any],
        description: str,
        name: str | None = None,
        global_imports: Sequence[Import] = [],
        strict: bool = False,
    ) -> None:
        self._func = func
        self._global_imports = global_imports
        self._shape = shape_of(func, name)
        self._source_code: str | None = None
        super().__init__(self._shape.args_type, self._shape.return_type, self._shape.name, description, strict)

    async def run(self, args: BaseModel, cancellation_token: CancellationToken) -> Any:
        """Call the function.

        Raises:
            asyncio.CancelledError: The token was cancelled.
            Exception: Whatever the function raises.
        """
        positional, keywords = self._shape.bind(args)
        if self._shape.has_cancellation:
            keywords[CANCELLATION_PARAMETER] = cancellation_token
        call = functools.partial(self._func, *positional, **keywords)
        future: asyncio.Future[Any]
        if _is_async(self._func):
            if self._shape.has_cancellation:
                # The function handles the token itself, and may return what it has so far.
                return await call()
            future = asyncio.ensure_future(call())
        else:
            context = contextvars.copy_context()
            future = asyncio.get_running_loop().run_in_executor(None, context.run, call)
        cancellation_token.link_future(future)
        result = await future
        # A lambda or a wrapper that returns a coroutine looks synchronous from outside.
        if inspect.isawaitable(result):
            inner = asyncio.ensure_future(result)
            cancellation_token.link_future(inner)
            return await inner
        return result

    def _to_config(self) -> FunctionToolConfig:
        return FunctionToolConfig(
            source_code=self._source_code or self._read_source(),
            name=self.name,
            description=self.description,
            global_imports=self._global_imports,
            has_cancellation_support=self._shape.has_cancellation,
        )

    def _read_source(self) -> str:
        if not inspect.isfunction(self._func) or self._func.__name__ == "<lambda>":
            raise NotImplementedError(
                f"{_NOT_DECLARATIVE}: tool {self.name!r} is made from {self._func!r}; "
                "only a plain function has source code that stands for itself",
            )
        try:
            source = source_of(self._func)
        except OSError as exc:
            raise NotImplementedError(
                f"{_NOT_DECLARATIVE}: the source code of tool {self.name!r} is not there"
            ) from exc
        outer = [name for name in self._func.__code__.co_freevars if name != "__class__"]
        if outer:
            warnings.warn(
                f"tool {self.name!r} uses {', '.join(outer)} of the function that it is defined in; "
                "a tool loaded from this configuration will not have them",
                UserWarning,
                stacklevel=5,
            )
        return source

    @classmethod
    def _from_config(cls, config: FunctionToolConfig) -> Self:
        require("code", f"loading the tool {config.name!r}, whose configuration carries Python source code")
        warnings.warn(
            "\n⚠️  SECURITY WARNING ⚠️\n"
            f"Loading the tool {config.name!r} from a configuration executes the code in it. "
            "Only load configurations from sources you trust.",
            UserWarning,
            stacklevel=4,
        )
        code = textwrap.dedent(config.source_code)
        name = single_function_name(code)
        func = compile_function(code, name, _import_all(config.global_imports, config.name))
        tool = cls(func, description=config.description, name=config.name, global_imports=config.global_imports)
        # Executed code has no file to read the source from, yet the tool has to be dumpable again.
        tool._source_code = config.source_code
        return tool


def _is_async(func: Callable[..., Any]) -> bool:
    while isinstance(func, functools.partial):
        func = func.func
    return inspect.iscoroutinefunction(func) or (
        not inspect.isroutine(func) and inspect.iscoroutinefunction(type(func).__call__)
    )


def _here(item: Import) -> Import:
    """Take an import from `autogen_core`, which saved tools carry for `CancellationToken`, from this package instead.

    Where that distribution is installed, the import stays what it says.
    """
    name = item if isinstance(item, str) else item.name if isinstance(item, Alias) else item.module
    package, _, rest = name.partition(".")
    if package != "autogen_core" or importlib.util.find_spec(package) is not None:
        return item
    ours = "hubbub_core" + (f".{rest}" if rest else "")
    if isinstance(item, ImportFromModule):
        return ImportFromModule(ours, item.imports)
    if isinstance(item, Alias):
        return Alias(ours, item.alias)
    # `import autogen_core` is what the source code then calls it by; with a submodule, no single statement would do.
    return item if rest else Alias(ours, package)


def _import_all(items: Sequence[Import], tool: str) -> dict[str, Any]:
    """Execute the imports and return the names they define.

    Raises:
        ModuleNotFoundError: A module is not installed.
        ImportError: A module has no such name.
        RuntimeError: Importing failed in any other way.
    """
    namespace: dict[str, Any] = {}
    for item in items:
        statement = import_statement(_here(item))
        try:
            exec(statement, namespace)
        except ModuleNotFoundError as exc:
            raise ModuleNotFoundError(
                f"tool {tool!r} needs `{statement}`, but {exc.name!r} is not installed",
                name=exc.name,
            ) from exc
        except ImportError as exc:
            raise ImportError(f"tool {tool!r} needs `{statement}`: {exc}", name=exc.name) from exc
        except Exception as exc:
            raise RuntimeError(f"tool {tool!r} needs `{statement}`, which failed: {exc!r}") from exc
    namespace.pop("__builtins__", None)
    return namespace
