from __future__ import annotations

import importlib.util
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as PILImage

from hubbub_core import Image
from hubbub_core.models import LLMMessage, SystemMessage, UserMessage
from hubbub_core.tools import ToolSchema
from hubbub_openai import OpenAIChatCompletionClient, _tokens

MESSAGES: list[LLMMessage] = [
    SystemMessage(content="You are a helpful, pattern-following assistant."),
    UserMessage(content="Größe und naïveté: 12345 🎉 <|endoftext|>", source="user"),
]
TOOL: ToolSchema = {
    "name": "get_current_weather",
    "description": "Get the current weather in a given location",
    "parameters": {
        "type": "object",
        "properties": {
            "location": {"type": "string", "description": "The city"},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            "days": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None, "title": "Days"},
        },
        "required": ["location"],
    },
}


def client(model: str = "gpt-4o", **options: Any) -> OpenAIChatCompletionClient:
    return OpenAIChatCompletionClient(model=model, api_key="test", **options)


@pytest.fixture(autouse=True)
def no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("counting tokens opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)


@pytest.fixture(autouse=True)
def forget_tables() -> None:
    _tokens._encode.cache_clear()


@pytest.fixture
def without_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def with_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the tables that llama-index-core carries; they are the vendor's files."""
    pytest.importorskip("tiktoken")
    spec = importlib.util.find_spec("llama_index")
    for location in (spec.submodule_search_locations or []) if spec else []:
        directory = Path(location, "core", "_static", "tiktoken_cache")
        if directory.is_dir():
            monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(directory))
            return
    pytest.skip("no table of tiktoken on this machine, and fetching one takes a connection")


@pytest.mark.usefixtures("without_table")
def test_without_a_table_bytes_are_the_bound_and_one_warning_says_so() -> None:
    counter = client()

    with pytest.warns(
        UserWarning, match=r"counted as UTF-8 bytes, an upper bound; .*hubbub-openai\[tokens\]"
    ) as caught:
        first = counter.count_tokens(MESSAGES)
    second = counter.count_tokens(MESSAGES)

    text_bytes = sum(len(str(message.content).encode()) for message in MESSAGES)
    roles_and_name = len("system") + len("user") + len("user") + 1
    assert first == second == 3 + 3 * 2 + roles_and_name + text_bytes
    assert len(caught) == 1


@pytest.mark.usefixtures("with_table")
@pytest.mark.parametrize(("model", "encoding"), [("gpt-4o", "o200k_base"), ("gpt-4", "cl100k_base")])
def test_with_a_table_the_count_is_exact(model: str, encoding: str) -> None:
    import tiktoken

    table = tiktoken.get_encoding(encoding)
    text_tokens = sum(len(table.encode(str(message.content), disallowed_special=())) for message in MESSAGES)

    assert client(model).count_tokens(MESSAGES) == 3 + 3 * 2 + 3 + 1 + text_tokens


@pytest.mark.usefixtures("with_table")
def test_count_of_the_vendors_own_example() -> None:
    """The value of the vendor's cookbook for its example function and this message with `gpt-4o`."""
    tool: ToolSchema = {
        "name": "get_current_weather",
        "description": "Get the current weather in a given location",
        "parameters": {
            "type": "object",
            "properties": {
                "location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"},
                "unit": {
                    "type": "string",
                    "description": "The unit of temperature to return",
                    "enum": ["celsius", "fahrenheit"],
                },
            },
            "required": ["location"],
        },
    }
    messages: list[LLMMessage] = [
        SystemMessage(content="You are a helpful assistant that can answer to questions about the weather."),
        UserMessage(content="What's the weather like in San Francisco?", source="user"),
    ]
    counter = client("gpt-4o", include_name_in_message=False)

    assert counter.count_tokens(messages, tools=[tool]) == 101


@pytest.mark.usefixtures("with_table")
def test_bytes_are_an_upper_bound_of_the_exact_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    exact = client().count_tokens(MESSAGES, tools=[TOOL])
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    _tokens._encode.cache_clear()

    with pytest.warns(UserWarning, match="upper bound"):
        bound = client().count_tokens(MESSAGES, tools=[TOOL])

    assert exact < bound


def test_table_with_a_wrong_content_is_not_used(without_table: Path) -> None:
    """tiktoken would fetch it anew."""
    import hashlib

    name = hashlib.sha1(_tokens._ADDRESS.format("o200k_base").encode()).hexdigest()
    (without_table / name).write_bytes(b"no table")

    with pytest.warns(UserWarning, match="upper bound"):
        client().count_tokens(MESSAGES)

    assert (without_table / name).read_bytes() == b"no table"


@pytest.mark.parametrize(
    ("size", "tokens"),
    [((512, 512), 85 + 170), ((1024, 1024), 85 + 4 * 170), ((2048, 4096), 85 + 6 * 170), ((8, 8), 85 + 170)],
)
def test_images_count_by_tile(size: tuple[int, int], tokens: int) -> None:
    picture = Image.from_pil(PILImage.new("1", size))

    assert _tokens.image_tokens(picture.data_uri, "auto") == tokens
    assert _tokens.image_tokens(picture.data_uri, "low") == 85


@pytest.mark.usefixtures("without_table")
@pytest.mark.filterwarnings("ignore:tokens of model")
def test_image_costs_its_tiles_and_not_its_data() -> None:
    counter = client()
    picture = Image.from_pil(PILImage.new("RGB", (512, 512)))

    plain = counter.count_tokens([UserMessage(content=["x"], source="user")])
    with_image = counter.count_tokens([UserMessage(content=["x", picture], source="user")])

    assert with_image - plain == 85 + 170


@pytest.mark.usefixtures("without_table")
@pytest.mark.filterwarnings("ignore:tokens of model")
@pytest.mark.parametrize(("model", "limit"), [("gpt-4o", 128_000), ("gpt-4.1", 1_047_576), ("gpt-5", 400_000)])
def test_remaining_tokens_are_the_window_less_the_count(model: str, limit: int) -> None:
    counter = client(model)

    assert counter.remaining_tokens(MESSAGES) == limit - counter.count_tokens(MESSAGES)


@pytest.mark.usefixtures("without_table")
@pytest.mark.filterwarnings("ignore:tokens of model")
def test_window_of_an_unknown_model_is_assumed_with_one_warning(make_quiet: Callable[[], Any]) -> None:
    counter = make_quiet()
    messages = [UserMessage(content="Hi", source="user")]

    with pytest.warns(UserWarning, match="the context window of model 'mine' is not known") as caught:
        remaining = counter.remaining_tokens(messages), counter.remaining_tokens(messages)

    assert remaining == (128_000 - counter.count_tokens(messages),) * 2
    assert len([entry for entry in caught if "context window" in str(entry.message)]) == 1


@pytest.fixture
def make_quiet() -> Callable[[], OpenAIChatCompletionClient]:
    def make() -> OpenAIChatCompletionClient:
        with pytest.warns(UserWarning, match="not in the table of known models"):
            return client("mine")

    return make
