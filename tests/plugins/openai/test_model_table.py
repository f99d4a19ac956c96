from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import get_args

import pytest
from openai.types.shared import ChatModel
from openai_server import OpenAIServer, Text

from hubbub_core.models import ModelFamily, UserMessage
from hubbub_openai import OpenAIChatCompletionClient
from hubbub_openai._token_tables import load_length

MakeClient = Callable[..., OpenAIChatCompletionClient]
FAMILIES = {
    "gpt-6": ModelFamily.GPT_6,
    "gpt-5": ModelFamily.GPT_5,
    "gpt-4.1": ModelFamily.GPT_41,
    "gpt-4o": ModelFamily.GPT_4O,
    "gpt-audio": ModelFamily.GPT_4O,
    "chatgpt-4o": ModelFamily.GPT_4O,
    "gpt-4": ModelFamily.GPT_4,
    "gpt-3.5": ModelFamily.GPT_35,
    "o4": ModelFamily.O4,
    "codex-mini": ModelFamily.O4,
    "o3": ModelFamily.O3,
    "o1": ModelFamily.O1,
}
"""What the name of a model begins with -> its family; the longest one counts."""


def client(model: str) -> OpenAIChatCompletionClient:
    return OpenAIChatCompletionClient(model=model, api_key="test")


@pytest.mark.parametrize("model", get_args(ChatModel))
def test_every_chat_model_of_the_sdk_is_known(model: str) -> None:
    family = FAMILIES[max((prefix for prefix in FAMILIES if model.startswith(prefix)), key=len)]

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        info = client(model).model_info

    assert info["family"] == family
    if family in (ModelFamily.GPT_6, ModelFamily.GPT_5, ModelFamily.GPT_41):
        assert all(info[able] for able in ("vision", "function_calling", "json_output", "structured_output"))
    if "audio" in model or "search" in model:
        assert not info["vision"]


def test_tokeniser_is_the_one_that_tiktoken_names() -> None:
    tiktoken = pytest.importorskip("tiktoken", reason="needs the extra hubbub-openai[tokens]")
    text = "Gulls, terns and puffins: 漢字 🎉"

    for model in get_args(ChatModel):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            count = client(model).count_tokens([UserMessage(content=text, source="user")])
        try:
            length = load_length(tiktoken.encoding_name_for_model(model))
        except KeyError:
            continue  # an older tiktoken, or a model whose tokeniser is not published
        assert length is not None
        assert count == 3 + 3 + 2 * length("user") + 1 + length(text), model
        assert caught == [], model


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("gpt-6.4-nova", ModelFamily.GPT_6),
        ("gpt-6", ModelFamily.GPT_6),
        ("gpt-5.9-mini-2027-01-01", ModelFamily.GPT_5),
        ("o3-pro", ModelFamily.O3),
        ("ft:gpt-4o-mini-2024-07-18:birds::AbC1", ModelFamily.GPT_4O),
        ("gpt-35-turbo", ModelFamily.GPT_35),
        ("gpt-oss:20b", ModelFamily.GPT_OSS),
        ("openai/gpt-oss-120b", ModelFamily.GPT_OSS),
    ],
)
def test_unlisted_name_counts_as_one_of_its_generation(model: str, family: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert client(model).model_info["family"] == family


@pytest.mark.parametrize("model", ["gpt-60", "o30", "my-gpt-6", "ft:mine:birds::AbC1", "gpt-7"])
def test_name_that_only_looks_alike_is_unknown(model: str) -> None:
    with pytest.warns(UserWarning, match="is not in the table of known models"):
        assert client(model).model_info["family"] == ModelFamily.UNKNOWN


async def test_date_that_the_table_does_not_know_is_no_mismatch(make_client: MakeClient, server: OpenAIServer) -> None:
    server.reply(*(Text("Hi", model=name) for name in ("gpt-6-sol-2026-09-01", "gateway/nova", "gpt-6-luna")))
    model = make_client(model="gpt-6-sol")
    hello = [UserMessage(content="Hi", source="user")]

    await model.create(hello)
    await make_client(model="gpt-6.4-nova").create(hello)  # not in the table, which says nothing about its versions
    with pytest.warns(UserWarning, match="Resolved model mismatch: gpt-6-sol != gpt-6-luna"):
        await model.create(hello)
