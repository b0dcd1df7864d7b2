import manifest from '../package.json' with { type: 'json' };

/** Of the package, which is the broker's. */
export const version: string = manifest.version;
