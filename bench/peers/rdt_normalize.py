"""What SDV and CTGAN use: rdt's ClusterBasedNormalizer, on a data frame in memory, without Kafka.

rdt_normalize.py --rows N --model FILE

Draws the rows from the model, fits on 10,000 of them, and prints {"rows": N, "seconds": S} of the transform alone.
"""

import argparse
import json
import time
import warnings

import numpy as np
import pandas
from rdt.transformers import ClusterBasedNormalizer

warnings.simplefilter("ignore")

parser = argparse.ArgumentParser()
parser.add_argument("--rows", type=int, required=True)
parser.add_argument("--model", required=True)
arguments, _ = parser.parse_known_args()

with open(arguments.model) as file:
    [column] = json.load(file)["columns"]
random = np.random.default_rng(1)
weight = np.array(column["weight"])
mode = random.choice(len(weight), arguments.rows, p=weight / weight.sum())
frame = pandas.DataFrame({"x": random.normal(np.array(column["mean"])[mode], np.array(column["std"])[mode])})

transformer = ClusterBasedNormalizer()
transformer.fit(frame.head(10_000), "x")
start = time.perf_counter()
transformer.transform(frame)
print(json.dumps({"rows": arguments.rows, "seconds": time.perf_counter() - start}))
