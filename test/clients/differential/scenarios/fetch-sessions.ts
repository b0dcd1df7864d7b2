/** Fetch sessions over their whole life (KIP-227). */
import { fetch } from '../../../../protocol/messages/data/fetch.ts';
import type { ResponseOf } from '../../../../protocol/schema/api.ts';
import type { Scenario } from '../scenario.ts';
import type { Peer, View } from '../side.ts';
import {
  type Body,
  filled,
  newestFetch,
  of,
  type Place,
  plainFetch,
  sessionVersion,
  target,
  write,
} from './fetch-requests.ts';

const forget = ({ name, topicId }: Place, ...partitions: number[]) => ({ topic: name, topicId, partitions });

/** One client's session: it knows its id and the epoch that comes next. */
class Session {
  readonly #peer: Peer;
  readonly #view: View<typeof fetch>;
  readonly version: number;
  id = 0;
  epoch = 0;

  constructor(peer: Peer, version: number, view: View<typeof fetch> = (answer) => answer) {
    this.#peer = peer;
    this.#view = view;
    this.version = version;
  }

  async ask(
    note: string,
    topics: Body['topics'] = [],
    more: Partial<Body> = {},
  ): Promise<ResponseOf<typeof fetch>> {
    const body = { ...plainFetch, sessionId: this.id, sessionEpoch: this.epoch, ...more, topics };
    const answer = await this.#peer.ask(fetch, this.version, body, note, this.#view);
    if (answer.errorCode === 0 && more.sessionEpoch === undefined) {
      this.id = answer.sessionId;
      this.epoch += 1;
    }
    return answer;
  }
}

const sessions: Scenario = {
  name: 'sessions',
  async run(side, setting) {
    for (const version of [sessionVersion, 9, 12, 13, newestFetch]) {
      const [a, b] = [
        await filled(side, setting, `a${version}`, 3),
        await filled(side, setting, `b${version}`, 1),
      ];
      const peer = await side.main();
      const session = new Session(peer, version);
      await session.ask('begins', [of(a, target(0, 0), target(1, 10)), of(b, target(0, 8))]);
      await session.ask('nothing new', [of(a, target(0, 10)), of(b, target(0, 10))]);
      await session.ask('still nothing');
      await write(peer, a, 1, 'one more');
      await session.ask('one has come');
      await session.ask('it is still there');
      await session.ask('moved on', [of(a, target(1, 11))]);
      await session.ask('another partition is added', [of(a, target(2, 3))]);
      await session.ask('a partition is added again, elsewhere', [of(a, target(2, 9))]);
      await session.ask('one is forgotten', [], { forgottenTopicsData: [forget(a, 2)] });
      await session.ask('it is forgotten again', [], { forgottenTopicsData: [forget(a, 2)] });
      const nowhere = { name: `${side.prefix}-none`, topicId: 'aaaaaaaaaaaaaaaaaaaaaA' };
      await session.ask('what never was is forgotten', [], {
        forgottenTopicsData: [forget(a, 9), forget(nowhere, 0)],
      });
      await session.ask('one is forgotten and another added', [of(a, target(2, 8))], {
        forgottenTopicsData: [forget(b, 0)],
      });
      await session.ask('one is forgotten and added at once', [of(a, target(2, 7))], {
        forgottenTopicsData: [forget(a, 2)],
      });
      await session.ask('forgotten ones are quiet');
      await session.ask('out of range', [of(a, target(0, 99))]);
      await session.ask('out of range again');
      await session.ask('in range again', [of(a, target(0, 10))]);
      await session.ask('a partition that is not there', [of(a, target(7, 0))]);
      await session.ask('it is not there again');
      await session.ask('no topic', [of(nowhere, target(0, 0))]);
      await session.ask('no topic again');
      await session.ask('everything is forgotten', [], {
        forgottenTopicsData: [forget(a, 0, 1, 2, 7), forget(b, 0), forget(nowhere, 0)],
      });
      await session.ask('after that');
    }
  },
};

/** The wrong epochs, and how sessions end. */
const ending: Scenario = {
  name: 'sessions-that-end',
  async run(side, setting) {
    for (const version of [sessionVersion, 12, 13, newestFetch]) {
      const topic = await filled(side, setting, `t${version}`, 2);
      const peer = await side.main();
      const session = new Session(peer, version);
      await session.ask('begins', [of(topic, target(0, 9))]);
      await session.ask('goes on');
      const { id, epoch } = session;
      await session.ask('an old epoch', [], { sessionEpoch: epoch - 1 });
      await session.ask('an epoch ahead', [], { sessionEpoch: epoch + 1 });
      await session.ask('no such session', [], { sessionId: id + 1, sessionEpoch: epoch });
      await session.ask('epoch 1 without a session', [], { sessionId: 0, sessionEpoch: 1 });
      await session.ask('a negative epoch', [], { sessionEpoch: -2 });
      await session.ask('goes on all the same');
      await session.ask('it begins anew', [of(topic, target(1, 9))], { sessionEpoch: 0 });
      await session.ask('the old one is gone');
      const second = new Session(peer, version);
      await second.ask('a second one begins', [of(topic, target(0, 10))]);
      await second.ask('it is closed, with a last look', [of(topic, target(0, 9))], { sessionEpoch: -1 });
      await second.ask('it is closed');
      const closing = { ...plainFetch, sessionId: id, sessionEpoch: -1, topics: [] };
      await peer.ask(fetch, version, closing, 'closing what is not there');
      const ofNothing = { ...plainFetch, sessionId: 0, sessionEpoch: 0, topics: [] };
      await peer.ask(fetch, version, ofNothing, 'a session of nothing');
    }
  },
};

