"""How often each sample counts: by a column of weights, and by the weight of its class in the run's training."""

from __future__ import annotations

from typing import Any

from chainrule import Dataset, Recipe
from chainrule.learning.weights import class_weights, of_classes
from chainrule.recipe_tables import within

from .saved import Saved


def class_table(recipe: Recipe, dataset: Dataset) -> dict[str, float] | None:
    """Return the weights by class that the run trains with, None where it has none. Raises:   as `train`."""
    given = recipe.table.get("training", {}).get("class_weight")
    if given is None:
        return None
    with within("training"):
        return {str(name): weight for name, weight in class_weights(given, dataset.y).items()}


def weights_of(saved: Saved, dataset: Dataset, targets: Any) -> Any:
    """Return the weight of each sample as training would have it, None where each counts once."""
    table, weights = saved.usage.class_weight, dataset.weights
    if table is None or targets is None:
        return weights
    own = of_classes({int(name): weight for name, weight in table.items()}, targets)
    return own if weights is None else weights * own
