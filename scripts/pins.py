"""Renew the exact versions that this repository is tested with, or check what they leave behind.

    python scripts/pins.py            resolve anew and write the pins into pyproject.toml
    python scripts/pins.py --check    leave the pins alone; say which are not the newest release

A resolver travels back in time without a word. So every pick that is not the newest release is printed with the cause
that the resolver itself gives, and one that scripts/accepted-pins.toml does not list ends the script with status 1.

The pins stand in pyproject.toml as `constraint-dependencies` and `build-constraint-dependencies`, because a lock file
carries download addresses. Beside the repository's own environment there are others to test in, whose pins stand in
scripts/pins/: the newest of everything, without the plugins whose frameworks hold the rest back, and the oldest release
of each range. Pins bind this repository only: published distributions have ranges.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = ROOT / "pyproject.toml"
ACCEPTED = ROOT / "scripts" / "accepted-pins.toml"
BEGIN = "# pins: written by scripts/pins.py\n"
END = "# end of pins\n"
BUILD_BACKEND = "uv-build"
WORKSPACE = "workspace"
"""Name of the main environment; the others are named in OTHERS."""
NOTE = """\
# Written by scripts/pins.py. From the root of the repository, beside whose own pins these do not fit:
#   uv venv ENV && uv pip install --no-config --link-mode copy --python ENV -r FILE"""
HOLDS_BACK = frozenset({"semantic-kernel"})
"""The plugins that are not part of the newest environment: they hold mcp at 1.x and pydantic at 2.13."""


@dataclass(frozen=True)
class Other:
    """An environment to test in, beside the repository's own."""

    name: str
    without: frozenset[str] = frozenset()
    """The plugins and tools that are not part of it."""
    resolution: str = "highest"

    @property
    def file(self) -> Path:
        """Return where its pins stand."""
        return ROOT / "scripts" / "pins" / f"{self.name}.txt"

    def members(self) -> list[Path]:
        """Return the folders of the members that are installed in it."""
        return [member for member in members() if member.name not in self.without]

    def requirements(self) -> list[str]:
        """Return what it is resolved from, as requirement lines."""
        return [line for line in requirements(self.members()) if package_of(line) not in self.without]

    def resolve(self) -> list[str]:
        """Resolve it anew; returns requirement lines."""
        lines = self.requirements()
        if self.resolution != "highest":
            # Only what members ask for is to be old, and the telemetry SDK, which follows the API that core asks for.
            pins = [pin for pin in read_pins() if package_of(pin) in map(package_of, lines)]
            lines = [*lines, *(pin for pin in pins if not pin.startswith("opentelemetry-"))]
        return pin_lines(compile_requirements(lines, "--upgrade", "--resolution", self.resolution).stdout)


OTHERS = (
    Other("newest", without=HOLDS_BACK),
    # langchain-tests asks for a newer langchain-core than hubbub-langchain does.
    Other("oldest", without=frozenset({"langchain-tests"}), resolution="lowest-direct"),
)


class PinsError(Exception):
    """Something that the person at the terminal has to mend."""


