import { gzipSync } from 'node:zlib';

const bearer = 'Authorization: Bearer TOKEN';
const ours = `Host: 127.0.0.1:PORT\r\n${bearer}`;
const call = `POST /api/server/health HTTP/1.1\r\n${ours}\r\nContent-Type: application/json\r\n`;

const key = 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';
const version = 'Sec-WebSocket-Version: 13\r\n';

/** Something to send as it is. In requests `PORT` and `TOKEN` stand for those of the server. */
export interface Malformed<Bytes> {
  readonly name: string;
  readonly bytes: Bytes;
}

/** Handshakes for a WebSocket that keep not to RFC 6455. */
export const malformedHandshakes: readonly Malformed<string>[] = [
  { name: 'a WebSocket by POST', bytes: handshake('POST', key + version) },
  { name: 'a WebSocket without a key', bytes: handshake('GET', version) },
  {
    name: 'a WebSocket with a key that is too short',
    bytes: handshake('GET', `Sec-WebSocket-Key: AA==\r\n${version}`),
  },
  { name: 'a WebSocket of no version', bytes: handshake('GET', key) },
  { name: 'a WebSocket of version 99', bytes: handshake('GET', `${key}Sec-WebSocket-Version: 99\r\n`) },
  {
    name: 'a WebSocket with subprotocols between which nothing stands',
    bytes: handshake('GET', `${key}${version}Sec-WebSocket-Protocol: a,,b\r\n`),
  },
  {
    name: 'a WebSocket with a subprotocol that is offered twice',
    bytes: handshake('GET', `${key}${version}Sec-WebSocket-Protocol: a, a\r\n`),
  },
];

