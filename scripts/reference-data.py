"""Makes test/fixtures/reference: data sets fitted by scikit-learn, and normalised as rdt's ClusterBasedNormalizer does.

    python -m venv .venv && .venv/bin/pip install scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1
    .venv/bin/python scripts/reference-data.py test/fixtures/reference # fits the values again
    .venv/bin/python scripts/reference-data.py --check test/fixtures/reference # compares only
    .venv/bin/python scripts/reference-data.py --csv waits.csv waits test/fixtures/reference # a new data set
    node bench/mixture/report.ts --write-values /tmp/values --rows 50000
    .venv/bin/python scripts/reference-data.py --bounds /tmp/values test/fixtures/reference > test/fixtures/mixture-bounds.json

The last one makes scikit-learn's lower bounds over five seeds, of the reference data and of files of doubles.

The values of a data set stand in its file (the generator of the first ones is not known): this script fits those values, or a new
column, and writes the file again. It makes every field that the tests read. `rdt_real`, the output of an rdt object with its
random draws, and `parity_spread`, a comparison with a second implementation, are kept if the file has them.
"""

import argparse
import json
import pathlib
import warnings

import numpy as np
import scipy
import sklearn
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture

WEIGHT_THRESHOLD = 0.005
STD_MULTIPLIER = 4


class TracedMixture(BayesianGaussianMixture):
    """Starts from given labels, and keeps the state after each M-step."""

    labels = None

    def _initialize_parameters(self, X, random_state, xp=None):
        self.states = []
        self._initialize(X, np.eye(self.n_components)[self.labels])

    def _initialize(self, X, resp):
        super()._initialize(X, resp)
        self.states.append(posterior(self))

    def _m_step(self, X, log_resp, xp=None):
        super()._m_step(X, log_resp)
        self.states.append(posterior(self))


def posterior(model):
    return {
        "weight_concentration_a": model.weight_concentration_[0].tolist(),
        "weight_concentration_b": model.weight_concentration_[1].tolist(),
        "mean_precision": model.mean_precision_.tolist(),
        "means": model.means_.ravel().tolist(),
        "degrees_of_freedom": model.degrees_of_freedom_.tolist(),
        "covariances": model.covariances_.ravel().tolist(),
    }


