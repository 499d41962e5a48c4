"""A layer changes nothing, remembers nothing, and answers the same whoever else asks."""

from __future__ import annotations

import contextlib
import copy
import decimal
import gc
import io
import logging
import os
import random
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import fields, is_dataclass, replace
from functools import cached_property
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from ...arrays import Array
from ...assembly import registry
from ...functions.layers import Layer
from ...learning.optimizers import Optimizer, Schedule
from ..blame import blame
from ..compare import agree, differs, entry, relative, same_bits
from ..importable import importable
from ..layer_probes import LayerPoint, LayerProbe
from ..loss_probes import LossProbe
from ..maps import empty_out
from ..optimized import interpreter
from ..outcomes import Failure
from ..probes import Probe
from ..rules import A_FUNCTION, A_LAYER, A_LOSS, ANY, Trait, rule
from ..standins import Scaled

OURS = str(Path(__file__).parents[2])
NUMPYS = str(Path(np.__file__).parent)
TARGETS = Trait("a loss with targets", lambda case: hasattr(case, "targets") and case.targets is not None)


def _unchanged(probe: Probe, wanted: Callable[[str], bool]) -> None:
    """Compare arguments before and after everything was computed, with a batch of one, too."""
    for B, dtype in ((3, np.float64), (1, np.float64), (3, np.float32)):
        point = probe.point(B, dtype=dtype)
        before = {name: array.copy() for name, array in point.arrays()}
        probe.everything(point)
        for name, array in point.arrays():
            if not wanted(name):
                continue
            if not array.flags.writeable:
                raise Failure(f"{name} was made read-only; its flags are its owner's")
            changed = differs(array, before[name], 0.0)
            if changed.any():
                index = tuple(int(i) for i in np.argwhere(changed)[0])
                raise Failure(
                    f"{entry(name)(index)}: {array[index]} afterwards, {before[name][index]} before "
                    f"({int(changed.sum())} of {changed.size} entries changed, {np.dtype(dtype)}, B = {B})\n"
                    "likely cause: an operation in place (+=, *=, out=, sort) on an argument; work on a copy"
                )


@rule("purity.input", A_FUNCTION, needs=["runs.everything"])
def purity_input(probe: Probe) -> None:
    """x (a layer's input, a loss's scores) is left as it was.

    It belongs to the data set, or to the layer before, whose derivative may need it.
    """
    _unchanged(probe, lambda name: name in ("x", "scores"))


@rule("purity.delta", A_LAYER, needs=["runs.everything"])
def purity_delta(probe: LayerProbe) -> None:
    """δ and the tangents are left as they were.

    A residual connection gives the same δ to two layers.
    """
    _unchanged(probe, lambda name: name == "delta" or name.startswith("tangent"))
    point = probe.point()
    names = list(point.tangents)
    probe.everything(point)
    if list(point.tangents) != names:
        raise Failure(f"jvp changed the dictionary of directions: {names} before, {list(point.tangents)} after")


@rule("purity.parameters", A_LAYER, needs=["runs.everything"])
def purity_parameters(probe: LayerProbe) -> None:
    """Parameters are left as they were.

    Only the optimizer moves θ.
    """
    names = set(probe.parameter_shapes())
    _unchanged(probe, lambda name: name in names)


@rule("purity.targets", A_LOSS, TARGETS, needs=["runs.everything"])
def purity_targets(probe: LossProbe) -> None:
    """Targets are left as they were.

    They are compared with every epoch's scores.
    """
    _unchanged(probe, lambda name: name == "targets")


@rule("purity.surroundings", ANY, needs=["runs.everything"])
def surroundings(probe: Probe) -> None:
    """Global random states, floating-point settings and warning filters are left as they were, and nothing is printed.

    A layer that seeds the global generator makes every other user of it repeat itself.
    """
    np.random.random(), random.random()  # noqa: NPY002 - so that a seed that it sets is another state
    for name, before, after in _surroundings_of(lambda: probe.everything(probe.point())):
        raise Failure(f"{name} changed: {before} before, {after} after")


