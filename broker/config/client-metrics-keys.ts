/** Configs of a client-metrics subscription (KIP-714). Accepted and kept; nothing is collected until telemetry is served. */
import { int, list, minuteMs } from '../../storage/config/define.ts';
import { ignored } from './keys/reasons.ts';

const accepted = ignored.noTelemetry;

/** Kafka checks the bounds of interval.ms and the patterns of match apart from their types, with another error: rules.ts. */
export const clientMetricsKeys = {
  'interval.ms': int({
    default: 5 * minuteMs,
    accepted,
    doc: 'How often matching clients push their metrics.',
  }),
  match: list({
    default: [],
    accepted,
    doc: 'Which clients: name=regular expression, all of them must match; empty: all clients.',
  }),
  metrics: list({ default: [], accepted, doc: 'Prefixes of the metrics wanted; * for all.' }),
};

const matchNames = [
  'client_instance_id',
  'client_id',
  'client_software_name',
  'client_software_version',
  'client_source_address',
  'client_source_port',
];

export const pushIntervalMs = { min: 100, max: 3_600_000 } as const;

/** Whether each entry of `match` is a known name, `=`, and a regular expression. */
export function areMatchPatterns(patterns: readonly string[]): boolean {
  return patterns.every((pattern) => {
    const [name, expression, ...rest] = pattern.split('=');
    if (
      expression === undefined ||
      expression === '' ||
      rest.length > 0 ||
      !matchNames.includes(name!.trim())
    )
      return false;
    try {
      new RegExp(expression.trim());
      return true;
    } catch {
      return false;
    }
  });
}
