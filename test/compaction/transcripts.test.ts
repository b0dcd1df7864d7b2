import { beforeAll, test } from 'vitest';
import type { CleanResult } from '../../compaction/clean-job.ts';
import type { Cleanable } from '../../compaction/cleanable.ts';
import { isTopicKey, resolveTopicSettings } from '../../storage/config/topic-settings.ts';
import type { Log } from '../../storage/log/log.ts';
import { fileName } from '../../storage/log/segment-files.ts';
import { type SimulatedEnvironment, simulatedEnvironment } from '../simulation/simulated-environment.ts';
import { directory, openLog } from '../storage/log/log-fixture.ts';
import { CompactedLog, generousLimits, smallestMap } from './compacted-log.ts';
import { drawBatches, parseBatch } from './drawn-log.ts';
import { loadCodecs } from './history.ts';
import { caseNames, checkCase, type Section, settingsIn } from './transcript.ts';

/**
 * A log drawn batch by batch (drawn-log.ts), and what passes of the cleaner leave of it. On top its settings; each `---- at MS` is a pass
 * at that moment of the clock, with what it leaves:
 *
 *    clean to 9, next horizon 2000            where the next pass begins, and when the first tombstone or marker may go
 *    kept … removed …                         records by reason
 *    left alone: 9..12 active                 what could not be cleaned, and why
 *    = 0..2    a=1                            a batch that is the same, byte for byte; with `*` it was changed
 *    aborted p7 4..9                          an entry of the transaction index
 *
 * `at MS, all dirty` is a pass as if nothing had been clean before; `dry run` changes nothing; `rolled` seals the active segment first;
 * `retention` lets retention have its turn after the pass.
 */
beforeAll(loadCodecs);

test.each(caseNames('compaction'))('%s', (name) => checkCase('compaction', name, replay));

async function replay([first, ...passes]: readonly Section[]): Promise<string[][]> {
  const drawing = new Drawing(first!);
  const results: string[][] = [];
  for (const { title } of passes) results.push(await drawing.pass(title));
  return results;
}

class Drawing {
  readonly #environment: SimulatedEnvironment = simulatedEnvironment();
  readonly #settings: Map<string, string>;
  readonly #compacted: CompactedLog;
  /** Batches as they were last drawn. */
  #before: Set<string>;

  constructor(first: Section) {
    const { settings, rest } = settingsIn(first.lines);
    const { files } = this.#environment;
    this.#settings = settings;
    files.makeDirectorySync(directory);
    writeSegments(this.#environment, rest);
    const topic = new Map([...settings].filter(([name]) => isTopicKey(name)));
    const defaults = { 'cleanup.policy': 'compact', 'file.delete.delay.ms': '0' };
    this.#environment.clock.setWallMs(0);
    const log = openLog(this.#environment, {
      settings: resolveTopicSettings(new Map([...Object.entries(defaults), ...topic])),
      logStartOffset: Number(settings.get('log start') ?? 0),
      producerIdExpirationMs: () => 86_400_000,
    });
    if (settings.get('producers') === 'expired') log.expireProducers(Number.MAX_SAFE_INTEGER);
    const checkpoint = settings.get('checkpoint');
    this.#compacted = new CompactedLog(
      this.#environment,
      log,
      checkpoint === undefined ? null : Number(checkpoint),
    );
    this.#before = new Set(this.#batches().map(({ bytes }) => bytes.toString('hex')));
  }

  async pass(title: string): Promise<string[]> {
    const [at, ...options] = title.split(', ');
    const nowMs = Number(/^at (\d+)$/.exec(at!)?.[1] ?? Number.NaN);
    const { clock } = this.#environment;
    const compacted = this.#compacted;
    const { log } = compacted;
    clock.setWallMs(nowMs);
    if (options.includes('all dirty')) compacted.checkpoint = null;
    if (options.includes('rolled')) await log.roll();
    const cleanable = compacted.cleanable(nowMs);
    const outcome = await clock.until(
      compacted.pass({
        nowMs,
        limits: this.#settings.get('map') === 'smallest' ? smallestMap : generousLimits,
        isDryRun: options.includes('dry run'),
        tombstonesGoUpToMs: Number(this.#settings.get('tombstones go up to') ?? -1),
      }),
    );
    if (options.includes('retention')) await clock.until(log.applyRetention(nowMs));
    await clock.advance(1);
    const lines: string[] = [];
    const verb = options.includes('dry run') ? 'would be clean' : 'clean';
    if (outcome?.kind === 'cleaned') lines.push(...tell(verb, outcome.result));
    else lines.push(outcome === null ? 'nothing to clean' : outcome.kind);
    lines.push(...tellBlocked(cleanable), ...this.#draw());
    return lines;
  }

  #batches() {
    const { files } = this.#environment;
    return this.#compacted.log
      .segments()
      .flatMap(({ path, sizeBytes }) => drawBatches(files.readFileSync(path).subarray(0, sizeBytes)));
  }

  /** The log as it is now. */
  #draw(): string[] {
    const { log } = this.#compacted;
    const { files } = this.#environment;
    const lines: string[] = [];
    const drawn = new Set<string>();
    if (log.logStartOffset > 0) lines.push(`log start ${log.logStartOffset}`);
    for (const { baseOffset, nextOffset, sizeBytes, path, isActive } of log.segments()) {
      const size = this.#settings.has('sizes') ? ` of ${sizeBytes} bytes` : '';
      lines.push(`segment ${baseOffset}${isActive ? ' active' : ''}${size}`);
      for (const { line, bytes } of drawBatches(files.readFileSync(path).subarray(0, sizeBytes))) {
        const hex = bytes.toString('hex');
        drawn.add(hex);
        lines.push(`${this.#before.has(hex) ? '=' : '*'} ${line}`);
      }
      lines.push(...abortedIn(log, baseOffset, nextOffset));
    }
    this.#before = drawn;
    return lines;
  }
}

