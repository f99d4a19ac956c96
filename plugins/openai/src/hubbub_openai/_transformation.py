"""How messages of the hub become messages of a request, per family of models (newer N-305, N-306).

A map goes from message class to a function that returns the request messages. `register_transformer` adds one for
another family; `build_transformer_func` makes such a function of small ones that each add some fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from hubbub_core.models import (
    AssistantMessage,
    FunctionExecutionResultMessage,
    ModelFamily,
    SystemMessage,
    UserMessage,
)

from ._tools import assert_valid_name

LLMMessageContent: TypeAlias = SystemMessage | UserMessage | AssistantMessage | FunctionExecutionResultMessage
MessageParam: TypeAlias = dict[str, Any]
"""One message of a request, as JSON."""
TrasformerReturnType: TypeAlias = Sequence[MessageParam]  # The misspelt name is the public one (newer N-306).
TransformerFunc: TypeAlias = Callable[[Any, Mapping[str, Any]], TrasformerReturnType]
"""Takes a message and the context: `model`, `family`, `prepend_name`, `include_name_in_message`."""
TransformerMap: TypeAlias = dict[type[Any], TransformerFunc]
FieldsFunc: TypeAlias = Callable[[Any, Mapping[str, Any]], Mapping[str, Any]]
"""Returns some fields of a request message; later ones win."""
ParamFunc: TypeAlias = Callable[..., MessageParam]

MESSAGE_TRANSFORMERS: dict[str, dict[str, TransformerMap]] = {}
"""API name -> model family -> map."""


def register_transformer(api: str, model_family: str, transformer_map: TransformerMap) -> None:
    """Use `transformer_map` for all models of a family."""
    MESSAGE_TRANSFORMERS.setdefault(api, {})[model_family] = transformer_map


def get_transformer(api: str, model: str, model_family: str) -> TransformerMap:
    """Return the map for a family; for one that nobody registered, that of the longest prefix of the model's name."""
    maps = MESSAGE_TRANSFORMERS.get(api, {})
    if model_family in maps and model_family != ModelFamily.UNKNOWN:
        return maps[model_family]
    prefixes = [family for family in maps if family != "default" and model.startswith(family)]
    return maps[max(prefixes, key=len)] if prefixes else maps["default"]


def build_transformer_func(funcs: Sequence[FieldsFunc], message_param_func: ParamFunc = dict) -> TransformerFunc:
    """Make a function of `funcs`: their fields together are the arguments of `message_param_func`."""

    def transform(message: Any, context: Mapping[str, Any]) -> TrasformerReturnType:
        fields: dict[str, Any] = {}
        for func in funcs:
            fields.update(func(message, context))
        return [message_param_func(**fields)]

    return transform


def build_conditional_transformer_func(
    funcs_map: Mapping[str, Sequence[FieldsFunc]],
    message_param_func_map: Mapping[str, ParamFunc],
    condition_func: Callable[[Any, Mapping[str, Any]], str],
) -> TransformerFunc:
    """Make a function that takes the branch which `condition_func` names; `""` leaves the message out."""
    branches = {
        name: build_transformer_func(funcs, message_param_func_map.get(name, dict)) for name, funcs in funcs_map.items()
    }

    def transform(message: Any, context: Mapping[str, Any]) -> TrasformerReturnType:
        branch = condition_func(message, context)
        return branches[branch](message, context) if branch else []

    return transform


def _role(role: str) -> FieldsFunc:
    return lambda message, context: {"role": role}


def _name(message: Any, context: Mapping[str, Any]) -> Mapping[str, Any]:
    if not context.get("include_name_in_message", True):
        return {}
    return {"name": assert_valid_name(message.source)}


def _text(message: Any, context: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"content": message.content}


def _user_text(message: Any, context: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"content": _prefix(message, context) + message.content}


def _user_parts(message: Any, context: Mapping[str, Any]) -> Mapping[str, Any]:
    parts: list[dict[str, Any]] = []
    prefix = _prefix(message, context)
    for part in message.content:
        if isinstance(part, str):
            parts.append({"type": "text", "text": prefix + part})
            prefix = ""
        else:
            parts.append(part.to_openai_format())
    if prefix:
        # Only images: the name would be lost otherwise.
        parts.insert(0, {"type": "text", "text": prefix.rstrip("\n")})
    return {"content": parts}


def _prefix(message: Any, context: Mapping[str, Any]) -> str:
    return f"{message.source} said:\n" if context.get("prepend_name") else ""


def _calls(message: Any, context: Mapping[str, Any]) -> Mapping[str, Any]:
    calls = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in message.content
    ]
    return {"tool_calls": calls}


def _thought(message: Any, context: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"content": message.thought}