def _surroundings_of(call: Callable[[], Any]) -> Iterator[tuple[str, str, str]]:
    """Run the call and yield what it changed around it: name, before, after."""
    printed = io.StringIO()
    # Settings of their own, so that a layer that makes them what they usually are is seen.
    with np.errstate(divide="warn", over="print", under="warn", invalid="print"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="a filter of the conformance suite")
        before = _surroundings()
        with redirect_stdout(printed), redirect_stderr(printed):
            call()
        after = _surroundings()
    for name, value in before.items():
        if value != after[name]:
            drawn = name.endswith("global state")
            yield name, *(("one", "another: it was seeded or drawn from") if drawn else _apart(value, after[name]))
    if printed.getvalue().replace("Warning: ", "").strip():
        yield "the terminal", "empty", repr(printed.getvalue()[:60])


def _surroundings() -> dict[str, Any]:
    drawn: Any = np.random.get_state()  # noqa: NPY002 - to see that nobody draws from it
    return {
        "np.random's global state": (drawn[1].tobytes(), drawn[2:]),
        "random's global state": random.getstate(),
        "np.geterr()": tuple(np.geterr().items()),
        "np.geterrcall()": np.geterrcall(),
        "warnings.filters": tuple(map(str, warnings.filters)),
        "np.get_printoptions()": str(np.get_printoptions()),
        "sys.path": tuple(sys.path),
        "sys.getrecursionlimit()": sys.getrecursionlimit(),
        "os.environ": tuple(sorted(os.environ.items())),
        "gc.isenabled()": gc.isenabled(),
        "the root logger": (logging.root.level, len(logging.root.handlers), logging.root.disabled),
        "the decimal context": str(decimal.getcontext()),
    }


def _apart(before: Any, after: Any) -> tuple[str, str]:
    """Return what differs of two values, the entries alone where they are tuples."""
    if isinstance(before, tuple) and isinstance(after, tuple):
        gone, came = ([entry for entry in a if entry not in b] for a, b in ((before, after), (after, before)))
        return _short(", ".join(map(str, gone)) or "as it was"), _short(", ".join(map(str, came)) or "less")
    return _short(before), _short(after)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) < 80 else f"{text[:60]}…"


@rule("purity.state", ANY, needs=["runs.everything"])
def state(probe: Probe) -> None:
    """The attributes of the object and of its class are left as they were: settings only, no state.

    What a layer remembers of one batch, another thread, shard or copy will take for its own.
    """
    subject = probe.subject
    before = probe.memory["attributes"] if not getattr(probe, "is_realized", False) else attributes(subject)
    probe.everything(probe.point())
    probe.everything(probe.point(5))
    before = {name: value for name, value in before.items() if not name.startswith("self.") or name in _fresh(subject)}
    for name, after in attributes(subject).items():
        if name not in before:
            raise Failure(
                f"the attribute {name} appeared: {_short(after[1])}; keep what vjp needs in the Jacobian object"
            )
        if before[name] != after:
            raise Failure(f"the attribute {name} changed: {_short(before[name][1])} before, {_short(after[1])} after")


def _fresh(subject: Any) -> set[str]:
    """Return the names of the attributes that an object made from the same settings has, before it is used."""
    try:
        kept = {field.name: getattr(subject, field.name) for field in fields(subject) if field.init}
        return set(attributes(registry.construct(type(subject), type(subject).__name__, kept)))
    except Exception:  # told by lifecycle.construction
        return set(attributes(subject))


def attributes(subject: Any) -> dict[str, tuple[str, str]]:
    """Return each attribute of an object and of its own classes with a fingerprint and what to show of it."""
    found: dict[str, tuple[str, str]] = {}
    own = [kind for kind in type(subject).__mro__ if not kind.__module__.startswith(("builtins", "abc", "typing"))]
    for place, holder in [("self", subject), *((kind.__name__, kind) for kind in own)]:
        for name, value in vars(holder).items() if hasattr(holder, "__dict__") else ():
            lazily = isinstance(getattr(type(subject), name, None), cached_property)
            if not lazily and not name.startswith(("__", "_abc_")) and not callable(value):
                found[f"{place}.{name}"] = (_fingerprint(value), f"{type(value).__name__} {value!r}")
    return found


