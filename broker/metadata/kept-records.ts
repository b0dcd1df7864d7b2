import { encodeAgain, type MetadataRecord } from './records/index.ts';

/**
 * Records that nobody acts on here, in force all the same for an Apache Kafka that has the directory next: ACLs, SCRAM credentials,
 * quotas, delegation tokens, the controllers that have led it. Each thing's newest record is kept as it was written.
 */
export class KeptRecords {
  /** By the thing that a record is about. */
  readonly #values = new Map<string, { readonly kind: Kind; readonly value: Buffer }>();
  readonly #counts = new Map<Kind, number>();

  apply(entry: MetadataRecord): void {
    const fate = fateOf(entry);
    if (fate === null) return;
    const before = this.#values.get(fate.thing);
    if (before !== undefined) this.#count(before.kind, -1);
    this.#values.delete(fate.thing);
    if (fate.goes) return;
    this.#values.set(fate.thing, { kind: entry.kind, value: encodeAgain(entry) });
    this.#count(entry.kind, 1);
  }

  /** How many there are of each kind. */
  get counts(): ReadonlyMap<Kind, number> {
    return this.#counts;
  }

  /** For a snapshot, in the order in which they were written. */
  *values(): Generator<Buffer> {
    for (const { value } of this.#values.values()) yield value;
  }

  clear(): void {
    this.#values.clear();
    this.#counts.clear();
  }

  #count(kind: Kind, by: number): void {
    const count = (this.#counts.get(kind) ?? 0) + by;
    if (count > 0) this.#counts.set(kind, count);
    else this.#counts.delete(kind);
  }
}

type Kind = MetadataRecord['kind'];

/** Which thing a record is about, and whether it takes it away; null for what is not kept here. */
function fateOf({ kind, record }: MetadataRecord): { readonly thing: string; readonly goes: boolean } | null {
  switch (kind) {
    case 'accessControlEntryRecord':
      return { thing: `acl ${record.id}`, goes: false };
    case 'removeAccessControlEntryRecord':
      return { thing: `acl ${record.id}`, goes: true };
    case 'userScramCredentialRecord':
      return { thing: `scram ${record.mechanism} ${record.name}`, goes: false };
    case 'removeUserScramCredentialRecord':
      return { thing: `scram ${record.mechanism} ${record.name}`, goes: true };
    case 'clientQuotaRecord': {
      const entity = record.entity.map(({ entityType, entityName }) => [entityType, entityName]);
      return { thing: `quota ${JSON.stringify([record.key, ...entity.sort()])}`, goes: record.remove };
    }
    case 'delegationTokenRecord':
      return { thing: `token ${record.tokenId}`, goes: false };
    case 'removeDelegationTokenRecord':
      return { thing: `token ${record.tokenId}`, goes: true };
    case 'registerControllerRecord':
      return { thing: `controller ${record.controllerId}`, goes: false };
    case 'unregisterControllerRecord':
      return { thing: `controller ${record.controllerId}`, goes: true };
    case 'zkMigrationStateRecord':
      return { thing: 'migration', goes: false };
    default:
      return null;
  }
}
