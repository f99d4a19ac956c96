from __future__ import annotations

import base64
import hashlib
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image as PILImage

from hubbub_core import Image
from hubbub_core.models import LLMMessage, SystemMessage, UserMessage
from hubbub_core.tools import ToolSchema
from hubbub_openai import OpenAIChatCompletionClient, _tokens
from hubbub_openai._token_tables import load_length, read_tokens

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


@pytest.fixture
def without_tiktoken(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "tiktoken", None)
    load_length.cache_clear()
    yield
    load_length.cache_clear()


@pytest.fixture
def tiktoken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Return tiktoken with the vendor's own files in its cache, written of the tables that the package carries.

    tiktoken compares their digests, and would fetch a file that is not the vendor's.
    """
    module = pytest.importorskip("tiktoken", reason="needs the extra hubbub-openai[tokens]")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    for encoding in ("cl100k_base", "o200k_base"):
        address = f"https://openaipublic.blob.core.windows.net/encodings/{encoding}.tiktoken"
        lines = (f"{base64.b64encode(token).decode()} {rank}\n" for rank, token in enumerate(read_tokens(encoding)))
        (tmp_path / hashlib.sha1(address.encode()).hexdigest()).write_text("".join(lines))
    monkeypatch.setattr("tiktoken.registry.ENCODINGS", {})
    return module


@pytest.mark.usefixtures("without_tiktoken")
def test_without_tiktoken_bytes_are_the_bound_and_one_warning_says_so() -> None:
    counter = client()

    with pytest.warns(
        UserWarning, match=r"counted as UTF-8 bytes, an upper bound; `pip install hubbub-openai\[tokens\]`"
    ) as caught:
        first = counter.count_tokens(MESSAGES)
    second = counter.count_tokens(MESSAGES)

    text_bytes = sum(len(str(message.content).encode()) for message in MESSAGES)
    roles_and_name = len("system") + len("user") + len("user") + 1
    assert first == second == 3 + 3 * 2 + roles_and_name + text_bytes
    assert len(caught) == 1


def test_tokens_of_a_vendor_without_a_table_are_bounded_with_one_warning() -> None:
    with pytest.warns(
        UserWarning, match="'gpt-6-sol' are counted as UTF-8 bytes, an upper bound; its vendor has"
    ) as caught:
        client("gpt-6-sol").count_tokens(MESSAGES)

    assert len(caught) == 1


@pytest.mark.parametrize("encoding", ["o200k_base", "cl100k_base"])
def test_tables_are_the_vendors_and_cut_texts_as_tiktoken_does(tiktoken: Any, encoding: str) -> None:
    length = load_length(encoding)
    assert length is not None
    vendors = tiktoken.get_encoding(encoding)

    @settings(deadline=None)
    @given(st.text() | st.text("aAé's 1\n\r\t.<|>/漢", max_size=40))
    @example("Größe und naïveté: 12345 🎉 <|endoftext|>")
    @example("we'll\r\n  see I'VE 1234567\ud800")
    def check(text: str) -> None:
        assert length(text) == len(vendors.encode(text, disallowed_special=()))

    check()


@pytest.mark.parametrize(("model", "encoding"), [("gpt-4o", "o200k_base"), ("gpt-4", "cl100k_base")])
def test_count_is_exact(tiktoken: Any, model: str, encoding: str) -> None:
    table = tiktoken.get_encoding(encoding)
    text_tokens = sum(len(table.encode(str(message.content), disallowed_special=())) for message in MESSAGES)

    assert client(model).count_tokens(MESSAGES) == 3 + 3 * 2 + 3 + 1 + text_tokens


@pytest.mark.usefixtures("tiktoken")
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


@pytest.mark.usefixtures("tiktoken")
def test_bytes_are_an_upper_bound_of_the_exact_count(request: pytest.FixtureRequest) -> None:
    exact = client().count_tokens(MESSAGES, tools=[TOOL])
    request.getfixturevalue("without_tiktoken")

    with pytest.warns(UserWarning, match="upper bound"):
        bound = client().count_tokens(MESSAGES, tools=[TOOL])

    assert exact < bound


@pytest.mark.usefixtures("without_tiktoken")
@pytest.mark.filterwarnings("ignore:tokens of model")
def test_definitions_that_properties_refer_to_count() -> None:
    bare: ToolSchema = {"name": "f", "parameters": {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}}}
    definitions = {"A": {"type": "string", "description": "x" * 500}}
    full: Any = {**bare, "parameters": {**bare["parameters"], "$defs": definitions}}
    anything: Any = {**bare, "parameters": {"type": "object", "properties": {"a": True}}}
    counter = client()

    assert counter.count_tokens([], tools=[full]) - counter.count_tokens([], tools=[bare]) > 500
    assert counter.count_tokens([], tools=[anything]) > 0


@pytest.mark.parametrize(
    ("size", "tokens"),
    [((512, 512), 85 + 170), ((1024, 1024), 85 + 4 * 170), ((2048, 4096), 85 + 6 * 170), ((8, 8), 85 + 170)],
)
def test_images_count_by_tile(size: tuple[int, int], tokens: int) -> None:
    picture = Image.from_pil(PILImage.new("1", size))

    assert _tokens.image_tokens(picture.data_uri, "auto") == tokens
    assert _tokens.image_tokens(picture.data_uri, "low") == 85


@pytest.mark.usefixtures("without_tiktoken")
@pytest.mark.filterwarnings("ignore:tokens of model")
def test_image_costs_its_tiles_and_not_its_data() -> None:
    counter = client()
    picture = Image.from_pil(PILImage.new("RGB", (512, 512)))

    plain = counter.count_tokens([UserMessage(content=["x"], source="user")])
    with_image = counter.count_tokens([UserMessage(content=["x", picture], source="user")])

    assert with_image - plain == 85 + 170


@pytest.mark.usefixtures("without_tiktoken")
@pytest.mark.filterwarnings("ignore:tokens of model")
@pytest.mark.parametrize(("model", "limit"), [("gpt-4o", 128_000), ("gpt-4.1", 1_047_576), ("gpt-5", 400_000)])
def test_remaining_tokens_are_the_window_less_the_count(model: str, limit: int) -> None:
    counter = client(model)

    assert counter.remaining_tokens(MESSAGES) == limit - counter.count_tokens(MESSAGES)


@pytest.mark.usefixtures("without_tiktoken")
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
