/** Refuses single topics and partitions of a request: takes them out of it before it is handled, and puts their errors into the answer. */
import { errors } from '../../protocol/errors.ts';
import { zeroUuid } from '../../protocol/schema/field.ts';
import { releaseWithin } from '../network/outbound-answer.ts';
import type { TopicPath, TopicPlace } from './topic-places.ts';

/** A decoded message, or a part of one. */
export type Body = Readonly<Record<string, unknown>>;
type Element = Body | string | number;

export interface NamedPartition {
  /** Empty where the topic is named by its id. */
  readonly topic: string;
  readonly topicId: string;
  /** Null: the topic as a whole. */
  readonly partition: number | null;
}

/** The error code for what is named there; NONE: it is not refused. */
export type RefusalOf = (named: NamedPartition) => number;

const none = errors.none.code;

/** Every topic, or every partition, that a body names in a place. */
export function* namedIn(place: TopicPlace, body: Body): Iterable<NamedPartition> {
  for (const parent of parentsOf(place.request, body))
    for (const topic of elements(parent, place.request.topics)) {
      if (!isTopic(place, topic)) continue;
      if (place.request.partitions === null) yield named(place.request, topic, null);
      else
        for (const partition of elements(topic as Body, place.request.partitions))
          yield named(place.request, topic, partition);
    }
}

/** Answers to what was taken out of a request: topics by the number of their parent. */
export type Refused = ReadonlyMap<number, readonly Body[]>;

/** A request without what is refused, and the answers to that. */
export function takenOut(
  place: TopicPlace,
  body: Body,
  refusalOf: RefusalOf,
): { readonly rest: Body; readonly refused: Refused } {
  const { parents, topics } = place.request;
  const refused = new Map<number, Body[]>();
  const restOf = (parent: Body, number: number): Body => {
    const answers: Body[] = [];
    const kept = elements(parent, topics).flatMap((topic) => divided(place, topic, refusalOf, answers));
    if (answers.length === 0) return parent;
    refused.set(number, answers);
    return { ...parent, [topics]: kept };
  };
  if (parents === null) return { rest: restOf(body, 0), refused };
  const kept = (elements(body, parents) as readonly Body[]).map(restOf);
  return { rest: refused.size === 0 ? body : { ...body, [parents]: kept }, refused };
}

/** What of a topic stays in the request; what does not is answered in `answers`. */
function divided(place: TopicPlace, topic: Element, refusalOf: RefusalOf, answers: Body[]): Element[] {
  if (!isTopic(place, topic)) return [topic];
  const { request, response } = place;
  if (request.partitions === null) {
    const whole = named(request, topic, null);
    const code = refusalOf(whole);
    if (code === none) return [topic];
    answers.push({ ...nameIn(response, request, topic), ...place.blank, [place.errorField]: code });
    return [];
  }
  const kept: Element[] = [];
  const refused: Body[] = [];
  for (const partition of elements(topic as Body, request.partitions)) {
    const one = named(request, topic, partition);
    const code = refusalOf(one);
    if (code === none) kept.push(partition);
    else refused.push({ ...place.blank, [response.index!]: one.partition, [place.errorField]: code });
  }
  if (refused.length === 0) return [topic];
  answers.push({ ...nameIn(response, request, topic), [response.partitions!]: refused });
  return kept.length === 0 ? [] : [{ ...(topic as Body), [request.partitions]: kept }];
}

/** An answer with the errors of what was taken out of its request. */
export function joined({ response }: TopicPlace, answer: Body, refused: Refused): Body {
  if (refused.size === 0) return answer;
  if (response.parents === null) return withTopics(response, answer, refused.get(0) ?? []);
  const parents = elements(answer, response.parents) as readonly Body[];
  return {
    ...answer,
    [response.parents]: parents.map((parent, number) =>
      withTopics(response, parent, refused.get(number) ?? []),
    ),
  };
}

