"""A layer answers the same whoever else asks: other objects of its class, other threads."""

from __future__ import annotations

import copy
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from ...arrays import Array
from ..blame import blame
from ..compare import same_bits
from ..importable import importable
from ..optimized import interpreter
from ..outcomes import Failure
from ..probes import Probe
from ..rules import ANY, rule
from ..variants import variants

OURS = str(Path(__file__).parents[2])
NUMPYS = str(Path(np.__file__).parent)


@rule("purity.instances", ANY, needs=["runs.everything"])
def instances(probe: Probe) -> None:
    """Two objects are independent: what one computes has no effect on the other, equal settings or not.

    A cache that forgets a setting in its key, or a list in the class, is shared by all.
    """
    point = probe.point()
    expected = {name: array.copy() for name, array in probe.everything(point).items()}
    with blame("copy.deepcopy"):
        twins = [copy.deepcopy(probe.subject)]
    for other in [*twins, *variants(probe.subject)]:
        twin = probe.of(other)
        own = _own_results(twin)
        for name, array in probe.everything(point).items():
            same_bits(
                array,
                expected[name],
                label=f"{name}, entry ",
                got_is=f"after {other!r} was used",
                expected_is="before",
            )
        _same_elsewhere(probe, other)
        for name, array in _own_results(twin).items():
            if name in own:
                same_bits(
                    array,
                    own[name],
                    label=f"{name} of {other!r}, entry ",
                    got_is="after the first was used",
                    expected_is="before",
                )


def _same_elsewhere(probe: Probe, other: Any) -> None:
    """Compare with what an object of other settings computes where none of these was used before."""
    kind = type(other)
    elsewhere = interpreter() if importable(kind) and kind.__module__ != "__main__" else None
    if elsewhere is None or not is_dataclass(other):
        return
    question = probe.question(probe.point())
    kept = {field.name: getattr(other, field.name) for field in fields(other) if field.init}
    answer = elsewhere.ask(kind, kept, question.method, *question.arguments, **question.named)
    try:
        own = question.answer(other)
    except Exception:  # it does not take the case's shape
        return
    if answer is not None and not answer.error:
        same_bits(
            own,
            answer.value,
            label=f"{question.name} of {other!r}, entry ",
            got_is="where others were used before",
            expected_is="in a fresh process",
            hint="a cache forgets a setting in its key",
        )


def _own_results(twin: Any) -> dict[str, Array]:
    """Return what another object computes, {} where it does not take the case's shape."""
    try:
        twin.rng = np.random.default_rng(0)
        return {name: np.array(array) for name, array in twin.everything(twin.point()).items()}
    except Failure:
        return {}


@rule("purity.threads", ANY, needs=["runs.everything", "purity.repeat"])
def threads(probe: Probe) -> None:
    """Four threads at a time get what each would get alone, wherever one of them is interrupted.

    Shards of a batch run in threads.
    """
    points = [probe.point(B) for B in (3, 3, 2, 5)]
    alone = [{name: array.copy() for name, array in probe.everything(point).items()} for point in points]
    found: list[Any] = [None] * 4
    with _frequent_switches():
        workers = [threading.Thread(target=_compute, args=(probe, point, found, i)) for i, point in enumerate(points)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    interrupted = _interrupted(probe, points[0], points[1])
    for i, (results, expected) in enumerate(zip([*found, interrupted], [*alone, alone[0]], strict=True)):
        if isinstance(results, BaseException):
            with blame(f"a call in one of four threads ({i})"):
                raise results
        for name, array in results.items():
            same_bits(
                array,
                expected[name],
                label=f"{name}, entry ",
                got_is="with another thread at work" if i == 4 else f"in thread {i} of four",
                expected_is="alone",
                hint="they share something that both write: an attribute, a module's array, a default argument",
            )


@contextmanager
def _frequent_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)  # less, and a busy machine spends minutes on handing over
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _compute(probe: Probe, point: Any, found: list[Any], i: int) -> None:
    try:
        with np.errstate(all="ignore"):
            for _ in range(5):
                found[i] = probe.everything(point)
    except BaseException as error:
        found[i] = error


def _interrupted(probe: Probe, point: Any, other: Any) -> Any:
    """Compute one point, and at each line of the author's code, once, let another thread compute another point."""
    busy: list[threading.Thread] = []
    seen: set[tuple[Any, int]] = set()

    def interrupt(frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename.startswith(NUMPYS):
            return None
        place = frame.f_code, frame.f_lineno
        if event == "line" and place not in seen and not any(thread.is_alive() for thread in busy):
            seen.add(place)
            if not frame.f_code.co_filename.startswith(OURS):
                busy[:] = [threading.Thread(target=_compute_once, args=(probe, other), daemon=True)]
                busy[0].start()
                busy[0].join(0.1)  # one that waits for a lock of the author's goes on later
        return interrupt

    before = sys.gettrace()
    sys.settrace(interrupt)
    try:
        return probe.everything(point)
    except Failure as failure:
        return failure
    finally:
        sys.settrace(before)
        for thread in busy:
            thread.join(5)


def _compute_once(probe: Probe, point: Any) -> None:
    try:
        probe.everything(point)
    except Exception:  # told by the thread that is looked at
        return
