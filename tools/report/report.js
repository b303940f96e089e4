// report.js - what a report can do with scripts on: zoom, pan, and say what is under the pointer.
//
// The plots are drawn on canvases over the static pictures. All have one view, from..to, in
// nanoseconds. Of the lanes each column of pixels shows how the time it covers was spent, by
// stages from the bottom up; an event that is wider fills its columns.

(() => {
'use strict';

const data = JSON.parse(document.getElementById('data').textContent);
const root = document.documentElement, time = document.getElementById('time');
const full = data.runs.reduce((most, run) => Math.max(most, run.wall), 0);
const least = Math.min(full, 2000);
const stages = data.stages.length;
const view = { from: 0, to: full };
const byId = id => document.getElementById(id);

function element(tag, className, parent) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (parent) parent.append(made);
  return made;
}

// ---- the events ----------------------------------------------------------------------------

// [gap, length, stage, key, in, out] each, gap since the end of the one before. 32 is added to the
// stage when it goes on after what comes between.
function unpack(packed) {
  const n = packed.length / 6;
  const lane = { n, start: new Float64Array(n), end: new Float64Array(n),
    stage: new Uint8Array(n), key: new Uint32Array(n), packed };
  for (let i = 0, at = 0; i < n; i++) {
    lane.start[i] = at += packed[6 * i];
    lane.end[i] = at += packed[6 * i + 1];
    lane.stage[i] = packed[6 * i + 2] & 31;
    lane.key[i] = packed[6 * i + 3];
  }
  return lane;
}

// The first event that ends after t.
function firstAfter(lane, t) {
  let lo = 0, hi = lane.n;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (lane.end[mid] > t) hi = mid; else lo = mid + 1;
  }
  return lo;
}

// Rates hold for the time before them, the first one since the beginning.
for (const run of data.runs) {
  for (const lane of run.lanes) Object.assign(lane, unpack(lane.events));
  for (const [times, values] of [...run.series.cpu, ...run.series.read, ...run.series.written])
    if (times[0] > 0) {
      times.unshift(0);
      values.unshift(values[0]);
    }
}

// ---- words ---------------------------------------------------------------------------------

function duration(ns) {
  const units = ['ns', '\u00b5s', 'ms', 's'];
  let unit = 0;
  for (; unit < 3 && ns >= 999.5; unit++) ns /= 1000;
  const decimals = ns >= 99.95 || unit === 0 ? 0 : ns >= 9.995 ? 1 : 2;
  return ns.toFixed(decimals) + '\u00a0' + units[unit];
}

function bytes(n) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let unit = 0;
  for (; unit + 1 < units.length && n >= 999.5; unit++) n /= 1000;
  return n.toFixed(unit && n < 99.5 ? 1 : 0) + '\u00a0' + units[unit];
}

// Ticks at 1, 2 or 5 times a power of ten, at most `most` of them, in the unit of the view's end.
function timeScale(most) {
  const units = [['s', 1e9], ['ms', 1e6], ['\u00b5s', 1e3]];
  const [name, unit] = units.find(u => view.to >= u[1]) || units[2];
  const rough = (view.to - view.from) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find(f => f * power >= rough * (1 - 1e-9));
  const decimals = Math.max(0, -Math.floor(Math.log10(step / unit) + 1e-9));
  const ticks = [];
  for (let i = Math.ceil(view.from / step - 1e-9); i * step <= view.to * (1 + 1e-12); i++)
    ticks.push({ at: i * step, text: (i * step / unit).toFixed(decimals) });
  return { name, ticks, unit, decimals };
}

// ---- colours -------------------------------------------------------------------------------

// Pixels of a canvas are written as 0xAABBGGRR; what is pale lets the paper through.
let colours;

