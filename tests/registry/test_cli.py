"""The `hubbub` command: what it lists, and how every error ends in one line and a status."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.registry.conftest import Site

COMMANDS = """
    from hubbub_registry import CommandSpec, hookimpl

    @hookimpl
    def hubbub_commands():
        return [
            CommandSpec(name="greet", summary="say hello", by="hubbub_a.commands.greet"),
            CommandSpec(name="fail", summary="raise something", by="hubbub_a.commands.fail"),
            CommandSpec(name="wait", summary="wait for Ctrl-C", by="hubbub_a.commands.wait"),
            CommandSpec(name="flood", summary="print without end", by="hubbub_a.commands.flood"),
            CommandSpec(name="broken", summary="configures nothing", by="hubbub_a.commands.broken"),
        ]
"""
THEIR_CODE = """
    import sys
    from hubbub_registry.cli import CommandError

    def greet(parser):
        parser.add_argument("who")
        def run(arguments):
            print("hello", arguments.who)
            return 7
        return run

    def fail(parser):
        parser.add_argument("how")
        def run(arguments):
            if arguments.how == "said":
                raise CommandError("said\\nso", status=5)
            if arguments.how == "file":
                open("/not/there")
            raise RuntimeError("unforeseen\\nevent")
        return run

    def wait(parser):
        def run(arguments):
            import time
            print("waiting", flush=True)
            time.sleep(60)
        return run

    def flood(parser):
        def run(arguments):
            while True:
                print("x" * 1000)
        return run

    def broken(parser):
        return None
"""
THING = """
    from hubbub_registry import Component, ComponentBase, ComponentModel
    from pydantic import BaseModel, SecretStr, field_validator, model_validator

    class Server(BaseModel):
        command: str

    class Config(BaseModel):
        server: Server
        port: int = 80
        api_key: SecretStr | None = None
        inner: ComponentModel | None = None

        @field_validator("port")
        @classmethod
        def above(cls, port):
            if port == 0:
                raise ValueError("a port is above 0")
            return port

        @model_validator(mode="after")
        def free(self):
            if self.port == 81:
                raise ValueError("port 81 belongs to somebody else")
            return self

    class Thing(ComponentBase[Config], Component[Config]):
        component_type = "model"
        component_config_schema = Config
        component_provider_override = "hubbub_t.thing.Thing"

        @classmethod
        def _from_config(cls, config):
            raise AssertionError("validation built it")

        @classmethod
        def validate_file(cls, path):
            return [f"agents.x: wrong in {path.name}"]
"""
DECLARES_THING = """
    from hubbub_registry import ComponentSpec, hookimpl

    @hookimpl
    def hubbub_components():
        return [
            ComponentSpec(
                kind="model",
                provider="hubbub_t.thing.Thing",
                name="thing",
                summary="a thing",
                aliases=("Thing",),
                needs=("key THING_KEY",),
                capabilities=("process",),
            ),
            ComponentSpec(kind="hub", provider="hubbub_t.thing.Thing2", name="hub", summary="hub files"),
        ]
