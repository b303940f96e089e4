// oracle.h - what some operations mean, a second time: plain loops, one pixel at a time, as slow as
// they like, written from ../shared/golden/README.md and the books it names. No line of gwt.

#ifndef GWT_TESTS_ORACLE_H
#define GWT_TESTS_ORACLE_H

#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// One band of one date; NaN where missing.
typedef struct plane { int rows, cols; double *v; } plane;

static inline double plane_at(const plane *p, int row, int col)
{
    bool inside = row >= 0 && row < p->rows && col >= 0 && col < p->cols;
    return inside ? p->v[(size_t)row * (size_t)p->cols + (size_t)col] : NAN;
}

// ---- statistics -------------------------------------------------------------------------------

static inline int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Of sorted values: linear interpolation between the two next to (n - 1) p / 100, numpy's default.
static inline double percentile_of(const double *v, int n, double percentile)
{
    double at = (n - 1) * (percentile / 100);
    int below = (int)at, above = below + 1 < n ? below + 1 : below;
    return v[below] + (v[above] - v[below]) * (at - below);
}

static inline int times_of(const double *v, int n, double value)
{
    int found = 0;
    for (int i = 0; i < n; i++) found += v[i] == value;
    return found;
}

static inline double most_frequent(const double *v, int n)
{
    double best = NAN;
    for (int i = 0; i < n; i++) {
        int more = times_of(v, n, v[i]) - times_of(v, n, best);
        if (more > 0 || (more == 0 && v[i] < best)) best = v[i];
    }
    return best;
}

// scipy.stats.skew: E((v - mean)^3) / variance^1.5, none of values that do not differ.
static inline double skewness(const double *v, int n, double mean, double variance)
{
    double cubes = 0;
    for (int i = 0; i < n; i++) cubes += pow(v[i] - mean, 3);
    return times_of(v, n, v[0]) == n ? NAN : cubes / n / pow(variance, 1.5);
}

// Of n valid values in their order; percentiles sort them. NaN when there are none, but a count.
static inline double stat_of(double *v, int n, gwt_stat stat, double percentile)
{
    double sum = 0, squares = 0, lo = INFINITY, hi = -INFINITY;
    for (int i = 0; i < n; i++) {
        sum += v[i];
        if (v[i] < lo) lo = v[i];
        if (v[i] > hi) hi = v[i];
    }
    if (stat == GWT_COUNT) return n;
    if (n == 0) return NAN;
    for (int i = 0; i < n; i++) squares += (v[i] - sum / n) * (v[i] - sum / n);
    switch (stat) {
    case GWT_MEAN: return sum / n;
    case GWT_SUM: return sum;
    case GWT_MIN: return lo;
    case GWT_MAX: return hi;
    case GWT_VAR: return squares / n;
    case GWT_STD: return sqrt(squares / n);
    case GWT_FIRST: return v[0];
    case GWT_LAST: return v[n - 1];
    case GWT_RANGE: return hi - lo;
    case GWT_SKEW: return skewness(v, n, sum / n, squares / n);
    case GWT_MODE: return most_frequent(v, n);
    case GWT_ALL: return times_of(v, n, 0) == 0;
    case GWT_ANY: return times_of(v, n, 0) < n;
    default: break;
    }
    qsort(v, (size_t)n, sizeof *v, ascending);
    return percentile_of(v, n, stat == GWT_MEDIAN ? 50 : percentile);
}

// ---- moving windows ---------------------------------------------------------------------------

// Beyond the edge the image is mirrored, the edge repeated: c b a | a b c.
static inline int mirrored(int i, int n)
{
    while (i < 0 || i >= n) i = i < 0 ? -1 - i : 2 * n - 1 - i;
    return i;
}

// The valid values of the w x w cells around a pixel, row by row; gives their number.
static inline int window_values(const plane *p, int row, int col, int w, double *values)
{
    int n = 0;
    for (int r = row - w / 2; r <= row + w / 2; r++)
        for (int c = col - w / 2; c <= col + w / 2; c++) {
            double v = plane_at(p, mirrored(r, p->rows), mirrored(c, p->cols));
            if (!isnan(v)) values[n++] = v;
        }
    return n;
}

