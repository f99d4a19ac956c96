"""Discovery: plugins are read from metadata, loaded one by one, and a bad one is named and stops nothing else."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from hubbub_registry import (
    ComponentConflictError,
    ComponentSpec,
    ComponentUnavailableError,
    PluginError,
    Registry,
    UnknownComponentError,
    UnknownPluginError,
    find_component,
    hookimpl,
)

if TYPE_CHECKING:
    from tests.registry.conftest import Site

Make = Callable[[str], Registry]

RAISES_AT_IMPORT = "raise ValueError('broken\\nover lines')"
EXITS = "import sys; sys.exit(3)"
HOOK_RAISES = """
    from hubbub_registry import ComponentSpec, hookimpl

    @hookimpl
    def hubbub_components():
        return [ComponentSpec(kind="model", provider="x.Y", name="half", summary="never seen")]

    @hookimpl
    def hubbub_commands():
        raise RuntimeError("no commands today")
"""
UNKNOWN_HOOK = """
    from hubbub_registry import hookimpl

    @hookimpl
    def hubbub_componets():
        return []
"""
UNMARKED = """
    def hubbub_components():
        return []
"""
WRONG_ARGUMENT = """
    from hubbub_registry import hookimpl

    @hookimpl
    def hubbub_components(config):
        return []
"""
NO_LIST = """
    from hubbub_registry import hookimpl

    @hookimpl
    def hubbub_adapters():
        return {"a": "dict"}
"""
WRONG_ITEM = """
    from hubbub_registry import hookimpl

    @hookimpl
    def hubbub_components():
        return ["a string"]
"""
WRONG_CHECK = """
    from hubbub_registry import Problem, hookimpl

    @hookimpl
    def hubbub_checks():
        return [Problem(found="x", remedy="y")]
"""
NO_MODULE = """
    import sys

    class Unhashable:
        __hash__ = None

    sys.modules[__name__] = Unhashable()
"""
TWICE = """
    from hubbub_registry import ComponentSpec, hookimpl

    @hookimpl
    def hubbub_components():
        return [
            ComponentSpec(kind="model", provider="x.Y", name="y", summary=""),
            ComponentSpec(kind="model", provider="x.Z", name="z", summary="", aliases=("y",)),
        ]
"""
ALIASES_NO_TUPLE = """
    from hubbub_registry import ComponentSpec, hookimpl

    @hookimpl
    def hubbub_components():
        return [ComponentSpec(kind="model", provider="x.Y", name="y", summary="", aliases="z")]
