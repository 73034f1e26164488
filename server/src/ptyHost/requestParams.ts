import { isSessionId } from '../ptyProtocol/binaryFrames.ts';
import { PtyProtocolError } from '../ptyProtocol/errors.ts';
import { maxKeepAliveHours, maxMetadataBytes, sizeRange, windowBytesRange } from '../ptyProtocol/limits.ts';
import { ptySignals, type PtyRequests, type PtySignal } from '../ptyProtocol/messages.ts';

const maxTextChars = 131_072;
const maxArguments = 4_096;
const maxUint32 = 0xffff_ffff;

/** Reads one method's params. Each field is taken out by its type; a field that nobody took is refused. */
export class ParamReader {
  private readonly fields: Map<string, unknown>;
  private readonly method: string;

  constructor(method: string, params: unknown) {
    if (typeof params !== 'object' || params === null || Array.isArray(params)) {
      throw new PtyProtocolError('InvalidParams', `The params of "${method}" must be an object.`);
    }
    this.method = method;
    this.fields = new Map(Object.entries(params));
  }

  sessionId(): string {
    return this.take('sessionId', isSessionId, 'a session id of 32 hex digits');
  }

  text(name: string, maxChars = maxTextChars): string {
    return this.take(name, (value) => isText(value, maxChars), `text without NUL, of at most ${maxChars} characters`);
  }

  metadata(): string {
    const isMetadata = (value: unknown): value is string =>
      typeof value === 'string' && Buffer.byteLength(value) <= maxMetadataBytes;
    return this.take('metadata', isMetadata, `text of at most ${maxMetadataBytes} bytes`);
  }

  integer(name: string, min: number, max: number): number {
    const isInRange = (value: unknown): value is number =>
      Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
    return this.take(name, isInRange, `a whole number from ${min} to ${max}`);
  }

  optional<T>(name: string, read: () => T): T | undefined {
    return this.fields.get(name) === undefined ? undefined : read();
  }

  take<T>(name: string, isValid: (value: unknown) => value is T, expected: string): T {
    const value = this.fields.get(name);
    this.fields.delete(name);
    if (isValid(value)) return value;
    throw new PtyProtocolError('InvalidParams', `"${name}" of "${this.method}" must be ${expected}.`);
  }

  /** Throws where something is left over. */
  finish(): void {
    const [unknown] = this.fields.keys();
    if (unknown === undefined) return;
    throw new PtyProtocolError('InvalidParams', `"${this.method}" has no parameter "${unknown.slice(0, 80)}".`);
  }
}

export function readSize(reader: ParamReader): { cols: number; rows: number } {
  return {
    cols: reader.integer('cols', sizeRange.minCols, sizeRange.maxCols),
    rows: reader.integer('rows', sizeRange.minRows, sizeRange.maxRows),
  };
}

export function readCreate(reader: ParamReader): PtyRequests['create']['params'] {
  const file = reader.text('file', 4_096);
  const isArguments = (value: unknown): value is string[] =>
    Array.isArray(value) && value.length <= maxArguments && value.every((item) => isText(item, maxTextChars));
  const isShell = reader.optional('isShell', () => reader.take('isShell', isSwitch, 'true or false'));
  const isSecret = (value: unknown): value is string =>
    typeof value === 'string' && /^[0-9a-zA-Z]{16,128}$/.test(value);
  const markSecret = reader.optional('markSecret', () =>
    reader.take('markSecret', isSecret, '16 to 128 letters and digits'),
  );
  const maxSessions = reader.optional('maxSessions', () => reader.integer('maxSessions', 1, maxUint32));
  return {
    file,
    args: reader.take('args', isArguments, `a list of at most ${maxArguments} texts without NUL`),
    cwd: reader.text('cwd', 4_096),
    env: readEnvironment(reader),
    ...readSize(reader),
    metadata: reader.metadata(),
    ...(isShell !== undefined && { isShell }),
    ...(markSecret !== undefined && { markSecret }),
    ...(maxSessions !== undefined && { maxSessions }),
  };
}

export function readKeepAlive(reader: ParamReader): number | null {
  const isHours = (value: unknown): value is number | null =>
    value === null || (typeof value === 'number' && value >= 0 && value <= maxKeepAliveHours);
  return reader.take('keepAliveHours', isHours, `a number from 0 to ${maxKeepAliveHours}, or null`);
}

export function readSignal(reader: ParamReader): PtySignal {
  const isSignal = (value: unknown): value is PtySignal => (ptySignals as readonly unknown[]).includes(value);
  return reader.take('signal', isSignal, `one of ${ptySignals.join(', ')}`);
}

export function readSubscribe(reader: ParamReader): PtyRequests['subscribe']['params'] {
  const fromOffset = reader.optional('fromOffset', () => reader.integer('fromOffset', 0, Number.MAX_SAFE_INTEGER));
  return {
    sessionId: reader.sessionId(),
    subscriptionId: readSubscriptionId(reader),
    windowBytes: reader.integer('windowBytes', windowBytesRange.min, windowBytesRange.max),
    ...(fromOffset !== undefined && { fromOffset }),
  };
}

export function readSubscriptionId(reader: ParamReader): number {
  return reader.integer('subscriptionId', 1, maxUint32);
}

export function readView(reader: ParamReader): PtyRequests['view']['params'] {
  return {
    sessionId: reader.sessionId(),
    viewerId: readViewerId(reader),
    canAnswer: reader.take('canAnswer', isSwitch, 'true or false'),
  };
}

export function readViewerId(reader: ParamReader): number {
  return reader.integer('viewerId', 1, maxUint32);
}

/** The names are checked where the program is started, with an error of its own. */
function readEnvironment(reader: ParamReader): Record<string, string> {
  const isObject = (value: unknown): value is object =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  const entries = Object.entries(reader.take('env', isObject, 'an object of texts'));
  const wrong = entries.find(([, value]) => typeof value !== 'string');
  if (wrong) {
    throw new PtyProtocolError('InvalidEnvironment', `The environment variable ${wrong[0].slice(0, 80)} must be text.`);
  }
  // Without a prototype even a variable named __proto__ is only a variable.
  return Object.assign(Object.create(null) as Record<string, string>, Object.fromEntries(entries));
}

function isSwitch(value: unknown): value is boolean {
  return typeof value === 'boolean';
}

function isText(value: unknown, maxChars: number): value is string {
  return typeof value === 'string' && value.length <= maxChars && !value.includes('\0');
}
