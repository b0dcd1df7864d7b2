/** Entity tags (RFC 9110, 8.8.3) in If-Match and If-None-Match, and the record that one names. */
import type { RecordId } from '../lookup/lookup.ts';

const blanks = /[ \t,]*/y;
const tag = /(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/y;
const separator = /[ \t]*(?:,|$)/y;

/** '*', the tags as they are written (`W/` included), or null when this is no such list. In time linear to its length. */
export function parseEtags(header: string): '*' | string[] | null {
  if (header.trim() === '*') return '*';
  const tags: string[] = [];
  for (let at = after(blanks, header, 0); at < header.length; at = after(blanks, header, at)) {
    const tagEnd = after(tag, header, at);
    const end = tagEnd < 0 ? -1 : after(separator, header, tagEnd);
    if (end < 0) return null;
    tags.push(header.slice(at, tagEnd));
    at = end;
  }
  return tags.length === 0 ? null : tags;
}

/** Where a match that begins at `from` ends; -1 without one. */
function after(sticky: RegExp, text: string, from: number): number {
  sticky.lastIndex = from;
  return sticky.test(text) ? sticky.lastIndex : -1;
}

/** A tag as etagOf makes it; null: not one of ours, and so of no record. A weak one names none either (strong comparison). */
export function recordIdOf(etag: string): RecordId | null {
  const match = /^"([\w-]{22})-(\d{1,10})-(\d{1,16})"$/.exec(etag);
  return match && { topicId: match[1]!, partition: Number(match[2]), offset: Number(match[3]) };
}

/** Weak comparison, as If-None-Match of a read wants it. */
export function isAmong(etag: string, tags: '*' | readonly string[]): boolean {
  return tags === '*' || tags.some((tag) => tag.replace(/^W\//, '') === etag);
}
