"""Where a user's choices are kept."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hubbub_registry._settings import config_dir

if TYPE_CHECKING:
    from tests.registry.conftest import Site


def test_hubbub_config_dir_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBBUB_CONFIG_DIR", str(tmp_path))

    assert config_dir() == tmp_path


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="these keep settings elsewhere")
@pytest.mark.parametrize(
    ("base", "folder"), [("/some/where", "/some/where/hubbub"), ("relative", "/home/x/.config/hubbub")]
)
def test_xdg_config_home_is_followed_when_it_is_absolute(
    base: str, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HUBBUB_CONFIG_DIR", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", base)
    monkeypatch.setenv("HOME", "/home/x")

    assert config_dir() == Path(folder)


def test_a_folder_that_cannot_be_made_is_named(site: Site, tmp_path: Path) -> None:
    site.distribution("hubbub-a", plugin="a")
    (tmp_path / "config").write_text("a file")

    done = site.hubbub("plugins", "disable", "a")

    assert done.returncode == 2
    assert done.stderr.startswith(f"hubbub: cannot write {tmp_path / 'config' / 'plugins.json'}: ")
    assert done.stderr.count("\n") == 1
