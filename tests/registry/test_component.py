"""The documented component model: dump, load, versions, warnings (spec: 001 L2720-3050, newer N-036..N-040)."""

from __future__ import annotations

import json
import sys
from types import ModuleType
from typing import Any, Self

import pytest
from pydantic import BaseModel, ValidationError

from hubbub_registry import (
    Component,
    ComponentBase,
    ComponentLoader,
    ComponentModel,
    UnknownComponentError,
    is_component_class,
    is_component_instance,
)


class Config(BaseModel):
    value: str
    note: str | None = None


class Interface(ComponentBase[BaseModel]):
    component_type = "custom"


class MyComponent(Interface, Component[Config]):
    """Holds a value
    over two lines.

    Args:
        value: What it holds.
    """

    component_config_schema = Config
    component_provider_override = "tests_of_registry.MyComponent"

    def __init__(self, value: str) -> None:
        self.value = value

    def _to_config(self) -> Config:
        return Config(value=self.value)

    @classmethod
    def _from_config(cls, config: Config) -> Self:
        return cls(value=config.value)


class Renamed(MyComponent):
    component_provider_override = "tests_of_registry.Renamed"
    component_version = 3
    component_label = "The renamed one"
    component_description = "It was renamed."

    @classmethod
    def _from_config_past_version(cls, config: dict[str, Any], version: int) -> Self:
        return cls(value=f"{config['old_value']} of version {version}")


class Newer(MyComponent):
    component_provider_override = "tests_of_registry.Newer"
    component_version = 2


class Other(ComponentBase[BaseModel]):
    component_type = "other"


def test_dump_holds_what_load_takes() -> None:
    dumped = MyComponent("x").dump_component()

    assert dumped.model_dump() == {
        "provider": "tests_of_registry.MyComponent",
        "component_type": "custom",
        "version": 1,
        "component_version": 1,
        "description": "Holds a value over two lines.",
        "label": "MyComponent",
        "config": {"value": "x"},
    }
    assert Interface.load_component(json.loads(dumped.model_dump_json())).dump_component() == dumped


def test_override_label_description_and_version_are_dumped() -> None:
    dumped = Renamed("x").dump_component()

    assert (dumped.label, dumped.description, dumped.version, dumped.component_version) == (
        "The renamed one",
        "It was renamed.",
        3,
        3,
    )


def test_component_model_schema_is_the_documented_one() -> None:
    schema = ComponentModel.model_json_schema()

    assert schema["title"] == "ComponentModel"
    assert schema["required"] == ["provider", "config"]
    assert list(schema["properties"]) == [
        "provider",
        "component_type",
        "version",
        "component_version",
        "description",
        "label",
        "config",
    ]
    assert schema["properties"]["component_type"] == {
        "anyOf": [
            {"enum": ["model", "agent", "tool", "termination", "token_provider", "workbench"], "type": "string"},
            {"type": "string"},
            {"type": "null"},
        ],
        "default": None,
        "title": "Component Type",
    }


def test_a_plain_dict_with_provider_and_config_loads() -> None:
    loaded = MyComponent.load_component({"provider": "tests_of_registry.MyComponent", "config": {"value": "y"}})

    assert loaded.value == "y"


def test_expected_type_may_be_given_to_the_loader_itself() -> None:
    model = {"provider": "tests_of_registry.MyComponent", "config": {"value": "y"}}

    assert ComponentLoader.load_component(model, Interface).dump_component().config == {"value": "y"}


def test_loading_another_type_than_expected_is_a_type_error() -> None:
    with pytest.raises(
        TypeError, match=r"Expected type does not match: tests_of_registry.MyComponent is a MyComponent"
    ):
        Other.load_component({"provider": "tests_of_registry.MyComponent", "config": {"value": "y"}})


def test_a_config_that_does_not_fit_is_a_validation_error_naming_the_component() -> None:
    with pytest.raises(ValidationError) as caught:
        MyComponent.load_component({"provider": "tests_of_registry.MyComponent", "config": {"value": 3}})

    assert caught.value.__notes__ == ["in the configuration of component tests_of_registry.MyComponent"]


def test_a_dict_that_is_no_component_model_is_a_validation_error() -> None:
    with pytest.raises(ValidationError, match="provider"):
        MyComponent.load_component({"config": {}})


def test_an_older_configuration_goes_to_from_config_past_version() -> None:
    old = {"provider": "tests_of_registry.Renamed", "component_version": 1, "config": {"old_value": "x"}}

    assert Renamed.load_component(old).value == "x of version 1"


def test_an_older_configuration_that_the_class_does_not_read_names_class_and_versions() -> None:
    old = {"provider": "tests_of_registry.Newer", "component_version": 1, "config": {"value": "x"}}

    with pytest.raises(NotImplementedError, match=r"tests_of_registry.Newer is of version 2 .* of version 1.*Newer"):
        Newer.load_component(old)


