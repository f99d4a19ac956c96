"""What this plugin declares."""

from __future__ import annotations

from hubbub_registry import CheckSpec, ComponentSpec, hookimpl


@hookimpl
def hubbub_components() -> list[ComponentSpec]:
    """Return the executor."""
    return [
        ComponentSpec(
            kind="code_executor",
            provider="hubbub_local_executor.LocalCommandLineCodeExecutor",
            name="local_executor",
            summary="Runs Python, shell and PowerShell blocks as processes of this machine, without a sandbox",
            aliases=(
                "autogen_ext.code_executors.local.LocalCommandLineCodeExecutor",
                "LocalCommandLineCodeExecutor",
            ),
            capabilities=("process",),
        ),
    ]


@hookimpl
def hubbub_checks() -> list[CheckSpec]:
    """Return the look at what runs PowerShell."""
    return [
        CheckSpec(name="pwsh", summary="PowerShell blocks have what runs them", by="hubbub_local_executor.checks.pwsh")
    ]
