from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from vgm_stream import Column, ModelError, ValuesError, import_column, import_model, to_rdt, to_sklearn

sklearn_mixture = pytest.importorskip("sklearn.mixture")

RANDOM = np.random.default_rng(5)
WAITS = np.round(np.concatenate([RANDOM.normal(-20, 3, 600), RANDOM.normal(15, 1, 400), RANDOM.normal(60, 30, 200)]), 2)


def fitted(values: np.ndarray = WAITS, kind: str = "BayesianGaussianMixture", **options: Any) -> Any:
    options = {"n_components": 6, "random_state": 0, **options}
    if kind == "BayesianGaussianMixture":
        options = {"weight_concentration_prior": 0.001, **options}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(sklearn_mixture, kind)(**options).fit(values.reshape(-1, 1))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("BayesianGaussianMixture", {}),
        ("BayesianGaussianMixture", {"covariance_type": "diag"}),
        ("BayesianGaussianMixture", {"covariance_type": "spherical"}),
        ("BayesianGaussianMixture", {"covariance_type": "tied", "n_components": 3}),
        ("BayesianGaussianMixture", {"weight_concentration_prior_type": "dirichlet_distribution"}),
        ("GaussianMixture", {"n_components": 4}),
        ("GaussianMixture", {"n_components": 3, "covariance_type": "tied"}),
    ],
)
def test_modes_are_those_of_scikit_learn(kind: str, options: dict[str, Any]) -> None:
    mixture = fitted(kind=kind, **options)
    column = import_column(mixture, WAITS, "wait", min_weight=0)
    order = np.argsort(mixture.means_[:, 0], kind="stable")
    grid = np.linspace(-80, 200, 5_001)
    expected = mixture.predict_proba(grid.reshape(-1, 1))[:, order]
    np.testing.assert_allclose(column.responsibilities(grid), expected, atol=1e-9)
    np.testing.assert_allclose(column.std, np.sqrt(np.broadcast_to(mixture.covariances_.ravel(), column.modes))[order])
    # Its mode is the one of predict, but where two are alike.
    clear = np.sort(expected, axis=1)[:, -2] < 0.499
    assert (column.transform(grid).modes[clear] == expected.argmax(axis=1)[clear]).all()


def test_light_components_are_left_out() -> None:
    mixture = fitted()
    column = import_column(mixture, WAITS, "wait")
    assert column.modes == (mixture.weights_ >= 0.005).sum() < 6
    assert (np.diff(column.mean) > 0).all()


def test_the_facts_are_those_of_the_values() -> None:
    values = np.where(np.arange(len(WAITS)) % 7 == 0, np.nan, WAITS)
    column = import_column(fitted(), values, "wait")
    facts = column.to_json()
    assert (column.type, column.nullable, facts["decimals"]) == ("double", True, 2)
    assert facts["rows"] + facts["nulls"] == len(values)
    assert (facts["min"], facts["max"]) == (np.nanmin(values), np.nanmax(values))
    assert sum(facts["histogram"]["counts"]) == facts["rows"]
    assert import_column(fitted(np.round(WAITS)), np.round(WAITS).astype(int), "wait").type == "long"


def test_a_column_goes_to_scikit_learn_and_back() -> None:
    column = import_column(fitted(), WAITS, "wait")
    mixture = to_sklearn(column)
    grid = np.linspace(-80, 200, 5_001)
    np.testing.assert_allclose(mixture.predict_proba(grid.reshape(-1, 1)), column.responsibilities(grid), atol=1e-9)
    again = import_column(mixture, WAITS, "wait", min_weight=0)
    np.testing.assert_allclose(again.mean, column.mean)
    np.testing.assert_allclose(again.std, column.std)
    np.testing.assert_allclose(again.weight, column.weight / column.weight.sum())
    shift = again.offset - column.offset
    np.testing.assert_allclose(shift, shift[0], atol=1e-9)
    assert mixture.sample(10)[0].shape == (10, 1)


def test_a_model_of_several_mixtures() -> None:
    table = {"wait": WAITS, "late": np.round(WAITS / 2).astype(int)}
    model = import_model({name: fitted(values) for name, values in table.items()}, table)
    assert list(model) == ["wait", "late"]
    text = model.to_json()
    assert '"recipe": "sklearn"' in text and "scikit-learn" in text and '"topic": ""' in text


