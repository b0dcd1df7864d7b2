/**
 * What a request names a million times is described once: the answer repeats it on the wire, where `kompakt.response.max.bytes`
 * ends it, and not in memory before. One per request.
 */
export function remembering<Description>(): (key: string, describe: () => Description) => Description {
  const known = new Map<string, Description>();
  return (key, describe) => {
    let description = known.get(key);
    if (description === undefined) known.set(key, (description = describe()));
    return description;
  };
}
