/**
 * The beginning of the memory, which is the module's own; behind it compaction/kernel-wasm.ts lays out the rest. AssemblyScript.
 *
 *    0      16                                     128                                       24704
 *    | seed | results, f64 each: the names below | | records of a block, a run of slots, or the table of compress.ts |
 */
export const seedAt: u32 = 0;
export const resultsAt: u32 = 16;
/** From `resultsAt` on. */
export const lastIndexedOffsetAt: u32 = 0;
export const entriesAt: u32 = 8;
export const slotsAt: u32 = 16;
export const positionAt: u32 = 24;
export const keptAt: u32 = 32;
export const tombstonesAt: u32 = 40;
export const beyondMapAt: u32 = 48;
export const supersededAt: u32 = 56;
export const tombstonesExpiredAt: u32 = 64;
export const nullKeysAt: u32 = 72;
export const firstTimestampAt: u32 = 80;
export const maxTimestampAt: u32 = 88;

export const blockAt: u32 = 128;
export const blockEnd: u32 = 24704;
