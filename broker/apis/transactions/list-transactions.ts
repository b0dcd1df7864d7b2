import { errors } from '../../../protocol/errors.ts';
import { listTransactions } from '../../../protocol/messages/transactions/list-transactions.ts';
import { turn } from '../../../storage/environment/clock.ts';
import { type Transaction, transactionStates } from '../../transactions/transaction.ts';
import { defineHandler } from '../handler.ts';
import { compileIdPattern } from './id-pattern.ts';

type IdPattern = (id: string) => boolean;

/** So many ids are looked at in one turn of the event loop. */
const idsPerTurn = 1_000;

/** Transactional ids and the state of each, those that match every filter (KIP-664, KIP-994, KIP-1152). */
export const listTransactionsHandler = defineHandler(listTransactions, {
  versions: '0-2',
  async handle({ transactions, environment: { clock } }, request) {
    const found = await transactions.list();
    if (typeof found === 'number') return refusal(found);
    const { transactionalIdPattern: text } = request;
    const pattern = text === null || text === '' ? anyId : await compileIdPattern(text);
    if (pattern === null) return refusal(errors.invalidRegularExpression.code);
    const filters: Filters = {
      producerIds: new Set(request.producerIdFilters),
      states: new Set(request.stateFilters),
      durationMs: request.durationFilter,
      pattern,
      nowMs: clock.nowMs(),
    };
    const listed = [];
    for (const [n, transaction] of found.entries()) {
      if (n > 0 && n % idsPerTurn === 0) await turn(clock);
      if (!matches(transaction, filters)) continue;
      const { transactionalId, producerId, state: transactionState } = transaction;
      listed.push({ transactionalId, producerId, transactionState });
    }
    const unknownStateFilters = [...filters.states].filter((name) => !isState(name));
    return { throttleTimeMs: 0, errorCode: errors.none.code, unknownStateFilters, transactionStates: listed };
  },
  refuse: (_request, errorCode) => refusal(errorCode),
});

function isState(name: string): boolean {
  return (transactionStates as readonly string[]).includes(name);
}

const anyId: IdPattern = () => true;

interface Filters {
  /** Empty: all of them, as of states. */
  readonly producerIds: ReadonlySet<number>;
  readonly states: ReadonlySet<string>;
  readonly durationMs: number;
  readonly pattern: IdPattern;
  readonly nowMs: number;
}

function matches({ producerId, state, startMs, transactionalId }: Transaction, filters: Filters): boolean {
  const { producerIds, states, durationMs, pattern, nowMs } = filters;
  if (producerIds.size > 0 && !producerIds.has(producerId)) return false;
  if (states.size > 0 && !states.has(state)) return false;
  if (durationMs >= 0 && nowMs - startMs <= durationMs) return false;
  return pattern(transactionalId);
}

function refusal(errorCode: number) {
  return { throttleTimeMs: 0, errorCode, unknownStateFilters: [], transactionStates: [] };
}
