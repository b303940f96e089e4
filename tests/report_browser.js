// report_browser.js - a report of `gwt visualize` in headless Chromium, as a person would use it.
//
//     make report-check          (make deps-ci installs chromium and playwright-core)
//
// Made-up dumps (make_trace.py) become pages; each is opened from its file. One line a check, and a
// last line that counts them. Without chromium, playwright-core or python3 all is skipped, loudly.
// GWT is the command; CHROMIUM, PLAYWRIGHT and SHOTS (a folder for screenshots) may be given.

'use strict';

const { execFileSync } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');

const here = __dirname, gwt = path.resolve(process.env.GWT || 'build/release/gwt');
const count = { passed: 0, failed: 0, skipped: 0 };
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'gwt_report_browser_'));
process.on('exit', () => fs.rmSync(dir, { recursive: true, force: true }));

function check(name, good, what) {
  const number = ++count.passed + count.failed;
  if (!good) {
    count.passed--;
    count.failed++;
  }
  const wrong = what === undefined ? '' : ` (${JSON.stringify(what)})`;
  console.log(good ? `ok ${number} - ${name}` : `not ok ${number} - ${name}${wrong}`);
}

function finish() {
  console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
  process.exit(count.failed ? 1 : 0);
}

function skipAll(why) {
  count.skipped++;
  console.log(`SKIPPED: 1 - the report in a browser (${why})`);
  finish();
}

// ---- what it takes ---------------------------------------------------------------------------

function findPlaywright() {
  let roots = [process.env.PLAYWRIGHT, here];
  try { roots.push(execFileSync('npm', ['root', '-g'], { encoding: 'utf8' }).trim()); } catch {}
  roots = roots.filter(Boolean);
  try { return require(require.resolve('playwright-core', { paths: roots })); } catch {}
  for (const root of roots)
    try { return require(path.join(root, 'playwright-core')); } catch {}
  return null;
}

function findProgram(names) {
  for (const name of names.filter(Boolean))
    for (const folder of ['', ...process.env.PATH.split(':')]) {
      const file = path.join(folder, name);
      try { fs.accessSync(file, fs.constants.X_OK); return path.resolve(file); } catch {}
    }
  return null;
}

const playwright = findPlaywright();
const chromium = findProgram([process.env.CHROMIUM, 'chromium', 'chromium-browser',
  'google-chrome']);
const python = findProgram(['python3']);
if (!playwright) skipAll('no playwright-core: npm install -g playwright-core, or make deps-ci');
if (!chromium) skipAll('no chromium: make deps-ci');
if (!python) skipAll('no python3');

function makePage(name, runs, ...options) {
  const dumps = runs.map((words, i) => {
    const dump = path.join(dir, `${name}${i}.json`);
    const text = execFileSync(python, [path.join(here, 'make_trace.py'), ...words],
      { maxBuffer: 1 << 28 });
    fs.writeFileSync(dump, text);
    return dump;
  });
  const page = path.join(dir, `${name}.html`);
  execFileSync(gwt, ['visualize', ...dumps, '-o', page, ...options]);
  return page;
}

// ---- in the page -----------------------------------------------------------------------------

// What every plot shows: its time axis (by the labels below it) and a sum over its picture.
function look(page) {
  return page.evaluate(() => ({
    ticks: [...document.querySelectorAll('.ticks')].map(t => t.textContent),
    plots: [...document.querySelectorAll('.plot canvas')].map(canvas =>
      [...canvas.toDataURL()].reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) >>> 0, 7)),
    stacks: [...document.querySelectorAll('.stack > svg')].map(svg => svg.getAttribute('viewBox')),
    tip: document.getElementById('tip').hidden ? '' : document.getElementById('tip').innerText,
    span: document.getElementById('span').textContent,
    disabled: document.getElementById('reset').disabled,
  }));
}

const settle = page => page.evaluate(() => new Promise(done =>
  requestAnimationFrame(() => requestAnimationFrame(done))));

async function at(page, index, x, y) {
  const box = await page.locator('.plot').nth(index).boundingBox();
  return [box.x + box.width * x, box.y + box.height * y];
}

// Open a page, and note what it says and asks for.
async function open(browser, file, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 1000 }, ...options });
  const page = await context.newPage();
  const said = [], asked = [];
  page.on('console', message => said.push(message.text()));
  page.on('pageerror', error => said.push(error.message));
  page.on('request', request => asked.push(request.url()));
  await page.goto(`file://${file}`);
  if (options.javaScriptEnabled !== false) await settle(page);
  return { page, said, asked, url: `file://${file}`, close: () => context.close() };
}

async function shot(page, name) {
  if (!process.env.SHOTS) return;
  fs.mkdirSync(process.env.SHOTS, { recursive: true });
  await page.screenshot({ path: path.join(process.env.SHOTS, `${name}.png`), fullPage: true });
}

