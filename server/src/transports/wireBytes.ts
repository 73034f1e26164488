/**
 * Replaces byte arrays by base64, for channels that carry JSON. The contract has bytes only in the fields of a message
 * and in those of an object among them.
 */
export function bytesToBase64(message: object): object {
  return convert(message, 1);
}

function convert(object: object, depth: number): object {
  let changed: Record<string, unknown> | undefined;
  for (const [key, value] of Object.entries(object) as [string, unknown][]) {
    const converted = convertValue(value, depth);
    if (converted !== value) (changed ??= { ...object })[key] = converted;
  }
  return changed ?? object;
}

function convertValue(value: unknown, depth: number): unknown {
  if (value instanceof Uint8Array) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
  }
  const mayHold = depth > 0 && typeof value === 'object' && value !== null && !Array.isArray(value);
  return mayHold ? convert(value, depth - 1) : value;
}
