"""A second interpreter, under `python -O`, which removes asserts: it is asked what it refuses, and for its bits.

It is started when first needed, serves every later question, and ends with this process.
"""

from __future__ import annotations

import atexit
import os
import pickle
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import IO, Any

from ..assembly import registry

COMMAND = "from chainrule.conformance.optimized import serve; serve()"


@dataclass(frozen=True)
class Answer:
    """What came of a question: a value, or the name of the error that was raised."""

    value: Any = None
    error: str = ""


class OptimizedInterpreter:
    """Makes objects and asks layers for output shapes, in a process of its own."""

    def __init__(self) -> None:
        # -P: of the current folder it imports what this process does, no more
        folders = [os.path.abspath(path) for path in sys.path]
        self._process = subprocess.Popen(
            [sys.executable, "-O", "-P", "-c", COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONHASHSEED": "4711", "PYTHONPATH": os.pathsep.join(folders)},
        )
        atexit.register(self.close)

    def ask(self, kind: type, settings: dict[str, Any], method: Any = "", *arguments: Any, **named: Any) -> Any:
        """Return what a method of an object of the class gives there, or a function of the object, an `Answer`.

        None where the other interpreter cannot find the class.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None or self._process.poll() is not None:
            return None
        try:
            question = pickle.dumps((kind, settings, method, arguments, named))
        except (pickle.PicklingError, AttributeError, TypeError):
            return None
        try:
            _send(stdin, question)
            return pickle.loads(_receive(stdout))
        except OSError:
            return None

    def close(self) -> None:
        """End the other interpreter."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait(5)


@lru_cache(maxsize=1)
def interpreter() -> OptimizedInterpreter | None:
    """Return the one of this process; None where none can be started."""
    try:
        return OptimizedInterpreter()
    except OSError:
        return None


def serve() -> None:
    """Answer questions until the pipe is closed."""
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what an author's module prints is no answer
    while received := _receive(questions):
        try:
            question = pickle.loads(received)
        except Exception:  # the class is not to be found here
            _send(answers, pickle.dumps(None))
        else:
            _send(answers, pickle.dumps(_answered_by_a_fork(*question)))


def _send(pipe: IO[bytes], message: bytes) -> None:
    """Write a message behind its length: one that cannot be read is still skipped whole."""
    pipe.write(len(message).to_bytes(8, "little") + message)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> bytes:
    """Return the next message, b"" when the pipe is closed."""
    return pipe.read(int.from_bytes(pipe.read(8), "little"))


def _answered_by_a_fork(*question: Any) -> Answer:
    """Return the answer of a child process, where there are any: no question sees what an earlier one left behind."""
    if not hasattr(os, "fork"):
        return _answer(*question)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with os.fdopen(writing, "wb") as pipe:
            pickle.dump(_answer(*question), pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        written = pipe.read()
    os.waitpid(child, 0)
    try:
        answer: Answer = pickle.loads(written)
    except Exception:  # it was ended by what it computed
        return Answer(error="a crash")
    return answer


def _answer(kind: Any, settings: dict[str, Any], method: Any, arguments: Any, named: Any) -> Answer:
    try:
        made = registry.construct(kind, kind.__name__, settings)
        call = partial(method, made) if callable(method) else getattr(made, method or "__class__")
        value = call(*arguments, **named) if method else None
        pickle.dumps(value)
    except Exception as error:
        return Answer(error=type(error).__name__)
    return Answer(value=value)