/** Requests that no client library sends; with their token, so that nothing but their form refuses them. */
export const malformedRequests: readonly Malformed<string>[] = [
  { name: 'no Host at all', bytes: `POST /api/server/health HTTP/1.1\r\n${bearer}\r\nConnection: close\r\n\r\n` },
  { name: 'HTTP/1.0 without a Host', bytes: 'GET /health HTTP/1.0\r\n\r\n' },
  {
    name: 'two Hosts',
    bytes: `GET /health HTTP/1.1\r\n${ours}\r\nHost: evil.example\r\nConnection: close\r\n\r\n`,
  },
  { name: 'a Host of nothing', bytes: 'GET /health HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n' },
  { name: 'a foreign address as its target', bytes: targetOf('http://evil.example/api/server/health') },
  { name: 'two lengths', bytes: `${call}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}` },
  { name: 'a negative length', bytes: `${call}Content-Length: -1\r\n\r\n{}` },
  { name: 'a length that is no number', bytes: `${call}Content-Length: 2, 2\r\n\r\n{}` },
  { name: 'length and chunks', bytes: `${call}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}` },
  {
    name: 'chunks of a second coding',
    bytes: `${call}Transfer-Encoding: chunked, identity\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
  },
  { name: 'a chunk of an endless length', bytes: `${call}Transfer-Encoding: chunked\r\n\r\n${'f'.repeat(20)}\r\n{}` },
  { name: 'a header folded over two lines', bytes: `${call}X: a\r\n b\r\nConnection: close\r\n\r\n` },
  { name: 'a blank before the colon', bytes: `${call}Content-Length : 2\r\n\r\n{}` },
  { name: 'a zero byte in a header', bytes: `${call}X: a\0b\r\nConnection: close\r\n\r\n` },
  {
    name: 'a lone line feed between headers',
    bytes: `${call}X: a\nAuthorization: Bearer x\r\nConnection: close\r\n\r\n`,
  },
  { name: 'no HTTP', bytes: '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n' },
  { name: 'HTTP/2 without asking', bytes: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' },
  { name: 'a method of its own', bytes: `STEAL /health HTTP/1.1\r\n${ours}\r\nConnection: close\r\n\r\n` },
  { name: 'a tunnel', bytes: `CONNECT evil.example:443 HTTP/1.1\r\n${ours}\r\n\r\n` },
  {
    name: 'an expectation that nobody meets, without a token',
    bytes:
      'POST /api/server/health HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nExpect: the-unexpected\r\nConnection: close\r\n\r\n',
  },
  { name: 'a header of 1 MiB', bytes: `GET /health HTTP/1.1\r\n${ours}\r\nX: ${'x'.repeat(1024 * 1024)}\r\n\r\n` },
  {
    name: 'ten thousand headers',
    bytes: `GET /health HTTP/1.1\r\n${ours}\r\n${'X-A: b\r\n'.repeat(10_000)}\r\n`,
  },
  { name: 'an address of 1 MiB', bytes: `GET /${'a'.repeat(1024 * 1024)} HTTP/1.1\r\n${ours}\r\n\r\n` },
  {
    name: 'a tunnel to a name that is not ours',
    bytes: 'CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n',
  },
  ...malformedHandshakes,
];

function handshake(method: string, headers: string): string {
  return `${method} /ws HTTP/1.1\r\n${ours}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${headers}\r\n`;
}

function targetOf(target: string): string {
  return `POST ${target} HTTP/1.1\r\nHost: evil.example\r\n${bearer}\r\nConnection: close\r\n\r\n`;
}

/** Frames after which a WebSocket must be closed. Those of a client are masked, here with zeros. */
export const malformedFrames: readonly Malformed<readonly number[]>[] = [
  { name: 'a length of 2^63', bytes: [0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] },
  { name: 'a length beyond 4 MiB', bytes: [0x81, 0xff, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0] },
  { name: 'an unmasked frame', bytes: [0x81, 0x01, 0x41] },
  { name: 'an unknown opcode', bytes: [0x83, 0x80, 0, 0, 0, 0] },
  { name: 'a continuation of nothing', bytes: [0x80, 0x80, 0, 0, 0, 0] },
  { name: 'a ping that is too long', bytes: [0x89, 0xfe, 0, 0x7e, 0, 0, 0, 0] },
  { name: 'a ping in two parts', bytes: [0x09, 0x80, 0, 0, 0, 0] },
  { name: 'a text that is no UTF-8', bytes: [0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28] },
  { name: 'a close with half a code', bytes: [0x88, 0x81, 0, 0, 0, 0, 0x03] },
  { name: 'a close with a code that is not for the wire', bytes: [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xed] },
  { name: 'a second message inside a first', bytes: [0x01, 0x80, 0, 0, 0, 0, 0x81, 0x80, 0, 0, 0, 0] },
  // RSV1 says that a frame is compressed, which was not agreed on.
  { name: 'a compressed frame', bytes: [0xc1, 0x80, 0, 0, 0, 0] },
];

/** JSON that harms who reads it without care, as params of a call. */
export const hostileParams: readonly Malformed<string>[] = [
  { name: 'a million arrays in each other', bytes: '['.repeat(1_000_000) + ']'.repeat(1_000_000) },
  { name: 'a hundred thousand objects in each other', bytes: '{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000) },
  { name: 'a million values', bytes: `{"a":[${'1,'.repeat(1_000_000)}1]}` },
  { name: 'a prototype', bytes: '{"__proto__": {"admin": true}}' },
  { name: 'a prototype further in', bytes: '{"a": [{"__proto__": {"admin": true}}]}' },
  { name: 'a constructor', bytes: '{"constructor": {"prototype": {"admin": true}}}' },
];

/** A kilobyte that unpacks to a megabyte of JSON. */
export const packedBody: Buffer = gzipSync(`{"a":"${'0'.repeat(1024 * 1024)}"}`);

/** Paths that lead out of a folder, were there one. */
export const strayPaths: readonly string[] = [
  '/../../../../etc/passwd',
  '/%2e%2e/%2e%2e/%2e%2e/etc/passwd',
  '/..%2f..%2f..%2fetc%2fpasswd',
  '/%252e%252e/etc/passwd',
  '/..\\..\\..\\etc\\passwd',
  '/....//....//etc/passwd',
  '//etc/passwd',
  '/token',
  '/settings.json',
  '/health/../token',
  '/api/../token',
  '/api/..%2ftoken',
  '/file:///etc/passwd',
  '/health%00.json',
  '/.git/config',
];

/** Names of methods that are none, and that a careless table of methods would have. */
export const strayMethods: readonly string[] = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'server/health/',
  'server//health',
  'SERVER/HEALTH',
  'server/health%00',
  '../server/health',
  'rpc.discover',
  'initialize',
  'shutdown',
  'settings/changed',
  '',
];
