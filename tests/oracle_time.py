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


# ---- what takes a whole series ------------------------------------------------------------------

# In no order, two of them more than once.
UNSORTED = ("2022-06-05", "2021-01-01", "2021-01-02", "2022-06-06", "2024-02-29", "2021-09-30",
            "2021-01-03", "2023-03-01", "2021-01-04")
SAME_DAYS = ("2022-06-05", "2021-01-01", "2021-01-02", "2022-06-05", "2024-02-29", "2021-09-30",
             "2021-01-02", "2023-03-01", "2021-01-02")


def days_of(dates):
    days = np.array(dates, "datetime64[D]").astype("int64")
    return (days - days.min()).astype("float64")


def line(x, t):
    """Slope and intercept of each pixel's valid ones, by numpy's least squares."""
    slope = np.full(x.shape[1:], np.nan)
    intercept = slope.copy()
    for at in np.ndindex(slope.shape):
        v = x[(slice(None), *at)]
        there = v == v
        if len(set(t[there])) < 2:
            continue
        middle = t[there].mean()
        unknowns = np.stack([t[there] - middle, np.ones(there.sum())], 1)
        slope[at], mean = np.linalg.lstsq(unknowns, v[there], rcond=None)[0]
        intercept[at] = mean - slope[at] * middle
    return slope, intercept


def filled(x, t):
    """Missing values between valid ones; of one day the one before counts."""
    result, order = x.copy(), np.argsort(t, kind="stable")
    for at in np.ndindex(x.shape[1:]):
        v, days = x[(slice(None), *at)][order], t[order]
        there = np.flatnonzero(v == v)
        for k in np.flatnonzero(v != v):
            before, after = there[there < k], there[there > k]
            if len(before) and len(after):
                a, b = before[-1], after[0]
                part = 0 if days[a] == days[b] else (days[k] - days[a]) / (days[b] - days[a])
                result[(order[k], *at)] = v[a] + (v[b] - v[a]) * part
    return result


def sums(x):
    """Of each time and all before it: nancumsum, but missing before the first valid one."""
    return np.where(np.logical_or.accumulate(x == x), np.nancumsum(x, 0), np.nan)


def remainder(x, raw, by):
    """Of integers exactly."""
    exact = raw % raw.dtype.type(by) if raw.dtype.kind != "f" else x % by
    return np.where(np.isnan(x), np.nan, exact.astype("float64"))


def best(x, raw, score):
    """(values, missing) at the time of the largest score, the first of several."""
    at = np.argmax(np.where(np.isnan(score), -np.inf, score), 0)[np.newaxis]
    chosen, there = np.take_along_axis(raw, at, 0)[0], np.take_along_axis(x, at, 0)[0]
    return chosen, np.isnan(score).all(0) | np.isnan(there)


def whole_series():
    for dtype in DTYPES:
        with np.errstate(all="ignore"):
            files, x, raw = series(dtype, dates=UNSORTED)
            check(dtype, "cumsum(a)", files, sums(x), tolerance=1e-15, options=STACK)
            check(dtype, "diff(a, time)", files, x[1:] - x[:-1], options=STACK)
            wanted, missing = best(x, raw, x)
            if raw.dtype.itemsize < 8 or raw.dtype.kind == "f":     # scores are doubles
                check(dtype, "best(a, a)", files, wanted, missing, nodata=7, options=STACK)
            for sign, text in ((-1, "-mod(a, 3)"), (1, "mod(a, 3), time")):
                wanted, missing = best(x, raw, sign * remainder(x, raw, 3))
                check(dtype, f"best(a, {text})", files, wanted, missing, nodata=7, options=STACK)
            spring = [k for k, date in enumerate(UNSORTED) if date[:7] == "2021-01"]
            wanted, missing = best(x[spring], raw[spring], remainder(x, raw, 5)[spring])
            check(dtype, 'best(a, mod(a, 5), month)["2021-01"]', files, wanted, missing, nodata=7,
                  options=STACK)
    for dtype in ("uint8", "int16", "float32", "float64"):
        trends(dtype)


