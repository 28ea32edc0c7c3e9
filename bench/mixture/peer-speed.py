"""Times scikit-learn and rdt for speed.ts: peer-speed.py fit|predict|rdt-transform FILE prints JSON."""

import json
import sys
import time
import warnings

import numpy as np

warnings.simplefilter("ignore")


def mixture():
    from sklearn.mixture import BayesianGaussianMixture

    return BayesianGaussianMixture(n_components=10, weight_concentration_prior_type="dirichlet_process", random_state=0)


def timed(work):
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


task, file = sys.argv[1:]
x = np.fromfile(file).reshape(-1, 1)
if task == "fit":
    model, seconds = timed(lambda: mixture().fit(x))
    print(json.dumps({"seconds": seconds, "iterations": int(model.n_iter_)}))
elif task == "predict":
    model = mixture().fit(x[:20_000])
    _, seconds = timed(lambda: model.predict(x))
    print(json.dumps({"seconds": seconds}))
else:
    import pandas
    from rdt.transformers import ClusterBasedNormalizer

    transformer = ClusterBasedNormalizer()
    transformer.fit(pandas.DataFrame({"x": x[:20_000, 0]}), "x")
    frame = pandas.DataFrame({"x": x[:, 0]})
    _, seconds = timed(lambda: transformer.transform(frame))
    print(json.dumps({"seconds": seconds}))
