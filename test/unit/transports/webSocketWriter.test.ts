import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { WebSocketServer, type WebSocket } from 'ws';
import { ByteBudget, type ByteHolder } from '../../../server/src/transports/byteBudget.ts';
import { WebSocketWriter } from '../../../server/src/transports/webSocketWriter.ts';
import { recordingLogger } from '../../support/recordingLogger.ts';
import { UnreadConnection } from '../../support/unreadConnection.ts';

const mib = 1024 * 1024;
/** What `ws` puts in front of a message of more than 64 KiB (RFC 6455, 5.2; a server's frames have no mask). */
const headerBytes = 10;
const guest: ByteHolder = { tokenId: 'guest', isOwner: false };
const plenty = { ofOwner: 1024 * mib, ofGuest: 1024 * mib, ofGuests: 1024 * mib };

describe('What waits for a client of a WebSocket that does not read', () => {
  const webSockets = new WebSocketServer({ noServer: true });
  const streams: UnreadConnection[] = [];
  afterEach(() => {
    for (const stream of streams.splice(0)) stream.destroy();
  });
  after(() => webSockets.close());

  async function open(limits = plenty): Promise<{ socket: WebSocket; writer: WebSocketWriter }> {
    const stream = new UnreadConnection();
    streams.push(stream);
    const headers = {
      ...{ upgrade: 'websocket', connection: 'Upgrade' },
      ...{ 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', 'sec-websocket-version': '13' },
    };
    const request = { method: 'GET', url: '/ws', headers } as unknown as IncomingMessage;
    const opened = once(webSockets, 'connection') as Promise<[WebSocket]>;
    webSockets.handleUpgrade(request, stream, Buffer.alloc(0), (socket) => webSockets.emit('connection', socket));
    const [socket] = await opened;
    stream.isRead = false;
    const { logger } = recordingLogger();
    return { socket, writer: new WebSocketWriter({ socket, bearer: guest, waiting: new ByteBudget(limits), logger }) };
  }
  const wait = (writer: WebSocketWriter, bytes: number): void => void writer.send(Buffer.alloc(bytes - headerBytes));

  it('may be exactly sixteen MiB, to which one message more is added', async () => {
    const { socket, writer } = await open();
    wait(writer, 16 * mib);
    assert.equal(socket.bufferedAmount, 16 * mib);
    wait(writer, mib);
    assert.equal(socket.readyState, socket.OPEN);
    assert.equal(socket.bufferedAmount, 17 * mib);
  });

  it('is no byte more than sixteen MiB before the connection is closed', async () => {
    const { socket, writer } = await open();
    wait(writer, 16 * mib + 1);
    assert.equal(socket.readyState, socket.OPEN);
    wait(writer, mib);
    assert.equal(socket.readyState, socket.CLOSING);
  });

  it('counts in bytes for its token', async () => {
    // Three bytes each in UTF-8.
    const text = '€'.repeat(mib / 2);
    for (const [ofGuest, state] of [
      [1.5 * mib, 'OPEN'],
      [1.5 * mib - 1, 'CLOSING'],
    ] as const) {
      const { socket, writer } = await open({ ...plenty, ofGuest });
      void writer.send(text);
      void writer.send('next');
      assert.equal(socket.readyState, socket[state]);
    }
  });

  it('may be one MiB on each connection, however much waits for its token', async () => {
    const { socket, writer } = await open({ ...plenty, ofGuest: mib - 1 });
    wait(writer, mib);
    wait(writer, 100_000);
    assert.equal(socket.readyState, socket.OPEN);
    void writer.send('next');
    assert.equal(socket.readyState, socket.CLOSING);
  });
});