/** A topic that is answered already gets the other partitions; any other comes last. */
function withTopics(path: TopicPath, parent: Body, more: readonly Body[]): Body {
  const topics = [...elements(parent, path.topics)] as Body[];
  for (const topic of more) {
    const place = path.partitions === null ? -1 : topics.findIndex((known) => isSame(path, known, topic));
    if (place < 0) topics.push(topic);
    else
      topics[place] = {
        ...topics[place],
        [path.partitions!]: [
          ...elements(topics[place]!, path.partitions!),
          ...elements(topic, path.partitions!),
        ],
      };
  }
  return { ...parent, [path.topics]: topics };
}

/** An answer in which what is refused has its error, whatever was answered there. */
export function overwritten(place: TopicPlace, answer: Body, refusalOf: RefusalOf): Body {
  const { parents, topics, partitions } = place.response;
  const inTopic = (topic: Body): Body => {
    if (!isTopic(place, topic)) return topic;
    if (partitions === null) return slotOf(place, topic, null, topic, refusalOf);
    return {
      ...topic,
      [partitions]: elements(topic, partitions).map((slot) =>
        slotOf(place, topic, slot, slot as Body, refusalOf),
      ),
    };
  };
  const inParent = (parent: Body): Body =>
    parent[topics] === undefined || parent[topics] === null
      ? parent
      : { ...parent, [topics]: (elements(parent, topics) as readonly Body[]).map(inTopic) };
  if (parents === null) return inParent(answer);
  return answer[parents] === undefined
    ? answer
    : { ...answer, [parents]: (elements(answer, parents) as readonly Body[]).map(inParent) };
}

function slotOf(
  place: TopicPlace,
  topic: Body,
  partition: Element | null,
  slot: Body,
  refusalOf: RefusalOf,
): Body {
  const { response, blank, errorField, keepsRest } = place;
  const one = named(response, topic, partition);
  const code = refusalOf(one);
  if (code === none) return slot;
  if (keepsRest) return { ...slot, ...blank, [errorField]: code };
  releaseWithin(slot, new Set());
  const own = partition === null ? nameIn(response, response, topic) : { [response.index!]: one.partition };
  return { ...own, ...blank, [errorField]: code };
}

/** An answer that says something of everything the request names; parents keep the fields that name them. */
export function answeredAll(place: TopicPlace, body: Body, codeOf: RefusalOf): Body {
  const { request, response } = place;
  const { refused } = takenOut(place, body, codeOf);
  if (response.parents === null) return { [response.topics]: refused.get(0) ?? [] };
  const parents = elements(body, request.parents!) as readonly Body[];
  return {
    [response.parents]: parents.map((parent, number) => ({
      ...parent,
      [response.topics]: refused.get(number) ?? [],
    })),
  };
}

function parentsOf({ parents }: TopicPath, body: Body): readonly Body[] {
  return parents === null ? [body] : (elements(body, parents) as readonly Body[]);
}

function elements(body: Body, field: string): readonly Element[] {
  return (body[field] as readonly Element[] | null | undefined) ?? [];
}

function isTopic(place: TopicPlace, element: Element): boolean {
  return place.isTopic === null || place.isTopic(element as Body);
}

function named({ name, index }: TopicPath, topic: Element, partition: Element | null): NamedPartition {
  const isPlain = typeof topic !== 'object';
  return {
    topic: isPlain ? String(topic) : ((topic[name!] as string | null | undefined) ?? ''),
    topicId: isPlain ? zeroUuid : ((topic.topicId as string | undefined) ?? zeroUuid),
    partition:
      partition === null
        ? null
        : typeof partition === 'object'
          ? (partition[index!] as number)
          : Number(partition),
  };
}

/** The topic's name as an answer has it: as it was asked for, null too. */
function nameIn(answer: TopicPath, asked: TopicPath, topic: Element): Body {
  if (typeof topic !== 'object') return { [answer.name!]: String(topic), topicId: zeroUuid };
  return { [answer.name!]: topic[asked.name!], topicId: topic.topicId ?? zeroUuid };
}

function isSame({ name }: TopicPath, one: Body, other: Body): boolean {
  return (
    (one[name!] || '') === (other[name!] || '') && (one.topicId ?? zeroUuid) === (other.topicId ?? zeroUuid)
  );
}