function readColours() {
  const style = getComputedStyle(root);
  const css = name => style.getPropertyValue(name).trim();
  const pixel = (hex, alpha) => {
    const n = parseInt(hex.slice(1), 16);
    return ((alpha << 24) | ((n & 255) << 16) | (n & 0xff00) | (n >> 16)) >>> 0;
  };
  const of = data.stages.map((name, s) => css('--s' + s));
  const light = hex => {
    const n = parseInt(hex.slice(1), 16);
    return .3 * (n >> 16) + .59 * (n >> 8 & 255) + .11 * (n & 255) > 140;
  };
  colours = {
    solid: of.map(c => pixel(c, 255)), seam: of.map(c => pixel(c, 120)),
    pale: of.map(c => pixel(c, 40)), thin: of.map(c => pixel(c, 75)),
    text: of.map(c => light(c) ? '#1c1c1a' : '#fff'),
    soft: css('--soft'), line: css('--line'), fill: css('--fill'), rule: css('--rule'),
    read: getComputedStyle(document.querySelector('.line-read') || root).color,
    written: getComputedStyle(document.querySelector('.line-written') || root).color,
  };
}

// ---- lanes ---------------------------------------------------------------------------------

// How much of each column every stage takes: columns x stages, into `acc`; `seams` are the columns
// where an event begins that is wide enough to be told from its neighbours.
function spread(lane, width, acc, seams, wide) {
  const scale = width / (view.to - view.from);
  for (let i = firstAfter(lane, view.from); i < lane.n && lane.start[i] < view.to; i++) {
    const s = lane.stage[i];
    const a = Math.max(0, (lane.start[i] - view.from) * scale);
    const b = Math.min(width, (lane.end[i] - view.from) * scale);
    const first = Math.floor(a), last = Math.min(width - 1, Math.floor(b));
    if (first >= last) {
      if (first < width) acc[first * stages + s] += b - a;
      continue;
    }
    acc[first * stages + s] += first + 1 - a;
    for (let x = first + 1; x < last; x++) acc[x * stages + s] = 1;
    acc[last * stages + s] += b - last;
    if (b - a < 3) continue;
    if (lane.start[i] >= view.from) seams[first] = 1;
    if (b - a > wide) lane.wide.push(i);
  }
}

function paintLane(pixels, width, top, bottom, acc, seams, dpr) {
  const height = bottom - top, hatched = height >= 7 * dpr;
  const period = Math.round(4.5 * dpr), stripe = Math.round(1.5 * dpr);
  for (let x = 0; x < width; x++) {
    let sum = 0, low = bottom;
    for (let s = 0; s < stages && low > top; s++) {
      const part = acc[x * stages + s];
      if (part === 0) continue;
      sum += part;
      const high = Math.max(top, bottom - Math.round(Math.min(1, sum) * height));
      const pale = colours.pale[s], solid = s >= data.waits && !hatched ? colours.thin[s] :
        seams[x] ? colours.seam[s] : colours.solid[s];
      if (s < data.waits || !hatched)
        for (let y = high; y < low; y++) pixels[y * width + x] = solid;
      else for (let y = high; y < low; y++)
        pixels[y * width + x] = (x + y) % period < stripe ? solid : pale;
      low = high;
    }
  }
}

// What stands in an event when there is room: its key, or its stage.
function writeLabels(ctx, run, lane, width, top, bottom, dpr) {
  const scale = width / (view.to - view.from), pad = 4 * dpr;
  for (const i of lane.wide) {
    if (lane.stage[i] >= data.waits) continue;
    const a = Math.max(0, (lane.start[i] - view.from) * scale) + pad;
    const b = Math.min(width, (lane.end[i] - view.from) * scale) - pad;
    const name = data.stages[lane.stage[i]], key = run.keys[lane.key[i]];
    const text = [name + '  ' + key, key, name].find(t => t && ctx.measureText(t).width <= b - a);
    if (!text) continue;
    ctx.fillStyle = colours.text[lane.stage[i]];
    ctx.fillText(text, a, (top + bottom) / 2);
  }
}

