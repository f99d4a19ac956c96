"""Put one request together and refuse what the model cannot do, before anything is sent."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import openai
from openai.types.chat.completion_create_params import CompletionCreateParamsBase
from pydantic import BaseModel

from hubbub_core.models import LLMMessage, ModelInfo, UserMessage
from hubbub_core.tools import Tool, ToolSchema

from ._tools import ToolChoice, convert_tool_choice, convert_tools, normalize_name
from ._transformation import convert_messages, merge_system_messages

_TRANSPORT_ARGS = frozenset({"extra_body", "extra_headers", "extra_query", "timeout"})
# What `create` itself fills in, and the forms that tools had before 2024.
_RESERVED_ARGS = frozenset({"messages", "stream", "tools", "functions", "function_call"})


@cache
def create_arg_names() -> frozenset[str]:
    """Return the options of a request that the installed SDK knows, without those that `create` fills in itself."""
    return frozenset(CompletionCreateParamsBase.__annotations__) - _RESERVED_ARGS | _TRANSPORT_ARGS


def near(name: str, known: Sequence[str]) -> str:
    """Return ` (did you mean 'x'?)` for a misspelt name, or nothing."""
    matches = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {matches[0]!r}?)" if matches else ""


def check_extra_create_args(extra: Mapping[str, Any]) -> None:
    """Refuse options that the request does not have (newer N-300).

    Raises:
        ValueError: Names the unknown options.
    """
    unknown = sorted(set(extra) - create_arg_names())
    if unknown:
        known = sorted(create_arg_names())
        listed = ", ".join(name + near(name, known) for name in unknown)
        raise ValueError(
            f"Extra create args are invalid: {listed}. Fields that only your server knows go into `extra_body`.",
        )


def response_format_of(schema: type[BaseModel]) -> dict[str, Any]:
    """Return the `response_format` that makes a model answer with JSON of a pydantic class.

    Raises:
        TypeError: The schema has what strict mode cannot express.
    """
    # The SDK's public way to the strict form of a schema; the name of the class is what its own parse helper sends.
    function = openai.pydantic_function_tool(schema)["function"]
    # The service takes no `Answer[int]`.
    name = normalize_name(schema.__name__)
    return {"type": "json_schema", "json_schema": {"name": name, "schema": function["parameters"], "strict": True}}


def _is_class(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, BaseModel)


def resolve_response_format(
    *,
    json_output: bool | type[BaseModel] | None,
    configured: Any,
    extra: Any,
    model_info: ModelInfo,
) -> Any:
    """Return the request's `response_format`, None for none (newer N-298, N-299).

    Args:
        json_output: The argument of `create`; it wins over a `response_format` dict.
        configured: `response_format` of the constructor.
        extra: `response_format` of `extra_create_args`; it wins over the constructor's.
        model_info: What the model can do.

    Raises:
        ValueError: The model cannot do it, two classes are given, or `json_output` is neither a bool nor a class.
    """
    given = configured if extra is None else extra
    if _is_class(given):
        warnings.warn(
            "Using response_format to specify the BaseModel for structured output type will be deprecated. "
            "Use json_output in create and create_stream instead.",
            DeprecationWarning,
            stacklevel=4,
        )
        if _is_class(json_output):
            raise ValueError(
                "response_format and json_output cannot be set to a Pydantic model class at the same time."
            )
    wanted: Any
    if json_output is None:
        wanted = response_format_of(given) if _is_class(given) else given
    elif isinstance(json_output, bool):
        if given is not None:
            _warn_ignored(json_output, from_extra=extra is not None)
        wanted = {"type": "json_object" if json_output else "text"}
    elif _is_class(json_output):
        if given is not None:
            _warn_ignored(json_output, from_extra=extra is not None)
        wanted = response_format_of(json_output)
    else:
        raise ValueError(f"json_output must be a boolean or a Pydantic model class, got {json_output!r}")
    if wanted is None:
        return None
    kind = wanted.get("type") if isinstance(wanted, Mapping) else None
    if kind == "json_object" and not model_info["json_output"]:
        raise ValueError("Model does not support JSON output. Set model_info['json_output'] if it does.")
    if kind == "json_schema" and not model_info.get("structured_output", False):
        raise ValueError("Model does not support structured output. Set model_info['structured_output'] if it does.")
    if isinstance(wanted, Mapping):
        # The documents' configurations carry `json_schema: null`, which the service rejects.
        return {key: value for key, value in wanted.items() if value is not None}
    return wanted


def _warn_ignored(json_output: object, *, from_extra: bool) -> None:
    form = "a Pydantic model class" if isinstance(json_output, type) else f"{json_output}"
    where = "extra_create_args" if from_extra else "the client's options"
    warnings.warn(
        f"response_format is found in {where} while json_output is set to {form}. "
        f"Skipping the response_format in favor of json_output.",
        stacklevel=5,
    )


def check_vision(messages: Sequence[LLMMessage], model_info: ModelInfo) -> None:
    """Refuse images for a model that sees none (newer N-293).

    Raises:
        ValueError: There is an image.
    """
    if model_info["vision"]:
        return
    for message in messages:
        if isinstance(message, UserMessage) and not isinstance(message.content, str):
            for part in message.content:
                if not isinstance(part, str):
                    raise ValueError("Model does not support vision and image was provided")


def build_request(
    messages: Sequence[LLMMessage],
    *,
    tools: Sequence[Tool | ToolSchema],
    tool_choice: ToolChoice,
    json_output: bool | type[BaseModel] | None,
    extra_create_args: Mapping[str, Any],
    create_args: Mapping[str, Any],
    model_info: ModelInfo,
    add_name_prefixes: bool,
    include_name_in_message: bool,
) -> dict[str, Any]:
    """Return the keyword arguments for the SDK's `chat.completions.create`, `stream` excepted.

    Raises:
        ValueError: The messages or options do not fit each other or what the model can do.
    """
    check_extra_create_args(extra_create_args)
    request = {**create_args, **extra_create_args}

    response_format = resolve_response_format(
        json_output=json_output,
        configured=create_args.get("response_format"),
        extra=extra_create_args.get("response_format"),
        model_info=model_info,
    )
    request.pop("response_format", None)
    if response_format is not None:
        request["response_format"] = response_format

    check_vision(messages, model_info)
    if not model_info.get("multiple_system_messages", False):
        messages = merge_system_messages(messages)
    request["messages"] = convert_messages(
        messages,
        model=request["model"],
        family=model_info["family"],
        prepend_name=add_name_prefixes,
        include_name_in_message=include_name_in_message,
    )

    if tools and not model_info["function_calling"]:
        raise ValueError("Model does not support function calling. Set model_info['function_calling'] if it does.")
    converted = convert_tools(tools)
    choice = convert_tool_choice(tool_choice, converted)
    if "tool_choice" in extra_create_args and choice != "auto":
        raise ValueError("tool_choice is given both as an argument and in extra_create_args; give it once")
    if converted:
        request["tools"] = converted
        request.setdefault("tool_choice", choice)
        if choice != "auto":
            request["tool_choice"] = choice
    else:
        # The service takes both only together with tools.
        request.pop("tool_choice", None)
        request.pop("parallel_tool_calls", None)
    return request


def resolve_stream_options(request: Mapping[str, Any], include_usage: bool | None) -> dict[str, Any]:
    """Return the request's `stream_options` (newer N-297).

    Raises:
        ValueError: The argument and the option contradict each other.
    """
    options = dict(request.get("stream_options") or {})
    if include_usage is not None:
        if options.get("include_usage", include_usage) != include_usage:
            raise ValueError(
                "include_usage and extra_create_args['stream_options']['include_usage'] are both set, "
                "but differ in value",
            )
        if include_usage or "include_usage" in options:
            options["include_usage"] = include_usage
    return options
