"""Mixtures of scikit-learn and rdt as models, and the other way."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .column import Column
from .errors import ModelError, ValuesError
from .model import Model
from .tables import columns_of
from .values import Doubles, doubles

_MOST_DECIMALS = 15
_LARGEST_UNITS = 2.0**48
_BINS = 64


def import_model(mixtures: Mapping[str, Any], table: Any, *, min_weight: float = 0.005) -> Model:
    """A model of mixtures that are fitted, for ``vgm model import``.

    :param mixtures: by column: a BayesianGaussianMixture or GaussianMixture of scikit-learn, or a
        ClusterBasedNormalizer of rdt
    :param table: the rows that they were fitted to, for the facts that a model has of them: range, nulls, histogram
    :param min_weight: components of scikit-learn that are lighter are left out; rdt has its own threshold
    """
    if len(mixtures) == 0:
        raise ModelError("There are no mixtures", "Give one for each column")
    given = columns_of(table)
    missing = next((name for name in mixtures if name not in given), None)
    if missing is not None:
        raise ValuesError(f'The table has no column "{missing}"', "Give the rows that the mixtures were fitted to")
    columns = [import_column(mixture, given[name], name, min_weight=min_weight) for name, mixture in mixtures.items()]
    first = _bayesian_of(next(iter(mixtures.values())))
    options = {
        "components": int(first.n_components),
        "weightConcentrationPrior": float(getattr(first, "weight_concentration_prior", None) or 1 / first.n_components),
        "tolerance": float(first.tol),
        "maxIterations": int(first.max_iter),
        "regularization": float(first.reg_covar),
        "minWeight": min_weight,
    }
    return Model.of(columns, fitted_by=_package_of(first), options=options)


def import_column(
    mixture: Any, values: Any, name: str, *, type: str | None = None, min_weight: float = 0.005
) -> Column:
    """The model of a column that scikit-learn or rdt has fitted; its modes are ordered by their means.

    The modes that it chooses are those that the mixture's ``predict`` chooses among them.

    :param values: the rows that the mixture was fitted to
    :param type: int, long, float or double [long for integers, otherwise double]
    """
    fitted = _bayesian_of(mixture)
    means, stds, offsets, precisions = _terms(fitted)
    weights = np.asarray(fitted.weights_, dtype=np.float64)
    valid = getattr(mixture, "valid_component_indicator", None)
    kept = weights >= min_weight if valid is None else np.asarray(valid, dtype=np.bool_)
    kept = kept | (weights == weights.max())
    order = np.flatnonzero(kept)[np.argsort(means[kept], kind="stable")]
    dtype = getattr(values, "dtype", None)
    type = type or ("long" if getattr(dtype, "kind", "f") in "iu" else "double")
    x, nulls = doubles(values, name, is_integer=type in ("int", "long"), is_nullable=True)
    present = x[~nulls]
    if present.size == 0:
        raise ValuesError(f'Column "{name}" has no values', "Give the rows that the mixture was fitted to")
    _warn_of_other_rows(weights, means, present, name)
    decimals = _decimals(present)
    digits: Any = getattr(mixture, "_rounding_digits", None)
    largest = max(float(np.abs(present).max()), float(np.abs(means[order]).max()))
    rounds = (
        type in ("float", "double")
        and digits is not None
        and 0 <= digits < _MOST_DECIMALS
        and largest * 10.0**digits < _LARGEST_UNITS
    )
    return Column(
        {
            "name": name,
            "type": type,
            "nullable": bool(nulls.any()),
            "rows": int(present.size),
            "nulls": int(nulls.sum()),
            "min": float(present.min()),
            "max": float(present.max()),
            "decimals": decimals,
            **({"roundTo": int(digits)} if rounds else {}),
            "weight": weights[order].tolist(),
            "mean": means[order].tolist(),
            "std": stds[order].tolist(),
            "offset": offsets[order].tolist(),
            "precision": precisions[order].tolist(),
            "lowerBound": float(np.ravel(fitted.lower_bound_)[0]),
            "iterations": int(fitted.n_iter_),
            "converged": bool(fitted.converged_),
            "histogram": _histogram(present),
        }
    )


def to_sklearn(column: Column) -> Any:
    """A fitted BayesianGaussianMixture with the column's weights, means and widths, and its posteriors.

    Its ``predict_proba`` gives the column's responsibilities; its bound is that of the column, and its log densities
    are those of the column up to a constant.
    """
    mixture_module, special = _sklearn()
    modes = column.modes
    share = column.weight / column.weight.sum()
    count = np.maximum(share * max(column.rows, float(modes)), 1e-6)
    cholesky = np.where(column.precision > 0, np.sqrt(column.precision), 1 / column.std)
    degrees = np.maximum(count, 2.0)
    log_weight = special.digamma(count) - special.digamma(count.sum())
    log_lambda = np.log(2.0) + special.digamma(degrees / 2)
    rest = column.offset - (log_weight + np.log(cholesky) - 0.5 * np.log(2 * np.pi * degrees) + 0.5 * log_lambda)
    # What remains is the term of the mean's precision: -1/2 of its inverse, and the same constant in every mode.
    mean_precision = 1 / (2 * (rest.max() - rest) + 1e-6)
    fitted = mixture_module.BayesianGaussianMixture(
        n_components=modes, weight_concentration_prior_type="dirichlet_distribution"
    )
    fitted.weights_ = share
    fitted.weight_concentration_ = count
    fitted.mean_precision_ = mean_precision
    fitted.degrees_of_freedom_ = degrees
    fitted.means_ = column.mean.reshape(-1, 1).copy()
    fitted.covariances_ = (column.std**2).reshape(-1, 1, 1)
    fitted.precisions_cholesky_ = cholesky.reshape(-1, 1, 1)
    fitted.precisions_ = fitted.precisions_cholesky_**2
    facts = column.to_json()
    fitted.lower_bound_ = facts["lowerBound"]
    fitted.n_iter_ = facts["iterations"]
    fitted.converged_ = facts["converged"]
    fitted.n_features_in_ = 1
    return fitted


def to_rdt(column: Column) -> Any:
    """A fitted ClusterBasedNormalizer of rdt with the column's mixture; component k is mode k."""
    try:
        import pandas
        from rdt.transformers import ClusterBasedNormalizer
    except ImportError as error:
        raise ImportError("This needs rdt: pip install rdt") from error
    has_nulls = column.nulls > 0
    mean = float((column.weight * column.mean).sum() / column.weight.sum())
    is_plain_integer = column.is_integer and not has_nulls
    stand_in = [round(mean) if is_plain_integer else mean] * 10 + ([np.nan] if has_nulls else [])
    normalizer = ClusterBasedNormalizer(max_clusters=1, missing_value_generation="from_column")
    # The fit finds names, the type and how nulls are filled; its mixture goes.
    normalizer.fit(pandas.DataFrame({column.name: stand_in}), column.name)
    normalizer.max_clusters = column.modes
    normalizer._bgm_transformer = to_sklearn(column)
    normalizer.valid_component_indicator = np.ones(column.modes, dtype=bool)
    if column.round_to is not None:
        normalizer.learn_rounding_scheme = True
        normalizer._rounding_digits = column.round_to
    return normalizer


