"""oracle_pixels.py - pixels of every type added in double, compared, and copied bit by bit (see oracle.py)."""

import numpy as np

from oracle import DTYPES, check, edges, refused, sample, write


def pairs():
    """What pixels of every type come to in double; and what picks one keeps them exactly."""
    for dtype in DTYPES:
        x, y = sample(dtype, seed=1), sample(dtype, seed=2)
        nodata = edges(dtype)[-2 if np.dtype(dtype).kind != "f" else 8]
        file = write("pair.tif", np.stack([x, y]), nodata, names=("one", "two"))
        missing = (x == nodata) | (y == nodata)
        with np.errstate(all="ignore"):
            check(dtype, "one + two", file, x.astype("float64") + y.astype("float64"), missing)
            check(dtype, "one < two", file, (x < y).astype("uint8"), missing,
                  nodata=255)
        check(dtype, "a", file, np.stack([x, y]), np.stack([x == nodata, y == nodata]))


def errors():
    file = write("byte.tif", sample("uint8"))
    refused("b1 $ 2", file, "expected an operator", "^")


def run():
    pairs()
    errors()
