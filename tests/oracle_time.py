"""oracle_time.py - statistics over time, and time series (see oracle.py)."""

import numpy as np

from oracle import DTYPES, check, refused, sample, write

SHAPE = (40, 50)
DATES = ("2021-11-20", "2021-12-03", "2022-01-15", "2022-02-28", "2022-03-01", "2023-12-31")
STACK = ("--stack", "time")


def series(dtype, nodata=7, dates=DATES):
    """Files of one band by date, and their pixels as float64 [time, y, x], NaN where missing: some
    everywhere, some nowhere, equal values often."""
    rng = np.random.default_rng(len(dates))
    pixels = np.stack([sample(dtype, SHAPE, seed=20 + k) for k in range(len(dates))])
    if np.dtype(dtype).kind == "f":
        pixels = np.clip(pixels, -1e6, 1e6)
    few = rng.random(pixels.shape) < 0.5
    pixels[few] = rng.integers(0, 4, pixels.shape)[few].astype(dtype)
    holes = rng.random(pixels.shape) < 0.3
    holes[:, :4], holes[:, 4:8] = True, False
    pixels[holes] = nodata
    files = [write(f"s_{date}.tif", page, nodata) for date, page in zip(dates, pixels)]
    return files, np.where(pixels == nodata, np.nan, pixels.astype("float64")), pixels


def most_frequent(values):
    """The smallest of those that are there most often, NaN left out."""
    counts = np.stack([np.sum(values == v, 0) for v in values])
    counts[np.isnan(values)] = -1
    return np.min(np.where(counts == counts.max(0), np.where(np.isnan(values), np.inf, values),
                           np.inf), 0)


def skewness(values):
    """scipy.stats.skew, bias=True; missing where n values differ by no more than n rounded ones."""
    mean, n = np.nanmean(values, 0), np.sum(values == values, 0)
    d = values - mean
    variance = np.nanmean(d ** 2, 0)
    differ = variance > (n * np.finfo("float64").eps * mean) ** 2
    return np.where(differ, np.nanmean(d ** 3, 0) / variance ** 1.5, np.nan)


def statistics():
    for dtype in DTYPES:
        files, x, raw = series(dtype)
        none = np.isnan(x).all(0)
        with np.errstate(all="ignore"):
            check(dtype, "range(a)", files, np.nanmax(x, 0) - np.nanmin(x, 0), options=STACK)
            check(dtype, "skew(a)", files, skewness(x), tolerance=1e-11, options=STACK)
            check(dtype, "all(a)", files, np.all((x != 0), 0).astype("uint8"), none, nodata=255,
                  options=STACK)
            check(dtype, "any(a, time)", files, np.any((x != 0) & (x == x), 0).astype("uint8"),
                  none, nodata=255, options=STACK)
            mode = np.where(none, 7, most_frequent(x))
            if raw.dtype.itemsize < 8 or raw.dtype.kind == "f":
                check(dtype, "mode(a)", files, mode.astype(dtype), none, nodata=7, options=STACK)
            check(dtype, "moving_range(b1, 3)", files[0], moving(x[0], np.nanmax)
                  - moving(x[0], np.nanmin))
            check(dtype, "moving_all(b1, 3)", files[0], moving(x[0] != 0, np.all).astype("uint8"),
                  np.isnan(moving(x[0], np.nanmax)), nodata=255)


def moving(page, statistic):
    """Of 3 x 3 windows, the image mirrored with its edge."""
    padded = np.pad(page, 1, mode="symmetric")
    return statistic(np.stack([padded[r:r + page.shape[0], c:c + page.shape[1]]
                               for r in range(3) for c in range(3)]), 0)


LONG = [str(np.datetime64("2019-12-29") + 19 * k) for k in range(47)]
SEASONS = ("DJF", "MAM", "JJA", "SON")


def period(date, by):
    """What the period of a date is called."""
    year, month = int(date[:4]), int(date[5:7])
    if by.endswith("d"):
        days = int(by[:-1])
        since = (np.datetime64(date) - np.datetime64(min(LONG))).astype(int) // days * days
        return str(np.datetime64(min(LONG)) + since)
    if by == "season":
        return f"{year + month // 12}{SEASONS[month % 12 // 3]}"
    return {"month": date[:7], "quarter": f"{year}Q{(month + 2) // 3}", "year": date[:4]}[by]


def order(name):
    """Names of one kind of period, in order of time."""
    return name[:4], SEASONS.index(name[4:]) if name[4:] in SEASONS else name[4:]


def periods():
    """Of 47 dates that come in no order: statistics of each period."""
    shuffled = list(np.random.default_rng(3).permutation(LONG))
    kinds = ("month", "quarter", "season", "year", "10d", "30d", "400d")
    types = ("int8", "uint8", "int16", "uint16", "int32", "float32", "float64")
    for by, dtype in zip(kinds, types):
        files, x, _ = series(dtype, dates=shuffled)
        names = [period(date, by) for date in shuffled]
        groups = [[k for k, name in enumerate(names) if name == wanted]
                  for wanted in sorted(set(names), key=order)]
        word = f'"{by}"' if by == "30d" else by

        def each(statistic):
            return np.stack([statistic(x[group]) for group in groups])

        check(by, f"median(a, {word})", files, each(lambda v: np.nanmedian(v, 0)), tolerance=1e-14,
              options=STACK)
        check(by, f"percentile(a, {word}, 30)", files,
              each(lambda v: np.nanpercentile(v, 30, axis=0)), tolerance=1e-12, options=STACK)
        check(by, f"std(a, {word})", files, each(lambda v: np.nanstd(v, 0)), tolerance=1e-12,
              options=STACK)
        check(by, f"count(a, {word})", files,
              each(lambda v: np.sum(v == v, 0)).astype("int32"), options=STACK)


def errors():
    files, _, _ = series("uint8")
    refused("moving_skew(b1, 3)", files[0], "no moving statistic", "range, mode, all, any", "^")
    plain = [write(name, sample("uint8")) for name in ("s_2020-02-30.tif", "s_2020-02-29.tif")]
    refused("mean(a, month)", plain, 'by month: time 1, "1", has no date', "^", options=STACK)
    refused("mean(a, weekday)", files, "unknown name weekday", options=STACK)


def run():
    import warnings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)     # of pixels that are missing everywhere
        statistics()
        periods()
        errors()
