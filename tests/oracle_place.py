"""oracle_place.py - coordinates, rows and columns of cells (see oracle.py)."""

import numpy as np

from oracle import DTYPES, check, refused, sample, write

SHAPE = (70, 90)
UPRIGHT = (30, 0, 452475, 0, -30, 3408645)
TURNED = (8.25, -3.5, 500000.125, -3.25, -8.5, 4000000.5)
DEGREES = (0.1, 0, -7.35, 0, -0.1, 51.7)


def centres(transform, shape=SHAPE):
    """x and y of all cells, in the stated order of operations."""
    a, b, c, d, e, f = map(np.float64, transform)
    row, col = np.indices(shape).astype("float64")

    def along(across, down, origin):
        first = across * (col + 0.5)
        return (first if down == 0 else first + down * (row + 0.5)) + origin

    return along(a, b, c), along(d, e, f)


def everywhere():
    """By the transform, for pixels of every type: none of them is looked at."""
    row, col = np.indices(SHAPE).astype("int32")
    for number, dtype in enumerate(DTYPES):
        transform = (UPRIGHT, TURNED)[number % 2]
        pixels = sample(dtype)
        file = write("grid.tif", pixels, 100, epsg=32616, transform=transform)
        x, y = centres(transform)
        check(dtype, "x()", file, x)
        check(dtype, "y(b1)", file, y)
        check(dtype, "row()", file, row, nodata=-1)
        check(dtype, "col(a)", file, col, nodata=-1)
        missing = pixels == 100
        with np.errstate(all="ignore"):
            check(dtype, "b1 * 0 + x() - y() * (row() + col())", file,
                  pixels.astype("float64") * 0 + x - y * (row + col).astype("float64"), missing)
        if pixels.itemsize < 8:
            check(dtype, "where(row() > 20, b1, 3)", file,
                  np.where(row > 20, pixels, np.full_like(pixels, 3)), missing & (row > 20))
    world = write("world.tif", sample("uint8"), epsg=4326, transform=DEGREES)
    lon, lat = centres(DEGREES)
    check("", "lon()", world, lon)
    check("", "lat(b1 + 1)", world, lat)
    check("", "lon() * lat()", world, lon * lat)


def cut():
    """Of what is opened: a cut or thinned input counts its own rows and columns."""
    file = write("grid.tif", sample("uint16"), epsg=32616, transform=UPRIGHT)
    x, y = centres(UPRIGHT)
    row, col = np.indices((23, 30)).astype("int32")
    check("every 3rd", "row()", file, np.indices((24, 30))[0].astype("int32"),
          options=["--every", "3"])
    check("every 3rd", "x()", file, x[::3, ::3], tolerance=1e-15, options=["--every", "3"])
    check("every 3rd", "y()", file, y[::3, ::3], tolerance=1e-15, options=["--every", "3"])
    left, top = 452475 + 30 * 7, 3408645 - 30 * 11
    bounds = ["--bounds", f"{left},{top - 30 * 23},{left + 30 * 30},{top}"]
    check("cut", "row()", file, row, options=bounds)
    check("cut", "col()", file, col, options=bounds)
    check("cut", "x()", file, x[11:34, 7:37], options=bounds)
    check("cut", "y()", file, y[11:34, 7:37], options=bounds)
    sums = np.indices(SHAPE)[1].astype("float64")
    padded = np.pad(sums, 1, mode="symmetric")
    sums = sum(padded[i:i + SHAPE[0], k:k + SHAPE[1]] for i in range(3) for k in range(3))
    for chunks in (16, 50):
        check(f"chunks of {chunks}", "moving_sum(col(), 3)", file, sums,
              options=["--chunks", str(chunks)])


def errors():
    utm = write("utm.tif", sample("uint8"), epsg=32616, transform=UPRIGHT)
    plain = write("plain.tif", sample("uint8"))
    refused("b1 + lon()", utm, "lon is of a geographic CRS: utm.tif has EPSG:32616", "\n       ^")
    refused("x()", plain, "x is of the CRS: plain.tif has no transform to it")
    refused("row(b1, b1)", utm, "row takes at most 1 value, not 2", "^")
    refused("row(3)", utm, "a number has no row", "^")


def run():
    everywhere()
    cut()
    errors()