"""


@pytest.fixture
def thing(site: Site) -> Site:
    site.distribution(
        "hubbub-t", plugin="t", code=DECLARES_THING, modules={"thing": THING + "\n    class Thing2(Thing): pass\n"}
    )
    return site


@pytest.fixture
def commands(site: Site) -> Site:
    site.distribution("hubbub-a", plugin="a", code=COMMANDS, modules={"commands": THEIR_CODE})
    return site


def in_json(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_help_lists_own_and_plugin_commands_and_teaches(commands: Site) -> None:
    done = commands.hubbub("--help", plugins="a")

    assert (done.returncode, done.stderr) == (0, "")
    assert "  greet       say hello (plugin a)" in done.stdout
    assert "  plugins     what is installed" in done.stdout
    assert "hubbub components validate FILE" in done.stdout
    assert commands.hubbub(plugins="a").stdout == done.stdout


def test_a_plugins_command_gets_its_arguments_and_gives_its_status(commands: Site) -> None:
    done = commands.hubbub("greet", "world", plugins="a")

    assert (done.returncode, done.stdout, done.stderr) == (7, "hello world\n", "")


@pytest.mark.parametrize(
    ("words", "status", "line"),
    [
        (["gret"], 2, "there is no command 'gret'; did you mean `hubbub greet`?"),
        (["doctor"], 2, "there is no command 'doctor'; did you mean `hubbub plugins doctor`?"),
        (["help"], 2, "there is no command 'help'; did you mean `hubbub --help`?"),
        (["plugins", "doctor", "--timeout", "0"], 2, "argument --timeout: 0 is no number of seconds above 0"),
        (["plugins", "list", "--check", "--timeout", "nan"], 2, "argument --timeout: nan is no number of seconds"),
        (["plugins", "list", "--timeout", "soon"], 2, "argument --timeout: soon is no number of seconds"),
        (["run", "x"], 2, "there is no command 'run'; plugin core adds it, which is disabled: HUBBUB_PLUGINS does not"),
        (["greet"], 2, "the following arguments are required: who (`hubbub greet --help` shows how it is used)"),
        (["--nonsense"], 2, "unrecognized arguments: --nonsense (`hubbub --help` shows how it is used)"),
        (["plugins", "lst"], 2, "argument ACTION: invalid choice: 'lst'"),
        (["fail", "said"], 5, "said so"),
        (["fail", "file"], 2, "/not/there: No such file or directory"),
        (["fail", "else"], 2, "unexpected error: RuntimeError: unforeseen event (HUBBUB_DEBUG=1 shows the traceback)"),
        (["broken"], 2, "command 'broken' of plugin a is broken: hubbub_a.commands.broken should be a function"),
        (["plugins", "show", "aa"], 2, "no plugin 'aa' is installed; "),
        (["components", "show", "x"], 2, "component 'x' is neither declared by an installed plugin nor defined"),
        (["components", "list", "--kind", "x"], 2, "no component is of kind 'x'; there are none at all"),
    ],
)
def test_every_error_is_one_line_with_a_status(words: list[str], status: int, line: str, commands: Site) -> None:
    done = commands.hubbub(*words, plugins="a")

    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith(f"hubbub: {line}")
    assert done.stderr.count("\n") == 1


def test_hubbub_debug_shows_the_traceback(commands: Site) -> None:
    done = commands.hubbub("fail", "else", plugins="a", HUBBUB_DEBUG="1")

    assert "Traceback (most recent call last)" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("hubbub: unexpected error: RuntimeError")


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT to one process")
def test_ctrl_c_ends_with_130_and_one_line(commands: Site) -> None:
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "hubbub_registry", "wait"],
        env=commands.environment("a"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)

    assert (process.returncode, errors) == (130, "hubbub: interrupted\n")


@pytest.mark.skipif(sys.platform == "win32", reason="pipes break otherwise there")
def test_a_reader_that_goes_away_ends_it_quietly(commands: Site) -> None:
    read, write = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "hubbub_registry", "flood"],
        env=commands.environment("a"),
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        os.close(write)
        os.read(read, 10)
        os.close(read)
        _, errors = process.communicate(timeout=30)

    assert (process.returncode, errors) == (141, "")


def test_a_command_that_loads_plugins_names_each_bad_one_once_and_runs(commands: Site) -> None:
    commands.distribution("hubbub-bad", plugin="bad", code="raise ValueError('broken')")
    commands.distribution("hubbub-old", plugin="old", requires=["hubbub-registry>=9"])

    done = commands.hubbub("greet", "you", plugins="a,bad,old")

    assert done.stdout == "hello you\n"
    bad, old = done.stderr.splitlines()
    assert bad.startswith("hubbub: plugin bad failed: importing hubbub_bad.plugin raised ValueError: broken (")
    assert bad.endswith("; `pip install --upgrade hubbub-bad`, or `hubbub plugins disable bad`")
    assert old.startswith("hubbub: plugin old incompatible: hubbub-old is made for hubbub-registry>=9 (the plugin API)")


def test_two_plugins_with_one_command_are_an_error_naming_both(commands: Site) -> None:
    commands.distribution("hubbub-b", plugin="b", code=COMMANDS)

    done = commands.hubbub("greet", "you", plugins="a,b")

    assert done.stderr == (
        "hubbub: the plugins a and b both add a command 'greet'; `hubbub plugins disable` one of them\n"
    )


def test_plugins_list_imports_nothing(commands: Site) -> None:
    commands.distribution("hubbub-bad", plugin="bad", code="raise SystemExit(9)")

    records = {r["name"]: r for r in in_json(commands.hubbub("plugins", "list", "--json", plugins="bad"))}

    assert (records["bad"]["state"], records["a"]["state"]) == ("discovered", "disabled")
    assert records["bad"]["summary"] == "the hubbub-bad plugin"
    assert "bad " in commands.hubbub("plugins", "list", plugins="bad").stdout


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("raise ValueError('broken')", "importing hubbub_bad.plugin raised ValueError: broken"),
        ("import sys; sys.exit(4)", "importing hubbub_bad.plugin raised SystemExit: 4"),
        ("import os; os._exit(4)", "importing hubbub_bad.plugin ended the process with status 4"),
        ("import os; os._exit(0)", "importing hubbub_bad.plugin ended the process with status 0"),
        (
            "import sys, os; print('last words', file=sys.stderr, flush=True); os.abort()",
            "importing hubbub_bad.plugin ended the process with status -6 (last words)",
        ),
        ("import time; time.sleep(600)", "importing hubbub_bad.plugin took longer than 4 seconds"),
        ("print('x' * 10**6); raise KeyError('after much output')", "importing hubbub_bad.plugin raised KeyError:"),
    ],
)
@pytest.mark.parametrize("words", [["plugins", "list", "--check"], ["plugins", "doctor"]])
def test_a_plugin_is_tried_in_a_process_of_its_own(words: list[str], code: str, problem: str, site: Site) -> None:
    site.distribution("hubbub-bad", plugin="bad", code=code)
    site.distribution("hubbub-good", plugin="good", modules={"thing": "Thing = 1"})

    # Short only where it is waited out, so that a busy machine does not fail the good plugin.
    done = site.hubbub(*words, "--json", "--timeout", "4" if "sleep" in code else "60", plugins="bad,good")

    told = json.loads(done.stdout)
    records = {record["name"]: record for record in (told["plugins"] if "doctor" in words else told)}
    assert records["bad"]["state"] == "failed"
    assert records["bad"]["problem"].startswith(problem)
    assert records["good"]["state"] == "loaded"
    assert done.returncode == (1 if "doctor" in words else 0)
    assert done.stderr == ""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at the processes in /proc")
def test_a_plugin_that_hangs_leaves_no_process_behind(site: Site, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    code = f"""
        import subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        open({str(pid_file)!r}, "w").write(str(child.pid))
        time.sleep(600)
    """
    site.distribution("hubbub-bad", plugin="bad", code=code)

    site.hubbub("plugins", "doctor", "--timeout", "4", plugins="bad")

    status = Path(f"/proc/{pid_file.read_text()}/status")
    # Ended, or a zombie that this machine's init has not collected yet.
    assert not status.exists() or "State:\tZ" in status.read_text()


def test_doctor_imports_what_a_plugin_declares(site: Site) -> None:
    site.distribution("hubbub-a", plugin="a", code=COMMANDS, modules={"commands": "import os\nos._exit(5)"})
    site.distribution("hubbub-b", plugin="b")

    done = site.hubbub("plugins", "doctor", plugins="a,b")

    assert done.returncode == 1
    assert "importing hubbub_a.commands.greet ended the process with status 5" in done.stdout
    assert "component 'b' cannot be imported: hubbub_b offers no 'thing'" in done.stdout


CHECKS = """
    from hubbub_registry import CheckSpec, hookimpl

    @hookimpl
    def hubbub_checks():
        names = {names}
        return [CheckSpec(name=name, summary=f"looks at {{name}}", by=f"hubbub_a.looks.{{name}}") for name in names]
