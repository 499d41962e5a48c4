"""Runs of a few milliseconds, which write a checkpoint after each batch."""

import tomllib

from chainrule import Recipe
from chainrule_runs import RunFolder

TABLE = tomllib.loads("""
    data.use = "xor"
    network.layers = [{ use = "affine_relu", units = 4 }, { use = "dropout", rate = 0.2 },
                      { use = "affine", units = 1 }]
    [training]
    loss = "logistic"
    optimizer = { use = "adam", learning_rate = 0.1 }
    batch_size = 2
    epochs = 2
    hooks = [{ use = "early_stopping", patience = 3, metric = "e_in.loss", least = 10.0 }]
""")  # nothing falls by 10: in the end, another θ than the last is put back
RECIPE = Recipe(TABLE)


class Pause:
    """A hook that ends a run as Ctrl-C does."""

    def __init__(self, step):
        self._step = step

    def chainrule_batch_ended(self, run):
        if run.step == self._step:
            run.pause("Ctrl-C")


def train(run, hooks=(), recipe=RECIPE):
    dataset = recipe.dataset()
    return run.train(recipe.network(dataset), dataset, hooks)


def start(folder, hooks=(), recipe=RECIPE):
    with RunFolder.start(folder, recipe, seconds=0) as run:
        train(run, hooks, recipe)


def resume(folder, **options):
    with RunFolder.resume(folder, seconds=0, **options) as run:
        if run.ended is None:
            train(run, recipe=run.recipe)
        return run.notes