def test_what_cannot_be_imported_is_refused() -> None:
    with pytest.raises(ModelError, match="not fitted"):
        import_column(sklearn_mixture.GaussianMixture(), WAITS, "wait")
    two = sklearn_mixture.GaussianMixture().fit(np.column_stack([WAITS, WAITS]))
    with pytest.raises(ModelError, match="one of 2 columns"):
        import_column(two, WAITS, "wait")
    with pytest.raises(ValuesError, match="has no values"):
        import_column(fitted(), [None, None], "wait")
    with pytest.raises(ValuesError, match='no column "x"'):
        import_model({"x": fitted()}, {"wait": WAITS})


@pytest.mark.parametrize("kind", ["GaussianMixture", "BayesianGaussianMixture"])
def test_a_mixture_of_another_column_is_warned_of(kind: str) -> None:
    random = np.random.default_rng(3)
    columns = {
        "weight": np.round(random.normal(2_977, 849, 400)),
        "acceleration": random.normal(15.5, 2.8, 400),
        "constant": np.full(400, 7.3),
        "skewed": np.append(random.lognormal(0, 3, 399), 1e7),
        "zeros": np.where(np.arange(400) % 3 == 0, random.normal(50, 9, 400), 0),
    }
    fits = {name: fitted(x, kind, n_components=1 if name == "constant" else 3) for name, x in columns.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        import_model(fits, columns)
    for one, other in (("weight", "acceleration"), ("acceleration", "weight"), ("constant", "zeros")):
        with pytest.warns(RuntimeWarning, match=f'mixture of column "{one}" has the mean .* another column'):
            import_model({one: fits[other]}, columns)


class TestRdt:
    def normalizer(self, values: Any, **options: Any) -> Any:
        pandas = pytest.importorskip("pandas")
        transformers = pytest.importorskip("rdt.transformers")
        found = transformers.ClusterBasedNormalizer(missing_value_generation="from_column", **options)
        found.fit(pandas.DataFrame({"wait": values}), "wait")
        return found

    def test_a_normalizer_becomes_a_column(self) -> None:
        normalizer = self.normalizer(WAITS, max_clusters=6, learn_rounding_scheme=True)
        column = import_column(normalizer, WAITS, "wait")
        valid = normalizer.valid_component_indicator
        means = normalizer._bgm_transformer.means_[valid, 0]
        assert column.mean.tolist() == np.sort(means).tolist()
        assert column.round_to == 2
        # Its value within a mode is rdt's, but for the clip.
        pandas = pytest.importorskip("pandas")
        theirs = normalizer.transform(pandas.DataFrame({"wait": WAITS}))
        order = np.argsort(means, kind="stable")
        rank = np.argsort(order)
        theirs_mode = rank[theirs["wait.component"].to_numpy().astype(int)]
        ours = column.transform(WAITS, clip=0.99)
        same = theirs_mode == ours.modes
        # Theirs is drawn.
        assert same.mean() > 0.8
        np.testing.assert_allclose(ours.values[same], theirs["wait.normalized"].to_numpy()[same], rtol=1e-12, atol=1e-15)

    @pytest.mark.parametrize("nulls", [False, True])
    def test_a_column_becomes_a_normalizer(self, nulls: bool) -> None:
        pandas = pytest.importorskip("pandas")
        values = np.where(np.arange(len(WAITS)) % 7 == 0, np.nan, WAITS) if nulls else WAITS
        column: Column = import_column(self.normalizer(WAITS, max_clusters=6, learn_rounding_scheme=True), values, "wait")
        normalizer = to_rdt(column)
        frame = pandas.DataFrame({"wait": values})
        out = normalizer.transform(frame)
        back = normalizer.reverse_transform(out)
        inside = np.abs(out["wait.normalized"]) < 0.99
        np.testing.assert_allclose(back["wait"][inside], frame["wait"][inside])
        assert back["wait"].isna().equals(frame["wait"].isna())
        ours = column.transform(values)
        assert (ours.modes == out["wait.component"])[ours.modes >= 0].mean() > 0.8

    def test_integers_stay_integers(self) -> None:
        pandas = pytest.importorskip("pandas")
        values = np.round(WAITS).astype(int)
        column = import_column(self.normalizer(values), values, "wait")
        assert column.type == "long"
        normalizer = to_rdt(column)
        frame = pandas.DataFrame({"wait": values})
        back = normalizer.reverse_transform(normalizer.transform(frame))
        assert back["wait"].dtype.kind == "i"
