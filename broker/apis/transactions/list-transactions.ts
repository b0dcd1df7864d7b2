import { errors } from '../../../protocol/errors.ts';
import { listTransactions } from '../../../protocol/messages/transactions/list-transactions.ts';
import type { RequestOf } from '../../../protocol/schema/api.ts';
import { type Transaction, transactionStates } from '../../transactions/transaction.ts';
import { defineHandler } from '../handler.ts';

type Request = RequestOf<typeof listTransactions>;

/** Transactional ids and the state of each, those that match every filter (KIP-664, KIP-994, KIP-1152). */
export const listTransactionsHandler = defineHandler(listTransactions, {
  versions: '0-2',
  async handle({ transactions, environment }, request) {
    const found = await transactions.list();
    if (typeof found === 'number') return refusal(found);
    const pattern = patternOf(request.transactionalIdPattern);
    if (pattern === 'broken') return refusal(errors.invalidRegularExpression.code);
    const nowMs = environment.clock.nowMs();
    return {
      throttleTimeMs: 0,
      errorCode: errors.none.code,
      unknownStateFilters: request.stateFilters.filter((name) => !isState(name)),
      transactionStates: found
        .filter((transaction) => matches(transaction, request, pattern, nowMs))
        .map(({ transactionalId, producerId, state }) => ({
          transactionalId,
          producerId,
          transactionState: state,
        })),
    };
  },
  refuse: (_request, errorCode) => refusal(errorCode),
});

function isState(name: string): boolean {
  return (transactionStates as readonly string[]).includes(name);
}

/** Null: every id. */
function patternOf(text: string | null): RegExp | null | 'broken' {
  if (text === null || text === '') return null;
  try {
    return new RegExp(`^(?:${text})$`, 'u');
  } catch {
    return 'broken';
  }
}

function matches(
  { producerId, state, startMs, transactionalId }: Transaction,
  { producerIdFilters, stateFilters, durationFilter }: Request,
  pattern: RegExp | null,
  nowMs: number,
): boolean {
  if (producerIdFilters.length > 0 && !producerIdFilters.includes(producerId)) return false;
  if (stateFilters.length > 0 && !stateFilters.includes(state)) return false;
  if (durationFilter >= 0 && nowMs - startMs <= durationFilter) return false;
  return pattern === null || pattern.test(transactionalId);
}

function refusal(errorCode: number) {
  return { throttleTimeMs: 0, errorCode, unknownStateFilters: [], transactionStates: [] };
}
