"""`FILE.py:ATTRIBUTE` leads to the attribute or to one clear line."""

from __future__ import annotations

from pathlib import Path

import pytest

from hubbub_core.hub import SourceError, load_attribute
from hubbub_registry import CapabilityError, allow


def test_attribute_is_loaded_when_code_is_granted(tmp_path: Path) -> None:
    (tmp_path / "box.py").write_text("class Box:\n    size = 3\n")

    with allow("code"):
        assert load_attribute(f"{tmp_path}/box.py:Box.size", what="a number") == 3


def test_file_is_not_run_without_the_grant(tmp_path: Path) -> None:
    (tmp_path / "trap.py").write_text("raise SystemExit('ran')\n")

    with pytest.raises(CapabilityError, match="code"):
        load_attribute(f"{tmp_path}/trap.py:anything", what="an agent")


def test_two_references_to_one_file_share_its_classes(tmp_path: Path) -> None:
    (tmp_path / "pair.py").write_text("class Left: pass\nBOTH = [Left]\n")

    with allow("code"):
        left = load_attribute(f"{tmp_path}/pair.py:Left", what="a class")
        both = load_attribute(f"{tmp_path}/pair.py:BOTH", what="a list")

    assert both == [left]


def test_file_may_import_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "hubbub_test_neighbour.py").write_text("VALUE = 7\n")
    (tmp_path / "main_file.py").write_text("from hubbub_test_neighbour import VALUE\n")

    with allow("code"):
        assert load_attribute(f"{tmp_path}/main_file.py:VALUE", what="a number") == 7


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        ("agents.py", "write it as FILE.py:ATTRIBUTE"),
        ("agents.py:", "write it as FILE.py:ATTRIBUTE"),
        ("nowhere.py:x", "there is no file"),
        ("full.py:y", "no attribute 'y' there; it has x"),
        ("broken.py:x", "raised ZeroDivisionError: division by zero"),
    ],
)
def test_reference_that_leads_nowhere_is_explained(
    tmp_path: Path, reference: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("full.py").write_text("x = 1\n")
    Path("broken.py").write_text("1 / 0\n")

    with allow("code"), pytest.raises(SourceError) as caught:
        load_attribute(reference, what="an agent")

    assert problem in str(caught.value)
    assert str(caught.value).startswith(f"{reference}: ")
