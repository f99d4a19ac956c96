"""`LocalCommandLineCodeExecutor`: code blocks as files and processes of this machine."""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
import warnings
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import BaseModel

from hubbub_core.code_executor import CodeBlock, CodeExecutor
from hubbub_registry import Component

from ._code_files import CodeFiles, NotInWorkspaceError, write_whole
from ._environment import Environment, VirtualEnvironment, environment_of, uv_command
from ._functions import Function, FunctionsModule
from ._languages import LANGUAGES
from ._process import ProcessGroups
from ._result import CommandLineCodeResult
from ._screening import refusal

if TYPE_CHECKING:
    from hubbub_core import CancellationToken

_LOGGER = logging.getLogger("hubbub_local_executor")

# Exit codes, those of the documents (spec: newer N-262) and, for a missing program, that of every shell.
_REFUSED = 1
_TIMED_OUT = 124
_CANCELLED = 125
_NO_PROGRAM = 127


class LocalCommandLineCodeExecutorConfig(BaseModel):
    """Configuration of a `LocalCommandLineCodeExecutor`."""

    timeout: int = 60
    """Seconds that each block may take."""

    work_dir: str | None = None
    """Where the code runs; a temporary folder when missing."""

    functions_module: str = "functions"
    """Name of the module that holds the functions."""

    cleanup_temp_files: bool = True
    """Whether the files of the code are removed after each call."""


@dataclass
class _Run:
    """What a call has produced so far; it outlives the call's cancellation."""

    exit_code: int = 0
    code_file: str | None = None
    output: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        """Add a line of our own after what was printed."""
        if self.output and not self.output[-1].endswith("\n"):
            text = "\n" + text
        self.output.append(text)

    def result(self) -> CommandLineCodeResult:
        return CommandLineCodeResult(self.exit_code, "".join(self.output), self.code_file)


