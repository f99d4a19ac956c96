"""Blocking functions, called from a coroutine."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest

from hubbub_core.blocking import call_in_thread

USER: contextvars.ContextVar[str] = contextvars.ContextVar("user")


async def test_the_loop_goes_on_while_the_function_blocks() -> None:
    released = threading.Event()

    call = asyncio.create_task(call_in_thread(released.wait, timeout=30))
    await asyncio.sleep(0)
    released.set()  # by the loop, which the function does not hold up

    assert await call is True


async def test_the_function_sees_the_callers_context() -> None:
    USER.set("ada")

    assert await call_in_thread(USER.get) == "ada"


async def test_an_error_of_the_function_is_the_callers() -> None:
    def fail() -> None:
        raise OSError("no terminal")

    with pytest.raises(OSError, match="no terminal"):
        await call_in_thread(fail)


async def test_a_function_that_ran_out_of_answers_is_named() -> None:
    with pytest.raises(RuntimeError, match="ran out of answers") as caught:
        await call_in_thread(iter(()).__next__)

    assert isinstance(caught.value.__cause__, StopIteration)


async def test_who_is_cancelled_waits_no_longer() -> None:
    released = threading.Event()
    call = asyncio.create_task(call_in_thread(released.wait, timeout=30))
    await asyncio.sleep(0)

    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    released.set()
