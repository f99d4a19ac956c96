"""What the plugin declares, and what importing it costs."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import hubbub_mcp
from hubbub_mcp.plugin import hubbub_components


def test_importing_the_package_and_its_plugin_loads_neither_the_sdk_nor_pydantic() -> None:
    program = (
        "import sys, hubbub_mcp, hubbub_mcp.plugin\n"
        "print([name for name in ('mcp', 'mcp_types', 'pydantic', 'anyio') if name in sys.modules])"
    )

    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert output == "[]\n"


def test_building_a_workbench_loads_no_sdk() -> None:
    program = (
        "import sys, hubbub_mcp\n"
        "hubbub_mcp.McpWorkbench(hubbub_mcp.StdioServerParams(command='x'))\n"
        "print('mcp' in sys.modules)"
    )

    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert output == "False\n"


def test_every_public_name_is_served_and_listed() -> None:
    assert {name: getattr(hubbub_mcp, name).__class__.__name__ for name in hubbub_mcp.__all__}
    assert set(hubbub_mcp.__all__) <= set(dir(hubbub_mcp))
    assert list(hubbub_mcp._LAZY) == hubbub_mcp.__all__


def test_an_unknown_name_is_an_attribute_error_that_names_it() -> None:
    with pytest.raises(AttributeError, match="hubbub_mcp offers no 'McpWorkbenhc'"):
        _ = hubbub_mcp.McpWorkbenhc


def test_every_declared_provider_exists_and_dumps_under_its_name() -> None:
    for spec in hubbub_components():
        module, _, name = spec.provider.rpartition(".")
        component = getattr(importlib.import_module(module), name)

        assert component.component_provider_override == spec.provider
        assert component.component_type == spec.kind