"""
LOOKS = """
    import os, sys, time
    from hubbub_registry import Problem

    def well():
        print("nobody reads this", file=sys.stdout)
        return []

    def tool():
        yield Problem(found="no uvx on PATH", remedy="`pip install uv`")

    def extra():
        return [Problem(found="no fast parser", remedy="`pip install parser`", optional=True)]

    def raises():
        raise LookupError("the disk\\nis gone")

    def leaves():
        sys.exit(3)

    def crashes():
        yield Problem(found="one thing", remedy="mend it")
        os._exit(4)

    def waits():
        time.sleep(600)

    def wrong():
        return ["a string"]

    def single():
        return "a string"

    async def later():
        return []
"""


def checked(site: Site, *names: str) -> None:
    site.distribution("hubbub-a", plugin="a", code=CHECKS.format(names=names), modules={"looks": LOOKS})


def test_doctor_names_what_a_check_found_and_the_remedy(site: Site) -> None:
    checked(site, "well", "tool", "extra")

    done = site.hubbub("plugins", "doctor", plugins="a")

    told = done.stdout.splitlines()
    assert told[told.index("a loaded (hubbub-a 1.0): 0 components, 0 adapters, 3 checks") :][:3] == [
        "a loaded (hubbub-a 1.0): 0 components, 0 adapters, 3 checks",
        "    check 'tool': no uvx on PATH; `pip install uv`",
        "    note: check 'extra': no fast parser; `pip install parser`",
    ]
    assert done.returncode == 1


def test_a_check_that_finds_only_what_some_uses_need_leaves_the_plugin_whole(site: Site) -> None:
    checked(site, "extra")

    told = in_json(site.hubbub("plugins", "doctor", "--json", plugins="a"))

    (found,) = [plugin for plugin in told["plugins"] if plugin["name"] == "a"]
    assert (found["problems"], found["notes"]) == ([], ["check 'extra': no fast parser; `pip install parser`"])
    assert found["checks"] == [{"name": "extra", "summary": "looks at extra", "by": "hubbub_a.looks.extra"}]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("raises", ["check 'raises' (hubbub_a.looks.raises) raised LookupError: the disk is gone"]),
        ("leaves", ["check 'leaves' (hubbub_a.looks.leaves) raised SystemExit: 3"]),
        (
            "wrong",
            ["check 'wrong' (hubbub_a.looks.wrong) raised TypeError: it returned 'a string', which is no Problem"],
        ),
        (
            "single",
            ["check 'single' (hubbub_a.looks.single) raised TypeError: it returned 'a string', not a list of Problem"],
        ),
        (
            "missing",
            [
                "check 'missing' cannot be imported: module 'hubbub_a.looks' has no attribute 'missing'; "
                "`pip install --upgrade --force-reinstall hubbub-a` mends its installation"
            ],
        ),
    ],
)
def test_a_broken_check_is_reported_and_the_others_run(name: str, told: list[str], site: Site) -> None:
    checked(site, name, "tool")

    done = site.hubbub("plugins", "doctor", "--json", plugins="a")

    (found,) = [plugin for plugin in json.loads(done.stdout)["plugins"] if plugin["name"] == "a"]
    assert (found["state"], found["problems"]) == ("loaded", [*told, "check 'tool': no uvx on PATH; `pip install uv`"])
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "crashes",
            ["check 'crashes': one thing; mend it", "check 'crashes' (hubbub_a.looks.crashes) ended the process with "],
        ),
        ("waits", ["check 'waits' (hubbub_a.looks.waits) took longer than 4 seconds"]),
    ],
)
def test_a_check_that_ends_or_holds_its_process_is_named(name: str, told: list[str], site: Site) -> None:
    checked(site, "tool", name)
    site.distribution("hubbub-good", plugin="good", modules={"thing": "Thing = 1"})

    done = site.hubbub("plugins", "doctor", "--json", "--timeout", "4" if name == "waits" else "60", plugins="a,good")

    problems = {plugin["name"]: plugin["problems"] for plugin in json.loads(done.stdout)["plugins"]}
    first, *others = problems["a"]
    assert first == "check 'tool': no uvx on PATH; `pip install uv`"
    assert [other.startswith(start) for other, start in zip(others, told, strict=True)] == [True] * len(told)
    assert problems["good"] == []


def test_a_check_that_is_a_coroutine_function_is_said_to_be_none(site: Site) -> None:
    checked(site, "later")

    done = site.hubbub("plugins", "doctor", plugins="a")

    assert "check 'later' (hubbub_a.looks.later) raised TypeError: it returned <coroutine object later" in done.stdout


def test_list_runs_checks_only_when_it_is_told_to(site: Site) -> None:
    checked(site, "tool")

    plain, tried = (site.hubbub("plugins", "list", *more, plugins="a") for more in ([], ["--check"]))

    assert "uvx" not in plain.stdout
    assert "    check 'tool': no uvx on PATH; `pip install uv`\n" in tried.stdout
    assert (plain.returncode, tried.returncode) == (0, 0)
    told = in_json(site.hubbub("plugins", "list", "--check", "--json", plugins="a"))
    assert [plugin["problems"] for plugin in told if plugin["name"] == "a"] == [
        ["check 'tool': no uvx on PATH; `pip install uv`"]
    ]


def test_show_lists_checks_and_runs_none(site: Site) -> None:
    checked(site, "raises")

    shown = site.hubbub("plugins", "show", "a", plugins="a").stdout

    assert "  check         raises: looks at raises\n" in shown
    assert "LookupError" not in shown


def test_doctor_reports_conflicts(site: Site) -> None:
    site.distribution("hubbub-a", plugin="a", modules={"thing": "Thing = 1"})
    site.distribution("hubbub-b", plugin="b", code=Path(site.folder / "hubbub_a" / "plugin.py").read_text())

    done = site.hubbub("plugins", "doctor", plugins="a,b")

    assert done.returncode == 1
    assert "component name 'a' is claimed by the plugins a and b; `hubbub plugins disable` one of them" in done.stdout


def test_disable_and_enable_are_remembered(commands: Site) -> None:
    def state() -> Any:
        records = in_json(commands.hubbub("plugins", "list", "--json"))
        return next((r["state"], r["remedy"]) for r in records if r["name"] == "a")

    assert commands.hubbub("plugins", "disable", "hubbub-a").returncode == 0
    assert state() == ("disabled", "`hubbub plugins enable a`")
    assert json.loads((commands.config / "plugins.json").read_text()) == {"disabled": ["a"]}
    assert commands.hubbub("plugins", "enable", "a").stdout == "plugin a is enabled\n"
    assert state() == ("discovered", None)


@pytest.mark.parametrize("name", ["two-words", "two_words", "Two-Words", "hubbub-two-words", "hubbub_two_words"])
def test_a_plugin_is_found_however_its_name_is_spelled(name: str, site: Site) -> None:
    site.distribution("hubbub-two-words", plugin="two-words")

    assert in_json(site.hubbub("plugins", "show", name, "--json", plugins="two-words"))["name"] == "two-words"


def test_disabling_imports_nothing(site: Site) -> None:
    site.distribution("hubbub-bad", plugin="bad", code="raise SystemExit(9)")

    assert site.hubbub("plugins", "disable", "bad").returncode == 0


def test_a_settings_file_that_is_broken_is_named(site: Site) -> None:
    site.config.mkdir()
    (site.config / "plugins.json").write_text("{")

    done = site.hubbub("plugins", "list")

    assert done.returncode == 2
    assert done.stderr.startswith(f"hubbub: cannot read {site.config / 'plugins.json'}: ")
    assert done.stderr.endswith("; mend or delete it\n")


def test_plugins_show_says_what_a_plugin_declares_without_loading_it_here(thing: Site) -> None:
    shown = in_json(thing.hubbub("plugins", "show", "t", "--json", plugins="t"))

    assert (shown["name"], shown["state"], shown["distribution"]) == ("t", "loaded", "hubbub-t")
    assert [spec["name"] for spec in shown["components"]] == ["thing", "hub"]
    assert "component     thing (model): a thing" in thing.hubbub("plugins", "show", "t", plugins="t").stdout


def test_version_in_words_and_json(thing: Site) -> None:
    assert thing.hubbub("--version").stdout.startswith("hubbub ")
    told = in_json(thing.hubbub("--version", "--json", plugins="t"))
    assert told["plugins"]["t"] == {"distribution": "hubbub-t", "version": "1.0"}
    assert told["python"] == ".".join(map(str, sys.version_info[:3]))


def test_components_list_and_show(thing: Site) -> None:
    (entry,) = in_json(thing.hubbub("components", "list", "--kind", "model", "--json", plugins="t"))

    assert entry == in_json(thing.hubbub("components", "show", "Thing", "--json", plugins="t"))
    assert (entry["provider"], entry["plugin"], entry["needs"]) == ("hubbub_t.thing.Thing", "t", ["key THING_KEY"])
    assert "  capabilities  process\n" in thing.hubbub("components", "show", "thing", plugins="t").stdout
    assert "thing  model  t       a thing" in thing.hubbub("components", "list", plugins="t").stdout


def test_no_component_at_all_is_said(site: Site) -> None:
    done = site.hubbub("components", "list", plugins="none")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "no plugin that is loaded declares a component; `hubbub plugins list` shows what is installed\n"
    )


def test_a_component_that_a_disabled_plugin_may_declare_is_answered_with_its_name(thing: Site) -> None:
    thing.hubbub("plugins", "disable", "t")

    done = thing.hubbub("components", "show", "thing_of_t")

    assert done.returncode == 2
    assert done.stderr.endswith("; `hubbub plugins enable` what declares it, if it is 't'\n")


def test_components_schema_is_one_document(thing: Site) -> None:
    schema = in_json(thing.hubbub("components", "schema", "thing", plugins="t"))

    assert schema["properties"]["provider"] == {"enum": ["thing", "hubbub_t.thing.Thing", "Thing"]}
    assert schema["properties"]["config"]["properties"]["server"] == {"$ref": "#/$defs/thing.Server"}
    assert schema["$defs"]["thing.Server"]["required"] == ["command"]


def inner(**config: Any) -> dict[str, Any]:
    return {"provider": "thing", "config": {"server": {"command": "x"}, **config}}


@pytest.mark.parametrize(
    "document",
    [
        inner(),
        inner(inner=inner()),
        inner(inner={"provider": "ref:models.default", "config": {}}),
        inner(port="${env:HUBBUB_TEST_NOT_SET}", api_key="${env:HUBBUB_TEST_NOT_SET}"),
    ],
)
@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_validate_accepts_what_fits_and_builds_nothing(
    document: dict[str, Any], suffix: str, thing: Site, tmp_path: Path
) -> None:
    file = tmp_path / f"component.{suffix}"
    file.write_text(json.dumps(document))  # JSON is YAML

    done = thing.hubbub("components", "validate", str(file), plugins="t")

    assert (done.returncode, done.stdout, done.stderr) == (0, f"{file}: valid\n", "")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (json.dumps(inner(server={"command": 3})), "config.server.command: Input should be a valid string, got 3"),
        (json.dumps(inner(inner=inner(port="x"))), "config.inner.config.port: Input should be a valid integer"),
        (json.dumps(inner(inner={"provider": "thin", "config": {}})), "config.inner.provider: component 'thin' is "),
        (json.dumps(inner(api_key=["sk-1"])), "config.api_key: Input should be a valid string"),
        (json.dumps(inner(port=0)), "config.port: a port is above 0, got 0"),
        (json.dumps(inner(port=81)), "config: port 81 belongs to somebody else\n"),
        ('{"provider": "thing"}', "config: Field required"),
        ("[1]", "a component is a mapping with `provider` and `config`, got [1]"),
        ("{", "line 1, column 2: "),
        (json.dumps({"hub": 1, "agents": {}}), "agents.x: wrong in "),
    ],
)
def test_validate_names_the_wrong_value_by_its_path(text: str, line: str, thing: Site, tmp_path: Path) -> None:
    file = tmp_path / "component.json"
    file.write_text(text)

    done = thing.hubbub("components", "validate", str(file), plugins="t")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"hubbub: {file}: {line}")
    assert done.stderr.count("\n") == 1
    assert "sk-1" not in done.stderr


def test_validate_names_the_line_of_broken_yaml(thing: Site, tmp_path: Path) -> None:
    file = tmp_path / "component.yaml"
    file.write_text("provider: thing\nconfig: [\n")

    done = thing.hubbub("components", "validate", str(file), plugins="t")

    assert done.returncode == 2
    assert done.stderr.startswith(f"hubbub: {file}: line 3, column 1: ")


def test_validate_of_a_missing_file_says_so(thing: Site, tmp_path: Path) -> None:
    done = thing.hubbub("components", "validate", str(tmp_path / "nothing.json"), plugins="t")

    assert (done.returncode, done.stderr) == (2, f"hubbub: {tmp_path / 'nothing.json'}: No such file or directory\n")


def test_validate_in_json_lists_all_problems(thing: Site, tmp_path: Path) -> None:
    file = tmp_path / "component.json"
    file.write_text(json.dumps(inner(port="x", server={})))

    done = thing.hubbub("components", "validate", str(file), "--json", plugins="t")

    assert done.returncode == 2
    assert json.loads(done.stdout) == {
        "file": str(file),
        "valid": False,
        "problems": [
            "config.server.command: Field required",
            "config.port: Input should be a valid integer, unable to parse string as an integer, got 'x'",
        ],
    }


def test_plugins_list_needs_neither_pluggy_nor_pydantic_nor_yaml(site: Site) -> None:
    printed = site.python(
        """
        import sys
        from hubbub_registry.cli import main
        main(["plugins", "list"])
        print(sorted({"pluggy", "pydantic", "yaml"} & set(sys.modules)))
        """
    )

    assert printed.splitlines()[-1] == "[]"