def test_without_a_component_version_the_current_one_is_assumed() -> None:
    assert Newer.load_component({"provider": "tests_of_registry.Newer", "config": {"value": "x"}}).value == "x"


def test_a_local_class_cannot_be_dumped() -> None:
    class Local(Interface, Component[Config]):
        component_config_schema = Config

        def _to_config(self) -> Config:
            return Config(value="x")

    with pytest.raises(TypeError, match="local class"):
        Local().dump_component()


def test_a_missing_component_type_is_warned_of_and_refused() -> None:
    with pytest.warns(UserWarning, match="Class variable 'component_type' must be defined in"):

        class NoType(ComponentBase[Config], Component[Config]):
            component_config_schema = Config
            component_provider_override = "tests_of_registry.NoType"

            def _to_config(self) -> Config:
                return Config(value="x")

    with pytest.raises(AttributeError, match="component_type"):
        NoType().dump_component()
    with pytest.raises(AttributeError, match=r"component_type not defined in component class tests_of_"):
        NoType.load_component({"provider": "tests_of_registry.NoType", "config": {"value": "x"}})


def test_a_component_without_component_base_is_warned_of_and_does_not_load() -> None:
    with pytest.warns(UserWarning, match="must inherit ComponentBase"):

        class Half(Component[Config]):
            component_type = "custom"
            component_config_schema = Config
            component_provider_override = "tests_of_registry.Half"

    assert not is_component_class(Half)
    with pytest.raises(TypeError, match="Invalid component class"):
        ComponentLoader.load_component({"provider": "tests_of_registry.Half", "config": {}}, Half)


def test_the_guards_tell_components_from_others() -> None:
    candidates: list[object] = [MyComponent("x"), MyComponent, "x"]

    assert [is_component_class(cls) for cls in (MyComponent, Interface, str)] == [True, False, False]
    assert [is_component_instance(candidate) for candidate in candidates] == [True, False, False]


def test_a_private_module_in_the_provider_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MyComponent, "component_provider_override", "pkg._private.MyComponent")

    with pytest.warns(UserWarning, match=r"pkg\._private\.MyComponent"):
        MyComponent("x").dump_component()


def test_a_subclass_does_not_take_its_base_name() -> None:
    class Sub(MyComponent):
        pass

    loaded = MyComponent.load_component({"provider": "tests_of_registry.MyComponent", "config": {"value": "x"}})

    assert type(loaded) is MyComponent
    assert Sub.__name__ == "Sub"


def test_a_provider_is_never_imported(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "not_to_be_imported.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(UnknownComponentError, match="not in a trusted namespace"):
        ComponentLoader.load_component({"provider": "not_to_be_imported.Thing", "config": {}}, object)
    assert "not_to_be_imported" not in sys.modules


def test_an_imported_module_that_is_no_component_does_not_load_either() -> None:
    for provider in ("os.system", "subprocess.Popen", "builtins.eval"):
        with pytest.raises(ValueError, match="neither declared by an installed plugin nor defined by this program"):
            ComponentLoader.load_component({"provider": provider, "config": {}}, object)


def test_a_provider_without_a_dot_that_nobody_declared_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="component 'nonsense_without_dots' is neither declared"):
        MyComponent.load_component({"provider": "nonsense_without_dots", "config": {}})


def test_a_near_miss_is_named() -> None:
    with pytest.raises(UnknownComponentError, match=r"did you mean 'tests_of_registry\.MyComponent'") as caught:
        MyComponent.load_component({"provider": "tests_of_registry.MyComponnent", "config": {}})

    assert caught.value.near[0] == "tests_of_registry.MyComponent"


@pytest.mark.parametrize(
    ("provider", "command"),
    [
        ("hubbub_neverheard.Thing", "pip install hubbub-neverheard"),
        ("autogen_ext.tools.graphrag.GlobalSearchTool", "pip install hubbub-graphrag"),
        ("AnthropicChatCompletionClient", "pip install hubbub-anthropic"),
    ],
)
def test_what_is_not_installed_is_answered_with_the_install_command(provider: str, command: str) -> None:
    with pytest.raises(UnknownComponentError) as caught:
        MyComponent.load_component({"provider": provider, "config": {}})

    assert caught.value.install == command
    assert f"`{command}` installs what declares it" in str(caught.value)


def test_a_provider_of_the_documents_finds_the_class_that_took_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("hubbub_core.invented")
    monkeypatch.setitem(sys.modules, module.__name__, module)

    class Moved(MyComponent):
        component_provider_override = "hubbub_core.invented.Moved"

    loaded = Moved.load_component({"provider": "autogen_core.invented.Moved", "config": {"value": "x"}})

    assert type(loaded) is Moved
