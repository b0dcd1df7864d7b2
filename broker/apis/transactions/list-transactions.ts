import { errors } from '../../../protocol/errors.ts';
import { listTransactions } from '../../../protocol/messages/transactions/list-transactions.ts';
import type { RequestOf } from '../../../protocol/schema/api.ts';
import { turn } from '../../../storage/environment/clock.ts';
import { type Transaction, transactionStates } from '../../transactions/transaction.ts';
import { defineHandler } from '../handler.ts';
import { compileIdPattern } from './id-pattern.ts';

type Request = RequestOf<typeof listTransactions>;
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
    const nowMs = clock.nowMs();
    const listed = [];
    for (const [n, transaction] of found.entries()) {
      if (n > 0 && n % idsPerTurn === 0) await turn(clock);
      if (!matches(transaction, request, pattern, nowMs)) continue;
      const { transactionalId, producerId, state: transactionState } = transaction;
      listed.push({ transactionalId, producerId, transactionState });
    }
    const unknownStateFilters = request.stateFilters.filter((name) => !isState(name));
    return { throttleTimeMs: 0, errorCode: errors.none.code, unknownStateFilters, transactionStates: listed };
  },
  refuse: (_request, errorCode) => refusal(errorCode),
});

function isState(name: string): boolean {
  return (transactionStates as readonly string[]).includes(name);
}

const anyId: IdPattern = () => true;

function matches(
  { producerId, state, startMs, transactionalId }: Transaction,
  { producerIdFilters, stateFilters, durationFilter }: Request,
  pattern: IdPattern,
  nowMs: number,
): boolean {
  if (producerIdFilters.length > 0 && !producerIdFilters.includes(producerId)) return false;
  if (stateFilters.length > 0 && !stateFilters.includes(state)) return false;
  if (durationFilter >= 0 && nowMs - startMs <= durationFilter) return false;
  return pattern(transactionalId);
}

function refusal(errorCode: number) {
  return { throttleTimeMs: 0, errorCode, unknownStateFilters: [], transactionStates: [] };
}