function drawLanes(panel) {
  const { canvas, run, dpr } = panel, width = canvas.width, height = canvas.height;
  const ctx = canvas.getContext('2d'), n = run.lanes.length;
  if (!panel.image || panel.image.width !== width || panel.image.height !== height) {
    panel.image = ctx.createImageData(width, height);
    panel.acc = new Float32Array(width * stages);
    panel.seams = new Uint8Array(width);
  }
  const pixels = new Uint32Array(panel.image.data.buffer);
  pixels.fill(0);
  const edge = i => Math.round(i * height / n), gap = height / n >= 8 * dpr ? 2 * dpr : 0;
  const span = i => [edge(i), Math.max(edge(i) + 1, edge(i + 1) - Math.round(gap))];
  run.lanes.forEach((lane, i) => {
    const [top, bottom] = span(i);
    lane.wide = [];
    panel.acc.fill(0);
    panel.seams.fill(0);
    spread(lane, width, panel.acc, panel.seams, 40 * dpr);
    paintLane(pixels, width, top, bottom, panel.acc, panel.seams, dpr);
  });
  ctx.putImageData(panel.image, 0, 0);
  if (height / n < 13 * dpr) return;
  ctx.font = `${10.5 * dpr}px ${getComputedStyle(document.body).fontFamily}`;
  ctx.textBaseline = 'middle';
  run.lanes.forEach((lane, i) => writeLabels(ctx, run, lane, width, ...span(i), dpr));
}

// ---- counters ------------------------------------------------------------------------------

// A rate holds for the time before it, a level until the next; memory is joined by straight lines.
const shapes = { cpu: 'before', read: 'before', written: 'before', cache: 'after' };

// The points of a curve in the view and one beyond either side: where there are many, the lowest
// and the highest of each column.
function visible([times, values], width) {
  let lo = 0, hi = times.length;
  while (lo + 1 < hi && times[lo + 1] < view.from) lo++;
  while (hi > lo + 1 && times[hi - 2] > view.to) hi--;
  const x = i => (times[i] - view.from) / (view.to - view.from) * width;
  const points = [];
  for (let i = lo; i < hi;) {
    let min = i, max = i, next = i;
    const column = Math.floor(x(i));
    while (next < hi && Math.floor(x(next)) === column) {
      if (values[next] < values[min]) min = next;
      if (values[next] > values[max]) max = next;
      next++;
    }
    const kept = next - i > 4 ? [min, max].sort((a, b) => a - b) : [...Array(next - i).keys()]
      .map(k => i + k);
    for (const k of kept) points.push([x(k), values[k]]);
    i = next;
  }
  return points;
}

function trace(ctx, points, shape, y) {
  points.forEach(([x, value], i) => {
    if (i === 0) ctx.moveTo(x, y(value));
    else if (shape === 'before') ctx.lineTo(points[i - 1][0], y(value));
    else if (shape === 'after') ctx.lineTo(x, y(points[i - 1][1]));
    ctx.lineTo(x, y(value));
  });
}

function drawCounter(panel) {
  const { canvas, run, dpr, top } = panel, width = canvas.width, height = canvas.height;
  const ctx = canvas.getContext('2d');
  const y = value => height - dpr - value / top * (height - 2 * dpr);
  ctx.clearRect(0, 0, width, height);
  ctx.lineJoin = 'round';
  if (panel.limit > 0) {
    ctx.beginPath();
    ctx.moveTo(0, y(panel.limit));
    ctx.lineTo(width, y(panel.limit));
    ctx.setLineDash([4 * dpr, 3 * dpr]);
    ctx.strokeStyle = colours.soft;
    ctx.lineWidth = dpr;
    ctx.stroke();
    ctx.setLineDash([]);
  }
  for (const name of panel.series)
    for (const curve of run.series[name] || []) {
      const points = visible(curve, width);
      if (!points.length) continue;
      if (panel.series.length === 1) {
        ctx.beginPath();
        trace(ctx, points, shapes[name], y);
        ctx.lineTo(points[points.length - 1][0], height);
        ctx.lineTo(points[0][0], height);
        ctx.fillStyle = colours.fill;
        ctx.fill();
      }
      ctx.beginPath();
      trace(ctx, points, shapes[name], y);
      ctx.strokeStyle = colours[name] || colours.line;
      ctx.lineWidth = 1.25 * dpr;
      ctx.stroke();
    }
}