// The same with their weights 1 - d / D, d the distance to the centre, D that of the corners.
static inline int window_weighted(const plane *p, int row, int col, int w, double *values,
                                  double *weights)
{
    int n = 0, h = w / 2;
    for (int r = -h; r <= h; r++)
        for (int c = -h; c <= h; c++) {
            double v = plane_at(p, mirrored(row + r, p->rows), mirrored(col + c, p->cols));
            if (isnan(v)) continue;
            weights[n] = w > 1 ? 1 - sqrt(r * r + c * c) / sqrt(2 * h * h) : 1;
            values[n++] = v;
        }
    return n;
}

// Weighted moments by their definition: sum(k v), sum(k v) / sum(k), sum(k (v - mean)^2) / sum(k).
static inline double weighted_stat(const double *v, const double *k, int n, gwt_stat stat)
{
    double sum = 0, weights = 0, squares = 0;
    for (int i = 0; i < n; i++) sum += v[i] * k[i], weights += k[i];
    if (!(weights > 0)) return NAN;
    if (stat == GWT_SUM) return sum;
    double mean = sum / weights;
    for (int i = 0; i < n; i++) squares += k[i] * ((v[i] - mean) * (v[i] - mean));
    if (stat == GWT_MEAN) return mean;
    return stat == GWT_STD ? sqrt(squares / weights) : squares / weights;
}

// ---- resampling -------------------------------------------------------------------------------

// How a new grid lies on an old one, by axis (rows, columns): a new cell spans `scale` old ones,
// the corner of new cell 0 is at `origin`, in old cells.
typedef struct relation { double scale[2], origin[2]; } relation;

static inline double tent(double d) { return fabs(d) < 1 ? 1 - fabs(d) : 0; }

// Keys (1981), his equation 15.
static inline double keys(double d, double a)
{
    d = fabs(d);
    if (d <= 1) return (a + 2) * d * d * d - (a + 3) * d * d + 1;
    return d < 2 ? a * d * d * d - 5 * a * d * d + 8 * a * d - 4 * a : 0;
}

// Weight of old cell k for the new cell whose centre is at `at`.
static inline double cell_weight(gwt_resampling method, double scale, double at, int k)
{
    double stretch = scale > 1 ? scale : 1, d = (k + 0.5 - at) / stretch;
    switch (method) {
    case GWT_NEAREST: return k == (int)floor(at + 1e-10);
    case GWT_BILINEAR: return tent(d);
    case GWT_CUBIC: return keys(d, -0.5);
    case GWT_AVERAGE: {
        double covered = fmin(at + scale / 2, k + 1) - fmax(at - scale / 2, k);
        return covered > 1e-9 ? covered : 0;
    }
    }
    return 0;
}

static inline double resampled(const plane *p, const relation *q, gwt_resampling method, int row,
                               int col)
{
    double y = (row + 0.5) * q->scale[0] + q->origin[0];
    double x = (col + 0.5) * q->scale[1] + q->origin[1];
    double under = plane_at(p, (int)floor(y + 1e-10), (int)floor(x + 1e-10));
    if ((method == GWT_BILINEAR || method == GWT_CUBIC) && isnan(under)) return NAN;
    // Cubic needs its 4 x 4 cells, unless they are stretched: else bilinear.
    int first_row = (int)floor(y - 0.5) - 1, first_col = (int)floor(x - 0.5) - 1;
    bool all_there = first_row >= 0 && first_row + 3 < p->rows && first_col >= 0 &&
                     first_col + 3 < p->cols;
    if (method == GWT_CUBIC && !all_there && q->scale[0] <= 1 && q->scale[1] <= 1)
        method = GWT_BILINEAR;
    int far_y = (int)ceil(2 * fmax(q->scale[0], 1)) + 2;
    int far_x = (int)ceil(2 * fmax(q->scale[1], 1)) + 2;
    double sum = 0, weights = 0;
    for (int r = (int)floor(y) - far_y; r <= (int)floor(y) + far_y; r++)
        for (int c = (int)floor(x) - far_x; c <= (int)floor(x) + far_x; c++) {
            double v = plane_at(p, r, c);
            if (isnan(v)) continue;
            double w = cell_weight(method, q->scale[0], y, r) *
                       cell_weight(method, q->scale[1], x, c);
            sum += w * v, weights += w;
        }
    return fabs(weights) > 1e-12 ? sum / weights : NAN;
}

