"""`hubbub graph FILE`: the agents, topics, tools and models of a hub file as a Mermaid diagram."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hubbub_registry import HubbubError
from hubbub_registry.cli import CommandError

from .reading import read_hub_file
from .schema import HubFile

EPILOG = """\
examples:
  hubbub graph examples/briefing/hub.yaml > hub.mmd
  hubbub graph hub.yaml --json | jq .edges

Nothing is built or started. Boxes are agents, rounded boxes topics, hexagons models,
slanted boxes tools and shared parts."""

_SECTIONS = ("models", "tools", "shared")


def configure(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], int]:
    """Add the arguments of `hubbub graph` and return what runs it."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("file", type=Path, metavar="FILE", help="hub file, YAML or JSON")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="NAME=VALUE")
    parser.add_argument("--json", action="store_true", help="print nodes and edges as JSON")
    return run


def run(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    from .run_command import parse_settings

    try:
        file = read_hub_file(arguments.file, parse_settings(arguments.settings))
    except HubbubError as error:
        raise CommandError(str(error)) from error
    graph = hub_graph(file)
    print(json.dumps(graph, ensure_ascii=False, indent=2) if arguments.json else mermaid(graph))
    return 0


def hub_graph(file: HubFile) -> dict[str, Any]:
    """Return a hub file's `nodes` (`id`, `kind`, `label`, perhaps `role`) and `edges` (`from`, `to`, `kind`)."""
    nodes: dict[str, dict[str, str]] = {}
    edges: list[dict[str, str]] = []

    def node(kind: str, name: str, text: str) -> str:
        identity = f"{kind}:{name}"
        nodes.setdefault(identity, {"id": identity, "kind": kind, "label": text})
        return identity

    def edge(start: str, end: str, kind: str) -> None:
        found = {"from": start, "to": end, "kind": kind}
        if found not in edges:
            edges.append(found)

    node("topic", file.entry.topic, file.entry.topic)
    for section in _SECTIONS:
        for name, part in getattr(file, section).items():
            start = node(section, name, f"{name}: {part.component}")
            for used in _references(part.config):
                edge(start, f"{used[0]}:{used[1]}", "uses")
    for name, agent in file.agents.items():
        here = node("agent", name, f"{name}: {agent.component}")
        for topic in agent.subscriptions:
            edge(node("topic", topic, topic), here, "subscription")
        if agent.publishes is not None:
            edge(here, node("topic", agent.publishes, agent.publishes), "publication")
        for section, used_name in _references(agent.config):
            edge(here, f"{section}:{used_name}", "uses")
    node("topic", file.result.topic, file.result.topic)
    for identity, found in nodes.items():
        if identity == f"topic:{file.entry.topic}":
            found["role"] = "entry"
        elif identity == f"topic:{file.result.topic}":
            found["role"] = "result"
    return {"name": file.name, "nodes": list(nodes.values()), "edges": edges}


def mermaid(graph: dict[str, Any]) -> str:
    """Return the graph as a Mermaid flowchart."""
    shapes = {
        "agent": '["{}"]',
        "topic": '(["{}"])',
        "models": '{{{{"{}"}}}}',
        "tools": '[/"{}"/]',
        "shared": '[("{}")]',
    }
    lines = ["---", f"title: {json.dumps(graph['name'])}", "---", "flowchart LR"]
    for node in graph["nodes"]:
        role = f" ({node['role']})" if "role" in node else ""
        text = (node["label"] + role).replace('"', "#quot;")
        lines.append(f"  {_identity(node['id'])}{shapes[node['kind']].format(text)}")
    for edge in graph["edges"]:
        arrow = "-.->" if edge["kind"] == "uses" else "-->"
        lines.append(f"  {_identity(edge['from'])} {arrow} {_identity(edge['to'])}")
    return "\n".join(lines)


def _identity(identity: str) -> str:
    return re.sub(r"\W", lambda match: f"_{ord(match[0]):x}_", identity)


def _references(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        provider = value.get("provider")
        if isinstance(provider, str) and provider.startswith("ref:"):
            section, _, name = provider.removeprefix("ref:").partition(".")
            yield section, name
            return
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