// The value of a curve at t, as it is drawn; null where it has none.
function valueAt([times, values], shape, t) {
  let lo = 0, hi = times.length;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (times[mid] >= t) hi = mid; else lo = mid + 1;
  }
  if (lo === times.length) return shape === 'after' && lo ? values[lo - 1] : null;
  if (shape === 'before') return values[lo];
  if (lo === 0) return times[0] === t ? values[0] : null;
  if (shape === 'after') return times[lo] === t ? values[lo] : values[lo - 1];
  const part = (t - times[lo - 1]) / (times[lo] - times[lo - 1] || 1);
  return values[lo - 1] + part * (values[lo] - values[lo - 1]);
}

// ---- the panels ----------------------------------------------------------------------------

// Stacks stay the pictures they are, of which the view's part is shown.
const stacks = [...time.querySelectorAll('.stack > svg')];
const panels = [...time.querySelectorAll('.plot:not(.stack)')].map(plot => {
  const run = data.runs[+plot.closest('.run').dataset.run];
  const canvas = element('canvas', '', plot);
  canvas.setAttribute('aria-hidden', 'true');
  const series = plot.dataset.series ? plot.dataset.series.split(' ') : null;
  const values = [...plot.parentNode.querySelectorAll('.value')];
  return { plot, run, canvas, series, values, peaks: values.map(v => v.textContent),
    top: +plot.dataset.top, limit: +plot.dataset.limit, end: plot.querySelector('.end'), dpr: 1 };
});
const axes = [...time.querySelectorAll('.axis')];

function fit(panel) {
  const box = panel.plot.getBoundingClientRect(), dpr = Math.min(3, window.devicePixelRatio || 1);
  const width = Math.max(1, Math.round(box.width * dpr));
  const height = Math.max(1, Math.round(panel.plot.clientHeight * dpr));
  panel.dpr = dpr;
  if (panel.canvas.width !== width) panel.canvas.width = width;
  if (panel.canvas.height !== height) panel.canvas.height = height;
}

function drawAxes() {
  const width = axes[0].lastElementChild.clientWidth;
  const scale = timeScale(Math.max(3, Math.min(12, Math.floor(width / 85))));
  for (const axis of axes) {
    axis.firstElementChild.textContent = `time, ${scale.name}`;
    axis.lastElementChild.replaceChildren(...scale.ticks.map(tick => {
      const span = element('span');
      span.style.left = `${(tick.at - view.from) / (view.to - view.from) * 100}%`;
      span.textContent = tick.text;
      return span;
    }));
  }
  const all = view.from <= 0 && view.to >= full;
  byId('reset').disabled = all;
  const text = t => (t / scale.unit).toFixed(scale.decimals + 1);
  byId('span').textContent = all ? '' : `${text(view.from)} to ${text(view.to)} ${scale.name}`;
}

let wanted = false;

function draw() {
  wanted = false;
  for (const panel of panels) {
    fit(panel);
    if (panel.series) drawCounter(panel); else drawLanes(panel);
    if (!panel.end) continue;
    const at = (panel.run.wall - view.from) / (view.to - view.from) * 100;
    panel.end.style.left = `${at}%`;
  }
  const whole = 1000 / full;
  for (const svg of stacks)
    svg.setAttribute('viewBox', `${view.from * whole} 0 ${(view.to - view.from) * whole} 100`);
  drawAxes();
  if (pointer) hover(pointer);
}

function redraw() {
  if (!wanted) requestAnimationFrame(draw);
  wanted = true;
}

// ---- the view ------------------------------------------------------------------------------

function show(from, to) {
  const span = Math.min(full, Math.max(least, to - from));
  if (to - from < least) from = (from + to - span) / 2;
  view.from = Math.max(0, Math.min(full - span, from));
  view.to = view.from + span;
  redraw();
}

// `at` stays where it is: a part of the width, 0 to 1.
function zoom(factor, at) {
  const span = view.to - view.from, fixed = view.from + at * span;
  const next = Math.min(full, Math.max(least, span * factor));
  show(fixed - at * next, fixed - at * next + next);
}

