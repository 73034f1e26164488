import { connect } from 'node:net';

/**
 * `node floodingProcess.ts PORT FRAMES KIND`, with the token in the environment: opens a WebSocket and sends so many small
 * frames as fast as they are taken, reading nothing. Says `sent` on stdout once they are, or `cut off` where the server ends it.
 */
const [port, frames, kind] = process.argv.slice(2);
const framesAtOnce = 1_000;

const message = '{"jsonrpc":"2.0","method":"terminal/acknowledge","params":{"sessionId":"SESSION","offset":0}}';
const payload = kind === 'ping' ? 'p'.repeat(120) : message.replace('SESSION', '0'.repeat(32));
const opcode = kind === 'ping' ? 0x89 : 0x81;
const length = payload.length < 126 ? [0x80 | payload.length] : [0xfe, payload.length >> 8, payload.length & 0xff];
// A mask of zeros leaves the payload as it is.
const frame = Buffer.concat([Buffer.from([opcode, ...length, 0, 0, 0, 0]), Buffer.from(payload)]);
const batch = Buffer.concat(Array.from({ length: framesAtOnce }, () => frame));

const socket = connect(Number(port), '127.0.0.1');
let left = Number(frames);
const say = (what: string): void => {
  process.stdout.write(`${what}\n`);
};
socket.on('error', () => undefined);
socket.on('close', () => say('cut off'));
socket.write(
  `GET /ws HTTP/1.1\r\nHost: 127.0.0.1:${port ?? ''}\r\nAuthorization: Bearer ${process.env['TOKEN'] ?? ''}\r\n` +
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
);
socket.once('data', () => {
  socket.pause();
  send();
});

function send(): void {
  while (left > 0) {
    left -= framesAtOnce;
    if (!socket.write(batch)) {
      socket.once('drain', send);
      return;
    }
  }
  socket.write('', () => say('sent'));
}
