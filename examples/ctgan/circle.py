"""From a file to a topic, a matrix, a generator, and back: synthetic rows in a topic, and how good they are.

    python examples/ctgan/circle.py trips.csv --dataset trips --generator ctgan --epochs 10

`--generator stand-in` needs neither torch nor ctgan: it draws the rows again, and moves their numbers a little.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas
from quality import quality

import vgm_stream

VGM = shlex.split(os.environ.get("VGM", "vgm"))


def vgm(*args: str) -> None:
    """Runs a command; one that fails says why, and ends the example."""
    print("$ vgm", *args, file=sys.stderr)
    if subprocess.run([*VGM, *args], stdout=sys.stderr).returncode != 0:
        sys.exit(1)


def stand_in(matrix: np.ndarray, spans: vgm_stream.Spans, rows: int, seed: int) -> np.ndarray:
    """A generator without a network."""
    random = np.random.default_rng(seed)
    drawn = np.array(matrix[random.integers(len(matrix), size=rows)])
    for span in spans.spans:
        if span.kind == "value":
            drawn[:, span.start] += random.normal(0, 0.01, rows)
    return drawn


def ctgan_rows(matrix: np.ndarray, spans: vgm_stream.Spans, rows: int, seed: int, epochs: int) -> np.ndarray:
    from ctgan import CTGAN

    synthesizer = CTGAN(epochs=epochs, enable_gpu=False)
    synthesizer.set_random_state(seed)
    vgm_stream.fit_ctgan(synthesizer, matrix, vgm_stream.VgmTransformer.from_spans(spans))
    return vgm_stream.sample_matrix(synthesizer, rows)


def peer_table(real: pandas.DataFrame, rows: int, seed: int, epochs: int) -> pandas.DataFrame:
    """The same generator with the transformer that it fits itself; it takes no nulls."""
    from ctgan import CTGAN

    discrete = [name for name in real if real[name].dtype.kind not in "iuf"]
    synthesizer = CTGAN(epochs=epochs, enable_gpu=False)
    synthesizer.set_random_state(seed)
    synthesizer.fit(real.dropna(subset=[name for name in real if name not in discrete]), discrete)
    return synthesizer.sample(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", help="CSV, Parquet or JSON")
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--folder", type=Path, default=Path("."), help="for the matrix and the tables")
    parser.add_argument("--generator", choices=["ctgan", "stand-in"], default="ctgan")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--rows", type=int, default=10_000, help="synthetic rows")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mode-choice", choices=["likely", "sample"], default="sample", help="as ctgan: sample")
    parser.add_argument("--leave-out", help="columns that the matrix is not to have, with commas between")
    parser.add_argument("--peer", action="store_true", help="train CTGAN with its own transformer, too")
    given = parser.parse_args()
    dataset, folder = ["--dataset", given.dataset], given.folder
    matrix_file, spans_file = folder / "matrix.npy", folder / "spans.json"

    vgm("load", given.file, *dataset)
    vgm("fit", "--source", "raw", *dataset)
    vgm("normalize", "--until-end", "--mode-choice", given.mode_choice, *dataset)
    left_out = [] if given.leave_out is None else ["--leave-out", given.leave_out]
    vgm("export", "--as", "ctgan", str(matrix_file), "--overwrite", *left_out, *dataset)

    spans = vgm_stream.Spans.read(spans_file)
    matrix = vgm_stream.open_matrix(spans)
    if given.generator == "ctgan":
        synthetic = ctgan_rows(matrix, spans, given.rows, given.seed, given.epochs)
    else:
        synthetic = stand_in(matrix, spans, given.rows, given.seed)
    np.save(folder / "synthetic.npy", synthetic)

    vgm("load", "--as", "ctgan", str(folder / "synthetic.npy"), "--spans", str(spans_file), "--synthetic", *dataset)
    vgm("restore", "--synthetic", "--until-end", *dataset)
    back = f"{given.dataset}.synthetic.restored"
    vgm("export", "--topic", back, str(folder / "synthetic.parquet"), "--overwrite", *dataset)
    vgm("export", "--stage", "raw", str(folder / "real.parquet"), "--overwrite", *dataset)

    names = [column.name for column in spans.columns]
    real, made = (pandas.read_parquet(folder / f"{name}.parquet")[names] for name in ("real", "synthetic"))
    report = {"rows": {"real": len(real), "synthetic": len(made)}, "ours": quality(real, made)}
    if given.peer:
        report["peer"] = quality(real, peer_table(real, given.rows, given.seed, given.epochs))
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
