import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import * as path from 'node:path';
import { createNonce, createProof } from '../../../server/src/ptyProtocol/authentication.ts';
import { decodeControl, encodeControl, FrameDecoder, frameType } from '../../../server/src/ptyProtocol/frames.ts';
import { PtyHostClient } from '../../../server/src/terminals/hostClient/ptyHostClient.ts';
import { recordingLogger } from '../../support/recordingLogger.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';

const token = Buffer.alloc(32, 7);
const sessionId = '0'.repeat(32);

/** What a client may say in a control frame. */
interface Said {
  readonly hello?: { readonly nonce: string };
  readonly proof?: { readonly keepAliveHours?: number };
  readonly id?: number;
  readonly method?: string;
  readonly notify?: string;
}

/** Answers as a host of the first release does, whose bundle an update may have left running; notes what it is asked. */
function olderHost(socket: Socket, asked: string[]): void {
  const decoder = new FrameDecoder();
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    decoder.push(chunk);
    for (let frame = decoder.next(); frame; frame = decoder.next()) {
      if (frame.type === frameType.write) {
        asked.push('write');
        socket.write(encodeControl({ id: frame.body.readUInt32BE(0), result: {} }));
        continue;
      }
      const { hello, proof, id, method, notify } = decodeControl(frame.body) as Said;
      if (hello) {
        const nonces = { client: hello.nonce, host: createNonce() };
        const challenge = { protocolVersion: 1, nonce: nonces.host, proof: createProof(token, 'host', nonces) };
        socket.write(encodeControl({ challenge }));
      } else if (proof) {
        asked.push(`keepAliveHours ${String(proof.keepAliveHours)}`);
        socket.write(encodeControl({ welcome: { instanceId: 'a'.repeat(32), pid: 1, startedAtMs: 1 } }));
      } else {
        asked.push(String(method ?? notify));
        if (id !== undefined) socket.write(encodeControl({ id, result: { sessionId, pid: 1 } }));
      }
    }
  });
}

describe('A pty host of the first release', () => {
  const folder = temporaryFolder();
  const address = path.join(folder.path, 'socket');
  const asked: string[] = [];
  let server: Server;

  before(async () => {
    server = createServer((socket) => olderHost(socket, asked));
    server.listen(address);
    await once(server, 'listening');
  });
  after(async () => {
    server.close();
    await once(server, 'close');
    folder.remove();
  });

  it('is asked for nothing that it does not know, and still told how long to keep shells', async () => {
    const { logger } = recordingLogger();
    const client = await PtyHostClient.connect({ address, token, keepAliveHours: undefined }, logger);
    assert.equal(client.knowsMaxSessions, false);
    await client.setKeepAlive(3);
    client.tellTyped(sessionId, 1);
    await client.write(sessionId, Buffer.alloc(100_000));
    assert.deepEqual(asked, ['keepAliveHours 24', 'write', 'write']);
    client.dispose();
  });
});
