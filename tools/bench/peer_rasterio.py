# peer_rasterio.py - the job of peers.sh with rasterio, in threads as its manual shows it
# (Concurrent processing): windows are read and written one at a time, computed side by side.
#
#     python3 peer_rasterio.py IN OUT WORKERS

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import rasterio
from rasterio.windows import Window

EDGE = 1024  # of a window: whole tiles


def norm_diff(b2, b3):
    valid = (b2 != 0) & (b3 != 0)
    a, b = b2 * 1e-4, b3 * 1e-4
    with np.errstate(invalid="ignore"):
        v = np.clip((b - a) / (b + a), -1, 1)
    return np.where(valid, v, 0).astype("float32")


def main(path, out, workers):
    reading, writing = threading.Lock(), threading.Lock()
    with rasterio.open(path, num_threads=workers) as src:
        profile = dict(driver="GTiff", width=src.width, height=src.height, count=1, crs=src.crs,
                       transform=src.transform, dtype="float32", nodata=0, tiled=True,
                       blockxsize=256, blockysize=256, compress="deflate", num_threads=workers)
        with rasterio.open(out, "w", **profile) as dst:

            def work(window):
                with reading:
                    b2, b3 = src.read([2, 3], window=window)
                result = norm_diff(b2, b3)
                with writing:
                    dst.write(result, 1, window=window)

            windows = [Window(x, y, min(EDGE, src.width - x), min(EDGE, src.height - y))
                       for y in range(0, src.height, EDGE) for x in range(0, src.width, EDGE)]
            with ThreadPoolExecutor(max_workers=workers) as pool:
                list(pool.map(work, windows))


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