class LocalCommandLineCodeExecutor(CodeExecutor, Component[LocalCommandLineCodeExecutorConfig]):
    """Runs every block in a process of its own on this machine, with the rights and variables of this program.

    There is no sandbox: some destructive shell commands are refused, and files that blocks name have to be inside the
    working directory, but the code itself may do whatever the user may. It needs neither `start` nor `stop`, except
    that only `stop` ends at once what blocks have left running in the background; otherwise that ends with the
    executor or the program.

    Args:
        timeout: Seconds that each block may take, and each step of setting up the functions.
        work_dir: Where the code runs; made when it is not there. None: a temporary folder, made by `start` or on first
            use and removed by `stop`.
        functions: Functions that Python blocks can import from the module `functions_module`. What they require is
            installed, and the module written to the working directory, before the first block runs.
        functions_module: Name of that module.
        cleanup_temp_files: Whether the files of the code are removed after each call. One that the code names itself
            (first line `# filename: NAME`) is no temporary file and stays.
        virtual_env_context: What `venv.EnvBuilder.ensure_directories` returned for the environment to run in. Python
            blocks use its interpreter, shell blocks find its programs first.

    Raises:
        ValueError: `timeout` is below 1, `functions_module` is no identifier, `work_dir` is a file, the source code of
            a function cannot be had, or `virtual_env_context` lacks a path.
    """

    component_provider_override: ClassVar[str] = "hubbub_local_executor.LocalCommandLineCodeExecutor"
    component_config_schema = LocalCommandLineCodeExecutorConfig

    SUPPORTED_LANGUAGES: ClassVar[list[str]] = list(LANGUAGES)
    """Languages of code blocks, in any case."""

    FUNCTION_PROMPT_TEMPLATE: ClassVar[str] = (
        "You have access to the following user defined functions. They can be accessed from the module called "
        "`$module_name` by their function names.\n\n"
        "For example, if there was a function called `foo` you could import it by writing "
        "`from $module_name import foo`\n\n"
        "$functions"
    )
    """What `format_functions_for_prompt` fills in."""

    def __init__(
        self,
        timeout: int = 60,
        work_dir: Path | str | None = None,
        functions: Sequence[Function] = [],
        functions_module: str = "functions",
        cleanup_temp_files: bool = True,
        virtual_env_context: SimpleNamespace | None = None,
    ) -> None:
        warnings.warn(
            "LocalCommandLineCodeExecutor runs code on this machine without a sandbox. Run code that you have not read "
            "in a Docker container instead.",
            UserWarning,
            stacklevel=2,
        )
        if timeout < 1:
            raise ValueError("Timeout must be greater than or equal to 1.")
        self._timeout = timeout
        self._module = FunctionsModule(functions_module, functions)
        self._cleanup_temp_files = cleanup_temp_files
        context = virtual_env_context
        self._virtual_environment = None if context is None else VirtualEnvironment.of_context(context)
        self._given_work_dir = None if work_dir is None else Path(work_dir)
        if self._given_work_dir is not None:
            _check_work_dir(self._given_work_dir)
        # Absolute from the start: the program may change its current directory.
        self._folder = None if self._given_work_dir is None else self._given_work_dir.absolute()
        self._temporary: weakref.finalize[..., LocalCommandLineCodeExecutor] | None = None
        self._setting_up = asyncio.Lock()
        self._set_up_in: Path | None = None
        self._calls: set[asyncio.Task[None]] = set()
        self._groups = ProcessGroups()
        weakref.finalize(self, self._groups.kill_all)

    @property
    def timeout(self) -> int:
        """Seconds that each block may take."""
        return self._timeout

    @property
    def work_dir(self) -> Path:
        """Where the code runs, as it was given; asking for a temporary one makes it."""
        return self._given_work_dir or self._made_folder()

    @property
    def functions(self) -> list[str]:
        """Names of the functions that blocks can import."""
        return self._module.function_names

    @property
    def functions_module(self) -> str:
        """Name of the module to import them from."""
        return self._module.name

    @property
    def cleanup_temp_files(self) -> bool:
        """Whether the files of the code are removed after each call."""
        return self._cleanup_temp_files

    def format_functions_for_prompt(self, prompt_template: str = FUNCTION_PROMPT_TEMPLATE) -> str:
        """Describe the functions to a model.

        Args:
            prompt_template: `$module_name` stands for the module, `$functions` for the functions' signatures and
                docstrings, an empty line between two of them.
        """
        return self._module.prompt(prompt_template)

    async def start(self) -> None:
        """Make the working directory. The first call of `execute_code_blocks` does so too."""
        self._made_folder()

    async def stop(self) -> None:
        """End what runs, also in the background, and remove a temporary working directory.

        Calls under way return as if cancelled by their token. The executor can be used again.
        """
        calls = set(self._calls)
        for call in calls:
            call.cancel()
        if calls:
            await asyncio.wait(calls)
        await self._groups.end_all()
        self._set_up_in = None
        if self._temporary is not None:
            remove, self._temporary, self._folder = self._temporary, None, None
            await asyncio.to_thread(remove)

    async def restart(self) -> None:
        """Warn that nothing is done: every block runs in a new process anyway."""
        warnings.warn(
            "Restarting LocalCommandLineCodeExecutor is not supported. No action is taken.", UserWarning, stacklevel=2
        )

    async def execute_code_blocks(
        self, code_blocks: list[CodeBlock], cancellation_token: CancellationToken
    ) -> CommandLineCodeResult:
        """Run the blocks one after another, up to the first that fails.

        Each is written to a file and run by the program of its language, in the working directory and without input.
        It is over when that program exits. On a time-out or cancellation its whole process group is ended.

        Args:
            code_blocks: The blocks.
            cancellation_token: Ends the call, which then returns.

        Returns:
            The exit code of the last block that ran, the output of all (of each standard error, then standard
            output), and the first block's file. Exit codes of our own come with a line that says why: 1 for a block
            that is refused, 124 (`Timeout`), 125 (`Cancelled`: by the token or by `stop`), 127 for a program that is
            not there.

        Raises:
            ValueError: The functions cannot be set up.
            TimeoutError: Setting the functions up took too long.
            asyncio.CancelledError: The calling task was cancelled, rather than the token.
        """
        caller = asyncio.current_task()
        assert caller is not None  # a coroutine that awaits futures of asyncio runs in a task
        cancelled_before = caller.cancelling()
        run = _Run()
        # A task of its own, so that the token ends this call wherever it waits, and not the caller.
        call = asyncio.create_task(self._execute(code_blocks, run))
        self._calls.add(call)
        try:
            await cancellation_token.link_future(call)
        except asyncio.CancelledError:
            if caller.cancelling() > cancelled_before:
                raise
            run.exit_code = _CANCELLED
            run.say("Cancelled")
        finally:
            self._calls.discard(call)
        return run.result()

    async def _execute(self, code_blocks: Sequence[CodeBlock], run: _Run) -> None:
        folder = self._made_folder()
        environment = environment_of(self._virtual_environment, folder if self.functions else None)
        if self.functions:
            async with self._setting_up:
                await self._set_up_functions(folder, environment)
        files = CodeFiles(folder)
        try:
            for block in code_blocks:
                run.exit_code = await self._execute_block(block, files, environment, run)
                if run.exit_code != 0:
                    break
        finally:
            files.release(remove=self._cleanup_temp_files)

    async def _execute_block(self, block: CodeBlock, files: CodeFiles, environment: Environment, run: _Run) -> int:
        language = LANGUAGES.get(block.language.strip().lower())
        if language is None:
            run.say(f"unknown language {block.language}")
            return _REFUSED
        code = language.ready(block.code)
        reason = None if language.is_python else refusal(code)
        if reason is not None:
            run.say(reason)
            return _REFUSED
        try:
            file = files.write(code, language.suffix)
        except (NotInWorkspaceError, OSError) as exc:
            run.say(str(exc))
            return _REFUSED
        run.code_file = run.code_file or str(file)
        try:
            command = language.command(environment.python, environment.variables)
        except LookupError as exc:
            run.say(f"{exc}, so {block.language} code cannot be run here")
            return _NO_PROGRAM
        return await self._execute_command([*command, str(file)], environment, run)

    async def _execute_command(self, words: Sequence[str], environment: Environment, run: _Run) -> int:
        process = await self._groups.spawn(words, folder=self._made_folder(), variables=environment.variables)
        status = None
        try:
            status = await process.wait(self._timeout)
        finally:
            try:
                if status is None:
                    await self._groups.end(process)
            finally:
                run.output.append(process.output)
        if status is None:
            run.say("Timeout")
            return _TIMED_OUT
        return status

    async def _set_up_functions(self, folder: Path, environment: Environment) -> None:
        # Every time: a block may have written over it.
        write_whole(folder / f"{self.functions_module}.py", self._module.text.encode())
        if self._set_up_in == folder:
            return
        if self._module.packages:
            await self._install(self._module.packages, environment)
        run = _Run()
        await self._step([environment.python, "-c", f"import {self.functions_module}"], environment, run)
        if run.exit_code != 0:
            raise ValueError(f"importing the functions {self.functions} failed: {''.join(run.output).strip()}")
        self._set_up_in = folder

    async def _install(self, packages: Sequence[str], environment: Environment) -> None:
        run = _Run()
        python = environment.python
        # After the dashes nothing is an option.
        await self._step([python, "-m", "pip", "install", "-qq", "--", *packages], environment, run)
        uv = uv_command()
        if run.exit_code != 0 and "No module named pip" in "".join(run.output) and uv is not None:
            run = _Run()
            await self._step([*uv, "pip", "install", "--quiet", "--python", python, "--", *packages], environment, run)
        if run.exit_code != 0:
            raise ValueError(
                f"installing {list(packages)} for the functions {self.functions} failed: {''.join(run.output).strip()}"
            )

    async def _step(self, words: Sequence[str], environment: Environment, run: _Run) -> None:
        run.exit_code = await self._execute_command(words, environment, run)
        if run.exit_code == _TIMED_OUT:
            raise TimeoutError(
                f"setting up the functions {self.functions} took longer than {self._timeout} s at "
                f"`{' '.join(words)}`; raise `timeout`, or install their packages beforehand"
            )

    def _made_folder(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="hubbub-code-"))
            # Without a stop it goes with the executor, at the latest with the program.
            self._temporary = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder

    def _to_config(self) -> LocalCommandLineCodeExecutorConfig:
        """Dump what the documented configuration holds: not the functions, and not the virtual environment."""
        if self.functions:
            _LOGGER.info("The functions %s are not part of the configuration", self.functions)
        if self._virtual_environment is not None:
            _LOGGER.info("The virtual environment is not part of the configuration")
        return LocalCommandLineCodeExecutorConfig(
            timeout=self._timeout,
            work_dir=None if self._given_work_dir is None else str(self._given_work_dir),
            functions_module=self.functions_module,
            cleanup_temp_files=self._cleanup_temp_files,
        )

    @classmethod
    def _from_config(cls, config: LocalCommandLineCodeExecutorConfig) -> Self:
        return cls(
            timeout=config.timeout,
            work_dir=config.work_dir,
            functions_module=config.functions_module,
            cleanup_temp_files=config.cleanup_temp_files,
        )


def _check_work_dir(work_dir: Path) -> None:
    if work_dir.exists() and not work_dir.is_dir():
        raise ValueError(f"work_dir {str(work_dir)!r} is not a folder")
    if work_dir.resolve() == Path.cwd():
        warnings.warn(
            "Using the current directory as work_dir is deprecated.",
            DeprecationWarning,
            stacklevel=3,
        )