/** Forgets a session by the number that its answer had. */
async function closeAll(peer: Peer, ids: Iterable<number>): Promise<void> {
  for (const sessionId of ids)
    await peer.ready(fetch, newestFetch, { ...plainFetch, sessionId, sessionEpoch: -1, topics: [] });
}

/** Topics that are there first: where those that are gone stand depends on the code that they get. */
const presentFirst: View<typeof fetch> = ({ responses, ...rest }) => ({
  ...rest,
  responses: [
    ...responses.filter(({ partitions }) => partitions[0]!.errorCode === 0),
    ...responses.filter(({ partitions }) => partitions[0]!.errorCode !== 0),
  ],
});

const deletedTopics: Scenario = {
  name: 'sessions-of-deleted-topics',
  async run(side, setting) {
    for (const version of [12, 13, newestFetch]) {
      const word = `t${version}`;
      const topic = await filled(side, setting, word, 2);
      const other = await filled(side, setting, `other${version}`, 1);
      const peer = await side.main();
      const session = new Session(peer, version, presentFirst);
      await session.ask('begins', [of(topic, target(0, 9), target(1, 10)), of(other, target(0, 10))]);
      await session.ask('is quiet', [of(topic, target(0, 10))]);
      await setting.deleteTopic(topic.name);
      await session.ask('its topic is deleted');
      await session.ask('is it still?');
      await write(peer, other, 0, 'more');
      await session.ask('the other topic has something');
      const anew = await filled(side, setting, word, 2);
      await session.ask('a topic of that name is there', [of(other, target(0, 11))]);
      await session.ask('and again');
      await session.ask('by its new name', [of(anew, target(0, 9))]);
      await session.ask('and quiet', [of(anew, target(0, 10))]);
      await session.ask('the old one is forgotten', [], { forgottenTopicsData: [forget(topic, 0, 1)] });
      await session.ask('what is left');
      await closeAll(peer, [session.id]);
    }
  },
};

const eviction: Scenario = {
  name: 'eviction-of-sessions',
  async run(side, setting) {
    const topic = await filled(side, setting, 't', 1);
    const peer = await side.main();
    const ids: number[] = [];
    const begin = async () => {
      const body = { ...plainFetch, sessionId: 0, sessionEpoch: 0, topics: [of(topic, target(0, 10))] };
      const { sessionId } = await peer.ready(fetch, newestFetch, body);
      if (sessionId !== 0) ids.push(sessionId);
      return sessionId !== 0;
    };
    let begun = 0;
    for (let n = 0; n < 100; n++) begun += (await begin()) ? 1 : 0;
    side.note('sessions of 100 that began', begun);
    const body = { ...plainFetch, sessionId: ids[0]!, sessionEpoch: 1, topics: [] };
    await peer.ask(fetch, newestFetch, body, 'an old one goes on');
    await closeAll(peer, ids.splice(0));
    begun = 0;
    for (let n = 0; n < 10; n++) begun += (await begin()) ? 1 : 0;
    side.note('sessions of 10 that began when there was room', begun);
    await closeAll(peer, ids);
  },
};

const mixedVersions: Scenario = {
  name: 'sessions-by-name-and-by-id',
  async run(side, setting) {
    const topic = await filled(side, setting, 't', 2);
    const peer = await side.main();
    for (const [from, to] of [
      [12, 13],
      [13, 12],
      [7, 12],
      [13, 18],
    ] as const) {
      const session = new Session(peer, from);
      await session.ask('begins', [of(topic, target(0, 9))]);
      const body = { ...plainFetch, sessionId: session.id, sessionEpoch: session.epoch };
      const answer = await peer.ask(
        fetch,
        to,
        { ...body, topics: [of(topic, target(1, 9))] },
        `began in v${from}`,
      );
      await closeAll(peer, [answer.sessionId, session.id]);
    }
  },
};

/** With a limit for the whole answer each partition has its turn. */
const rotation: Scenario = {
  name: 'rotation',
  async run(side, setting) {
    const topic = await filled(side, setting, 't', 4);
    const peer = await side.main();
    for (const version of [sessionVersion, newestFetch]) {
      const session = new Session(peer, version);
      const limits = { maxBytes: 100 };
      await session.ask(
        'begins',
        [of(topic, target(0, 0), target(1, 0), target(2, 0), target(3, 0))],
        limits,
      );
      for (let turn = 0; turn < 9; turn++) await session.ask(`turn ${turn}`, [], limits);
      await session.ask('one moves on', [of(topic, target(2, 5))], limits);
      for (let turn = 0; turn < 4; turn++) await session.ask(`then turn ${turn}`, [], limits);
      await session.ask('with more room', [], { maxBytes: 230 });
      await closeAll(peer, [session.id]);
    }
  },
};

export const sessionScenarios: readonly Scenario[] = [
  sessions,
  ending,
  deletedTopics,
  eviction,
  mixedVersions,
  rotation,
];
