"""Documents into passages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub_llama_index import split_sentences
from hubbub_llama_index._splitting import Markup, Passage, split_document

TEXTS = st.text(alphabet=st.sampled_from("ab A.!? \n#`-=*|1\té。"), max_size=400)


def passages(text: str, markup: Markup = "markdown", size: int = 200, overlap: int = 0) -> list[Passage]:
    return split_document(text, markup=markup, chunk_size=size, chunk_overlap=overlap)


@given(TEXTS)
def test_sentences_joined_are_the_text_again(text: str) -> None:
    assert "".join(split_sentences(text)) == text


@given(TEXTS, st.sampled_from(["markdown", "rst", "plain"]), st.integers(10, 100))
def test_no_passage_is_empty_or_longer_than_allowed(text: str, markup: Markup, size: int) -> None:
    for passage in passages(text, markup, size, size // 3):
        assert 0 < len(passage.text) <= size


@given(TEXTS, st.integers(10, 100))
def test_plain_text_loses_no_word(text: str, size: int) -> None:
    joined = "".join("".join(passage.text.split()) for passage in passages(text, "plain", size))

    assert joined == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One ends. Two goes on! Three?", ["One ends. ", "Two goes on! ", "Three?"]),
        ("See e.g. the list, i.e. all of it. Then go.", ["See e.g. the list, i.e. all of it. ", "Then go."]),
        ("Ask Dr. Who in v1.2 of it. Done.", ["Ask Dr. Who in v1.2 of it. ", "Done."]),
        ('He said "stop." She did.', ['He said "stop." ', "She did."]),
        ("第一句。第二句。", ["第一句。", "第二句。"]),
        ("A heading\n\nA paragraph.", ["A heading\n\n", "A paragraph."]),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


def test_markdown_passages_know_the_headings_above_them() -> None:
    text = "Intro.\n\n# Guide\n\nStart.\n\n## `Install` on [Linux](x.md)\n\nRun it.\n\nSetext\n------\nUnder.\n"

    assert passages(text) == [
        Passage("Intro."),
        Passage("Start.", ("Guide",)),
        Passage("Run it.", ("Guide", "Install on Linux")),
        Passage("Under.", ("Guide", "Setext")),
    ]


def test_a_hash_in_fenced_code_is_no_heading() -> None:
    text = "# Real\n\n```sh\n# comment\n\nrun\n```\n"

    assert passages(text) == [Passage("```sh\n# comment\n\nrun\n```", ("Real",))]


def test_front_matter_is_no_passage_and_a_rule_is_no_heading() -> None:
    text = "---\ntitle: x\n---\nText.\n\n---\n\nMore.\n"

    assert passages(text) == [Passage("Text.\n\n---\n\nMore.")]


def test_a_heading_that_nothing_follows_is_found_all_the_same() -> None:
    assert passages("# Changes\n\n## Drops Python 3.10\n\n## Adds graphs\n") == [
        Passage("Drops Python 3.10", ("Changes",)),
        Passage("Adds graphs", ("Changes",)),
    ]


def test_restructured_text_headings_rank_by_first_use() -> None:
    text = "=====\nTitle\n=====\n\nIntro.\n\nPart\n----\n\nOne.\n\nPiece\n~~~~~\n\nTwo.\n\nNext\n----\n\nThree.\n"

    assert passages(text, "rst") == [
        Passage("Intro.", ("Title",)),
        Passage("One.", ("Title", "Part")),
        Passage("Two.", ("Title", "Part", "Piece")),
        Passage("Three.", ("Title", "Next")),
    ]


def test_a_long_list_is_cut_between_items() -> None:
    text = "- one item that\n  goes on. And on.\n- two items are here\n- three\n"

    assert [passage.text for passage in passages(text, size=40)] == [
        "- one item that\n  goes on. And on.",
        "- two items are here\n- three",
    ]


def test_overlap_repeats_whole_sentences() -> None:
    text = "Alpha is one. Beta is two. Gamma is three. Delta is four."

    assert [passage.text for passage in passages(text, "plain", size=30, overlap=15)] == [
        "Alpha is one. Beta is two.",
        "Beta is two. Gamma is three.",
        "Delta is four.",
    ]
