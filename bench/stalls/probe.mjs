/**
 * Looks at a broker from inside of its process, loaded before it (`node --import`): how late the event loop comes round, what held it up,
 * and how long the garbage collector took. Told by its parent when a phase begins and ends; the answer is what that phase was like.
 *
 * A block is a turn of more than 5 ms. Where it went: on the processor (`cpuMs`), waiting for one that others used (`queuedMs`, as Linux
 * counts it for this very thread), or neither, then for the disk. The calls of the file system in it are counted, the longest with its stack.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { constants, monitorEventLoopDelay, PerformanceObserver, performance } from 'node:perf_hooks';

const resolutionMs = 1;
const blockMs = 5;
const keptBlocks = 5;
/** A call of that length has its stack kept. */
const longCallMs = 3;
const nanosecondsPerMs = 1e6;

const calls = new Map();
let longest = null;

function watch(name) {
  const original = fs[name];
  fs[name] = (...args) => {
    const startMs = performance.now();
    try {
      return original(...args);
    } finally {
      const tookMs = performance.now() - startMs;
      const seen = calls.get(name) ?? { count: 0, ms: 0 };
      seen.count++;
      seen.ms += tookMs;
      calls.set(name, seen);
      if (tookMs > longCallMs && tookMs > (longest?.ms ?? 0))
        longest = { name, ms: tookMs, stack: new Error('here').stack.split('\n').slice(2, 8).map(place) };
    }
  };
}

const place = (line) =>
  line
    .trim()
    .replace(/^at /, '')
    .replace(/ \(.*$/, '');

// The clock of the threads, read by the unwatched call.
const scheduled = fs.openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
const { readSync } = fs;
const text = Buffer.alloc(64);
function threadTimes() {
  const length = readSync(scheduled, text, 0, text.length, 0);
  const [cpu, queued] = text.latin1Slice(0, length).split(' ');
  return { cpuMs: Number(cpu) / nanosecondsPerMs, queuedMs: Number(queued) / nanosecondsPerMs };
}

/** Pages of the process, its code's among them, that had to come from the disk. */
function majorFaults() {
  return process.resourceUsage().majorPageFault;
}

for (const name of Object.keys(fs)) if (/Sync$/.test(name) && typeof fs[name] === 'function') watch(name);
syncBuiltinESMExports();

const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
let collections = [];
new PerformanceObserver((list) => {
  for (const { startTime, duration, detail } of list.getEntries()) {
    collections.push({ startMs: startTime, ms: duration, kind: detail.kind });
  }
}).observe({ entryTypes: ['gc'] });

let turns = [];
let blocks = [];
let lastMs = performance.now();
let lastTimes = threadTimes();
let lastFaults = majorFaults();
let isOn = false;

function tick() {
  const nowMs = performance.now();
  const lateMs = nowMs - lastMs - resolutionMs;
  const times = threadTimes();
  if (isOn) {
    const own = {
      cpuMs: times.cpuMs - lastTimes.cpuMs,
      queuedMs: times.queuedMs - lastTimes.queuedMs,
      majorFaults: majorFaults() - lastFaults,
    };
    // What others' work did to us is not ours to mend.
    turns.push(Math.max(0, lateMs - own.queuedMs));
    if (lateMs > blockMs) {
      const counted = Array.from(calls, ([name, { count, ms }]) => ({ name, count, ms }));
      counted.sort((a, b) => b.ms - a.ms);
      blocks.push({ startMs: lastMs, lateMs, ...own, calls: counted.slice(0, 3), longest });
    }
  }
  calls.clear();
  longest = null;
  lastMs = performance.now();
  lastTimes = threadTimes();
  lastFaults = majorFaults();
  setTimeout(tick, resolutionMs).unref();
}
tick();

const quantile = (sorted, share) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;

/** What V8 does, by its names. Finalizers run outside of its pauses. */
const kinds = {
  scavenge: constants.NODE_PERFORMANCE_GC_MINOR,
  'mark-compact': constants.NODE_PERFORMANCE_GC_MAJOR,
  incremental: constants.NODE_PERFORMANCE_GC_INCREMENTAL,
};

/** V8 goes by the clock: of a pause within a long turn is taken what that turn waited for a processor. */
function ofKind(name, kind) {
  const all = collections.filter((each) => each.kind === kind);
  const own = ({ startMs, ms }) => {
    const turn = blocks.find((block) => block.startMs <= startMs && startMs < block.endMs);
    return turn === undefined ? ms : Math.max(0, ms - turn.queuedMs);
  };
  return {
    name,
    count: all.length,
    ms: all.reduce((sum, { ms }) => sum + ms, 0),
    maxMs: Math.max(0, ...all.map(({ ms }) => ms)),
    ownMaxMs: Math.max(0, ...all.map(own)),
  };
}

function begin() {
  turns = [];
  blocks = [];
  collections = [];
  histogram.reset();
  histogram.enable();
  isOn = true;
}

function end() {
  isOn = false;
  histogram.disable();
  for (const block of blocks) {
    block.endMs = block.startMs + block.lateMs + resolutionMs;
    const within = collections.filter(({ startMs }) => startMs >= block.startMs && startMs < block.endMs);
    block.gcMs = within.reduce((sum, { ms }) => sum + ms, 0);
    block.ownMs = Math.max(0, block.lateMs - block.queuedMs);
  }
  blocks.sort((a, b) => b.ownMs - a.ownMs);
  const sorted = turns.sort((a, b) => a - b);
  const delayMs = (percentile) =>
    Math.max(0, histogram.percentile(percentile) / nanosecondsPerMs - resolutionMs);
  return {
    turns: sorted.length,
    ownP50Ms: quantile(sorted, 0.5),
    ownP99Ms: quantile(sorted, 0.99),
    ownP999Ms: quantile(sorted, 0.999),
    ownMaxMs: sorted.at(-1) ?? 0,
    clockP99Ms: delayMs(99),
    clockP999Ms: delayMs(99.9),
    clockMaxMs: Math.max(0, histogram.max / nanosecondsPerMs - resolutionMs),
    garbage: Object.entries(kinds).map(([name, kind]) => ofKind(name, kind)),
    blocks: blocks.slice(0, keptBlocks),
  };
}

process.on('message', (message) => {
  if (message === 'begin') begin();
  else if (message === 'end') process.send(end());
});
process.channel?.unref();
