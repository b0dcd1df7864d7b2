import type { AppendStep, PassPlan, Plan, Stage, Step } from './plan.ts';

/** Leaves out of a failing plan what it fails without, so that a person can read the rest. */

/** `fails` runs a plan; at most `tries` times. */
export async function smallerPlan(
  plan: Plan,
  fails: (plan: Plan) => Promise<boolean>,
  tries = 600,
): Promise<Plan> {
  let smallest = plan;
  let left = tries;
  for (let found = true; found; ) {
    found = false;
    for (const candidate of candidates(smallest)) {
      if (left-- <= 0) return smallest;
      if (!(await fails(candidate))) continue;
      smallest = candidate;
      found = true;
      break;
    }
  }
  return smallest;
}

/** Smaller by one thing each, the larger things first. */
function* candidates(plan: Plan): Generator<Plan> {
  const { stages, legacy } = plan;
  for (const fewer of without(stages)) if (fewer.length > 0) yield { ...plan, stages: fewer };
  for (const fewer of without(legacy)) yield { ...plan, legacy: fewer };
  for (let n = stages.length - 1; n >= 0; n--)
    for (const stage of stageCandidates(stages[n]!)) yield { ...plan, stages: stages.with(n, stage) };
}

function* stageCandidates(stage: Stage): Generator<Stage> {
  const { steps, passes } = stage;
  for (const fewer of without(passes)) yield { ...stage, passes: fewer };
  for (const fewer of withoutSome(steps)) yield { ...stage, steps: fewer };
  for (let n = 0; n < steps.length; n++)
    for (const step of stepCandidates(steps[n]!)) yield { ...stage, steps: steps.with(n, step) };
  for (let n = 0; n < passes.length; n++)
    for (const pass of passCandidates(passes[n]!)) yield { ...stage, passes: passes.with(n, pass) };
}

function* stepCandidates(step: Step): Generator<Step> {
  if (step.kind !== 'append') return;
  for (const records of without(step.records)) if (records.length > 0) yield { ...step, records };
  const simple: Partial<AppendStep>[] = [];
  if (step.codec !== 0) simple.push({ codec: 0 });
  if (step.records.some((record) => record.headers > 0 || (record.valueBytes ?? 0) > 10))
    simple.push({ records: step.records.map(simpleRecord) });
  for (const part of simple) yield { ...step, ...part };
}

function simpleRecord(record: AppendStep['records'][number]) {
  return { ...record, headers: 0, valueBytes: record.valueBytes === null ? null : 10 };
}

function* passCandidates(pass: PassPlan): Generator<PassPlan> {
  if (pass.retains) yield { ...pass, retains: false };
  if (pass.loadFactor !== 0.9) yield { ...pass, loadFactor: 0.9 };
  if (pass.bufferBytes !== 65_536) yield { ...pass, bufferBytes: 65_536 };
  if (pass.checkpoint !== 'kept') yield { ...pass, checkpoint: 'kept' };
  if (pass.goesOnWith !== 'ours') yield { ...pass, goesOnWith: 'ours' };
}

/** Without each one, from the end. */
function* without<Item>(items: readonly Item[]): Generator<readonly Item[]> {
  for (let n = items.length - 1; n >= 0; n--) yield items.toSpliced(n, 1);
}

/** Without halves, quarters, … and each one. */
function* withoutSome<Item>(items: readonly Item[]): Generator<readonly Item[]> {
  for (let size = Math.floor(items.length / 2); size > 1; size = Math.floor(size / 2))
    for (let from = 0; from < items.length; from += size) yield items.toSpliced(from, size);
  yield* without(items);
}
