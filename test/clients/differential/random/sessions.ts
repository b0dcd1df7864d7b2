/** Fetch sessions whose partitions come and go (KIP-227). */
import { fetch } from '../../../../protocol/messages/data/fetch.ts';
import { of, plainFetch, target } from '../scenarios/fetch-requests.ts';
import type { Operation } from './play.ts';
import type { World } from './world.ts';

const firstVersion = 7;
const newestVersion = 18;
const topicIdVersion = 13;
const sessionsAtOnce = 3;

export class FetchSession {
  readonly version: number;
  id = 0;
  epoch = 0;
  isOver = false;
  readonly #topics = new Set<string>();

  constructor(version: number) {
    this.version = version;
  }

  names(topic: string): void {
    this.#topics.add(topic);
  }

  /** A session by topic id that has a topic which is gone is one of the differences that we keep: it is not gone on with. */
  topicDeleted(topic: string): void {
    if (this.version >= topicIdVersion && this.#topics.has(topic)) this.isOver = true;
  }
}

function sessionOf(world: World): FetchSession {
  const { random, sessions } = world;
  const which = random.below(sessionsAtOnce);
  const version = world.version(firstVersion, newestVersion);
  const found = sessions[which];
  if (found !== undefined && !found.isOver) return found;
  const session = new FetchSession(version);
  sessions[Math.min(which, sessions.length)] = session;
  return session;
}

function targets(world: World, session: FetchSession, count: number) {
  const { random } = world;
  return Array.from({ length: count }, () => {
    const topic = world.someTopic();
    session.names(topic.name);
    const limit = { partitionMaxBytes: random.pick([1, 200, 100_000]) };
    return of(topic, target(world.somePartition(), random.below(20), limit));
  });
}

const going: Operation = {
  weight: 14,
  async run(world) {
    const { random, main } = world;
    const session = sessionOf(world);
    const added = targets(world, session, random.below(3));
    const forgotten = random.chance(0.3) ? [world.someTopic()] : [];
    const partition = world.somePartition();
    const choice = random.next();
    const maxBytes = random.pick([150, 1_000_000]);
    const epoch = choice < 0.9 ? session.epoch : choice < 0.94 ? session.epoch + 1 : choice < 0.97 ? 0 : -1;
    const { errorCode, sessionId } = await main.ask(
      fetch,
      session.version,
      {
        ...plainFetch,
        maxBytes,
        sessionId: session.id,
        sessionEpoch: epoch,
        topics: added,
        forgottenTopicsData: forgotten.map(({ name, topicId }) => ({
          topic: name,
          topicId,
          partitions: [partition],
        })),
      },
      `epoch ${epoch}, ${maxBytes} bytes, adds ${world.wordsOfFetch(added)}; forgets ${forgotten.map((topic) => `${world.wordsOf(topic)}-${partition}`)}`,
    );
    if (errorCode !== 0) return;
    if (sessionId !== 0) world.sessionIds.add(sessionId);
    session.isOver = sessionId === 0;
    session.id = sessionId;
    session.epoch = epoch + 1;
  },
};

export const sessionOperations: readonly Operation[] = [going];
