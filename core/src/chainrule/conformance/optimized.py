"""A second interpreter, under `python -O`, which removes asserts: it is asked what it refuses.

It is started when first needed, serves every later question, and ends with this process.
"""

from __future__ import annotations

import atexit
import os
import pickle
import subprocess
import sys
from functools import lru_cache
from typing import Any

from .. import registry

QUESTION = "from chainrule.conformance.optimized import serve; serve()"


class OptimizedInterpreter:
    """Makes objects and asks layers for output shapes, in a process of its own."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-O", "-c", QUESTION],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)},
        )
        atexit.register(self.close)

    def refuses(self, kind: type, settings: dict[str, Any], shape: Any = None) -> str | None:
        """Return the name of the error that making the object raises, or its output_shape of a shape; "" for none.

        None where the other interpreter cannot find the class.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None or self._process.poll() is not None:
            return None
        try:
            pickle.dump((kind, settings, shape), stdin)
            stdin.flush()
            answer: str | None = pickle.load(stdout)
        except (pickle.PicklingError, AttributeError, OSError, EOFError):
            return None
        return answer

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
    while True:
        try:
            kind, settings, shape = pickle.load(questions)
        except EOFError:
            return
        except Exception:
            pickle.dump(None, answers)
        else:
            pickle.dump(_refusal(kind, settings, shape), answers)
        answers.flush()


def _refusal(kind: Any, settings: dict[str, Any], shape: Any) -> str:
    try:
        made = registry.construct(kind, kind.__name__, settings)
        if shape is not None:
            made.output_shape(shape)
    except Exception as error:
        return type(error).__name__
    return ""