function pan(part) {
  const step = part * (view.to - view.from);
  show(view.from + step, view.to + step);
}

const reset = () => show(0, full);

// ---- under the pointer ---------------------------------------------------------------------

const tip = element('div', '', document.body), hair = element('div', '', time);
const mark = element('div', '', time);
tip.id = 'tip';
hair.id = 'hair';
mark.id = 'mark';
tip.setAttribute('role', 'status');
tip.hidden = hair.hidden = mark.hidden = true;
let pointer = null;

// The event that takes most of the pixel at t, and how many there are.
function eventAt(lane, t, reach) {
  let best = -1, most = -1, count = 0;
  for (let i = firstAfter(lane, t - reach); i < lane.n && lane.start[i] <= t + reach; i++) {
    const part = Math.min(lane.end[i], t + reach) - Math.max(lane.start[i], t - reach);
    count++;
    if (part > most) [best, most] = [i, part];
  }
  return { best, count };
}

function describe(run, lane, i, others) {
  const row = (text, className) => { element('div', className, tip).textContent = text; };
  const [taken, given] = [lane.packed[6 * i + 4], lane.packed[6 * i + 5]];
  tip.replaceChildren();
  if (run.keys[lane.key[i]]) element('b', '', tip).textContent = run.keys[lane.key[i]];
  const what = element('div', 'what', tip), s = lane.stage[i];
  element('span', `key s${s}${s < data.waits ? '' : ' wait'}`, what);
  what.append(`${data.stages[s]}, ${duration(lane.end[i] - lane.start[i])}`);
  if (lane.packed[6 * i + 2] > 31) what.append(', interrupted');
  if (taken || given) row(`${bytes(taken)} in, ${bytes(given)} out`);
  row(`${lane.name}, at ${(lane.start[i] / 1e9).toFixed(6)} s`);
  if (others > 0) row(`the longest here; ${others} more: zoom in`);
}

function place(x, y) {
  const box = tip.getBoundingClientRect(), gap = 14;
  const left = x + gap + box.width > innerWidth - 4 ? x - gap - box.width : x + gap;
  const top = y + gap + box.height > innerHeight - 4 ? y - gap - box.height : y + gap;
  tip.style.left = `${Math.max(4, left)}px`;
  tip.style.top = `${Math.max(4, top)}px`;
}

function hoverLanes(panel, box, t, at) {
  const n = panel.run.lanes.length, i = Math.floor((at.y - box.top) / box.height * n);
  const lane = panel.run.lanes[Math.max(0, Math.min(n - 1, i))];
  const scale = (view.to - view.from) / box.width;
  const { best, count } = eventAt(lane, t, scale * .75);
  tip.hidden = mark.hidden = best < 0;
  if (best < 0) return;
  const shown = lane.end[best] - lane.start[best] < 3 * scale;
  describe(panel.run, lane, best, shown ? count - 1 : 0);
  place(at.x, at.y);
  const origin = time.getBoundingClientRect();
  const a = Math.max(0, (lane.start[best] - view.from) / scale);
  const b = Math.min(box.width, (lane.end[best] - view.from) / scale);
  const height = box.height / n;
  mark.style.left = `${box.left - origin.left + a - 1}px`;
  mark.style.width = `${Math.max(3, b - a + 2)}px`;
  mark.style.top = `${box.top - origin.top + i * height - 1}px`;
  mark.style.height = `${height + (height >= 8 ? 0 : 2)}px`;
}

function showCounters(t) {
  for (const panel of panels)
    panel.values.forEach((value, k) => {
      const name = panel.series[k];
      const found = (panel.run.series[name] || []).map(c => valueAt(c, shapes[name], t))
        .filter(v => v !== null);
      const sum = found.reduce((a, b) => a + b, 0);
      value.textContent = found.length ? sum.toFixed(sum < 99.95 ? 1 : 0) : '\u2013';
      value.parentNode.classList.add('here');
    });
}