def _bayesian_of(mixture: Any) -> Any:
    fitted = getattr(mixture, "_bgm_transformer", mixture)
    if fitted is None or not hasattr(fitted, "means_"):
        raise ModelError(f"{type(mixture).__name__} is not fitted", "Fit it first")
    if np.shape(fitted.means_)[1] != 1:
        raise ModelError(f"The mixture is one of {np.shape(fitted.means_)[1]} columns", "Fit one for each column")
    return fitted


def _terms(fitted: Any) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    """Means, standard deviations, and the quadratics of ln rho: offset - precision / 2 (x - mean)^2."""
    means = np.asarray(fitted.means_, dtype=np.float64).ravel()
    modes = len(means)
    stds = np.sqrt(np.broadcast_to(np.ravel(fitted.covariances_), modes))
    cholesky = np.broadcast_to(np.ravel(fitted.precisions_cholesky_), modes)
    offsets = np.log(cholesky) - 0.5 * np.log(2 * np.pi)
    if hasattr(fitted, "weight_concentration_"):
        _, special = _sklearn()
        degrees = np.broadcast_to(np.ravel(fitted.degrees_of_freedom_), modes)
        log_lambda = np.log(2.0) + special.digamma(degrees / 2)
        offsets = offsets - 0.5 * np.log(degrees) + 0.5 * (log_lambda - 1 / np.ravel(fitted.mean_precision_))
        offsets = offsets + _log_weights(fitted.weight_concentration_, special)
    else:
        with np.errstate(divide="ignore"):
            offsets = offsets + np.log(np.maximum(fitted.weights_, np.finfo(np.float64).tiny))
    return means, stds, offsets, cholesky**2


def _log_weights(concentration: Any, special: Any) -> Doubles:
    """Expected ln of the weights: of the sticks of a Dirichlet process, or of a Dirichlet distribution."""
    if not isinstance(concentration, tuple):
        alone: Doubles = special.digamma(concentration) - special.digamma(np.sum(concentration))
        return alone
    a, b = concentration
    both = special.digamma(a + b)
    rest = np.cumsum(special.digamma(b) - both)
    sticks: Doubles = special.digamma(a) - both + np.concatenate([[0.0], rest[:-1]])
    return sticks


def _warn_of_other_rows(weights: Doubles, means: Doubles, x: Doubles, name: str) -> None:
    """A fit leaves a mixture the mean of its rows, so that another mean is that of other rows."""
    expected = float((weights * means).sum() / weights.sum())
    mean, std = float(x.mean()), float(x.std())
    if abs(expected - mean) <= std + 1e-6 * abs(mean):
        return
    warnings.warn(
        f'The mixture of column "{name}" has the mean {expected:.6g}, and the rows have {mean:.6g} '
        f"(standard deviation {std:.6g}): it seems to be fitted to another column or to other rows.",
        RuntimeWarning,
        stacklevel=3,
    )


def _decimals(x: Doubles) -> int:
    """The most decimals that one of the values has: of the shortest decimal fraction that is the double itself."""
    left = x
    for decimals in range(_MOST_DECIMALS):
        power = float(10**decimals)
        with np.errstate(over="ignore"):
            left = left[np.floor(left * power + 0.5) / power != left]
        if left.size == 0:
            return decimals
    return _MOST_DECIMALS


def _histogram(x: Doubles) -> dict[str, list[float]]:
    """At most 64 bins with about equal counts."""
    edges: NDArray[Any] = np.unique(np.quantile(x, np.linspace(0, 1, _BINS + 1)))
    if edges.size == 1:
        return {"edges": [float(x[0]), float(x[0])], "counts": [float(x.size)]}
    counts, _ = np.histogram(x, edges)
    return {"edges": edges.tolist(), "counts": counts.astype(np.float64).tolist()}


def _package_of(mixture: Any) -> str:
    package = type(mixture).__module__.partition(".")[0]
    version = getattr(__import__(package), "__version__", "")
    return f"{'scikit-learn' if package == 'sklearn' else package} {version}".strip()


def _sklearn() -> tuple[Any, Any]:
    try:
        from scipy import special
        from sklearn import mixture
    except ImportError as error:
        raise ImportError("This needs scikit-learn: pip install scikit-learn") from error
    return mixture, special
