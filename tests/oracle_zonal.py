"""oracle_zonal.py - gwt zonal against numpy, by the definitions of rasterstats (see oracle.py)."""

import csv
import io

import numpy as np

from oracle import DTYPES, INTEGERS, gwt, judge, missing_of, sample, write

SHAPE = (70, 90)
STATS = ["count", "sum", "mean", "min", "max", "std", "median", "majority"]


def majority(values):
    """The most frequent, of several the least."""
    each, counts = np.unique(values, return_counts=True)
    return each[np.argmax(counts)]


FIGURES = {"count": np.size, "sum": np.sum, "mean": np.mean, "min": np.min, "max": np.max,
           "std": np.std, "median": np.median, "majority": majority}


def table(*arguments):
    """(rows as dicts of text, what is wrong with making them)."""
    status, said, error = gwt("zonal", *arguments, "--quiet")
    good = status == 0 and not error.replace("gwt: infinite pixels: ", "").strip(
        "0123456789, notcued\n")
    return (list(csv.DictReader(io.StringIO(said))),
            [] if good else [f"gwt exits with {status}: {error.strip()}"])


def expected(values, valid, zones, stats, no_zone=None, names=("1", "2")):
    """[(zone, band, {statistic: number})], values [band, y, x] as doubles."""
    rows = []
    for zone in np.unique(zones):
        if no_zone is not None and zone == no_zone:
            continue
        for band, plane in enumerate(values):
            some = plane[(zones == zone) & valid[band]]
            rows.append((int(zone), names[band], {
                s: FIGURES[s](some) if some.size or s == "count" else None for s in stats}))
    return rows


def near(name, got, want, scale):
    if want is None or got == "":
        return want is None and got == ""
    if name in ("sum", "mean", "std"):     # sums are made in another order
        return abs(float(got) - want) <= 1e-11 * scale.get(name, 1)
    return float(got) == want


def compare(name, rows, wrong, want, stats, most):
    """`most`: the largest of all values, which the sums' error is relative to."""
    keys = [(int(r["zone"]), r["band"]) for r in rows]
    if keys != [w[:2] for w in want]:
        wrong = wrong + [f"zones and bands are {keys[:8]}, not {[w[:2] for w in want][:8]}"]
    for row, (zone, band, figures) in zip(rows, want):
        scale = {"sum": most * max(figures.get("count", 1), 1), "mean": most, "std": most}
        for stat in stats:
            if not near(stat, row[stat], figures[stat], scale):
                wrong = wrong + [f"zone {zone}, band {band}: {stat} is {row[stat]}, not "
                                 f"{figures[stat]!r}"]
    judge(name, wrong)


def of_valid(values):
    return np.max(np.abs(values), initial=1) if values.size else 1


def every_type():
    """Values of each type in zones of each integer type: squares of 9 x 11 pixels, some missing."""
    row, col = np.indices(SHAPE)
    number = row // 9 * 9 + col // 11
    for i, dtype in enumerate(DTYPES):
        for k, of_zones in enumerate(INTEGERS):
            limits = np.iinfo(of_zones)
            # At the ends of the type: no double tells those of 64 bits from one another.
            ends = np.array([limits.max - n // 2 if n % 2 else limits.min + n // 2
                             for n in range(np.max(number) + 1)], of_zones)
            ids = ends[number]
            pixels = np.stack([sample(dtype, SHAPE, 1), sample(dtype, SHAPE, 2)])
            if np.dtype(dtype).kind == "f":
                pixels = np.where(np.abs(pixels) < 1e11, pixels, pixels.dtype.type(0.25))
            elif pixels.itemsize == 8:
                pixels = pixels // (1 << 16)
            nodata = 7
            no_zone = int(ids[20, 20])
            file = write("values.tif", pixels, nodata)
            zones = write("zones.tif", ids, no_zone if k % 2 else None)
            values, valid = pixels.astype("float64"), ~missing_of(pixels, nodata)
            valid &= np.isfinite(values)
            stats = STATS if (i + k) % 2 else STATS[:6]
            rows, wrong = table(file, "--zones", zones, "-s", ",".join(stats))
            compare(f"{dtype} in {of_zones}", rows, wrong,
                    expected(values, valid, ids, stats, no_zone if k % 2 else None), stats,
                    of_valid(values[valid]))


def many_zones():
    """A zone for almost every pixel, and one for all."""
    rng = np.random.default_rng(5)
    pixels = rng.integers(0, 50, SHAPE).astype("uint8")
    file = write("values.tif", pixels)
    values, valid = pixels[np.newaxis].astype("float64"), np.ones((1, *SHAPE), bool)
    for name, ids in (("random", rng.integers(0, 9000, SHAPE).astype("int32")),
                      ("one", np.full(SHAPE, 4, "uint16"))):
        zones = write("zones.tif", ids)
        for chunks in (16, 64):
            rows, wrong = table(file, "--zones", zones, "-s", ",".join(STATS), "--chunks", chunks)
            compare(f"{name} zones, chunks of {chunks}", rows, wrong,
                    expected(values, valid, ids, STATS), STATS, 50)


def zonal_means():
    """The task: the mean NDVI of each field, of a scene with clouds, outside of which there are
    none; fields as the nearest of some centres, which makes polygons of any shape."""
    rng = np.random.default_rng(11)
    shape = (300, 260)
    row, col = np.indices(shape)
    centres = rng.integers(0, 260, (40, 2))
    distance = (row - centres[:, 0, None, None]) ** 2 + (col - centres[:, 1, None, None]) ** 2
    fields = (np.argmin(distance, axis=0) + 1).astype("uint16")
    fields[np.min(distance, axis=0) < 9] = 0                    # paths: no field
    red = (300 + 20 * fields + rng.integers(0, 200, shape)).astype("uint16")
    nir = (4000 - 30 * fields + rng.integers(0, 900, shape)).astype("uint16")
    clouds = (row // 40 + col // 50) % 4 == 0
    red[clouds] = nir[clouds] = 0
    scene = write("scene.tif", np.stack([red, nir]), 0, names=("red", "nir"))
    zones = write("fields.tif", fields, 0)
    ndvi = (nir.astype("float64") - red) / np.where(clouds, 1, nir.astype("float64") + red)
    stats = ["count", "mean", "std"]
    rows, wrong = table(scene, "--zones", zones, "-e", "norm_diff(red, nir)", "-s", ",".join(stats))
    compare("mean NDVI of fields", rows, wrong,
            expected(ndvi[np.newaxis], ~clouds[np.newaxis], fields, stats, 0, ["norm-diff"]), stats,
            1)


def run():
    every_type()
    many_zones()
    zonal_means()
