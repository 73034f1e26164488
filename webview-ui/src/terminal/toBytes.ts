/** The bytes of a `terminal/output` notification, in any of the forms in which a channel may carry them. */
export function toBytes(data: unknown): Uint8Array {
  if (data instanceof Uint8Array) return data;
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  if (typeof data === 'string') return Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  throw new TypeError('Terminal output arrived in a form that is neither bytes nor base64.');
}