def trends(dtype):
    """By days, and by number where times have no dates."""
    for dates in (UNSORTED, SAME_DAYS, None):
        _, x, raw = series(dtype, dates=UNSORTED)
        names = [f"{k} {date}.tif" for k, date in enumerate(dates or "abcdefghi")]
        files = [write(name, page, 7) for name, page in zip(names, raw)]
        t = days_of(dates) if dates else np.arange(len(x), dtype="float64")
        year = 365.25 if dates else 1
        check(dtype, "interpolate(a)", files, filled(x, t), tolerance=1e-15, options=STACK)
        most = max(1.0, float(np.nanmax(np.abs(x))))
        slope, intercept = line(x / most, t)
        check(dtype, f"slope(a / {most!r})", files, slope * year, tolerance=1e-10, options=STACK)
        check(dtype, f"intercept(a / {most!r}, time)", files, intercept, tolerance=1e-10,
              options=STACK)


def of_periods():
    """Trends of what periods come to, by their first days, and trends of each period."""
    files, x, _ = series("int16", dates=LONG)
    for by, first in (("month", "-01"), ("year", "-01-01"), ("quarter", None), ("season", None)):
        names = sorted({period(date, by) for date in LONG}, key=order)
        means = np.stack([np.nanmean(x[[k for k, d in enumerate(LONG) if period(d, by) == name]], 0)
                          for name in names])
        starts = [name + first if first else begin(name) for name in names]
        slope, intercept = line(means, days_of(starts))
        check(by, f"slope(mean(a, {by}))", files, slope * 365.25, tolerance=1e-9, options=STACK)
        check(by, f"intercept(mean(a, {by}))", files, intercept, tolerance=1e-9, options=STACK)
    years = [[k for k, date in enumerate(LONG) if date[:4] == year] for year in
             sorted({date[:4] for date in LONG})]
    lines = [line(x[group], days_of([LONG[k] for k in group])) for group in years]
    check("", "slope(a, year)", files, 365.25 * np.stack([s for s, _ in lines]), tolerance=1e-9,
          options=STACK)
    check("", "intercept(a, year)", files, np.stack([i for _, i in lines]), tolerance=1e-9,
          options=STACK)


def begin(name):
    """The first day of a quarter or a season."""
    year, which = int(name[:4]), name[4:]
    if which == "DJF":
        return f"{year - 1}-12-01"
    month = 3 * (int(which[1]) - 1) + 1 if which[0] == "Q" else 3 * SEASONS.index(which)
    return f"{year}-{month:02}-01"


def errors():
    files, _, _ = series("uint8")
    refused("moving_skew(b1, 3)", files[0], "no moving statistic skew", "range, mode, all, any", "^")
    plain = [write(name, sample("uint8")) for name in ("s_2020-02-30.tif", "s_2020-02-29.tif")]
    refused("mean(a, month)", plain, 'by month: time 1, "1", has no date', "^", options=STACK)
    refused("mean(a, weekday)", files, "unknown name weekday", options=STACK)
    refused("slope(b1)", files[0], "slope takes two bands or more", "^")
    refused("slope(b1, time)", files[0], "slope takes two times or more", "^")
    refused("diff(b1)", files[0], "diff takes two times or more", "^")
    refused("cumsum(a, month)", files, "cumsum goes along time, not month", "^",
            options=STACK)
    refused("interpolate(a, band)", files, "not band", "^", options=STACK)
    refused("best(a, a, band)", files, "best goes along time, not band", "^", options=STACK)
    refused("best(a)", files, "best takes 2 values, not 1", "^", options=STACK)
    refused("best(a, a[1])", files, "best: shapes", "with a score of 1 times, 1 bands",
            options=STACK)


def run():
    import warnings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)     # of pixels that are missing everywhere
        statistics()
        periods()
        whole_series()
        of_periods()
        errors()