function quiet(name, opened) {
  check(`${name}: nothing on the console`, opened.said.length === 0, opened.said);
  check(`${name}: nothing is fetched`, opened.asked.every(url => url === opened.url),
    opened.asked);
}

const differ = (a, b) => a.every((value, i) => value !== b[i]);
const equal = (a, b) => JSON.stringify(a) === JSON.stringify(b);

// ---- checks ----------------------------------------------------------------------------------

async function hovering(page, name) {
  await page.mouse.move(...await at(page, 0, .1, .1));
  await settle(page);
  const { tip } = await look(page);
  check(`${name}: hover names the key, the stage and how long it took`,
    /(tile|rows) \d+/.test(tip) && /worker 0, at/.test(tip) &&
    /(read|decode|compute|encode|write|wait:\w+), [\d.]+\s(s|ms|\u00b5s)/.test(tip), tip);
  const inside = await page.evaluate(() => {
    const box = document.getElementById('tip').getBoundingClientRect();
    return box.left >= 0 && box.right <= innerWidth && box.top >= 0 && box.bottom <= innerHeight;
  });
  check(`${name}: the tooltip is within the window`, inside);
  await page.mouse.move(5, 5);
  await settle(page);
  check(`${name}: and it goes`, (await look(page)).tip === '');
}

// Bytes are of the events that move some: look for one.
async function bytesShown(page) {
  for (let x = .1; x < .9; x += .01) {
    await page.mouse.move(...await at(page, 0, x, .3));
    await settle(page);
    const { tip } = await look(page);
    if (/decode|compute|encode/.test(tip)) return check('hover says the bytes',
      /[\d.]+\s[kMG]?B in, [\d.]+\s[kMG]?B out/.test(tip), tip);
  }
  check('hover says the bytes', false, 'no event found');
}

async function zooming(page, name) {
  const before = await look(page);
  await page.mouse.move(...await at(page, 0, .12, .5));
  for (let i = 0; i < 5; i++) await page.mouse.wheel(0, -200);
  await settle(page);
  const zoomed = await look(page);
  check(`${name}: the wheel zooms all axes`, differ(before.ticks, zoomed.ticks), zoomed.ticks);
  check(`${name}: and all plots`, differ(before.plots, zoomed.plots));
  check(`${name}: and all stacks`, differ(before.stacks, zoomed.stacks), zoomed.stacks);
  check(`${name}: the axes are one`, zoomed.ticks.every(t => t === zoomed.ticks[0]), zoomed.ticks);
  check(`${name}: the part shown is said`, / to /.test(zoomed.span) && !zoomed.disabled,
    zoomed.span);
  return { before, zoomed };
}

async function dragging(page, name, zoomed) {
  const [x, y] = await at(page, 1, .5, .5);
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x + 130, y, { steps: 4 });
  await page.mouse.up();
  await settle(page);
  const moved = await look(page);
  check(`${name}: dragging one plot moves all`, differ(zoomed.ticks, moved.ticks) &&
    moved.plots[0] !== zoomed.plots[0], moved.ticks);
  check(`${name}: and does not zoom`, spanOf(moved.span) === spanOf(zoomed.span),
    [zoomed.span, moved.span]);
}

function spanOf(text) {
  const [from, to] = text.match(/[\d.]+/g).map(Number);
  return Math.round((to - from) / to * 20);
}

async function resetting(page, name, before) {
  await page.click('#reset');
  await page.mouse.move(5, 5);
  await settle(page);
  check(`${name}: the button shows all again`, equal(await look(page), before));
  await page.mouse.move(...await at(page, 0, .7, .5));
  await page.mouse.wheel(0, -600);
  await settle(page);
  await page.mouse.dblclick(...await at(page, 0, .7, .5));
  await page.mouse.move(5, 5);
  await settle(page);
  check(`${name}: so does a double click`, equal(await look(page), before));
}

async function typing(page, name, before) {
  await page.locator('#time').focus();
  check(`${name}: the timeline takes the focus`,
    await page.evaluate(() => document.activeElement.id === 'time'));
  const after = async key => {
    await page.keyboard.press(key);
    await settle(page);
    return look(page);
  };
  await after('+');
  const closer = await after('+'), right = await after('ArrowRight');
  const left = await after('ArrowLeft');
  check(`${name}: + zooms`, closer.span !== '' && differ(before.ticks, closer.ticks));
  check(`${name}: arrows move`, right.span !== closer.span && left.span === closer.span,
    [closer.span, right.span, left.span]);
  const further = await after('-');
  check(`${name}: - zooms out`, further.span !== closer.span);
  check(`${name}: 0 shows all`, equal(await after('0'), before));
}