// ---- indices ----------------------------------------------------------------------------------

// Values of the bands, times the scale factor.
typedef struct reflectance { double blue, green, red, nir, swir1, swir2; } reflectance;

static inline double held(double v, double lo, double hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

static inline double difference(double b1, double b2)
{
    return held((b2 - b1) / (b2 + b1), -1, 1);
}

// geowombat's indices, in its order of operations; NaN where the formula gives none.
static inline double index_value(const char *name, const reflectance *r)
{
    if (!strcmp(name, "ndvi")) return difference(r->red, r->nir);
    if (!strcmp(name, "nbr")) return difference(r->swir2, r->nir);
    if (!strcmp(name, "kndvi")) {
        double n = difference(r->red, r->nir);
        return held(tanh(n * n), -1, 1);
    }
    if (!strcmp(name, "avi"))
        return held(pow((r->nir * (1 - r->red)) * (r->nir - r->red), 0.3334), 0, 1);
    if (!strcmp(name, "evi")) {
        double below = ((r->nir + 6 * r->red) - 7.5 * r->blue) + 1;
        return held((2.5 * (r->nir - r->red)) / below, 0, 1);
    }
    if (!strcmp(name, "evi2")) {
        double below = (r->nir + 1) + 2.4 * r->red;
        return held(2.5 * ((r->nir - r->red) / below), 0, 1);
    }
    if (!strcmp(name, "gcvi")) return held(r->nir / r->green - 1, 0, 10) / 10;
    double sum = r->swir1 + r->red;
    return held(sum > 0.5 ? 0 : 1 - sum / 0.5, 0, 1);
}

// Which bands an index looks at: letters of "bgrnst" (blue, green, red, nir, swir1, swir2).
static inline const char *index_bands(const char *name)
{
    if (!strcmp(name, "nbr")) return "nt";
    if (!strcmp(name, "evi")) return "brn";
    if (!strcmp(name, "gcvi")) return "gn";
    return !strcmp(name, "wi") ? "rs" : "rn";
}

// ---- tasseled cap -----------------------------------------------------------------------------

// Coefficients of blue .. swir2 as geowombat 2.3.1 has them in vi.py.
static const struct cap { const char *sensor; double c[3][6]; } cap_weights[] = {
    { "l5", { { 0.3037, 0.2793, 0.4343, 0.5585, 0.5082, 0.1863 },
              { -0.2848, -0.2435, -0.5436, 0.7243, 0.0840, -0.1800 },
              { 0.1509, 0.1793, 0.3299, 0.3406, -0.7112, -0.4572 } } },
    { "l7", { { 0.3561, 0.3972, 0.3904, 0.6966, 0.2286, 0.1596 },
              { -0.3344, -0.3544, -0.4556, 0.6966, -0.0242, -0.2630 },
              { 0.2626, 0.2141, 0.0926, 0.0656, -0.7629, -0.5388 } } },
    { "qb", { { 0.319, 0.542, 0.490, 0.604 }, { -0.121, -0.331, -0.517, 0.780 },
              { 0.652, 0.375, -0.639, -0.163 } } },
    { "ik", { { 0.326, 0.509, 0.560, 0.567 }, { -0.311, -0.256, -0.325, 0.819 },
              { -0.612, -0.312, 0.722, -0.081 } } }
};

#endif
