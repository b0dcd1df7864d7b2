const named = 5;

/** Names in a sentence: the first of them, and how many more. */
export function some(names: readonly string[]): string {
  const more = names.length > named ? ` and ${names.length - named} more` : '';
  return names.slice(0, named).join(', ') + more;
}
