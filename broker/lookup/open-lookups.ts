import type { LoadedLookups, OpenLookupParts } from './late-lookups.ts';
import { LookupService } from './lookup-service.ts';
import { TopicTables } from './topic-tables.ts';

/** Puts the key/value store together. */
export function openLookups(parts: OpenLookupParts): LoadedLookups {
  const tables = new TopicTables(parts);
  const lookups = new LookupService({ ...parts, tables });
  tables.start();
  return {
    lookups,
    stop: async () => {
      lookups.stop();
      await tables.stop();
    },
  };
}