def uv(
    *arguments: str, stdin: str | None = None, check: bool = True, folder: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Run uv in the repository; in another folder the repository's pins do not bind."""
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    done = subprocess.run(
        [sys.executable, "-m", "uv", *arguments],
        cwd=folder,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    if check and done.returncode:
        raise PinsError(f"uv {' '.join(arguments)} failed:\n{done.stderr.strip()}")
    return done


def without_pins(text: str) -> str:
    """Return pyproject.toml's text without its pins."""
    begin, end = text.find(BEGIN), text.find(END)
    if begin < 0 or end < begin:
        raise PinsError(f"pyproject.toml has no section between {BEGIN.strip()!r} and {END.strip()!r}")
    return text[: begin + len(BEGIN)] + text[end:]


def resolve() -> list[str]:
    """Resolve all members anew; returns requirement lines, `numpy==2.4.6 ; python_full_version < '3.12'`."""
    uv("lock", "--upgrade")
    exported = uv(
        "export", "--all-packages", "--all-extras", "--all-groups", "--no-hashes", "--no-emit-workspace", "--no-header",
        "--no-annotate",
    ).stdout  # fmt: skip
    return pin_lines(exported)


def pin_lines(text: str) -> list[str]:
    """Return the lines of a resolver's output that pin a package."""
    return sorted(line.strip() for line in text.splitlines() if re.match(r"[\w.-]+==", line))


def package_of(requirement: str) -> str:
    """Return the name of the package that a requirement line asks for."""
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0]


def compile_requirements(lines: list[str], *options: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Resolve requirement lines for every platform and the supported Pythons, unbound by the repository's pins."""
    return uv(
        "pip", "compile", "-", "--no-header", "--no-annotate", "--universal", "--python-version", "3.11", *options,
        stdin="\n".join(lines), check=check, folder=Path(tempfile.gettempdir()),
    )  # fmt: skip


def newest(names: list[str]) -> dict[str, str]:
    """Return the newest release of each package for the oldest Python that is supported, on any platform."""
    found: dict[str, str] = {}
    for line in compile_requirements(names, "--no-deps", "--upgrade").stdout.splitlines():
        name, separator, rest = line.partition("==")
        if separator:
            found[name] = rest.split(";")[0].strip()
    return found


def requirements(members: list[Path]) -> list[str]:
    """Return members of the repository, all their extras, and the tools of the dev group as requirement lines."""
    lines = []
    for member in members:
        extras = tomllib.loads((member / "pyproject.toml").read_text())["project"].get("optional-dependencies", {})
        lines.append(f"-e {member}[{','.join(extras)}]" if extras else f"-e {member}")
    return [*lines, *dev_tools()]


def dev_tools() -> list[str]:
    """Return the tools of the dev group as requirement lines."""
    group = tomllib.loads(PYPROJECT.read_text())["dependency-groups"]["dev"]
    return [tool for tool in group if not tool.startswith("hubbub")]


def members() -> list[Path]:
    """Return the folders of the workspace's members."""
    paths = [*sorted(ROOT.glob("*/pyproject.toml")), *sorted(ROOT.glob("plugins/*/pyproject.toml"))]
    return [path.parent for path in paths]


def cause(name: str, version: str, pins: list[str], lines: list[str]) -> str:
    """Let the resolver say why the newest release of a package cannot be had beside the other picks."""
    others = [pin for pin in pins if not pin.startswith(f"{name}==")]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        constraints.write("\n".join([*others, f"{name}=={version}"]) + "\n")
        constraints.flush()
        tried = compile_requirements(lines, "-c", constraints.name, "-q", check=False)
    if not tried.returncode:
        return "it can be had: another choice of the resolver, renew the pins"
    said = " ".join(tried.stderr.split())
    clauses = re.split(r"Because | and (?=\S+ )|,? we can conclude| hint:", said)
    because = [clause.strip(" ,.") for clause in clauses if "depends on" in clause]
    direct = [clause for clause in because if f"depends on {name}" in clause or clause.startswith(name)]
    return (direct or because or [said])[0][:200]


def parse(pins: list[str]) -> dict[str, set[str]]:
    """Return the versions pinned for each package; forks of the resolution have several."""
    versions: dict[str, set[str]] = {}
    for pin in pins:
        name, _, rest = pin.partition("==")
        versions.setdefault(name, set()).add(rest.split(";")[0].strip())
    return versions


def report(environment: str, pins: list[str], lines: list[str]) -> bool:
    """Print every pick that is not the newest; returns whether all of them are accepted."""
    accepted: dict[str, str] = tomllib.loads(ACCEPTED.read_text()).get(environment, {})
    pinned = parse(pins)
    fine = True
    for name, version in newest(sorted(pinned)).items():
        if version in pinned[name]:
            continue
        picks = ", ".join(sorted(pinned[name]))
        if name in accepted:
            print(f"accepted  {name} {picks} (newest {version}): {accepted[name]}")
        else:
            fine = False
            print(f"REFUSED   {name} {picks} (newest {version}): {cause(name, version, pins, lines)}")
    for name in sorted(set(accepted) - set(pinned)):
        print(f"note      {name} is listed as accepted but is not part of the environment")
    print(
        f"{environment}: {len(pinned)} packages pinned"
        + ("" if fine else "; list a refused pick in scripts/accepted-pins.toml or mend it")
    )
    return fine


def write(text: str, pins: list[str], backend: str) -> None:
    """Write the pins into pyproject.toml, whose text without them is given."""
    block = "constraint-dependencies = [\n"
    block += "".join(f'  "{pin.replace(chr(34), chr(39))}",\n' for pin in pins)
    block += "]\n" + f'build-constraint-dependencies = ["{BUILD_BACKEND}=={backend}"]\n'
    PYPROJECT.write_text(text.replace(BEGIN, BEGIN + block))


def read_pins() -> list[str]:
    """Return the pins that pyproject.toml holds."""
    settings = tomllib.loads(PYPROJECT.read_text())["tool"]["uv"]
    pins: list[str] = settings.get("constraint-dependencies", [])
    if not pins:
        raise PinsError("pyproject.toml holds no pins; run scripts/pins.py without --check")
    return pins


def other_environments(*, renew: bool) -> bool:
    """Renew or check the pins of the other environments; returns whether what they leave behind is accepted."""
    fine = True
    for other in OTHERS:
        lines = other.requirements()
        if renew:
            editable = [line.replace(f"{ROOT}/", "./") for line in lines if line.startswith("-e")]
            other.file.write_text("\n".join([NOTE, *editable, *other.resolve()]) + "\n")
        pins = pin_lines(other.file.read_text())
        if other.resolution == "highest":
            fine = report(other.name, pins, lines) and fine
        else:
            print(f"{other.name}: {len(pins)} packages pinned")
    return fine


def main() -> int:
    """Run the script; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="leave the pins alone; say which are not the newest")
    arguments = parser.parse_args()
    try:
        lines = requirements([ROOT, *members()])
        if arguments.check:
            fine = report(WORKSPACE, read_pins(), lines)
            return 0 if other_environments(renew=False) and fine else 1
        before = PYPROJECT.read_text()
        bare = without_pins(before)
        try:
            PYPROJECT.write_text(bare)
            pins = resolve()
            fine = report(WORKSPACE, pins, lines)
            backend = newest([BUILD_BACKEND])[BUILD_BACKEND]
        except BaseException:
            PYPROJECT.write_text(before)
            raise
        write(bare, pins, backend)
        uv("lock")
        fine = other_environments(renew=True) and fine
    except PinsError as error:
        print(f"pins: {error}", file=sys.stderr)
        return 2
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
