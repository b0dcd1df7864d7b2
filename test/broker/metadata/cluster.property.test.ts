/** The metadata of a cluster against a model: random requests, stops, kills, power cuts at every operation, failing disks. */
import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../simulation/random.ts';
import {
  type FaultyEnvironment,
  faultyEnvironment,
  simulatedEnvironment,
} from '../../simulation/simulated-environment.ts';
import { type ClusterUnderTest, open } from './cluster-fixture.ts';
import { ClusterModel, randomRequest, stateOf } from './cluster-model.ts';

/** A snapshot every few requests, and what it makes needless goes at once. */
const oftenShort = {
  'metadata.log.max.record.bytes.between.snapshots': 300,
  'metadata.max.retention.bytes': 1000,
};

describe.each([
  ['', {}],
  [', snapshots taken all the time', oftenShort],
])('cluster metadata%s', (_, settings) => {
  test('random requests and restarts agree with a model', async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = new SeededRandom(seed);
      const environment = simulatedEnvironment({ seed });
      let cluster = await open({ environment, settings });
      const model = new ClusterModel();
      for (let step = 0; step < 60; step++) {
        const request = randomRequest(random, model);
        if (await request.send(cluster)) request.apply(model);
        expect(stateOf(cluster), `seed ${seed}, step ${step}: ${request.what}`).toEqual(model.state());
        if (!random.chance(0.1)) continue;
        const { epoch } = cluster.state;
        // One that is not closed goes on writing its snapshot, in the same process.
        if (settings === oftenShort || random.chance(0.5)) await cluster.close();
        cluster = await open({ environment, settings });
        expect(stateOf(cluster), `seed ${seed}: after the start at step ${step}`).toEqual(model.state());
        expect(cluster.state.epoch).toBe(epoch + 1);
      }
    }
  });

  test('requests that are sent without waiting are carried out in order', async () => {
    const random = new SeededRandom(5);
    const cluster = await open();
    const created = ['a', 'b', 'c'].map((name) => cluster.controller.autoCreateTopics([name, 'shared']));
    const ids = (await Promise.all(created)).map((results) => results[1]!.topicId);
    expect(new Set(ids).size).toBe(1);
    const blocks = await Promise.all(
      Array.from({ length: 9 }, () => cluster.controller.allocateProducerIds()),
    );
    expect(blocks.map(({ firstProducerId }) => firstProducerId)).toEqual(
      [0, 1, 2, 3, 4, 5, 6, 7, 8].map((n) => n * 1000),
    );
    expect(random.seed).toBe(5);
  });

  test('a power cut at any operation loses nothing that was answered, and tears no request', async () => {
    let operations = 0;
    for (let at = 0; ; at += 1) {
      const outcome = await crashAt(at, 3, settings);
      if (!outcome.crashed) break;
      operations = at;
    }
    expect(operations).toBeGreaterThan(40);
  });

  test('random power cuts, then on', async () => {
    for (let seed = 100; seed < 140; seed++) await crashAt(new SeededRandom(seed).below(120), seed, settings);
  });

  test('a full or failing disk refuses the request and changes nothing; what was answered is there after the start', async () => {
    for (const [operation, code] of [
      ['write', 'ENOSPC'],
      ['write', 'EIO'],
      ['sync', 'EIO'],
    ] as const) {
      for (let after = 0; after < 6; after++) {
        const environment = faultyEnvironment({ seed: 9 });
        const cluster = await open({ environment, settings });
        const model = new ClusterModel();
        environment.files.fail(operation).on('*.log').with(code).after(after).times(1);
        const random = new SeededRandom(after);
        const possible: unknown[] = [];
        for (let step = 0; step < 12; step++) {
          const request = randomRequest(random, model);
          const attempted = model.copy();
          if (await request.send(cluster)) request.apply(model);
          else if (operation === 'sync' && cluster.log.isOffline && possible.length === 0)
            possible.push(tried(request, attempted));
          expect(stateOf(cluster), `${operation} ${code}, ${after}: ${request.what}`).toEqual(model.state());
        }
        // What was written and could not be synced may turn up all the same; nobody was told that it would not.
        possible.push(model.state());
        const next = await open({ environment: reopened(environment) });
        expect(possible).toContainEqual(withoutUnknownIds(stateOf(next), [model.state()]));
      }
    }
  });
});

function reopened(environment: FaultyEnvironment): FaultyEnvironment {
  return faultyEnvironment({ clock: environment.clock, files: environment.files.afterKill() });
}

/** Runs a scenario until the power goes at a file operation, then opens what is left. */
async function crashAt(
  operation: number,
  seed: number,
  settings: Partial<typeof oftenShort>,
): Promise<{ crashed: boolean }> {
  const environment = faultyEnvironment({ seed });
  const random = new SeededRandom(seed);
  environment.files.makeDirectorySync('/data');
  environment.files.syncDirectorySync('/');
  environment.files.stopAfter(operation);
  const model = new ClusterModel();
  /** What the cluster may be: all that was answered, and perhaps the request that was not. */
  const possible = [model.state()];
  let cluster: ClusterUnderTest | null = await open({ environment, settings }).catch(() => null);
  for (let step = 0; cluster !== null && step < 12 && !environment.files.isStopped; step++) {
    const request = randomRequest(random, model);
    const attempted = model.copy();
    const isAnswered = await request.send(cluster);
    if (isAnswered) request.apply(model);
    possible.splice(0, possible.length, model.state());
    if (!isAnswered && environment.files.isStopped) possible.push(tried(request, attempted));
    if (step === 5 && !environment.files.isStopped) {
      await cluster.close();
      cluster = await open({ environment, settings }).catch(() => null);
    }
  }
  const crashed = environment.files.isStopped;
  const files = environment.files.afterCrash(random);
  const after = await open({
    settings,
    environment: faultyEnvironment({ clock: environment.clock, files, seed: seed + 1 }),
  });
  const found = withoutUnknownIds(stateOf(after), possible);
  expect(possible, `seed ${seed}, operation ${operation}`).toContainEqual(found);
  // And it goes on.
  const request = randomRequest(random, new ClusterModel());
  await request.send(after);
  await after.close();
  return { crashed };
}

function tried(
  request: ReturnType<typeof randomRequest>,
  model: ClusterModel,
): ReturnType<ClusterModel['state']> {
  try {
    request.apply(model);
  } catch {
    // It would have been refused.
  }
  return model.state();
}

/** A topic whose creation was not answered has an id that nobody was told: `?` in the model. */
function withoutUnknownIds(
  found: ReturnType<ClusterModel['state']>,
  possible: readonly ReturnType<ClusterModel['state']>[],
): ReturnType<ClusterModel['state']> {
  const known = new Set(possible.flatMap(({ topics }) => topics.map(({ id }) => id)));
  const topics = found.topics.map((topic) => (known.has(topic.id) ? topic : { ...topic, id: '?' }));
  return { ...found, topics };
}
