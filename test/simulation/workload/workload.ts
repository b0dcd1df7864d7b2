/**
 * What clients do to a broker whose life may end at any moment, several of them at a time, and what they may expect afterwards: see
 * topics.ts, group-history.ts and committers.ts. Chance comes from the world, so a seed is the whole story.
 */
import { errors } from '../../../protocol/errors.ts';
import type { Weather } from '../disk-weather.ts';
import type { World } from '../world.ts';
import { Administrators } from './administrators.ts';
import { BriefTopics } from './brief-topics.ts';
import { Committers } from './committers.ts';
import { Groups, settleMs } from './groups.ts';
import { Producers } from './producers.ts';
import { readAll } from './readers.ts';
import { Requests } from './requests.ts';
import type { Contents, Loss, PartitionHistory, Topic } from './topics.ts';

const topicsMax = 4;
/** Requests under way, besides those of group members. */
const atOnceMax = 4;
const pausesMs = [0, 0, 0, 1, 10, 100, 700];

export class Workload {
  readonly #world: World;
  readonly #requests: Requests;
  readonly #topics: Topic[] = [];
  readonly #producers: Producers;
  readonly #administrators: Administrators;
  readonly #briefTopics: BriefTopics;
  readonly #committers: Committers;
  readonly #groups: Groups;
  readonly #underWay = new Set<Promise<void>>();
  readonly #living = new Set<Promise<void>>();
  #failure: unknown = null;

  constructor(world: World) {
    this.#world = world;
    this.#requests = new Requests(world, 'anybody');
    this.#producers = new Producers(this.#requests);
    this.#administrators = new Administrators(this.#requests);
    this.#briefTopics = new BriefTopics(this.#requests);
    this.#committers = new Committers(this.#requests);
    this.#groups = new Groups(this.#requests);
  }

  /** Clients do this and that, until the machine stops or `steps` are done. */
  async live(steps: number): Promise<void> {
    const { random, files, weather } = this.#world;
    this.#requests.goOn();
    for (const member of this.#groups.members) this.#begin(this.#living, member.live());
    for (let step = 0; step < steps && !files.isStopped; step++) {
      if (random.chance(0.06)) weather.become(random.pick<Weather>(['fine', 'slow', 'failing', 'full']));
      this.#begin(this.#underWay, this.#act());
      await this.#world.pass(random.pick(pausesMs));
      while (this.#underWay.size > atOnceMax && !files.isStopped) await this.#world.pass(20);
      this.#throwFailure();
    }
  }

  /** What is owed of every partition now. */
  acknowledged(): { readonly name: string; readonly offset: number; readonly value: string }[] {
    return this.#topics.flatMap(({ partitions }) =>
      partitions.flatMap(({ name, sent, idempotent }) =>
        [...sent, ...idempotent].flatMap(({ offset, value }) =>
          offset === null ? [] : [{ name, offset, value }],
        ),
      ),
    );
  }

  /** With room again, and nothing broken, everything can be written. */
  async expectWritable(): Promise<void> {
    this.#world.weather.clear();
    // A coordinator that had no room loads its groups again, a second after it failed to.
    await this.#world.pass(3_000);
    const writing = this.#expectWritable().catch((error) => {
      if (!this.#world.files.isStopped) throw error;
    });
    this.#begin(this.#underWay, writing);
    await this.#world.pass(5_000);
    this.#throwFailure();
  }

  async #expectWritable(): Promise<void> {
    for (const topic of this.#topics) {
      for (const history of topic.partitions) {
        const errorCode = await this.#producers.plain(topic, history);
        if (errorCode === errors.kafkaStorageError.code) throw new Error(`${history.name} cannot be written`);
      }
      if (!(await this.#committers.commit(topic))) throw new Error('offsets cannot be committed');
    }
    if ((await this.#administrators.createTopic()) === null) throw new Error('topics cannot be made');
  }

  /** Nobody wants anything for a while: groups come to rest. */
  async settle(): Promise<void> {
    for (const member of this.#groups.members) this.#begin(this.#living, member.live());
    await this.#world.pass(settleMs);
    this.#throwFailure();
    this.#groups.expectSettled();
  }

  /** All clients lose their connections; nothing is under way afterwards. */
  async rest(): Promise<void> {
    for (const member of this.#groups.members) member.suspend();
    this.#requests.rest();
    await this.#world.clock.until(Promise.all([...this.#underWay, ...this.#living]));
    this.#throwFailure();
  }

  /** Reads everything and compares. */
  async check(loss: Loss | null): Promise<void> {
    this.#requests.goOn();
    await this.#world.clock.until(this.#check(loss));
  }

  async #check(loss: Loss | null): Promise<void> {
    const contents = new Map<PartitionHistory, Contents>();
    if (loss !== null) {
      this.#producers.forget();
      this.#committers.forget();
      this.#groups.forget();
    }
    for (const topic of this.#topics) {
      await this.#administrators.expectTopic(topic);
      for (const history of topic.partitions) {
        const found = await readAll(this.#requests, topic, history, loss);
        if (found === null) throw new Error(`${history.name} cannot be read`);
        if (loss !== null) history.forgetLost(found, topic.mayShrink, loss);
        history.show(found.values);
        history.compare(found, topic.mayShrink);
        history.deletionTriedTo = found.startOffset;
        contents.set(history, found);
      }
    }
    await this.#briefTopics.expectAll(loss !== null);
    await this.#committers.expectAll();
    await this.#groups.expectCommitted(contents);
  }

  /** One thing that some client does. */
  async #act(): Promise<void> {
    const { random } = this.#world;
    const roll = random.next();
    if (this.#topics.length === 0 || (roll < 0.04 && this.#topics.length < topicsMax)) {
      const topic = await this.#administrators.createTopic();
      if (topic !== null) this.#topics.push(topic);
      return;
    }
    const topic = random.pick(this.#topics);
    const history = random.pick(topic.partitions);
    if (roll < 0.28) return void (await this.#producers.plain(topic, history));
    if (roll < 0.5) return this.#producers.idempotent(topic, history);
    if (roll < 0.57) return void (await this.#committers.commit(topic));
    if (roll < 0.64) return this.#administrators.alterConfig(topic);
    if (roll < 0.68) return this.#administrators.createPartitions(topic);
    if (roll < 0.74) return this.#administrators.deleteRecords(topic, history);
    if (roll < 0.9) return this.#groups.happen(this.#topics, (life) => this.#begin(this.#living, life));
    if (roll < 0.91) return this.#producers.idle();
    if (roll < 0.96) return this.#briefTopics.happen();
    await readAll(this.#requests, topic, history);
  }

  #begin(set: Set<Promise<void>>, work: Promise<void>): void {
    const done = work
      .catch((error) => {
        this.#failure ??= error;
      })
      .finally(() => set.delete(done));
    set.add(done);
  }

  #throwFailure(): void {
    if (this.#failure !== null) throw this.#failure;
  }
}
