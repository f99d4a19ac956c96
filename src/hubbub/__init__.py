"""A hub for agents of every framework: core, registry and agentchat in one install.

The parts have packages of their own: `hubbub_core`, `hubbub_registry`, `hubbub_agentchat`, and one for each plugin.
"""

from importlib.metadata import version as _version

__all__ = ["__version__"]

__version__ = _version("hubbub")