def _fingerprint(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}{value.tobytes()!r}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {_fingerprint(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list | tuple | set):
        return f"{type(value).__name__}[" + ", ".join(map(_fingerprint, value)) + "]"
    return repr(value)


@rule("purity.buffers", A_FUNCTION, needs=["runs.everything"])
def buffers(probe: Probe) -> None:
    """No result is a buffer that a later call overwrites.

    The scores of one batch are still read when the next batch runs.
    """
    for dtype in (np.float64, np.float32):
        _buffers(probe, probe.point(dtype=dtype), probe.point(dtype=dtype))


def _buffers(probe: Probe, first: Any, second: Any) -> None:
    results = probe.everything(first)
    kept = {name: array.copy() for name, array in results.items()}
    probe.everything(second)
    probe.everything(first)
    probe.everything(second)
    _compare_kept(results, kept)
    if isinstance(probe, LayerProbe):
        y, maps = probe.linearize(first.x, first.params)
        results = {"linearize's y": y, **probe.derivatives(maps, first)}
        kept = {name: np.array(array) for name, array in results.items()}
        probe.derivatives(maps, LayerPoint(first.x, first.params, second.delta, second.tangent, second.tangents))
        _compare_kept(results, kept)


def _compare_kept(results: dict[str, Array], kept: dict[str, Array]) -> None:
    for name, array in results.items():
        same_bits(
            array,
            kept[name],
            label=f"{name}, entry ",
            got_is="after later calls",
            expected_is="when it was returned",
            hint="it lies in a buffer that is used again: return a fresh array",
        )


@rule("purity.repeat", ANY, needs=["runs.everything"])
def repeat(probe: Probe) -> None:
    """The same arguments give the same bits, again and again, whatever was computed between.

    A run must be repeatable from its seed. Randomness belongs to `realize`.
    """
    other = probe.point(5)
    points = [probe.point()]
    if isinstance(probe, LayerProbe) and not probe.layer.integer_input and probe.case.domain is None:
        points.append(probe.at(probe.rng.choice([-1.0, 0.0, 1.0], points[0].x.shape), points[0].params))  # full of ties
    for point in points:
        _repeat(probe, point, other)


def _repeat(probe: Probe, point: Any, other: Any) -> None:
    first = {name: array.copy() for name, array in probe.everything(point).items()}
    probe.everything(other)
    for time in ("second", "third"):
        for name, array in probe.everything(point).items():
            same_bits(
                array, first[name], label=f"{name}, entry ", got_is=f"at the {time} call", expected_is="at the first"
            )


@rule("purity.interleaved", A_LAYER, needs=["runs.everything"])
def interleaved(probe: LayerProbe) -> None:
    """Two Jacobians at a time do not disturb each other, and one can be asked more than once, in any order.

    Shards, Gauss-Newton products and a layer that stands twice in a network keep several alive.
    """
    first, second = probe.point(), probe.point(2)
    alone = [{name: array.copy() for name, array in _derivatives(probe, point).items()} for point in (first, second)]
    _, maps_first = probe.linearize(first.x, first.params)
    _, maps_second = probe.linearize(second.x, second.params)
    probe.forward(second.x, second.params)
    for turn in ("the first time", "again"):
        for maps, point, expected, title in (
            (maps_first, first, alone[0], "the older of two Jacobians"),
            (maps_second, second, alone[1], "the newer of two Jacobians"),
        ):
            for name, array in probe.derivatives(maps, point).items():
                agree(
                    array,
                    expected[name],
                    relative(expected[name], 1e-12),
                    label=f"{name} of {title}, asked {turn}, entry ",
                    got_is="beside another",
                    expected_is="alone",
                    hint="the Jacobian reads what a later linearize writes: hold masks in it, not in the layer",
                )


def _derivatives(probe: LayerProbe, point: Any) -> dict[str, Array]:
    _, maps = probe.linearize(point.x, point.params)
    return probe.derivatives(maps, point)


@rule("purity.asked_twice", A_LAYER, needs=["runs.everything"])
def asked_twice(probe: LayerProbe) -> None:
    """A Jacobian gives each δ what is its own, whatever it was asked before.

    Dense Jacobians, per-sample gradients and checks pull many δ back through one Jacobian.
    """
    point, other = probe.point(), probe.point()
    _, maps = probe.linearize(point.x, point.params)

    def pull(maps: Any, delta: Array) -> dict[str, Array]:
        out = empty_out(point.params)
        if maps.has_input:
            return {"δ·J_X": np.array(maps.vjp(delta, out)), **out}
        maps.vjp_params(delta, out)
        return out

    def push(maps: Any) -> Array:
        if point.tangent is None and not point.tangents:
            return np.zeros(0)
        return np.array(maps.jvp(point.tangent, point.tangents))

    expected, pushed = pull(maps, point.delta), push(maps)
    pull(maps, other.delta)
    push(maps)
    for name, array in pull(maps, point.delta).items():
        same_bits(array, expected[name], label=f"{name}, entry ", got_is="after other δ", expected_is="at first")
    same_bits(push(maps), pushed, label="J·v, entry ", got_is="after vjp", expected_is="at first")
    _, fresh = probe.linearize(point.x, point.params)
    same_bits(push(fresh), pushed, label="J·v, entry ", got_is="asked before any vjp", expected_is="after one")
    _, fresh = probe.linearize(point.x, point.params)
    for name, array in pull(fresh, other.delta).items():
        again = pull(maps, other.delta)[name]
        same_bits(
            again, array, label=f"{name}, entry ", got_is="of a Jacobian asked before", expected_is="of a fresh one"
        )


@rule(
    "purity.stale",
    A_FUNCTION,
    needs=["runs.everything", "purity.input", "purity.delta", "purity.parameters", "purity.targets"],
)
def stale(probe: Probe) -> None:
    """An array that was changed in place counts with its new values.

    Training moves θ in place: a result kept by the array's identity, or a copy of W made once, is a step old.
    """
    for dtype in (np.float64, np.float32):
        point, other = probe.point(dtype=dtype), probe.point(dtype=dtype)
        for _ in range(20):  # until nothing of them is the same, labels included
            if not any(np.array_equal(a, b) for (_, a), (_, b) in zip(point.arrays(), other.arrays(), strict=True)):
                break
            other = probe.point(dtype=dtype)
        _stale(probe, point, other)


def _stale(probe: Probe, point: Any, other: Any) -> None:
    fresh = {name: array.copy() for name, array in probe.everything(copy.deepcopy(other)).items()}
    probe.everything(point)
    for (_, array), (_, new) in zip(point.arrays(), other.arrays(), strict=True):
        array[...] = new
    if isinstance(probe, LossProbe) and not isinstance(point.targets, np.ndarray):
        point.targets = other.targets
    for name, array in probe.everything(point).items():
        same_bits(
            array,
            fresh[name],
            label=f"{name}, entry ",
            got_is="after the arguments changed in place",
            expected_is="of fresh arrays with those numbers",
            hint="something is cached by identity or by shape, and is out of date",
        )


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


def variants(subject: Any) -> list[Any]:
    """Return objects like one with another value of one setting, those that are legal."""
    found = []
    for field in fields(subject) if is_dataclass(subject) else ():
        if field.init:
            for other in _other_values(getattr(subject, field.name)):
                with contextlib.suppress(Exception):  # not every value is legal
                    found.append(replace(subject, **{field.name: other}))
    return found


def _other_values(value: Any) -> list[Any]:
    """Return values unlike one, of its kind: other numbers, the other truth, layers of other settings."""
    if type(value) is bool:
        return [not value]
    if type(value) is int:
        return [value + 1]
    if type(value) is float:
        return [0.75 * value or 0.125, value + 0.003]
    if isinstance(value, tuple):
        return [(*value[:i], other, *value[i + 1 :]) for i, entry in enumerate(value) for other in _other_values(entry)]
    if isinstance(value, Layer):
        return [*variants(value), *([] if isinstance(value, Scaled) else [Scaled()])]
    return variants(value) if isinstance(value, Optimizer | Schedule) else []


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
