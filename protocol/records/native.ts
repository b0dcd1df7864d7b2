/**
 * The one door to packages that carry binaries. They load at first use, synchronously, and a machine without a fitting
 * binary keeps going on the JavaScript or WebAssembly that the caller has instead: a codec never decides whether we start.
 */

import { createRequire } from 'node:module';

let load: NodeJS.Require | null = null;
const loaded = new Map<string, unknown>();
const failures = new Map<string, string>();

/** The package's exports, or null when it cannot be loaded here; asked once per package. */
export function loadNative<T>(packageName: string): T | null {
  if (!loaded.has(packageName)) {
    try {
      load ??= createRequire(import.meta.url);
      loaded.set(packageName, load(packageName));
    } catch (error) {
      loaded.set(packageName, null);
      failures.set(packageName, error instanceof Error ? error.message.split('\n')[0]! : String(error));
    }
  }
  return loaded.get(packageName) as T | null;
}

/** Packages that did not load, with the reason: for one line in the log. */
export function nativeFailures(): ReadonlyMap<string, string> {
  return failures;
}
