"""Chat completions of the mock server, whole and in chunks, each checked against the SDK's types."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai_replies import Answer, Calls, Refusal, Reply, Text, example, words
from openai_wire import CREATED, JsonObject


def completion(reply: Text | Refusal | Calls, body: JsonObject, number: int) -> JsonObject:
    """Return a whole answer as JSON, checked against the SDK's type."""
    message: JsonObject = {"role": "assistant", "content": None, "refusal": None}
    if isinstance(reply, Calls):
        message["content"] = reply.text
        message["tool_calls"] = _tool_calls(reply, number)
    elif isinstance(reply, Refusal):
        message["refusal"] = reply.text
    else:
        message["content"] = reply.text
    if reply.reasoning is not None:
        message[reply.reasoning_field] = reply.reasoning
    answer: JsonObject = {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": CREATED,
        "model": reply.model or body["model"],
        "choices": [
            {
                "index": 0,
                "message": message,
                "finish_reason": _finish_reason(reply),
                "logprobs": _logprobs(reply, words(reply.text or "")) if _wants_logprobs(reply, body) else None,
            },
        ],
    }
    if reply.usage != "none":
        answer["usage"] = _usage(reply, body)
    if reply.valid and reply.usage != "null":
        ChatCompletion.model_validate(answer)
    return answer


def stream_chunks(reply: Text | Refusal | Calls, body: JsonObject, number: int) -> list[JsonObject]:
    """Return the chunks of a streamed answer, each checked against the SDK's type."""
    field_name = "refusal" if isinstance(reply, Refusal) else "content"
    first: JsonObject = {"role": "assistant"} | ({} if isinstance(reply, Calls) else {field_name: ""})
    choices: list[JsonObject] = [{"delta": first}]
    choices += [{"delta": {reply.reasoning_field: word}} for word in words(reply.reasoning or "")]
    for word in words(reply.text or ""):
        choice: JsonObject = {"delta": {field_name: word}}
        if _wants_logprobs(reply, body):
            choice["logprobs"] = _logprobs(reply, [word])
        choices.append(choice)
    if isinstance(reply, Calls):
        for index, call in enumerate(_tool_calls(reply, number)):
            arguments = call["function"]["arguments"]
            head = {**call, "index": index, "function": {"name": call["function"]["name"], "arguments": ""}}
            choices.append({"delta": {"tool_calls": [head]}})
            if not isinstance(arguments, str):
                arguments = json.dumps(arguments)
            half = len(arguments) // 2
            for piece in (arguments[:half], arguments[half:]):
                choices.append({"delta": {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}})
    choices.append({"delta": {}, "finish_reason": _finish_reason(reply)})
    wants_usage = bool((body.get("stream_options") or {}).get("include_usage"))
    chunks = [
        chunk({"model": reply.model, "choices": [choice]}, body, number, valid=reply.valid, usage_null=wants_usage)
        for choice in choices
    ]
    if wants_usage and reply.usage not in ("none", "null"):
        chunks.append(chunk({"model": reply.model, "choices": [], "usage": _usage(reply, body)}, body, number))
    return chunks


def chunk(
    part: JsonObject, body: JsonObject, number: int, *, valid: bool = True, usage_null: bool = False
) -> JsonObject:
    """Return one chunk of `part`, checked against the SDK's type."""
    sent: JsonObject = {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion.chunk",
        "created": CREATED,
        **({"usage": None} if usage_null else {}),
        **part,
        "model": part.get("model") or body["model"],
        "choices": [
            {"index": 0, "finish_reason": None, "logprobs": None, **choice} for choice in part.get("choices", [])
        ],
    }
    if valid:
        ChatCompletionChunk.model_validate(sent)
    return sent


def default_reply(body: JsonObject) -> Reply:
    """Answer from the request alone, and always the same to the same request.

    A forced tool is called with arguments made of its schema, a JSON schema gets an instance, JSON mode an object with
    the question; otherwise the answer quotes the first words of the last user message.
    """
    tools = {tool["function"]["name"]: tool["function"] for tool in body.get("tools", [])}
    choice = body.get("tool_choice", "auto")
    name = choice["function"]["name"] if isinstance(choice, dict) else next(iter(tools), None)
    if name is not None and choice not in ("auto", "none"):
        return Calls((name, example(tools[name].get("parameters", {}))))
    question = last_user_text(body["messages"])
    response_format = body.get("response_format") or {"type": "text"}
    if response_format["type"] == "json_schema":
        return Text(json.dumps(example(response_format["json_schema"].get("schema", {}))))
    if response_format["type"] == "json_object":
        return Text(json.dumps({"question": question}))
    quoted = " ".join(question.split()[:12])
    results = [message for message in body["messages"] if message["role"] == "tool"]
    if results and body["messages"][-1]["role"] == "tool":
        return Text(f"The tool says: {results[-1]['content']}")
    return Text(f"{body['model']} was asked: {quoted}")


def last_user_text(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return the text of the last user message."""
    for message in reversed(messages):
        if message["role"] == "user":
            content = message["content"]
            if isinstance(content, str):
                return content
            return " ".join(part["text"] for part in content if part["type"] == "text")
    return ""


def _finish_reason(reply: Text | Refusal | Calls) -> str:
    return reply.finish_reason or ("tool_calls" if isinstance(reply, Calls) else "stop")


def _tool_calls(reply: Calls, number: int) -> list[JsonObject]:
    calls: list[JsonObject] = []
    for index, (name, arguments) in enumerate(reply.calls):
        text = arguments if isinstance(arguments, str) or not reply.valid else json.dumps(arguments)
        function = {"name": name, "arguments": text}
        calls.append({"id": f"call_{number}_{index}", "type": "function", "function": function})
    return calls


def _wants_logprobs(reply: Answer, body: JsonObject) -> bool:
    return reply.logprobs or bool(body.get("logprobs"))


def _logprobs(reply: Answer, words: Sequence[str]) -> JsonObject:
    tokens = [
        {
            "token": word,
            "logprob": -0.25,
            "bytes": list(word.encode()),
            "top_logprobs": [{"token": word, "logprob": -0.25, "bytes": list(word.encode())}],
        }
        for word in words
    ]
    return {"content": tokens, "refusal": None}


def _usage(reply: Text | Refusal | Calls, body: JsonObject) -> JsonObject | None:
    if reply.usage == "null":
        return {"prompt_tokens": None, "completion_tokens": None, "total_tokens": None}
    if isinstance(reply.usage, tuple):
        prompt, answer = reply.usage
    else:
        prompt, answer = len(json.dumps(body["messages"]).split()), len(words(reply.text or ""))
    return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}
