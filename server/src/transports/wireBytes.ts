/**
 * Replaces the byte arrays among the direct fields of `params` with base64, for channels that carry JSON. The contract
 * has bytes only there.
 */
export function bytesToBase64(params: object): object {
  const entries = Object.entries(params);
  if (!entries.some(([, value]) => value instanceof Uint8Array)) return params;
  return Object.fromEntries(
    entries.map(([key, value]: [string, unknown]) => [
      key,
      value instanceof Uint8Array
        ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
        : value,
    ]),
  );
}
