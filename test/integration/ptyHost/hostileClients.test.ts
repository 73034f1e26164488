import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import * as path from 'node:path';
import { createNonce, createProof, loadOrCreateToken } from '../../../server/src/ptyProtocol/authentication.ts';
import { decodeControl, encodeControl, FrameDecoder } from '../../../server/src/ptyProtocol/frames.ts';
import { hostPaths } from '../../../server/src/ptyProtocol/hostRecord.ts';
import { PtyHostClient } from '../../../server/src/terminals/hostClient/ptyHostClient.ts';
import { createParams, PtyHostWorld } from '../../support/ptyHostWorld.ts';
import { RawClient } from '../../support/rawPtyHostClient.ts';
import { recordingLogger } from '../../support/recordingLogger.ts';
import { waitFor } from '../../support/waitFor.ts';

describe('A hostile or broken client of the pty host', () => {
  let world: PtyHostWorld;
  let client: PtyHostClient;

  before(async () => {
    world = await PtyHostWorld.open();
    client = await world.client();
  });
  // Whatever the test did, the host and its other client are well.
  afterEach(async () => {
    const { sessionId } = await client.create(createParams('read done'));
    await client.close(sessionId);
    assert.deepEqual(await client.list(), []);
  });
  after(() => world.close());

  it("is refused with a wrong token, on its side as well as on the host's", async () => {
    const target = { address: await world.address(), token: randomBytes(32), keepAliveHours: 24 };
    await assert.rejects(PtyHostClient.connect(target, recordingLogger().logger), {
      reason: 'Unavailable',
      message: /does not know the token of this data folder; it is a fake/,
    });
    const raw = await RawClient.connect(world);
    const nonce = createNonce();
    raw.say({ hello: { protocolVersion: 1, nonce } });
    const { challenge } = await waitFor('the challenge', () => raw.messages[0] as { challenge?: { nonce: string } });
    const proof = createProof(randomBytes(32), 'client', { client: nonce, host: challenge!.nonce });
    raw.say({ proof: { proof, keepAliveHours: 24 } });
    assert.equal((await raw.refusal())?.code, 'Unauthenticated');
  });

  it("cannot use the host's own proof as its own", async () => {
    const raw = await RawClient.connect(world);
    raw.say({ hello: { protocolVersion: 1, nonce: createNonce() } });
    const { challenge } = await waitFor('the challenge', () => raw.messages[0] as { challenge?: { proof: string } });
    raw.say({ proof: { proof: challenge!.proof, keepAliveHours: 24 } });
    assert.equal((await raw.refusal())?.code, 'Unauthenticated');
  });

  it('is told both versions when they differ', async () => {
    const raw = await RawClient.connect(world);
    raw.say({ hello: { protocolVersion: 99, nonce: createNonce() } });
    assert.deepEqual(await raw.refusal(), {
      code: 'VersionMismatch',
      message: 'This pty host speaks version 1 of the protocol, the client version 99.',
    });
  });

  it('is let go when it does not finish the handshake in time', async () => {
    const raw = await RawClient.connect(world);
    const refusal = await raw.refusal();
    assert.equal(refusal?.code, 'Unauthenticated');
    assert.match(refusal.message, /not done within 5000 ms/);
  });

  it('gets nothing done before the handshake is over', async () => {
    for (const message of [{ id: 1, method: 'list', params: {} }, { proof: { proof: 'x', keepAliveHours: 1 } }]) {
      const raw = await RawClient.connect(world);
      raw.say(message);
      assert.equal((await raw.refusal())?.code, 'ProtocolViolation');
    }
    const large = await RawClient.connect(world);
    large.say({ hello: { protocolVersion: 1, nonce: 'a'.repeat(5_000) } });
    assert.match((await large.refusal())!.message, /1 to 4096 are allowed here/);
  });

  it('loses its connection, and only that, for bytes that are no frames', async () => {
    const streams = {
      'a web browser': Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
      'a frame over 1 MiB': Buffer.from([0, 0x10, 0, 1, 1]),
      'a frame of 4 GiB': Buffer.from([0xff, 0xff, 0xff, 0xff, 1]),
      'an empty frame': Buffer.from([0, 0, 0, 0, 0]),
      'an unknown type': Buffer.from([0, 0, 0, 1, 99]),
      "the host's own frame type": Buffer.from([0, 0, 0, 1, 2]),
      'a short WRITE': Buffer.from([0, 0, 0, 2, 3, 0]),
      'no JSON': Buffer.from([0, 0, 0, 2, 1, 0x7b]),
      'JSON that is no object': Buffer.from([0, 0, 0, 3, 1, 0x5b, 0x5d]),
      noise: randomBytes(200_000),
    };
    for (const [what, bytes] of Object.entries(streams)) {
      const raw = await RawClient.open(world);
      raw.socket.write(bytes);
      assert.equal((await raw.refusal())?.code, 'ProtocolViolation', what);
    }
  });

  it('loses its connection for messages that make no sense', async () => {
    const messages = [{}, { id: 0, method: 'list' }, { id: 1.5, method: 'list' }, { id: 1 }, { notify: 'nothing' }];
    for (const message of messages) {
      const raw = await RawClient.open(world);
      raw.say(message);
      assert.equal((await raw.refusal())?.code, 'ProtocolViolation', JSON.stringify(message));
    }
  });

  it('loses its connection when it acknowledges what was never sent', async () => {
    const { sessionId } = await client.create(createParams('read done'));
    const raw = await RawClient.open(world);
    await raw.request(1, 'subscribe', { sessionId, subscriptionId: 5, windowBytes: 65_536 });
    raw.say({ notify: 'acknowledge', params: { subscriptionId: 5, offset: 1_000_000 } });
    assert.match((await raw.refusal())!.message, /acknowledged byte 1000000/);
    await client.close(sessionId);
  });

  it('gets an answer to every request, however wrong', async () => {
    const raw = await RawClient.open(world);
    const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
    const cases: [string, unknown, string][] = [
      ['nosuch', {}, 'UnknownMethod'],
      ['constructor', {}, 'UnknownMethod'],
      ['__proto__', {}, 'UnknownMethod'],
      ['list', null, 'InvalidParams'],
      ['list', [], 'InvalidParams'],
      ['list', { cursor: -1 }, 'InvalidParams'],
      ['list', JSON.parse('{"__proto__": 1}'), 'InvalidParams'],
      ['list', { extra: JSON.parse(nested(1_000)) as unknown }, 'InvalidParams'],
      ['close', { sessionId: '../../etc' }, 'InvalidParams'],
      ['signal', { sessionId: '0'.repeat(32), signal: 'SIGSEGV' }, 'InvalidParams'],
      ['subscribe', { sessionId: '0'.repeat(32), subscriptionId: 0, windowBytes: 65_536 }, 'InvalidParams'],
      ['subscribe', { sessionId: '0'.repeat(32), subscriptionId: 1, windowBytes: 1 }, 'InvalidParams'],
      ['subscribe', { sessionId: '0'.repeat(32), subscriptionId: 1, windowBytes: 65_536 }, 'NotFound'],
      ['unsubscribe', { subscriptionId: 77 }, 'NotFound'],
      ['create', {}, 'InvalidParams'],
    ];
    for (const [index, [method, params, code]] of cases.entries()) {
      const answer = await raw.request(index + 1, method, params);
      assert.equal((answer['error'] as { code: string }).code, code, `${method} ${index}`);
    }
    const deep = `{"id":900,"method":"list","params":${nested(400_000)}}`;
    const frame = encodeControl({ pad: 'x'.repeat(deep.length - 10) });
    frame.write(deep, 5);
    raw.socket.write(frame.subarray(0, 5 + deep.length));
    assert.ok('error' in (await raw.answer(900)) || raw.isClosed);
    raw.socket.destroy();
  });

  it('is turned away beyond 64 connections, and room comes back when others leave', async () => {
    const crowd = await Promise.all(Array.from({ length: 63 }, () => RawClient.open(world)));
    const extra = await RawClient.connect(world);
    assert.deepEqual(await extra.refusal(), {
      code: 'ResourceLimit',
      message: 'The pty host serves 64 clients already.',
    });
    for (const one of crowd) one.socket.destroy();
    const late = await waitFor('room', () => RawClient.open(world).catch(() => undefined));
    late.socket.destroy();
  });

  it('is slowed down when it asks without reading, and answered in full when it reads', async () => {
    const { sessionId } = await client.create(createParams('read done', { metadata: 'x'.repeat(4_000) }));
    const raw = await RawClient.open(world);
    raw.socket.pause();
    const count = 2_000;
    for (let id = 1; id <= count; id++) raw.say({ id, method: 'list', params: {} });
    // Others are served meanwhile, and the host does not collect eight megabytes of answers.
    assert.equal((await client.list()).length, 1);
    raw.socket.resume();
    await waitFor('every answer', () => raw.messages.length === count);
    raw.socket.destroy();
    await client.close(sessionId);
  });

  it('that stands in for the host is found out, and is shown nothing', async () => {
    const folder = world.dataFolder;
    const address = path.join(folder, 'fake.sock');
    const token = await loadOrCreateToken(hostPaths(folder).tokenFile);
    const heard: object[] = [];
    const fake = createServer((socket) => {
      const decoder = new FrameDecoder();
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => {
        decoder.push(chunk);
        for (let frame = decoder.next(); frame; frame = decoder.next()) heard.push(decodeControl(frame.body));
        socket.write(encodeControl({ challenge: { protocolVersion: 1, nonce: createNonce(), proof: 'b'.repeat(64) } }));
      });
    });
    fake.listen(address);
    await once(fake, 'listening');
    await assert.rejects(PtyHostClient.connect({ address, token, keepAliveHours: 24 }, recordingLogger().logger), {
      message: /it is a fake/,
    });
    assert.deepEqual(
      heard.map((message) => Object.keys(message)),
      [['hello']],
    );
    assert.ok(!JSON.stringify(heard).includes(token.toString('hex')));
    fake.close();
    await once(fake, 'close');
  });

  it('finds a new token when the old one was deleted, with the host still running', async () => {
    const { tokenFile } = hostPaths(world.dataFolder);
    rmSync(tokenFile);
    const other = await world.client();
    assert.equal(other.identity.instanceId, client.identity.instanceId);
    writeFileSync(tokenFile, 'damaged', { mode: 0o600 });
    await assert.rejects(world.client(), /is damaged/);
    rmSync(tokenFile);
    await world.client();
  });
});
