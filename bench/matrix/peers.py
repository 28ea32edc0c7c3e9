"""What CTGAN's own transformer and rdt's take for a table in memory: prints JSON with seconds and bytes.

    python peers.py ctgan rows.parquet
    python peers.py rdt rows.parquet
"""

import json
import resource
import sys
import time
import warnings

import numpy
import pandas

warnings.filterwarnings("ignore")


def ctgan_steps(table, discrete):
    from ctgan.data_transformer import DataTransformer

    transformer = DataTransformer()
    yield lambda: transformer.fit(table, discrete)
    yield lambda: transformer.transform(table)


def rdt_steps(table, discrete):
    from rdt.transformers import ClusterBasedNormalizer, OneHotEncoder

    made = [(name, OneHotEncoder() if name in discrete else ClusterBasedNormalizer()) for name in table]
    yield lambda: [transformer.fit(table[[name]], name) for name, transformer in made]
    yield lambda: pandas.concat([transformer.transform(table[[name]]) for name, transformer in made], axis=1)


def main():
    which, file = sys.argv[1:]
    numpy.random.seed(0)
    table = pandas.read_parquet(file)
    discrete = [name for name in table if table[name].dtype.kind not in "iuf"]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = []
    for step in {"ctgan": ctgan_steps, "rdt": rdt_steps}[which](table, discrete):
        started = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"fit": seconds[0], "transform": seconds[1], "bytes": 1024 * peak, "tableBytes": 1024 * before}))


main()