function leave() {
  pointer = null;
  tip.hidden = hair.hidden = mark.hidden = true;
  for (const panel of panels)
    panel.values.forEach((value, k) => {
      value.textContent = panel.peaks[k];
      value.parentNode.classList.remove('here');
    });
}

function hover(at) {
  const under = document.elementFromPoint(at.x, at.y);
  const plot = under && under.closest('.plot');
  const panel = panels.find(p => p.plot === plot);
  if (!plot) return leave();
  pointer = at;
  const box = plot.getBoundingClientRect(), origin = time.getBoundingClientRect();
  const t = view.from + (at.x - box.left) / box.width * (view.to - view.from);
  hair.hidden = false;
  hair.style.left = `${at.x - origin.left}px`;
  hair.style.height = `${origin.height}px`;
  showCounters(t);
  if (panel && !panel.series) return hoverLanes(panel, box, t, at);
  tip.hidden = mark.hidden = true;
}

// ---- wheel, pointers, keys -----------------------------------------------------------------

const partAt = (plot, x) => {
  const box = plot.getBoundingClientRect();
  return Math.max(0, Math.min(1, (x - box.left) / box.width));
};

time.addEventListener('wheel', event => {
  const plot = event.target.closest('.plot');
  if (!plot) return;
  const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
  const [x, y] = [event.deltaX * unit, event.deltaY * unit];
  const across = event.shiftKey ? x || y : Math.abs(x) > Math.abs(y) ? x : 0;
  // With all in view, turning further scrolls the page.
  if (!across && y > 0 && view.from <= 0 && view.to >= full) return;
  event.preventDefault();
  if (across) pan(across / plot.clientWidth);
  else zoom(Math.exp(Math.max(-240, Math.min(240, y)) * .0025), partAt(plot, event.clientX));
}, { passive: false });

const held = new Map();

time.addEventListener('pointerdown', event => {
  const plot = event.target.closest('.plot');
  if (!plot || event.button !== 0) return;
  held.set(event.pointerId, event.clientX);
  plot.setPointerCapture(event.pointerId);
});

// One pointer pans; two keep what is under them under them.
function drag(event, plot) {
  const before = [...held.values()], width = plot.clientWidth;
  held.set(event.pointerId, event.clientX);
  const after = [...held.values()];
  plot.classList.add('drag');
  if (after.length === 1) return pan((before[0] - after[0]) / width);
  const apart = v => Math.max(10, Math.abs(v[1] - v[0]));
  const middle = v => (v[0] + v[1]) / 2;
  pan((middle(before) - middle(after)) / width);
  zoom(apart(before) / apart(after), partAt(plot, middle(after)));
}

time.addEventListener('pointermove', event => {
  const plot = event.target.closest('.plot');
  pointer = { x: event.clientX, y: event.clientY };
  if (plot && held.has(event.pointerId)) drag(event, plot);
  else hover(pointer);
});

for (const name of ['pointerup', 'pointercancel'])
  time.addEventListener(name, event => {
    held.delete(event.pointerId);
    for (const panel of panels) panel.plot.classList.remove('drag');
    if (event.pointerType !== 'mouse' && name === 'pointercancel') leave();
  });

time.addEventListener('pointerleave', leave);
time.addEventListener('dblclick', event => { if (event.target.closest('.plot')) reset(); });
byId('reset').addEventListener('click', reset);

const keys = {
  ArrowLeft: step => pan(-step), ArrowRight: step => pan(step),
  '+': () => zoom(1 / 1.5, .5), '=': () => zoom(1 / 1.5, .5), '-': () => zoom(1.5, .5),
  _: () => zoom(1.5, .5), 0: reset, Escape: () => { leave(); reset(); },
};

time.addEventListener('keydown', event => {
  const act = keys[event.key];
  if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  act(event.shiftKey ? .5 : .1);
});

// ---- begin ---------------------------------------------------------------------------------

root.classList.add('js');
time.tabIndex = 0;
readColours();
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  readColours();
  redraw();
});
new ResizeObserver(redraw).observe(time);
addEventListener('scroll', () => { if (pointer) leave(); }, { passive: true });
draw();
})();
