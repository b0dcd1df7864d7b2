/** What a broker refused or ignored, as a person reads it. */
import type { GapsReply } from '../broker/control/control-messages.ts';
import { counted, table } from './quantities.ts';

export function gapsText({ gaps, others }: GapsReply): string {
  if (gaps.length === 0) return 'nothing was asked for that this broker has not\n';
  const rows = gaps.map(({ name, outcome, count, clients, why, docs }) => [
    name,
    outcome,
    counted(count, 'time'),
    clients.length === 0 ? '-' : clients.join(', '),
    why,
    docs,
  ]);
  const lines = table(rows);
  if (others > 0) lines.push(`and ${counted(others, 'time')} something else`);
  return `${lines.join('\n')}\n`;
}
