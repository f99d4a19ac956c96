"""What `hubbub plugins doctor` finds out about LlamaIndex on this machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import llama_index.core
import pytest

from hubbub_llama_index.checks import bm25, nltk_data
from hubbub_registry import Problem

READ = "corpora/stopwords/english"
OURS = "or `SentenceSplitter(chunking_tokenizer_fn=hubbub_llama_index.split_sentences)`, which needs no data"


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the data that LlamaIndex brings, which it is told to take instead."""
    folder = tmp_path / "nltk data"
    shutil.copytree(Path(llama_index.core.__file__).parent / "_static" / "nltk_cache", folder)
    monkeypatch.setenv("NLTK_DATA", str(folder))
    return folder


def split(folder: Path) -> subprocess.CompletedProcess[str]:
    """Split with LlamaIndex's own splitter, in a process that has read no data yet."""
    code = (
        "from llama_index.core.node_parser import SentenceSplitter;"
        "print(SentenceSplitter(chunk_size=8, chunk_overlap=0).split_text('One is here. Another one is there.'))"
    )
    environment = {"NLTK_DATA": str(folder)}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)


def test_an_environment_of_copies_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NLTK_DATA", raising=False)

    assert nltk_data() == []
    assert bm25() == []


def test_a_missing_extra_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bm25s", None)  # as Python itself marks what cannot be imported

    assert bm25() == [
        Problem(
            found="FolderIndex and the components on it rank by BM25, and bm25s is not installed",
            remedy="`pip install 'hubbub-llama-index[bm25]'`",
            optional=True,
        )
    ]


def test_data_that_is_copied_is_well(copied: Path) -> None:
    assert nltk_data() == []
    assert split(copied).returncode == 0


def test_hard_linked_data_is_named_with_the_remedy(copied: Path, tmp_path: Path) -> None:
    """As in an environment that uv has made with hard links, where LlamaIndex's own splitter fails."""
    os.link(copied / READ, tmp_path / "another name")

    (problem,) = nltk_data()

    assert split(copied).returncode == 1
    assert problem.found == (
        f"LlamaIndex's SentenceSplitter fails, because nltk refuses its data in {copied}, whose files are hard links"
    )
    assert problem.remedy == f"`cp -r '{copied}' COPY` and set NLTK_DATA to the copy, {OURS}"
    assert not problem.optional


def test_the_copy_of_the_remedy_mends_it(copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.link(copied / READ, tmp_path / "another name")
    (problem,) = nltk_data()
    command = problem.remedy.split("`")[1].replace("COPY", "copy")
    subprocess.run(command, shell=True, check=True, cwd=tmp_path)
    monkeypatch.setenv("NLTK_DATA", str(tmp_path / "copy"))

    assert nltk_data() == []
    assert split(tmp_path / "copy").returncode == 0


def test_data_that_is_missing_is_a_note_and_nothing_is_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NLTK_DATA", str(tmp_path / "none"))

    (problem,) = nltk_data()

    assert problem.found == (
        f"{tmp_path / 'none'} lacks {READ} and tokenizers/punkt_tab/english/abbrev_types.txt, "
        "which LlamaIndex's SentenceSplitter downloads when it first splits"
    )
    assert problem.remedy == f"unset NLTK_DATA, {OURS}"
    assert problem.optional
    assert not (tmp_path / "none").exists()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a user who can be refused a file")
def test_data_that_may_not_be_read_is_named(copied: Path) -> None:
    (copied / READ).chmod(0)

    (problem,) = nltk_data()

    assert f"nltk cannot read {copied / READ}: " in problem.found
    assert problem.remedy == f"make it readable, {OURS}"


def test_doctor_names_it_and_ends_with_status_1(copied: Path, tmp_path: Path) -> None:
    os.link(copied / READ, tmp_path / "another name")
    environment = {**os.environ, "HUBBUB_PLUGINS": "llama-index", "HUBBUB_CONFIG_DIR": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "-m", "hubbub_registry", "plugins", "doctor", "--json"],
        env=environment,
        capture_output=True,
        text=True,
    )

    (found,) = [plugin for plugin in json.loads(done.stdout)["plugins"] if plugin["name"] == "llama-index"]
    assert [problem.partition(";")[0] for problem in found["problems"]] == [
        "check 'nltk_data': LlamaIndex's SentenceSplitter fails, because nltk refuses its data in "
        f"{copied}, whose files are hard links"
    ]
    assert (found["state"], done.returncode) == ("loaded", 1)
