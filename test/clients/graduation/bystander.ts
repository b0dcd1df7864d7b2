/** A producer and a group (librdkafka's, by way of kcat) that work while things move under them: each record is written, and seen, before the next. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';
import { eventually } from '../eventually.ts';

/** kcat takes its input in pieces of so many bytes, and waits until one is full. */
const kcatReads = 1024;

export class Bystander {
  readonly #producer: ChildProcess;
  readonly #consumer: ChildProcess;
  #seen = '';
  #words = '';
  #done = 0;
  #work: Promise<void> | null = null;
  #isOver = false;

  constructor(topic: string, group: string, ports: readonly number[]) {
    const where = ['-q', '-b', ports.map((port) => `127.0.0.1:${port}`).join()];
    this.#producer = this.#spawn(['-P', ...where, '-t', topic, '-X', 'enable.idempotence=true']);
    const reset = ['-X', 'auto.offset.reset=earliest', '-X', 'topic.metadata.refresh.interval.ms=1000'];
    this.#consumer = this.#spawn(['-C', '-u', ...where, ...reset, '-G', group, topic]);
    createInterface({ input: this.#consumer.stdout! }).on('line', (line) => void (this.#seen = line));
  }

  /** Resolves when the first record has come through. */
  async start(): Promise<void> {
    this.#work = this.#goOn();
    this.#work.catch(() => {});
    await this.keepsUp();
  }

  /** That it still gets on. */
  async keepsUp(): Promise<void> {
    const until = this.#done + 3;
    await eventually(() => expect(this.#done, this.#words).toBeGreaterThan(until));
  }

  /** How many records it wrote, and saw. */
  async finish(): Promise<number> {
    this.#isOver = true;
    await this.#work;
    this.#producer.stdin!.end();
    this.kill();
    return this.#done;
  }

  kill(): void {
    this.#producer.kill('SIGTERM');
    this.#consumer.kill('SIGTERM');
  }

  async #goOn(): Promise<void> {
    for (; !this.#isOver; this.#done += 1) {
      const value = `tick ${this.#done} `.padEnd(kcatReads - 1, '.');
      this.#producer.stdin!.write(`${value}\n`);
      await eventually(() => expect(this.#seen, this.#words).toBe(value));
    }
  }

  #spawn(args: readonly string[]): ChildProcess {
    const child = spawn('kcat', args, { stdio: ['pipe', 'pipe', 'pipe'] });
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.#words += text));
    return child;
  }
}
