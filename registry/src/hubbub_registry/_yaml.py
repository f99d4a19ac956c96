"""YAML of configurations: plain data, and every key once."""

from __future__ import annotations

from typing import Any

import yaml

_MERGE = "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice; YAML itself forgets all but the last without a word."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        keys: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
                continue
            if (key.tag, key.value) in keys:
                raise yaml.MarkedYAMLError(problem=f"the key {key.value!r} stands twice", problem_mark=key.start_mark)
            keys.add((key.tag, key.value))
        return node


def parse_yaml(text: str) -> Any:
    """Return the data of a YAML document.

    Raises:
        yaml.YAMLError: It is none, or a mapping in it has a key twice.
    """
    return yaml.load(text, _Loader)  # a safe loader
