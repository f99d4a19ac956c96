"""Kernel functions, plugins and whole kernels of Semantic Kernel as tools and workbenches of the hub."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel
from semantic_kernel.functions.function_result import FunctionResult
from semantic_kernel.functions.kernel_arguments import KernelArguments
from semantic_kernel.functions.kernel_function import KernelFunction
from semantic_kernel.functions.kernel_function_from_method import KernelFunctionFromMethod
from semantic_kernel.functions.kernel_parameter_metadata import KernelParameterMetadata
from semantic_kernel.functions.kernel_plugin import KernelPlugin
from semantic_kernel.kernel import Kernel

from hubbub_core import CancellationToken
from hubbub_core.models import ChatCompletionClient
from hubbub_core.tools import BaseTool, ParametersSchema, StaticWorkbench, ToolSchema
from hubbub_core.utils import schema_to_pydantic_model

from .chat_service import HubChatCompletion
from .functions import HubFunction
from .messages import value_text

_INJECTED = ("kernel", "service", "execution_settings", "arguments")


class KernelFunctionTool(BaseTool[BaseModel, Any]):
    """A kernel function as a tool of the hub.

    Args:
        function: The function, made from a method or from a prompt.
        kernel: What it runs in: filters, services, other plugins. A kernel of its own by default.
        model_client: Model of the hub that a function made from a prompt asks, in place of a kernel.
        name: What the model calls it; `<plugin>-<function>` by default.

    Raises:
        ValueError: It is made from a prompt, and there is neither a kernel nor a model to ask; or there are both; or a
            parameter has no schema in JSON.
    """

    def __init__(
        self,
        function: KernelFunction,
        kernel: Kernel | None = None,
        *,
        model_client: ChatCompletionClient | None = None,
        name: str | None = None,
    ) -> None:
        self._kernel = _kernel(kernel, model_client)
        if function.is_prompt and kernel is None and model_client is None:
            raise ValueError(
                f"function {function.fully_qualified_name!r} is made from a prompt and asks a model: pass "
                "kernel= with a service, or model_client= of the hub"
            )
        super().__init__(BaseModel, object, name or function.fully_qualified_name, function.description or "")
        self._function = function
        self._shown = [each for each in function.parameters if _is_shown(each, function)]
        for parameter in self._shown:
            try:
                json.dumps(parameter.schema_data)
            except (TypeError, ValueError) as error:
                raise ValueError(
                    f"parameter {parameter.name!r} of function {self.name!r} cannot be converted: its schema is not "
                    f"JSON ({error})"
                ) from None

    @property
    def schema(self) -> ToolSchema:
        """What the model is told, as Semantic Kernel writes it."""
        parameters: dict[str, Any] = {
            "type": "object",
            "properties": {parameter.name: parameter.schema_data or {} for parameter in self._shown},
            "required": [parameter.name for parameter in self._shown if parameter.is_required],
            "additionalProperties": False,
        }
        return ToolSchema(name=self.name, description=self.description, parameters=cast("ParametersSchema", parameters))

    def args_type(self) -> type[BaseModel]:
        """Return a class of the arguments, made from the schema.

        Raises:
            SchemaConversionError: The schema has no such class; the tool works all the same.
        """
        return schema_to_pydantic_model(cast("dict[str, Any]", self.schema["parameters"]), f"{self.name}_arguments")

    async def run_json(
        self, args: Mapping[str, Any], cancellation_token: CancellationToken, call_id: str | None = None
    ) -> Any:
        """Invoke the function; Semantic Kernel converts the arguments to the method's types.

        Returns:
            The function's value.

        Raises:
            ValueError: An argument is missing, or one is not known.
            Exception: What the function raised.
        """
        known = {str(parameter.name) for parameter in self._shown}
        missing = [p.name for p in self._shown if p.is_required and p.name not in args]
        unknown = sorted(set(args) - known)
        if missing or unknown:
            problems = [f"{word} {names}" for word, names in (("missing:", missing), ("unknown:", unknown)) if names]
            raise ValueError(f"the arguments of function {self.name!r} do not fit; {'; '.join(problems)}")
        arguments = KernelArguments()
        arguments.update(args)
        running = asyncio.ensure_future(self._function.invoke(self._kernel, arguments))
        result: FunctionResult | None = await cancellation_token.link_future(running)
        value = None if result is None else result.value
        self._log_call(args, value)
        return value

    async def run(self, args: BaseModel, cancellation_token: CancellationToken) -> Any:
        """Invoke the function with the fields of `args`."""
        return await self.run_json(args.model_dump(by_alias=True, exclude_unset=True), cancellation_token)

    def return_value_as_string(self, value: Any) -> str:
        """Return contents as they read, objects as JSON, the rest as `str`."""
        return value_text(value)


def from_kernel_function(
    function: KernelFunction,
    *,
    kernel: Kernel | None = None,
    model_client: ChatCompletionClient | None = None,
    name: str | None = None,
) -> KernelFunctionTool:
    """Make a tool of the hub from a kernel function; see `KernelFunctionTool`."""
    return KernelFunctionTool(function, kernel, model_client=model_client, name=name)


def from_kernel_plugin(
    plugin: KernelPlugin, *, kernel: Kernel | None = None, model_client: ChatCompletionClient | None = None
) -> StaticWorkbench:
    """Make a workbench of the functions that a plugin has now, named `<plugin>-<function>`.

    Args:
        plugin: The plugin.
        kernel: What its functions run in.
        model_client: Model of the hub for functions made from prompts, in place of a kernel.

    Raises:
        ValueError: A function is made from a prompt, and there is neither a kernel nor a model to ask.
    """
    functions = plugin.functions.values()
    return StaticWorkbench([KernelFunctionTool(each, kernel, model_client=model_client) for each in functions])


def from_kernel(kernel: Kernel) -> StaticWorkbench:
    """Make a workbench of the functions that the plugins of a kernel have now, named `<plugin>-<function>`."""
    functions = [function for plugin in kernel.plugins.values() for function in plugin.functions.values()]
    return StaticWorkbench([KernelFunctionTool(function, kernel) for function in functions])


def _is_shown(parameter: KernelParameterMetadata, function: KernelFunction) -> bool:
    """Say whether a model gives the value of a parameter; some of a method are Semantic Kernel's to give."""
    injected = isinstance(function, KernelFunctionFromMethod) and not isinstance(function, HubFunction)
    if parameter.name is None or (injected and parameter.name in _INJECTED):
        return False
    return bool(parameter.include_in_function_choices)


def _kernel(kernel: Kernel | None, model_client: ChatCompletionClient | None) -> Kernel:
    if kernel is not None and model_client is not None:
        raise ValueError(
            "both a kernel and a model_client are given; add HubChatCompletion(model_client) to the kernel"
        )
    if kernel is not None:
        return kernel
    return Kernel() if model_client is None else Kernel(services=HubChatCompletion(model_client))
