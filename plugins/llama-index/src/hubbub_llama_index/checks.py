"""What LlamaIndex needs on this machine besides its packages; looked at by `hubbub plugins doctor`."""

from __future__ import annotations

import os
import shlex
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from hubbub_registry import Problem

# What LlamaIndex's own `SentenceSplitter` makes sure of before it splits. One file of each: all of a package are
# installed in the same way.
_READ = ("corpora/stopwords/english", "tokenizers/punkt_tab/english/abbrev_types.txt")
_REINSTALL = "`uv pip install --link-mode copy --reinstall-package llama-index-core llama-index-core=={}`"
_OURS = "or `SentenceSplitter(chunking_tokenizer_fn=hubbub_llama_index.split_sentences)`, which needs no data"


def nltk_data() -> list[Problem]:
    """Read the data of nltk that LlamaIndex's own sentence splitter reads, with nltk itself.

    An environment whose files are hard links, uv's default on Linux, has data that nltk refuses to open (llama_index
    issue 22839). Nothing is downloaded and nothing written.
    """
    from nltk import data  # type: ignore[import-untyped] # nltk ships no type information

    folder, chosen = _data_folder()
    if str(folder) not in data.path:
        data.path.append(str(folder))  # nltk opens files below its own folders only; LlamaIndex does the same
    missing = []
    for name in _READ:
        try:
            data.find(name, paths=[str(folder)]).open().close()
        except LookupError:
            missing.append(name)
        except OSError as error:
            return [_unread(folder, name, chosen, error)]
    if not missing:
        return []
    found = (
        f"{folder} lacks {' and '.join(missing)}, which LlamaIndex's SentenceSplitter downloads when it first splits"
    )
    remedy = "unset NLTK_DATA" if chosen else _REINSTALL.format(version("llama-index-core"))
    return [Problem(found=found, remedy=f"{remedy}, {_OURS}", optional=True)]


def bm25() -> list[Problem]:
    """Look for what ranks the passages of a folder."""
    for package in ("bm25s", "Stemmer"):
        if find_spec(package) is None:
            found = f"FolderIndex and the components on it rank by BM25, and {package} is not installed"
            return [Problem(found=found, remedy="`pip install 'hubbub-llama-index[bm25]'`", optional=True)]
    return []


def _data_folder() -> tuple[Path, bool]:
    """Return where LlamaIndex looks for the data, and whether that is `NLTK_DATA`."""
    if (chosen := os.environ.get("NLTK_DATA")) is not None:
        return Path(chosen), True
    # `llama_index` is a namespace package, so that finding its core imports nothing.
    core = find_spec("llama_index.core")
    assert core is not None  # a requirement of this plugin
    assert core.origin is not None
    return Path(core.origin).parent / "_static" / "nltk_cache", False


def _unread(folder: Path, name: str, chosen: bool, error: OSError) -> Problem:
    fails = "LlamaIndex's SentenceSplitter fails, because nltk"
    if not os.access(folder / name, os.R_OK):
        return Problem(found=f"{fails} cannot read {folder / name}: {error}", remedy=f"make it readable, {_OURS}")
    if chosen:
        remedy = f"`cp -r {shlex.quote(str(folder))} COPY` and set NLTK_DATA to the copy"
    else:
        remedy = f"{_REINSTALL.format(version('llama-index-core'))} makes them copies"
    links = (folder / name).stat().st_nlink
    why = "whose files are hard links" if links > 1 else f"saying {error}"
    return Problem(found=f"{fails} refuses its data in {folder}, {why}", remedy=f"{remedy}, {_OURS}")
