"""Fits columns with scikit-learn or rdt, for report.ts: peers.py scikit-learn|rdt FILE...

Each file holds little-endian doubles; prints one JSON line a file.
"""

import json
import pathlib
import re
import resource
import sys
import time
import warnings

import numpy as np

warnings.simplefilter("ignore")


def fitted_by_sklearn(x):
    from sklearn.mixture import BayesianGaussianMixture

    model = BayesianGaussianMixture(
        n_components=10, weight_concentration_prior_type="dirichlet_process", random_state=0
    )
    start = time.process_time()
    model.fit(x.reshape(-1, 1))
    return model, time.process_time() - start


def fitted_by_rdt(x):
    import pandas
    from rdt.transformers import ClusterBasedNormalizer

    transformer = ClusterBasedNormalizer()
    frame = pandas.DataFrame({"x": x})
    start = time.process_time()
    transformer.fit(frame, "x")
    return transformer._bgm_transformer, time.process_time() - start


def peak_bytes():
    """Linux counts the parent's pages in a child's maxrss, but not in VmHWM."""
    status = pathlib.Path("/proc/self/status")
    if status.exists():
        return 1024 * int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


fitted = {"scikit-learn": fitted_by_sklearn, "rdt": fitted_by_rdt}[sys.argv[1]]
for file in sys.argv[2:]:
    model, seconds = fitted(np.fromfile(file))
    result = {
        "weights": model.weights_.tolist(),
        "means": model.means_.ravel().tolist(),
        "stds": np.sqrt(model.covariances_.ravel()).tolist(),
        "iterations": int(model.n_iter_),
        "seconds": seconds,
        "peakBytes": peak_bytes(),
    }
    print(json.dumps(result), flush=True)
