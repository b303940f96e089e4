#!/usr/bin/env python3
"""make_trace.py - a made-up dump of a profile, in the form of gwt_profile_save_trace().

    python3 tests/make_trace.py --workers 4 --pieces 300 >trace.json

Workers take pieces from one queue, load the tiles of each, compute, encode and write it; they wait
for tiles that another loads, for the writer when they are too far ahead of the file, and now and
then for a lock. The same options make the same bytes.
"""

import argparse
import json
import random


class Run:
    def __init__(self, options):
        self.options = options
        self.random = random.Random(options.seed)
        self.events = []
        self.busy = [self.random.uniform(200, 900) for _ in range(options.workers)]
        self.loaded = {}           # tile: when it is there
        self.writer_free = 0.0

    def spend(self, worker, stage, micros, key="", taken=0, given=0, ends=1):
        if micros <= 0:
            return
        start = round(self.busy[worker], 3)
        end = round(start + micros, 3)
        self.busy[worker] = end
        args = {"key": key, "in": taken, "out": given, "ends": ends}
        self.events.append({"ph": "X", "cat": "stage", "name": stage, "pid": 1, "tid": worker,
                            "ts": start, "dur": round(end - start, 3), "args": args})

    def around(self, micros, spread=0.35):
        return max(0.2, micros * self.random.lognormvariate(0, spread))

    def load(self, worker, tile):
        now, there = self.busy[worker], self.loaded.get(tile)
        key = f"ndi.tif tile {tile}"
        if there is not None and there > now:
            self.spend(worker, "wait:tile", there - now, key)
        elif there is None or self.random.random() < self.options.again:
            packed = int(self.around(90000, 0.2))
            scale = self.options.scale
            self.spend(worker, "read", self.around(260 * scale), key, packed, packed)
            self.spend(worker, "decode", self.around(1500 * scale), key, packed, 393216)
            self.loaded[tile] = self.busy[worker]

    def piece(self, worker, number):
        o = self.options
        side = o.chunk
        row, col = divmod(number, 16)
        key = (f"rows {row * side}..{row * side + side - 1}, "
               f"columns {col * side}..{col * side + side - 1}")
        self.spend(worker, "schedule", self.around(8), key, ends=0)
        for tile in {number, number + 1}:
            self.load(worker, tile // 2)
        self.spend(worker, "schedule", self.around(4), key)
        if self.random.random() < 0.04:
            self.spend(worker, "wait:lock", self.around(120), key)
        size = side * side * 4
        self.spend(worker, "user" if o.user and number % 3 == 0 else "compute",
                   self.around(2100 * o.scale), key, 3 * size, size)
        packed = int(size * 0.45)
        out = f"out.tif tile {number}"
        self.spend(worker, "encode", self.around(1300 * o.scale), out, size, packed)
        if self.writer_free > self.busy[worker]:
            self.spend(worker, "wait:writer", self.writer_free - self.busy[worker], out)
        self.spend(worker, "write", self.around(o.disk * o.scale), out, packed, packed)
        self.writer_free = self.busy[worker]
        if self.random.random() < 0.05:
            self.busy[worker] += self.around(1500 * o.scale)

    def run(self):
        for number in range(self.options.pieces):
            worker = min(range(self.options.workers), key=lambda w: self.busy[w])
            self.piece(worker, number)
        return max(self.busy)


def counters(run, end):
    """A sample every so often; memory that fills, a cache that is emptied now and then."""
    o, rows, t, cache, memory = run.options, [], 0.0, 0.0, 18.0
    step = max(end / 400, min(250000, end / 24))
    while t < end:
        t += step
        part = min(1, t / end)
        memory += (120 + 30 * o.workers - memory) * 0.3 + run.random.uniform(-2, 2)
        cache = min(64, cache + run.random.uniform(2, 12))
        if cache == 64:
            cache -= 20
        values = (("memory", {"MB": memory}),
                  ("cpu", {"percent": 100 * o.workers * run.random.uniform(0.75, 0.98)}),
                  ("io", {"read": run.random.uniform(30, 60) * (1 - 0.4 * part),
                          "written": run.random.uniform(10, 35)}),
                  ("faults", {"per_s": run.random.uniform(50, 400)}), ("cache", {"MB": cache}))
        for name, args in values:
            args = {k: round(v, 2) for k, v in args.items()}
            rows.append({"ph": "C", "name": name, "pid": 1, "ts": round(min(t, end), 3),
                         "args": args})
        rows += operations(run, t - step, min(t, end))
    return rows


OPERATIONS = ("moving_mean", "load", "store", "mul", "add", "sub", "div", "sqrt", "fetch", "exp")


def operations(run, start, end):
    """What each operation took since the sample before, of all workers."""
    o, rows = run.options, []
    for i, name in enumerate(OPERATIONS if o.operations else ()):
        ms = o.workers * (end - start) / 1e3 * 0.3 / 2 ** i * run.random.uniform(0.5, 1.5)
        rows.append({"ph": "C", "name": "op:" + name, "pid": 1, "ts": round(end, 3),
                     "args": {"ms": round(ms, 3)}})
    return rows


def write(run, end):
    o = run.options
    head = {"gwt": "0.1.0", "label": o.label, "workers": o.workers,
            "seconds": round((end + 1500) / 1e6, 6), "chunks": [1, 3, o.chunk, o.chunk],
            "processors": o.workers,
            "facts": ["command=gwt calc 'norm_diff(b1, b2)' ndi.tif -o out.tif --chunks "
                      f"{o.chunk} -j {o.workers}", "date=2026-01-02 03:04:05 UTC",
                      "host=node7, Linux 6.1, x86_64", "libtiff=4.5.0"]}
    rows = [{"ph": "M", "name": "process_name", "pid": 1, "args": {"name": "gwt"}}]
    rows += [{"ph": "M", "name": "thread_name", "pid": 1, "tid": w,
              "args": {"name": f"worker {w}"}} for w in range(o.workers)]
    rows += run.events + counters(run, end)
    print('{"displayTimeUnit": "ms",\n"otherData": ' + json.dumps(head) + ',\n"traceEvents": [')
    print(",\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    print("]}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--pieces", type=int, default=300)
    parser.add_argument("--chunk", type=int, default=256)
    parser.add_argument("--scale", type=float, default=1, help="how long everything takes")
    parser.add_argument("--disk", type=float, default=350, help="microseconds to write a piece")
    parser.add_argument("--again", type=float, default=0.1, help="share of tiles decoded anew")
    parser.add_argument("--user", action="store_true", help="with functions of the user")
    parser.add_argument("--operations", action="store_true", help="with times of operations")
    parser.add_argument("--label", default="ndi.tif")
    parser.add_argument("--seed", type=int, default=1)
    run = Run(parser.parse_args())
    write(run, run.run())


if __name__ == "__main__":
    main()