/** `segment 0`, `segment 10 modified 500`, and below each its batches. */
function writeSegments({ files }: SimulatedEnvironment, lines: readonly string[]): void {
  let segment: { path: string; modifiedMs: number; bytes: Buffer[] } | null = null;
  const write = (): void => {
    if (segment === null) return;
    const file = files.openSync(segment.path, 'create');
    file.writeSync([Buffer.concat(segment.bytes)], 0);
    file.setModifiedMs(segment.modifiedMs);
    file.close();
  };
  for (const line of lines) {
    const head = /^segment (\d+)(?: modified (\d+))?$/.exec(line);
    if (head === null) segment!.bytes.push(parseBatch(line.trim()).bytes);
    else {
      write();
      const path = files.join(directory, fileName(Number(head[1]), '.log'));
      segment = { path, modifiedMs: Number(head[2] ?? 0), bytes: [] };
    }
  }
  write();
}

function abortedIn(log: Log, from: number, upTo: number): string[] {
  return log
    .abortedTransactions(0, Number.MAX_SAFE_INTEGER)
    .filter(({ lastOffset }) => lastOffset >= from && lastOffset < upTo)
    .map(
      ({ producerId, firstOffset, lastOffset }) => `  aborted p${producerId} ${firstOffset}..${lastOffset}`,
    );
}

const keptNames = {
  newest: 'newest',
  tombstones: 'tombstones',
  markers: 'markers',
  beyondMap: 'beyond the map',
};
const removedNames = {
  superseded: 'superseded',
  tombstonesExpired: 'tombstones',
  aborted: 'aborted',
  markersExpired: 'markers',
  nullKeys: 'without a key',
};

function tell(verb: string, { endOffset, records, emptyBatches, nextHorizonMs }: CleanResult): string[] {
  const count = (names: Readonly<Record<string, string>>) =>
    Object.entries(names)
      .map(([name, said]) => [records[name as keyof typeof records], said] as const)
      .filter(([found]) => found > 0)
      .map(([found, said]) => `${found} ${said}`)
      .join(', ');
  const kept = count(keptNames);
  const removed = count(removedNames);
  const empty = emptyBatches > 0 ? `, ${emptyBatches} empty` : '';
  const horizon = nextHorizonMs >= 0 ? `, next horizon ${nextHorizonMs}` : '';
  return [
    `${verb} to ${endOffset}${horizon}`,
    `kept ${kept || 'nothing'}${empty}${removed ? `; removed ${removed}` : ''}`,
  ];
}

function tellBlocked({ blocked }: Cleanable): string[] {
  const said = blocked
    .filter(({ segment }) => segment.sizeBytes > 0)
    .map(({ segment: { baseOffset, nextOffset }, reason, untilMs }) => {
      return `${baseOffset}..${nextOffset - 1} ${reason}${untilMs >= 0 ? ` until ${untilMs}` : ''}`;
    });
  return said.length > 0 ? [`left alone: ${said.join(', ')}`] : [];
}
