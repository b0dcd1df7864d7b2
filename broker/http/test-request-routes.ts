/** What a test in any language decides of clients' requests and knows of them, with kompakt.test.control: faults, requests, gaps. */

import type { FaultOptions, FaultyApi } from '../faults/fault-options.ts';
import type { FaultRules, ListedFault } from '../faults/fault-rules.ts';
import { ProblemError } from './problems.ts';
import { type AskedRoute, type Route, sendJson } from './route.ts';
import { allowed } from './test-access.ts';
import { faultSchema } from './test-schemas.ts';

const shown = ({ id, hits, isOver, options }: ListedFault) => ({ id, hits, isOver, options });

function faultOf(faults: FaultRules, { request }: AskedRoute): ListedFault {
  const { id } = request.params as { id: string };
  const fault = /^\d{1,15}$/.test(id) ? faults.byId(Number(id)) : undefined;
  if (fault === undefined)
    throw new ProblemError('unknown-fault', `there is no fault ${id.slice(0, 100)} (any more)`);
  return fault;
}

const addFault: Route = {
  method: 'POST',
  path: '/test/faults',
  id: 'addFault',
  summary: 'Lets requests of clients go wrong, until they have been hit so often, or the fault is deleted.',
  body: { kind: 'json', schema: faultSchema },
  answer: { description: 'It is in force.', content: { component: 'Fault' } },
  problems: ['no-test-control', 'unsupported-content', 'too-large'],
  async run(service, { request, reply }) {
    const { faults } = allowed(service).control;
    return sendJson(reply, JSON.stringify(shown(faults.add(request.body as FaultOptions))));
  },
};

const listFaults: Route = {
  method: 'GET',
  path: '/test/faults',
  id: 'listFaults',
  summary: 'All faults, those that are over too.',
  answer: { description: 'In the order in which they were made.', content: { component: 'Faults' } },
  problems: ['no-test-control'],
  async run(service, { reply }) {
    const faults = allowed(service).control.faults.list().map(shown);
    return sendJson(reply, JSON.stringify({ faults }));
  },
};

const getFault: Route = {
  method: 'GET',
  path: '/test/faults/{id}',
  id: 'getFault',
  summary: 'How often a fault has hit.',
  answer: { description: 'As it is now.', content: { component: 'Fault' } },
  problems: ['no-test-control', 'unknown-fault'],
  async run(service, asked) {
    return sendJson(asked.reply, JSON.stringify(shown(faultOf(allowed(service).control.faults, asked))));
  },
};

const deleteFault: Route = {
  method: 'DELETE',
  path: '/test/faults/{id}',
  id: 'deleteFault',
  summary: 'Takes a fault back.',
  answer: { description: 'As it was in the end.', content: { component: 'Fault' } },
  problems: ['no-test-control', 'unknown-fault'],
  async run(service, asked) {
    const fault = faultOf(allowed(service).control.faults, asked);
    fault.remove();
    return sendJson(asked.reply, JSON.stringify(shown(fault)));
  },
};

const deleteFaults: Route = {
  method: 'DELETE',
  path: '/test/faults',
  id: 'deleteFaults',
  summary: 'Takes all faults back, and forgets them.',
  answer: { description: 'None is left.', content: { component: 'Faults' } },
  problems: ['no-test-control'],
  async run(service, { reply }) {
    allowed(service).control.faults.clear();
    return sendJson(reply, '{"faults":[]}');
  },
};

const listRequests: Route = {
  method: 'GET',
  path: '/test/requests',
  id: 'listRequests',
  summary: 'The latest requests of clients to the Kafka port, decoded.',
  query: ['api', 'client-id'],
  answer: { description: 'In the order in which they came.', content: { component: 'SeenRequests' } },
  problems: ['no-test-control'],
  async run(service, { reply, query }) {
    const { requests: log } = allowed(service).control;
    const { api, 'client-id': clientId } = query;
    const requests = log.list({
      ...(api === undefined ? {} : { api: api.split(',') as FaultyApi[] }),
      ...(clientId === undefined ? {} : { clientId }),
    });
    return sendJson(reply, JSON.stringify({ requests, dropped: log.dropped }, withoutBigints));
  },
};

const listGaps: Route = {
  method: 'GET',
  path: '/test/gaps',
  id: 'listGaps',
  summary: 'What clients asked for, or the configuration, that is refused or ignored here.',
  answer: { description: 'The most frequent first.', content: { component: 'Gaps' } },
  problems: ['no-test-control'],
  async run(service, { reply }) {
    const { gaps } = allowed(service);
    return sendJson(reply, JSON.stringify({ gaps: gaps.list(), others: gaps.others }));
  },
};

/** The few fields of the protocol that need all their 64 bits. */
function withoutBigints(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

export const requestRoutes: readonly Route[] = [
  addFault,
  listFaults,
  getFault,
  deleteFault,
  deleteFaults,
  listRequests,
  listGaps,
];
