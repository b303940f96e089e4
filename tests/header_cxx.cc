// header_cxx.cc - the header's declarations as C++17: structs, inline functions, and each function
// behind a macro. Compiled with -std=c++17 -Wall -Wextra -pedantic -Werror; links with impl.c.

#include "../gwt.h"

namespace {

int on_block(const gwt_block *block, void *user)
{
    double row[16];
    if (block->cols <= 16) gwt_block_row(block, 0, 0, row);
    *static_cast<int64_t *>(user) += block->rows * block->cols;
    return 0;
}

void on_index(size_t index, void *user)
{
    static_cast<size_t *>(user)[index] = index;
}

}  // namespace

extern "C" int header_cxx(const char *in, const char *out);

extern "C" int header_cxx(const char *in, const char *out)
{
    gwt_begin_options begin = {};
    begin.num_workers = 2;
    begin.sensor = "bgr";
    begin.nodata = gwt_some(0);
    gwt *g = gwt_begin_with(&begin);

    gwt_open_options open = {};
    open.chunks = 256;
    gwt_array *a = gwt_open_with(g, in, &open);
    const char *const paths[] = { in, in };
    gwt_array *both = gwt_open_many_with(g, paths, 2, nullptr);

    const char *const names[] = { "green", "red", nullptr };
    gwt_array *two = gwt_sel_bands(a, names);
    gwt_set_nodata_options set = {};
    set.out_range = gwt_range(0, 1);
    set.dtype = GWT_FLOAT32;
    gwt_array *scaled = gwt_set_nodata_with(two, &set);
    gwt_norm_diff_options diff = {};
    diff.scale_factor = gwt_some(1e-4);
    gwt_array *index = gwt_norm_diff_with(a, "green", "red", &diff);
    gwt_array *const arrays[] = { a, both };
    gwt_array *sum = gwt_calc_with(arrays, 2, "b1 + b2", nullptr);
    gwt_array *stacked = gwt_stack(arrays, 2, GWT_BAND);
    gwt_array *made = gwt_where(gwt_lt(sum, gwt_number(g, 1)), index, gwt_clip(sum, 0, 1));

    gwt_compute_options compute = {};
    compute.dtype = GWT_FLOAT64;
    void *values = gwt_compute_with(made, &compute);
    gwt_free(values);
    gwt_save_options save = {};
    save.compress = "lzw";
    save.interleave = GWT_PLANAR;
    save.bigtiff = GWT_BIGTIFF_NO;
    bool saved = gwt_save_with(stacked, out, &save);
    gwt_map_blocks_options blocks = {};
    int64_t pixels = 0;
    gwt_map_blocks_with(scaled, on_block, &pixels, &blocks);
    void *buffers[] = { nullptr, nullptr };
    saved = gwt_compute_many_with(arrays, 2, buffers, nullptr) && saved;
    gwt_statistics_options statistics = {};
    statistics.num_workers = 1;
    gwt_summary summary;
    const double median = 50;
    double value;
    int64_t counts[2];
    saved = gwt_summarize_with(made, &summary, &statistics) && saved;
    saved = gwt_percentiles_with(made, &median, 1, &value, &statistics) && saved;
    saved = gwt_histogram_with(made, 0, 1, 2, counts, &statistics) && saved;
    size_t indices[3] = {};
    gwt_parallel_for(g, 3, on_index, indices);

    const gwt_info *info = gwt_describe(a);
    gwt_print(a, stdout);
    if (gwt_status(g) != GWT_OK) gwt_clear(g);
    gwt_fail(g, GWT_E_USER, "%d", static_cast<int>(info->shape[3] + saved));
    return gwt_end(g);
}