async function using(browser, file, name) {
  const opened = await open(browser, file), { page } = opened;
  await shot(page, `${name}_light`);
  await hovering(page, name);
  if (name === 'one') await bytesShown(page);
  await page.mouse.move(5, 5);
  await settle(page);
  const { before, zoomed } = await zooming(page, name);
  await shot(page, `${name}_zoomed`);
  await dragging(page, name, zoomed);
  await resetting(page, name, before);
  await typing(page, name, before);
  quiet(name, opened);
  await opened.close();
}

// A frame's time is that of the script and the drawing it asks for, between two frames.
async function racing(browser, file) {
  const opened = await open(browser, file), { page } = opened;
  const events = await page.evaluate(() =>
    JSON.parse(document.getElementById('data').textContent).runs[0].lanes
      .reduce((sum, lane) => sum + lane.events.length / 6, 0));
  check('100,000 events are there', events >= 1e5, events);
  const frames = await page.evaluate(async () => {
    const plot = document.querySelector('.plot'), box = plot.getBoundingClientRect();
    const frame = () => new Promise(requestAnimationFrame), times = [];
    let last = await frame();
    for (let i = 0; i < 90; i++) {
      const [clientX, clientY] = [box.left + box.width * .37, box.top + 5];
      const deltaY = i < 45 ? -60 : 60;
      plot.dispatchEvent(new WheelEvent('wheel', { deltaY, clientX, clientY, bubbles: true,
        cancelable: true }));
      const now = await frame();
      times.push(now - last);
      last = now;
    }
    return times.sort((a, b) => a - b);
  });
  const median = frames[frames.length >> 1], slowest = frames[frames.length - 1];
  console.log(`    frames of a zoom over ${events} events: median ${median.toFixed(1)} ms, ` +
    `slowest ${slowest.toFixed(1)} ms`);
  check('100,000 events: a frame of a zoom takes less than 50 ms', median < 50, median);
  quiet('100,000 events', opened);
  await shot(page, 'many_light');
  await opened.close();
}

async function withoutScripts(browser, file, name) {
  const opened = await open(browser, file, { javaScriptEnabled: false }), { page } = opened;
  const svg = page.locator('.plot > svg');
  const drawn = await svg.count() && await svg.first().isVisible();
  check(`${name}, scripts off: the picture is there`, drawn);
  check(`${name}, scripts off: with events`, await page.locator('.plot > svg path').count() > 4);
  check(`${name}, scripts off: no button that does nothing`,
    !await page.locator('#reset').isVisible());
  await shot(page, `${name}_static`);
  quiet(`${name}, scripts off`, opened);
  await opened.close();
}

// Nothing wider than the window, no text over another in a gutter.
async function fitting(browser, file, name, width, colorScheme) {
  const opened = await open(browser, file, { viewport: { width, height: 900 }, colorScheme });
  const { page } = opened, label = `${name}, ${width} wide, ${colorScheme}`;
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  check(`${label}: no sideways scrolling`, wide <= 0, wide);
  const clash = await page.evaluate(() => {
    const texts = [...document.querySelectorAll('.gutter span, .ticks span, .legend li')]
      .filter(e => !e.children.length || e.tagName === 'LI').map(e => {
        const range = document.createRange();
        range.selectNodeContents(e);
        return [e.textContent, range.getBoundingClientRect()];
      });
    for (const [a, one] of texts)
      for (const [b, two] of texts)
        if (one !== two && one.left < two.right - 1 && two.left < one.right - 1 &&
            one.top < two.bottom - 4 && two.top < one.bottom - 4) return [a, b];
    return null;
  });
  check(`${label}: no text over another`, clash === null, clash);
  await shot(page, `${name}_${width}_${colorScheme}`);
  quiet(label, opened);
  await opened.close();
}

async function main() {
  const one = makePage('one', [['--operations']]);
  const many = makePage('many', [['--pieces', '16500', '--user']]);
  const three = makePage('three', [['--chunk', '64', '--pieces', '1600', '--scale', '0.12', '--operations'], [],
    ['--chunk', '512', '--pieces', '75', '--scale', '4', '--workers', '2']]);
  const wide = makePage('wide', [['--workers', '64', '--pieces', '2000', '--disk', '20']]);
  const browser = await playwright.chromium.launch({ executablePath: chromium,
    args: process.getuid && process.getuid() === 0 ? ['--no-sandbox'] : [] });
  try {
    await using(browser, one, 'one');
    await using(browser, three, 'three');
    await racing(browser, many);
    for (const [file, name] of [[one, 'one'], [many, 'many'], [three, 'three']])
      await withoutScripts(browser, file, name);
    for (const [file, name] of [[one, 'one'], [three, 'three'], [wide, 'wide']])
      for (const width of [390, 800, 1280])
        for (const scheme of ['light', 'dark']) await fitting(browser, file, name, width, scheme);
  } finally {
    await browser.close();
  }
}

main().catch(error => check('no surprise', false, String(error))).then(finish);