"""


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        (RAISES_AT_IMPORT, "importing hubbub_bad.plugin raised ValueError: broken over lines"),
        (EXITS, "importing hubbub_bad.plugin raised SystemExit: 3"),
        (HOOK_RAISES, "its hook hubbub_commands raised RuntimeError: no commands today"),
        (UNKNOWN_HOOK, "it implements a hook hubbub_componets, which hubbub_registry does not specify; did you mean"),
        (UNMARKED, "its function hubbub_components lacks @hookimpl"),
        (WRONG_ARGUMENT, "registering hubbub_bad.plugin raised PluginValidationError"),
        (NO_LIST, "its hook hubbub_adapters raised TypeError: it returned {'a': 'dict'}, not a list"),
        (WRONG_ITEM, "its hook hubbub_components returned 'a string', which is no ComponentSpec"),
        (
            WRONG_CHECK,
            "its hook hubbub_checks returned Problem(found='x', remedy='y', optional=False), which is no Check",
        ),
        (NO_MODULE, "registering hubbub_bad.plugin raised TypeError: unhashable type"),
        (TWICE, "it declares the component name 'y' twice"),
        (ALIASES_NO_TUPLE, "component 'y': aliases should be a tuple of strings"),
    ],
)
def test_a_bad_plugin_is_named_and_the_others_load(code: str, problem: str, site: Site, here: Make) -> None:
    site.distribution("hubbub-bad", plugin="bad", code=code)
    site.distribution("hubbub-good", plugin="good")

    known = here("bad,good")

    (failure,) = known.failures()
    assert (failure.name, failure.state) == ("bad", "failed")
    assert (failure.problem or "").startswith(problem)
    assert "\n" not in (failure.problem or "")
    assert failure.remedy == "`pip install --upgrade hubbub-bad`, or `hubbub plugins disable bad`"
    assert [entry.spec.name for entry in known.components()] == ["good"]


def test_a_failure_names_the_line_of_the_plugin(site: Site, here: Make) -> None:
    site.distribution("hubbub-bad", plugin="bad", code="x = 1\nraise ValueError('broken')")

    (failure,) = here("bad").failures()

    assert (failure.problem or "").endswith("plugin.py:2)")


@pytest.mark.parametrize(
    ("requires", "problem", "remedy"),
    [
        (
            ["wrapped>=2,<3"],
            "hubbub-x needs wrapped>=2,<3, found wrapped 1.5",
            "`pip install 'wrapped>=2,<3'`",
        ),
        (["not-there>=1"], "hubbub-x needs not-there>=1, which is not installed", "`pip install 'not-there>=1'`"),
        (
            ["hubbub-registry>=9,<10"],
            "hubbub-x is made for hubbub-registry>=9,<10 (the plugin API), found hubbub-registry 0.1.0",
            "`pip install --upgrade hubbub-x`, or `pip install 'hubbub-registry>=9,<10'`",
        ),
        (
            ["wrapped[speed]>=1"],
            "wrapped needs fast-wrapped, which is not installed",
            "`pip install fast-wrapped`",
        ),
        (
            ["hubbub-base"],
            "hubbub-base is made for hubbub-registry>=7 (the plugin API), found hubbub-registry 0.1.0",
            "`pip install --upgrade hubbub-base`, or `pip install 'hubbub-registry>=7'`",
        ),
    ],
)
def test_a_plugin_that_does_not_fit_is_told_before_it_is_imported(
    requires: list[str], problem: str, remedy: str, site: Site, here: Make
) -> None:
    site.distribution("wrapped", "1.5", requires=["fast-wrapped; extra == 'speed'"])
    site.distribution("hubbub-base", plugin="base", requires=["hubbub-registry>=7"])
    site.distribution("hubbub-x", plugin="x", requires=requires, code="raise AssertionError('imported')")

    (record,) = here("x").failures()

    assert record.state == "incompatible"
    version = importlib.metadata.version("hubbub-registry")
    assert record.problem == problem.replace("hubbub-registry 0.1.0", f"hubbub-registry {version}")
    assert record.remedy == remedy


@pytest.mark.parametrize(
    "requires",
    ["wrapped<2,>=1", "wrapped[speed]", "not-there; python_version < '3'", "not-there; extra == 'test'", "Wrapped"],
)
def test_requirements_that_are_met_or_do_not_apply_are_no_hindrance(requires: str, site: Site, here: Make) -> None:
    site.distribution("wrapped", "1.5rc1", requires=["also-there; extra == 'speed'", "never; extra == 'other'"])
    site.distribution("also_there")
    site.distribution("hubbub-x", plugin="x", requires=[requires])

    assert here("x").failures() == []


def test_two_distributions_that_announce_one_plugin_are_both_refused(site: Site, here: Make) -> None:
    site.distribution("hubbub-a", plugin="same")
    site.distribution("hubbub-b", plugin="same")

    (failure,) = here("same").failures()

    assert failure.problem == "the distributions hubbub-a and hubbub-b both announce a plugin 'same'"


def test_a_malformed_entry_points_file_is_that_plugins_own_failure(site: Site, here: Make) -> None:
    site.distribution("hubbub-a", plugin="good")
    site.distribution("hubbub-b", plugin="b")
    (site.folder / "hubbub_b-1.0.dist-info" / "entry_points.txt").write_text("[hubbub]\nno equals sign\n")

    known = here("good,hubbub-b")

    (failure,) = known.failures()
    assert "entry_points.txt cannot be read" in (failure.problem or "")
    assert [entry.spec.name for entry in known.components()] == ["good"]


def test_hubbub_plugins_chooses(site: Site, here: Make) -> None:
    site.distribution("hubbub-a", plugin="a")
    site.distribution("hubbub-b", plugin="b")

    assert [entry.plugin for entry in here("b").components()] == ["b"]
    assert here("none").components() == []
    (failure,) = here("a,typo").failures()
    assert (failure.name, failure.problem) == (
        "typo",
        "HUBBUB_PLUGINS names it, but no installed distribution announces it",
    )


def test_two_plugins_that_claim_a_name_are_an_error_naming_both(site: Site, here: Make) -> None:
    site.distribution("hubbub-a", plugin="a")
    code = """
        from hubbub_registry import ComponentSpec, hookimpl

        @hookimpl
        def hubbub_components():
            return [ComponentSpec(kind="model", provider="hubbub_b.B", name="b", summary="", aliases=("a",))]
    """
    site.distribution("hubbub-b", plugin="b", code=code)
    known = here("a,b")

    with pytest.raises(ComponentConflictError) as caught:
        known.get("a")

    assert str(caught.value) == (
        "component name 'a' is claimed by plugin a (hubbub_a.thing.Thing) and plugin b (hubbub_b.B); "
        "use the full provider name, or `hubbub plugins disable` one of them"
    )
    assert known.get("hubbub_a.thing.Thing").plugin == "a"
    assert known.get("b").plugin == "b"


def test_an_unknown_plugin_is_answered_with_near_names(site: Site, here: Make) -> None:
    site.distribution("hubbub-weather", plugin="weather")
    known = here("weather")

    with pytest.raises(UnknownPluginError, match="no plugin 'wether' is installed; did you mean 'weather'"):
        known.record("wether")
    assert known.record("hubbub-weather").name == "weather"


def test_a_program_registers_a_plugin_of_its_own(here: Make) -> None:
    class Own:
        @hookimpl
        def hubbub_components(self) -> list[ComponentSpec]:
            return [ComponentSpec(kind="model", provider="own.Own", name="own", summary="")]

    known = here("none")
    known.register(Own(), "own")

    assert known.get("own").plugin == "own"
    with pytest.raises(PluginError, match="plugin own: a plugin of this name is there already"):
        known.register(Own(), "own")


def test_a_bad_plugin_of_the_programs_own_raises(here: Make) -> None:
    class Bad:
        @hookimpl
        def hubbub_components(self) -> list[ComponentSpec]:
            raise ValueError("oops")

    with pytest.raises(PluginError, match="plugin bad: its hook hubbub_components raised ValueError: oops"):
        here("none").register(Bad(), "bad")


def test_listing_imports_no_plugin_no_pluggy_and_no_pydantic(site: Site) -> None:
    site.distribution("hubbub-a", plugin="a", requires=["hubbub-registry"])

    printed = site.python(
        """
        import json, sys
        from hubbub_registry import registry
        states = {record.name: record.state for record in registry().discovered()}
        print(json.dumps([states["a"], sorted({"hubbub_a", "pluggy", "pydantic"} & set(sys.modules))]))
        """
    )

    assert json.loads(printed) == ["discovered", []]


def test_importing_and_subclassing_needs_neither_pydantic_nor_pluggy(site: Site) -> None:
    printed = site.python(
        """
        import sys
        from hubbub_registry import Component, ComponentBase, allow, bound, install_hint

        class Thing(ComponentBase, Component):
            component_type = "model"
            component_config_schema = None

        print(sorted({"pluggy", "pydantic", "packaging", "importlib.metadata", "argparse"} & set(sys.modules)))
        """
    )

    assert printed == "[]"


def test_a_components_module_is_imported_when_it_is_built_and_not_before(site: Site) -> None:
    thing = """
        from hubbub_registry import Component, ComponentBase
        from pydantic import BaseModel

        class Config(BaseModel):
            value: int

        class Thing(ComponentBase[Config], Component[Config]):
            component_type = "model"
            component_config_schema = Config
            component_provider_override = "hubbub_a.thing.Thing"

            @classmethod
            def _from_config(cls, config):
                thing = cls()
                thing.value = config.value
                return thing
    """
    site.distribution("hubbub-a", plugin="a", modules={"thing": thing})

    printed = site.python(
        """
        import sys
        from hubbub_registry import ComponentLoader, find_component
        print(find_component("a").provider, "hubbub_a.thing" in sys.modules)
        thing = ComponentLoader.load_component({"provider": "a", "config": {"value": 3}}, object)
        print(type(thing).__name__, thing.value)
        """,
        plugins="a",
    )

    assert printed.splitlines() == ["hubbub_a.thing.Thing False", "Thing 3"]


def test_capabilities_of_a_declaration_are_asked_for_even_when_the_class_is_imported_already(site: Site) -> None:
    plugin = """
        from hubbub_registry import ComponentSpec, hookimpl

        @hookimpl
        def hubbub_components():
            return [ComponentSpec(
                kind="tool", provider="hubbub_a.thing.Thing", name="a", summary="", capabilities=("process",)
            )]
    """
    thing = """
        from hubbub_registry import Component, ComponentBase
        from pydantic import BaseModel

        class Config(BaseModel):
            pass

        class Thing(ComponentBase[Config], Component[Config]):
            component_type = "tool"
            component_config_schema = Config

            @classmethod
            def _from_config(cls, config):
                return cls()
    """
    site.distribution("hubbub-a", plugin="a", code=plugin, modules={"thing": thing})

    printed = site.python(
        """
        from hubbub_a.thing import Thing
        from hubbub_registry import CapabilityError, allow
        try:
            Thing.load_component({"provider": "hubbub_a.thing.Thing", "config": {}})
        except CapabilityError as error:
            print(error.capability)
        with allow("process"):
            print(type(Thing.load_component({"provider": "a", "config": {}})).__name__)
        """,
        plugins="a",
    )

    assert printed.splitlines() == ["process", "Thing"]


def test_a_component_that_cannot_be_imported_says_what_it_needs(site: Site, here: Make) -> None:
    code = """
        from hubbub_registry import ComponentSpec, hookimpl

        @hookimpl
        def hubbub_components():
            return [ComponentSpec(
                kind="tool", provider="hubbub_a.thing.Thing", name="a", summary="", needs=("extra hubbub-a[fast]",)
            )]
    """
    site.distribution("hubbub-a", plugin="a", code=code, modules={"thing": "import not_installed_anywhere"})
    known = here("a")

    with pytest.raises(ImportError) as caught:
        known.component_class("a")

    assert str(caught.value) == (
        "component 'a' of plugin a cannot be imported: No module named 'not_installed_anywhere'; "
        "it needs extra hubbub-a[fast]"
    )


def test_a_declared_name_that_is_not_there_is_told_with_its_package(site: Site, here: Make) -> None:
    site.distribution("hubbub-a", plugin="a")

    with pytest.raises(ComponentUnavailableError) as caught:
        here("a").component_class("a")

    assert str(caught.value) == (
        "component 'a' of plugin a cannot be imported: hubbub_a offers no 'thing'; "
        "`pip install --upgrade --force-reinstall hubbub-a` mends its installation"
    )


def test_a_component_of_a_disabled_plugin_is_answered_with_the_way_back(site: Site, here: Make) -> None:
    site.distribution("hubbub-weather", plugin="weather")
    known = here("none")

    with pytest.raises(ValueError, match="of plugin weather, which is disabled: HUBBUB_PLUGINS does not name it"):
        known.get("hubbub_weather.thing.Thing")


def test_what_an_installed_plugin_does_not_declare_is_not_answered_with_an_install_command(
    site: Site, here: Make
) -> None:
    site.distribution("hubbub-weather", plugin="weather")

    with pytest.raises(ValueError, match=r"is not among what the installed hubbub-weather 1\.0 declares"):
        here("weather").get("hubbub_weather.nothing.Alike")


def test_threads_that_ask_at_once_load_each_plugin_once(site: Site, here: Make) -> None:
    site.distribution("hubbub-a", plugin="a")
    with (site.folder / "hubbub_a" / "plugin.py").open("a") as file:
        file.write("from pathlib import Path\nwith Path(__file__).with_name('count').open('a') as f: f.write('x')\n")
    known = here("a")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: known.get("a").plugin, range(8)))

    assert answers == ["a"] * 8
    assert (site.folder / "hubbub_a" / "count").read_text() == "x"


def test_a_plugin_that_asks_the_registry_while_it_is_loaded_fails_alone(site: Site, here: Make) -> None:
    site.distribution("hubbub-bad", plugin="bad", code="from hubbub_registry import registry\nregistry().components()")
    site.distribution("hubbub-good", plugin="good")

    known = here("bad,good")

    assert [record.name for record in known.failures()] == ["bad"]
    assert [entry.plugin for entry in known.components()] == ["good"]


def test_a_known_short_name_that_is_not_installed_is_no_near_miss(site: Site, here: Make) -> None:
    site.distribution("hubbub-other", plugin="OllamaChatCompletionClients")
    here("OllamaChatCompletionClients")

    with pytest.raises(UnknownComponentError) as caught:
        find_component("OllamaChatCompletionClient")

    assert caught.value.install == "pip install hubbub-ollama"
    assert "did you mean" not in str(caught.value)
