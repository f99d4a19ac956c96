"""Does a plugin fit what is installed: read from its distribution's own requirements, before anything is imported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement

from ._distributions import normalized

if TYPE_CHECKING:
    from ._distributions import Installed

API_DISTRIBUTION = "hubbub-registry"
"""Its major version is the version of the plugin API."""


@dataclass(frozen=True, slots=True)
class Incompatibility:
    """Why a plugin does not fit, and the command that mends it."""

    problem: str
    remedy: str


def incompatibility(distribution: str, installed: Installed) -> Incompatibility | None:
    """Return what is wrong with a plugin's distribution, or None.

    Its own requirements are checked, those of the extras that they ask for, and, when it only requires another plugin
    (as most require hubbub-core), that plugin's bound on the plugin API.
    """
    return _check(distribution, frozenset(), installed, only=None, seen=set())


def _check(
    distribution: str, extras: frozenset[str], installed: Installed, *, only: str | None, seen: set[tuple[str, str]]
) -> Incompatibility | None:
    for line in installed.requires(distribution):
        try:
            requirement = Requirement(line)
        except InvalidRequirement as error:
            return Incompatibility(
                f"{distribution} states a requirement that cannot be read, {line!r} ({str(error).splitlines()[0]})",
                f"`pip install --upgrade {distribution}`",
            )
        name = normalized(requirement.name)
        # Of an extra's distribution only the lines of that extra are asked about here: the rest is its own affair.
        if extras and not _belongs_to_extra(requirement, extras):
            continue
        if not extras and not _applies(requirement, ""):
            continue
        if only is None or name == only:
            wrong = _compare(distribution, requirement, installed)
            if wrong is not None:
                return wrong
        wrong = _check_beyond(requirement, name, installed, seen)
        if wrong is not None:
            return wrong
    return None


def _check_beyond(
    requirement: Requirement, name: str, installed: Installed, seen: set[tuple[str, str]]
) -> Incompatibility | None:
    for extra in sorted(requirement.extras):
        if (name, extra) not in seen:
            seen.add((name, extra))
            wrong = _check(name, frozenset({extra}), installed, only=None, seen=seen)
            if wrong is not None:
                return wrong
    if installed.announces_plugin(name) and (name, "") not in seen:
        seen.add((name, ""))
        return _check(name, frozenset(), installed, only=API_DISTRIBUTION, seen=seen)
    return None


def _compare(distribution: str, requirement: Requirement, installed: Installed) -> Incompatibility | None:
    wanted = f"{requirement.name}{_readable(requirement)}"
    remedy = f"`pip install '{wanted}'`" if requirement.specifier else f"`pip install {wanted}`"
    version = installed.version(requirement.name)
    if version is None:
        return Incompatibility(f"{distribution} needs {wanted}, which is not installed", remedy)
    if requirement.specifier.contains(version, prereleases=True):
        return None
    if normalized(requirement.name) == API_DISTRIBUTION:
        return Incompatibility(
            f"{distribution} is made for {wanted} (the plugin API), found {requirement.name} {version}",
            f"`pip install --upgrade {distribution}`, or {remedy}",
        )
    return Incompatibility(f"{distribution} needs {wanted}, found {requirement.name} {version}", remedy)


def _applies(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _belongs_to_extra(requirement: Requirement, extras: frozenset[str]) -> bool:
    return any(_applies(requirement, extra) and not _applies(requirement, "") for extra in extras)


def _readable(requirement: Requirement) -> str:
    # Lower bounds first, as people write them; a SpecifierSet has no order of its own.
    parts = sorted((str(part) for part in requirement.specifier), key=lambda part: (part[0] == "<", part))
    return ",".join(parts)
