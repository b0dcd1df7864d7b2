/**
 * How far a compaction is, on stderr: on a terminal one line that is written over, elsewhere a line now and then, and none for what is
 * quick.
 */
import type { CompactionProgress } from '../broker/index.ts';
import { bytes } from './quantities.ts';

export interface ProgressOutput {
  write(text: string): void;
  readonly isTerminal: boolean;
  /** Of the terminal, now. */
  readonly columns: () => number;
  /** Monotonic. */
  readonly nowMs: () => number;
}

/** Between two lines where they stay. */
export const lineEveryMs = 3_000;

const phases: Record<CompactionProgress['phase'], string> = {
  index: 'reading keys',
  rewrite: 'rewriting',
};

export class ProgressLine {
  readonly #output: ProgressOutput;
  #toldMs: number;
  #isShown = false;

  constructor(output: ProgressOutput) {
    this.#output = output;
    this.#toldMs = output.nowMs();
  }

  show(progress: CompactionProgress): void {
    const { isTerminal, columns, nowMs, write } = this.#output;
    const text = progressText(progress);
    if (isTerminal) {
      write(`\r${text.slice(0, Math.max(1, columns() - 1))}\u001b[K`);
      this.#isShown = true;
    } else if (nowMs() - this.#toldMs >= lineEveryMs) {
      this.#toldMs = nowMs();
      write(`${text}\n`);
    }
  }

  /** Makes room for what stays. */
  clear(): void {
    if (this.#isShown) this.#output.write('\r\u001b[K');
    this.#isShown = false;
  }
}

/** For this process's stderr. */
export function progressOnStderr(): ProgressLine {
  return new ProgressLine({
    write: (text) => void process.stderr.write(text),
    isTerminal: process.stderr.isTTY,
    // 0 where the terminal does not tell.
    columns: () => process.stderr.columns || 80,
    nowMs: () => performance.now(),
  });
}

function progressText({ topic, partition, pass, phase, bytesDone, bytesTotal }: CompactionProgress): string {
  const percent = bytesTotal === 0 ? 100 : Math.floor((100 * bytesDone) / bytesTotal);
  const what = `${phases[phase]}${pass > 1 ? ` (pass ${pass})` : ''}`;
  return `${topic}-${partition}: ${what}, ${bytes(bytesDone)} of ${bytes(bytesTotal)}, ${percent} %`;
}
