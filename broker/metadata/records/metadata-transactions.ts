/**
 * Transactions of the metadata log itself (KIP-868): records between a begin and an end take effect
 * together, or not at all after an abort. And the record without content that an active controller writes to
 * show that it lives (KIP-835).
 */
import { defineRecord } from '../../../protocol/schema/api.ts';
import { string } from '../../../protocol/schema/field.ts';

/** The records that follow belong together. */
export const beginTransactionRecord = defineRecord({
  name: 'BeginTransactionRecord',
  type: 23,
  versions: '0',
  flexible: '0+',
  fields: {
    name: string.nullable().tag(0).default(null),
  },
});

/** The transaction takes effect. */
export const endTransactionRecord = defineRecord({
  name: 'EndTransactionRecord',
  type: 24,
  versions: '0',
  flexible: '0+',
  fields: {},
});

/** The transaction is as if it had not been. */
export const abortTransactionRecord = defineRecord({
  name: 'AbortTransactionRecord',
  type: 25,
  versions: '0',
  flexible: '0+',
  fields: {
    reason: string.nullable().tag(0).default(null),
  },
});

/** Nothing: it moves the end of the log. */
export const noOpRecord = defineRecord({
  name: 'NoOpRecord',
  type: 20,
  versions: '0',
  flexible: '0+',
  fields: {},
});
