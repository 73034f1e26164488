import assert from 'node:assert/strict';
import { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ByteBudget, type ByteHolder } from '../../../server/src/transports/byteBudget.ts';
import { EventStream } from '../../../server/src/transports/eventStream.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { recordingLogger } from '../../support/recordingLogger.ts';
import { UnreadConnection } from '../../support/unreadConnection.ts';
import { waitFor } from '../../support/waitFor.ts';

const mib = 1024 * 1024;
const guest: ByteHolder = { tokenId: 'guest', isOwner: false };
const text = (bytes: number) => ({ text: 'x'.repeat(bytes) });

describe('An event stream whose client does not read', () => {
  const connections: UnreadConnection[] = [];
  let budget: ByteBudget;
  beforeEach(() => {
    budget = new ByteBudget({ ofOwner: 100 * mib, ofGuest: 10 * mib, ofGuests: 100 * mib });
  });
  afterEach(() => {
    for (const connection of connections.splice(0)) connection.destroy();
  });

  function open({ hasTurn } = { hasTurn: true }): {
    stream: EventStream;
    response: ServerResponse;
    connection: UnreadConnection;
  } {
    const connection = new UnreadConnection();
    connections.push(connection);
    // Of a socket nothing but the stream is used.
    const socket = connection as unknown as Socket;
    const response = new ServerResponse(new IncomingMessage(socket));
    if (hasTurn) response.assignSocket(socket);
    const { logger } = recordingLogger();
    const stream = new EventStream(response, { bearer: guest, waiting: budget, clock: new FakeClock(), logger });
    response.once('close', () => stream.dispose());
    return { stream, response, connection };
  }
  const openUnread = (options?: { hasTurn: boolean }): ReturnType<typeof open> => {
    const opened = open(options);
    opened.connection.isRead = false;
    return opened;
  };

  it('is cut off where too much waits for its token, together with others, and makes room at once', () => {
    const streams = Array.from({ length: 5 }, () => openUnread());
    for (const { stream } of streams) stream.begin([]);
    for (const { stream } of streams) stream.send(text(2.4 * mib));
    const open = (): number => streams.filter(({ stream }) => !stream.isOver).length;
    assert.equal(open(), 5);
    for (const { stream } of streams) stream.send(text(100));
    assert.equal(open(), 4, 'with one gone the others are within their limit');
    for (const { stream } of streams) stream.send(text(100));
    assert.equal(open(), 4);
  });

  it('is counted with what is sent before it begins', () => {
    const [early, late] = [openUnread(), openUnread()];
    for (let count = 0; count < 11; count++) early.stream.send(text(mib));
    assert.ok(budget.isExceededBy(guest));
    early.stream.send(text(1));
    assert.ok(early.stream.isOver);
    assert.ok(!budget.isExceededBy(guest));
    late.stream.send(text(mib));
    late.stream.begin([]);
    assert.ok(!late.stream.isOver);
  });

  it('is cut off with the connection that it waits for behind another answer', () => {
    const { stream, connection } = openUnread({ hasTurn: false });
    stream.begin([]);
    stream.send(text(17 * mib));
    assert.ok(!connection.destroyed);
    stream.send(text(1));
    assert.ok(connection.destroyed);
  });

  it('counts no more once its client has read, or has gone', async () => {
    const reading = open();
    reading.stream.begin([]);
    let taken = 0;
    for (let count = 0; count < 9; count++) reading.stream.send({ ...text(mib), onTaken: () => (taken += 1) });
    await waitFor('all to be taken', () => taken === 9);
    const gone = openUnread();
    gone.stream.begin([]);
    gone.stream.send(text(9 * mib));
    gone.connection.destroy();
    await waitFor('it to be gone', () => gone.response.closed);
    openUnread().stream.send(text(10 * mib));
    assert.ok(!budget.isExceededBy(guest));
    openUnread().stream.send(text(1));
    assert.ok(budget.isExceededBy(guest));
  });
});
