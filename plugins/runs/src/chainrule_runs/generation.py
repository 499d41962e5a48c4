"""What follows a text, character by character."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from chainrule import Array, SettingError, integer, positive_int, random_stream, real

from .saved import Saved


def vocabulary(saved: Saved) -> tuple[str, ...]:
    """Return the characters by their numbers. Raises:   SettingError unless the run is one of texts."""
    names, network = saved.usage.classes, saved.network
    shape, scores = network.input_shape, network.output_shape
    if names is None or not all(len(name) == 1 for name in names):
        hint = "those of a run of texts are characters"
        raise SettingError(
            f"{saved.folder}: the classes are {'unknown' if names is None else ', '.join(names)}", hint=hint
        )
    one = isinstance(shape, tuple) and isinstance(scores, tuple)  # input and output, and not several by name
    if not one or not network.chain.integer_input or len(shape) != 1 or scores[:-1] != shape or scores[-1] < len(names):
        hint = f"one of texts goes from numbers (T,) of characters to scores (T, {len(names)}) of those that follow"
        raise SettingError(f"{saved.folder}: the network goes from samples {shape} to scores {scores}", hint=hint)
    return names


def generate(saved: Saved, text: str, length: int, temperature: float = 1.0, seed: int = 0) -> Iterator[str]:
    """Return the characters that continue a text, one after the other, each drawn with p = softmax(s / temperature).

    Temperature 0 takes the likeliest character, the first at a tie. The network sees as much of the end of the text as
    it has places. A text that is shorter stands at the first places: what stands at those after it cannot be seen from
    there, or else the network is refused, for it has learned to look at what it was to tell.

    Raises:   SettingError, before the first character: for a run of something else, a network that sees what follows,
              a loss without probabilities, unless the temperature is 0, and a text of unknown characters, or of none.
    """
    names = vocabulary(saved)
    positive_int("length", length)
    integer("seed", seed, minimum=0)
    real("temperature", temperature, minimum=0.0)
    if temperature and (saved.loss is None or saved.loss.applies != "softmax"):
        raise SettingError(
            "temperature", expected="0, as the run's loss has no probabilities of classes", got=temperature
        )
    numbers = {name: i for i, name in enumerate(names)}
    unknown = sorted({character for character in text if character not in numbers})
    if unknown:
        shown = ", ".join(f"{character!r} (U+{ord(character):04X})" for character in unknown)
        raise SettingError(f"TEXT: the run knows no {shown}", hint=f"its characters are {''.join(names)!r}")
    if not text:
        raise SettingError("TEXT", expected="a character or more to go on from", got=text)
    _check_causal(saved)
    return _continued(saved, [numbers[character] for character in text], length, temperature, seed)


def _continued(saved: Saved, codes: list[int], length: int, temperature: float, seed: int) -> Iterator[str]:
    names, rng = vocabulary(saved), random_stream(seed, "generate")
    (places,) = saved.network.input_shape
    x = np.zeros((1, places), np.int64)
    for _ in range(length):
        seen = codes[-places:]
        x[0, : len(seen)] = seen
        scores = saved.network.predict(x)[0, len(seen) - 1, : len(names)]
        codes.append(_drawn(scores, temperature, rng))
        yield names[codes[-1]]


def _drawn(scores: Array, temperature: float, rng: np.random.Generator) -> int:
    """Return a class by its probability. Source:   Ackley, Hinton and Sejnowski (1985), eq. 3, for the temperature."""
    if temperature == 0:
        return int(scores.argmax())
    with np.errstate(over="ignore"):  # of a temperature near 0: what is not the likeliest has no probability
        p = np.exp((scores - scores.max()).astype(np.float64) / temperature)
    return int(np.searchsorted(p.cumsum(), rng.random() * p.sum(), side="right"))


def _check_causal(saved: Saved) -> None:
    """Refuse a network whose scores at a place depend on what comes after it. Raises:   SettingError."""
    (places,) = saved.network.input_shape
    x = np.arange(places) % len(saved.usage.classes or " ")
    before = saved.network.predict(x[np.newaxis])[0]
    for last in {places // 2, places - 1} - {0}:
        changed = x.copy()
        changed[last:] = np.roll(x, 1)[last:]
        after = saved.network.predict(changed[np.newaxis])[0]
        if not np.allclose(
            before[:last], after[:last], rtol=1e-4, atol=1e-6 * float(np.abs(before).max()), equal_nan=True
        ):
            hint = "it has learned to look at what it was to tell: take layers that look back alone"
            raise SettingError(f"{saved.folder}: the network sees what follows", hint=hint)
