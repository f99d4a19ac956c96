"""LlamaIndex's own sentence splitter in this environment, and without nltk's data."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from hubbub_llama_index import split_sentences


def test_the_default_splitter_works_in_an_environment_of_copies() -> None:
    """nltk refuses data files that are hard links, which is why environments are made with link-mode copy."""
    from llama_index.core.node_parser import SentenceSplitter

    parts = SentenceSplitter(chunk_size=8, chunk_overlap=0).split_text("One sentence is here. Another one is there.")

    assert parts == ["One sentence is here.", "Another one is there."]


def test_the_splitter_takes_our_sentences_and_then_needs_no_data(tmp_path: Path) -> None:
    """Without any of nltk's data, as in a hard-linked environment: neither a download nor an error."""
    code = (
        "from llama_index.core.utils import GlobalsHelper\n"
        "def refuse(self): raise AssertionError('nltk data was asked for')\n"
        "GlobalsHelper.wait_for_nltk_check = refuse\n"
        "from llama_index.core.node_parser import SentenceSplitter\n"
        "from hubbub_llama_index import split_sentences\n"
        "splitter = SentenceSplitter(chunk_size=8, chunk_overlap=0, chunking_tokenizer_fn=split_sentences)\n"
        "print(splitter.split_text('One sentence is here. Another one is there.'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"NLTK_DATA": str(tmp_path)}, capture_output=True, text=True, check=True
    )

    assert done.stdout == "['One sentence is here.', 'Another one is there.']\n"


def test_indexing_a_folder_asks_for_no_data(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# Title\n\n" + " ".join(f"Sentence {n} is about storks." for n in range(100)))
    code = (
        "import asyncio, sys\n"
        "from llama_index.core.utils import GlobalsHelper\n"
        "def refuse(self): raise AssertionError('nltk data was asked for')\n"
        "GlobalsHelper.wait_for_nltk_check = refuse\n"
        "import socket\n"
        "def no_network(*args, **kwargs): raise AssertionError('a connection was opened')\n"
        "socket.socket.connect = no_network\n"
        "from hubbub_llama_index import FolderIndex\n"
        "print(len(asyncio.run(FolderIndex(sys.argv[1]).retrieve('storks', 2))))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)

    assert done.stdout == "2\n"


def test_both_splitters_agree_on_plain_sentences() -> None:
    from llama_index.core.node_parser.text.utils import split_by_sentence_tokenizer

    text = "The hub starts. It waits for messages! Who sends them? A fox does. It costs 3.50 euros. The end."

    assert split_sentences(text) == split_by_sentence_tokenizer()(text)
