/** By number in a batch's attributes, as the vectors spell them. */
export const codecNames = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