def _filled(*fields: FieldsFunc) -> FieldsFunc:
    """Let `" "` stand for empty content, which Gemini rejects."""

    def fill(message: Any, context: Mapping[str, Any]) -> Mapping[str, Any]:
        merged: dict[str, Any] = {}
        for field in fields:
            merged.update(field(message, context))
        content = merged.get("content")
        if isinstance(content, list):
            merged["content"] = [
                {**part, "text": " "} if part["type"] == "text" and not part["text"] else part for part in content
            ] or " "
        else:
            merged["content"] = content or " "
        return merged

    return fill


def _results(message: Any, context: Mapping[str, Any]) -> TrasformerReturnType:
    return [{"role": "tool", "tool_call_id": result.call_id, "content": result.content} for result in message.content]


def _results_filled(message: Any, context: Mapping[str, Any]) -> TrasformerReturnType:
    return [{**result, "content": result["content"] or " "} for result in _results(message, context)]


def _shape(message: Any, context: Mapping[str, Any]) -> str:
    return "text" if isinstance(message.content, str) else "parts"


def _shape_unless_blank(message: Any, context: Mapping[str, Any]) -> str:
    content = message.content
    if isinstance(content, str):
        return "text" if content.strip() else ""
    return "parts" if content else ""


def _without_blank_parts(message: Any, context: Mapping[str, Any]) -> Mapping[str, Any]:
    parts = _user_parts(message, context)["content"]
    return {"content": [part for part in parts if part["type"] != "text" or part["text"].strip()]}


def _map(
    *,
    named: bool = True,
    fill: bool = False,
    skip_blank: bool = False,
) -> TransformerMap:
    name: list[FieldsFunc] = [_name] if named else []
    wrap: Callable[[FieldsFunc], FieldsFunc] = _filled if fill else (lambda field: field)
    shape = _shape_unless_blank if skip_blank else _shape
    return {
        SystemMessage: build_transformer_func([_role("system"), wrap(_text)]),
        UserMessage: build_conditional_transformer_func(
            {
                "text": [_role("user"), wrap(_user_text), *name],
                "parts": [_role("user"), wrap(_without_blank_parts if skip_blank else _user_parts), *name],
            },
            {},
            shape,
        ),
        AssistantMessage: build_conditional_transformer_func(
            {
                "text": [_role("assistant"), wrap(_text), *name],
                "parts": [_role("assistant"), wrap(_thought), _calls, *name],
            },
            {},
            shape,
        ),
        FunctionExecutionResultMessage: _results_filled if fill else _results,
    }


def _register_families() -> None:
    families = [value for key, value in vars(ModelFamily).items() if key.isupper() and isinstance(value, str)]
    for family in families:
        if ModelFamily.is_gemini(family):
            register_transformer("openai", family, _map(fill=True))
        elif ModelFamily.is_claude(family):
            register_transformer("openai", family, _map(skip_blank=True))
        elif ModelFamily.is_mistral(family):
            register_transformer("openai", family, _map(named=False))
        elif family != ModelFamily.UNKNOWN:
            register_transformer("openai", family, _map())
    register_transformer("openai", "default", _map())
    # Names of models whose family nobody gave: dated or newer ones of a vendor with rules of its own.
    register_transformer("openai", "gemini-", _map(fill=True))
    register_transformer("openai", "claude-", _map(skip_blank=True))


_register_families()


def convert_messages(
    messages: Sequence[LLMMessageContent],
    *,
    model: str,
    family: str,
    prepend_name: bool = False,
    include_name_in_message: bool = True,
    api: str = "openai",
) -> list[MessageParam]:
    """Return the request's `messages`.

    Raises:
        ValueError: A name is not valid, or the class of a message is unknown.
    """
    transformers = get_transformer(api, model, family)
    context = {
        "model": model,
        "family": family,
        "prepend_name": prepend_name,
        "include_name_in_message": include_name_in_message,
    }
    converted: list[MessageParam] = []
    for message in messages:
        transformer = transformers.get(type(message))
        if transformer is None:
            raise ValueError(f"Unknown message type: {type(message).__name__}")
        converted.extend(transformer(message, context))
    if (
        (ModelFamily.is_claude(family) or model.startswith("claude-"))
        and converted
        and converted[-1]["role"] == "assistant"
        and isinstance(converted[-1]["content"], str)
    ):
        converted[-1]["content"] = converted[-1]["content"].rstrip()
    return converted


def merge_system_messages(messages: Sequence[LLMMessageContent]) -> list[LLMMessageContent]:
    """Make one of several adjacent system messages, for models that take only one (newer N-301).

    Raises:
        ValueError: They are not adjacent.
    """
    positions = [index for index, message in enumerate(messages) if isinstance(message, SystemMessage)]
    if len(positions) < 2:
        return list(messages)
    first, last = positions[0], positions[-1]
    if last - first + 1 != len(positions):
        raise ValueError(
            "Multiple and Not continuous system messages are not supported if model_info['multiple_system_messages'] "
            "is False",
        )
    text = "\n".join(str(messages[position].content) for position in positions).rstrip()
    return [*messages[:first], SystemMessage(content=text), *messages[last + 1 :]]