def kmeans_labels(x, components, seed):
    """The labels that BayesianGaussianMixture(init_params="kmeans", random_state=seed) starts from."""
    state = np.random.RandomState(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return KMeans(n_clusters=components, n_init=1, random_state=state).fit(x.reshape(-1, 1)).labels_


def exact_kmeans_labels(x, components):
    """Optimal 1-D k-means by dynamic programming, clusters by ascending centre, no more of them than distinct values."""
    components = min(components, len(np.unique(x)))
    order = np.argsort(x, kind="stable")
    s = x[order] - x.mean()
    n = len(s)
    sums = np.concatenate([[0.0], np.cumsum(s)])
    squares = np.concatenate([[0.0], np.cumsum(s * s)])
    best = np.full(n + 1, np.inf)
    best[0] = 0.0
    starts = []
    for _ in range(components):
        layer = np.full(n + 1, np.inf)
        start = np.zeros(n + 1, dtype=int)
        for end in range(1, n + 1):
            begin = np.arange(end)
            rows = end - begin
            cost = best[:end] + squares[end] - squares[:end] - (sums[end] - sums[:end]) ** 2 / rows
            start[end] = np.argmin(cost)
            layer[end] = cost[start[end]]
        best = layer
        starts.append(start)
    labels = np.empty(n, dtype=int)
    end = n
    for cluster in range(components - 1, -1, -1):
        begin = starts[cluster][end]
        labels[order[begin:end]] = cluster
        end = begin
    return labels


def fit(x, concentration, seed, labels):
    components = min(len(x), 10)
    X = x.reshape(-1, 1)
    model = TracedMixture(
        n_components=components,
        weight_concentration_prior_type="dirichlet_process",
        weight_concentration_prior=concentration,
        random_state=seed,
    )
    model.labels = np.asarray(labels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X)
    bounds = np.asarray(model.lower_bounds_)
    changes = np.diff(bounds)
    predicted = model.predict(X)
    first = X[:50]
    proba = model.predict_proba(first)
    return {
        "hyper": {
            "n_components": components,
            "weight_concentration_prior": concentration,
            "mean_precision_prior": float(model.mean_precision_prior_),
            "mean_prior": float(model.mean_prior_[0]),
            "degrees_of_freedom_prior": model.degrees_of_freedom_prior_,
            "covariance_prior": float(model.covariance_prior_[0, 0]),
            "reg_covar": model.reg_covar,
            "tol": model.tol,
            "max_iter": model.max_iter,
            "n_init": model.n_init,
            "random_state": seed,
        },
        "init_labels": [int(label) for label in labels],
        "after_init": model.states[0],
        "after_iter1": model.states[1],
        "weights": model.weights_.tolist(),
        "means": model.means_.ravel().tolist(),
        "covariances": model.covariances_.ravel().tolist(),
        "precisions_cholesky": model.precisions_cholesky_.ravel().tolist(),
        "weight_concentration_a": model.weight_concentration_[0].tolist(),
        "weight_concentration_b": model.weight_concentration_[1].tolist(),
        "mean_precision": model.mean_precision_.tolist(),
        "degrees_of_freedom": model.degrees_of_freedom_.tolist(),
        "log_weights": model._estimate_log_weights().tolist(),
        "lower_bound": float(model.lower_bound_),
        "lower_bounds": bounds.tolist(),
        "n_iter": int(model.n_iter_),
        "converged": bool(model.converged_),
        "last_change": float(changes[-1]) if len(changes) > 0 else None,
        "prev_change": float(changes[-2]) if len(changes) > 1 else None,
        "max_decrease": float(max(0.0, -changes.min())) if len(changes) > 0 else 0.0,
        "predict": predicted[: len(x) if len(x) <= 600 else 200].tolist(),
        "predict_counts": np.bincount(predicted, minlength=components).tolist(),
        "predict_proba_50": proba.tolist(),
        "score_samples_50": model.score_samples(first).tolist(),
        "normaliser": normaliser(model, first, proba),
    }


def normaliser(model, rows, proba):
    valid = model.weights_ > WEIGHT_THRESHOLD
    means = model.means_.ravel()[valid]
    stds = np.sqrt(model.covariances_.ravel()[valid])
    probs = proba[:, valid] + 1e-6
    probs = probs / probs.sum(axis=1, keepdims=True)
    mode = np.argmax(proba[:, valid], axis=1)
    alpha = (rows.ravel() - means[mode]) / (STD_MULTIPLIER * stds[mode])
    clipped = np.clip(alpha, -0.99, 0.99)
    return {
        "weight_threshold": WEIGHT_THRESHOLD,
        "std_multiplier": STD_MULTIPLIER,
        "valid_component_indicator": valid.tolist(),
        "rdt_select_probs_50": probs.tolist(),
        "argmax_mode_50": mode.tolist(),
        "alpha_unclipped_50": alpha.tolist(),
        "alpha_50": clipped.tolist(),
        "inverse_50": (clipped * STD_MULTIPLIER * stds[mode] + means[mode]).tolist(),
    }


def variants(values):
    x = np.array(values)
    components = min(len(x), 10)
    exact = exact_kmeans_labels(x, components)
    return {
        "sklearn_default": fit(x, 1 / components, 0, kmeans_labels(x, components, 0)),
        "explicit_ckmeans": fit(x, 1 / components, 0, exact),
        "rdt": fit(x, 0.001, 42, kmeans_labels(x, components, 42)),
        "rdt_ckmeans": fit(x, 0.001, 0, exact),
    }


def bounds_over_seeds(x):
    """Ascending lower bounds of scikit-learn's own k-means starts, random_state 0 to 4."""
    components = min(len(x), 10)
    models = [
        BayesianGaussianMixture(
            n_components=components, weight_concentration_prior_type="dirichlet_process", random_state=seed
        )
        for seed in range(5)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return sorted(float(model.fit(x.reshape(-1, 1)).lower_bound_) for model in models)


def bounds(reference, values):
    drawn = ["lognormal", "exponential", "uniform", "ten modes", "rare mode", "zero spike"]
    kept = {path.stem: np.array(json.loads(path.read_text())["values"]) for path in sorted(reference.glob("*.json"))}
    return {
        "reference": {name: bounds_over_seeds(x) for name, x in kept.items()},
        "drawn": {name: bounds_over_seeds(np.fromfile(values / f"{name}.f64")) for name in drawn},
    }


def worst_difference(made, kept, path=""):
    """The largest difference between numbers at the same place, relative to the larger of the two and 1e-9; and its place."""
    if isinstance(kept, dict):
 # A change is the difference of two bounds: most of its digits are rounding.
        keys = [key for key in kept if key in made and not key.endswith("_change")]
        pairs = [(made[key], kept[key], f"{path}.{key}") for key in keys]
    elif isinstance(kept, list):
        if len(made) != len(kept):
            return float("inf"), path
        pairs = [(a, b, path) for a, b in zip(made, kept)]
    elif isinstance(kept, (int, float)) and made is not None:
        return abs(made - kept) / max(abs(kept), abs(made), 1e-9), path
    else:
        return (0.0 if made == kept else float("inf")), path
    return max((worst_difference(*pair) for pair in pairs), default=(0.0, path))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--check", action="store_true", help="write nothing, print the worst difference of each fit")
    parser.add_argument("--csv", nargs=2, metavar=("FILE", "NAME"), help="add a data set: one number a line, and its name")
    parser.add_argument("--bounds", type=pathlib.Path, metavar="FOLDER", help="print bounds over seeds, also of these files")
    options = parser.parse_args()
    if options.bounds:
        print(json.dumps(bounds(options.folder, options.bounds), indent=1))
        return
    if options.csv:
        values = np.loadtxt(options.csv[0]).tolist()
        name = options.csv[1]
        kept = {"dataset": name, "description": f"{options.csv[0]}, {len(values)} rows", "values": values, "rdt_real": None}
        todo = [(options.folder / f"{name}.json", kept)]
    else:
        todo = [(path, json.loads(path.read_text())) for path in sorted(options.folder.glob("*.json"))]
    for path, kept in todo:
        made = variants(kept["values"])
        for name, fitted in made.items():
            before = kept.get("variants", {}).get(name)
            if options.check and before is not None:
                print(f"{kept['dataset']:16} {name:17} %.1e at %s" % worst_difference(fitted, before))
            if before is not None and "parity_spread" in before:
                fitted["parity_spread"] = before["parity_spread"]
        if options.check:
            continue
        versions = {"sklearn": sklearn.__version__, "numpy": np.__version__, "scipy": scipy.__version__}
        versions = {**versions, **{key: v for key, v in kept.get("versions", {}).items() if key not in versions}}
        made = {**kept, "versions": versions, "n": len(kept["values"]), "variants": made}
        path.write_text(json.dumps(made))


if __name__ == "__main__":
    main()
