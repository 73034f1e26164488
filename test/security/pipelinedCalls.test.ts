import assert from 'node:assert/strict';
import type { RequestContext } from '../../server/src/base/handlers.ts';
import { RawConnection, upgradeHeaders } from '../support/attacks/rawConnection.ts';
import { openInProcessDoor, type InProcessDoor } from '../support/inProcessDoor.ts';
import { waitFor } from '../support/waitFor.ts';

const mib = 1024 * 1024;
/** What the door gives a client to read an answer, and Node to ask again; the slow call takes longer than either. */
const unreadAnswerMs = 1_000;
const keepAliveMs = 5_000;

/** Calls that share a connection, and bodies that share a token. */
describe('Calls that come together', function () {
  this.timeout(40_000);
  const connections: RawConnection[] = [];
  let door: InProcessDoor;
  /** Gives what comes all the time that it needs. */
  let patient: InProcessDoor;
  /** How long the slow call takes. */
  let slowMs = 0;
  let calls = 0;
  let aborted = 0;
  /** How long the answer of `server/health` is, beside what else it says. */
  let answerChars = 0;

  before(async () => {
    const handlers = {
      'server/health': () => ({
        ...{ status: 'ready', version: 'v'.repeat(answerChars), uptimeMs: 1, restarts: 0, components: {} },
      }),
      'server/capabilities': (_params: object, { signal }: RequestContext) =>
        new Promise((resolve) => {
          calls += 1;
          const timer = setTimeout(() => resolve({ methods: [] }), slowMs);
          signal.addEventListener('abort', () => {
            clearTimeout(timer);
            aborted += 1;
          });
        }),
    };
    // Shorter than a slow call, too.
    const times = { headersMs: 1_000, requestMs: 1_500, unreadAnswerMs };
    door = await openInProcessDoor({ handlers, times });
    patient = await openInProcessDoor({ handlers });
  });
  beforeEach(() => {
    calls = 0;
    aborted = 0;
    answerChars = 1;
  });
  afterEach(async () => {
    for (const { socket } of connections.splice(0)) socket.destroy();
    await waitFor('the connections to be gone', () => door.transport.connections().open === 0);
  });
  after(() => {
    door.transport.dispose();
    patient.transport.dispose();
  });

  async function open(at = door): Promise<RawConnection> {
    const connection = await RawConnection.open(at);
    connections.push(connection);
    return connection;
  }
  function call(method: string, headers: Readonly<Record<string, string>> = {}, body = '{}'): string {
    const all = {
      ...{ Host: door.url.host, Authorization: 'Bearer guest', 'Content-Type': 'application/json' },
      ...{ 'Content-Length': String(body.length), ...headers },
    };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
    return [`POST /api/${method} HTTP/1.1`, ...lines, '', body].join('\r\n');
  }
  const statuses = ({ received }: RawConnection): string[] =>
    [...received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status = '']) => status);
  const h2c = { Connection: 'Upgrade', Upgrade: 'h2c' };

  const together: [string, number, () => string][] = [
    ['behind another one', 2 * unreadAnswerMs, () => call('server/health') + call('server/capabilities')],
    [
      'that offers another protocol, behind another one',
      keepAliveMs + 1_500,
      () => call('server/health') + call('server/capabilities', h2c),
    ],
    [
      'before one that offers another protocol',
      2 * unreadAnswerMs,
      () => call('server/capabilities') + call('server/health', h2c),
    ],
  ];
  for (const [name, takesMs, bytes] of together) {
    it(`are answered, also one that takes long ${name}`, async () => {
      slowMs = takesMs;
      const connection = await open();
      connection.socket.write(bytes());
      await waitFor('both answers', () => statuses(connection).length === 2 || connection.isEnded, 15_000);
      assert.deepEqual(statuses(connection), ['200', '200']);
      connection.socket.write(call('server/health'));
      await waitFor('the next answer', () => statuses(connection).length === 3);
    });
  }

  for (const [name, headers] of [
    ['offers another protocol', h2c],
    ['asks for a WebSocket', upgradeHeaders],
  ] as const) {
    it(`end with their client, also while a request that ${name} waits behind them`, async () => {
      slowMs = 30_000;
      const connection = await open();
      connection.socket.write(call('server/capabilities') + call('server/health', headers));
      await waitFor('the call to be made', () => calls === 1);
      connection.socket.destroy();
      // Long before its time is over.
      await waitFor('it to be taken back', () => aborted === 1, 5_000);
    });
  }

  it('lose nothing of what comes behind a request that waits for the answer to another one', async () => {
    slowMs = 500;
    const connection = await open();
    connection.socket.write(call('server/capabilities') + call('server/health', h2c));
    await waitFor('the call to be made', () => calls === 1);
    // In pieces, more of them than are read while the first one waits.
    const more = Array.from({ length: 20 }, () => call('server/health', {}, ' '.repeat(10_000) + '{}'));
    for (const bytes of more.join('').match(/[^]{1,5000}/g) ?? []) connection.socket.write(bytes);
    await waitFor('all answers', () => statuses(connection).length === 22 || connection.isEnded, 10_000);
    assert.deepEqual(new Set(statuses(connection)), new Set(['200']));
  });

  it('are not read far ahead behind a request that waits for the answer to another one', async () => {
    slowMs = 1_500;
    const connection = await open();
    connection.socket.write(call('server/capabilities') + call('server/health', h2c));
    await waitFor('the call to be made', () => calls === 1);
    for (let count = 0; count < 8; count++) connection.socket.write(call('server/health', {}, '{}'.padEnd(4 * mib)));
    await waitFor('the first answer', () => statuses(connection).length > 0);
    assert.ok(connection.socket.writableLength > 8 * mib, `${connection.socket.writableLength} bytes wait`);
  });

  /** A connection on which so many answers of a MiB are complete behind one that takes long. */
  async function openUnsent(answers: number, token = 'guest'): Promise<RawConnection> {
    const Authorization = `Bearer ${token}`;
    const connection = await open();
    const { length } = door.log;
    connection.socket.write(call('server/capabilities', { Authorization }));
    connection.socket.write(call('server/health', { Authorization }).repeat(answers));
    const answered = (): number => door.log.slice(length).filter((line) => isAnswer.test(line)).length;
    await waitFor('the answers to be made', () => answered() >= answers || connection.isEnded, 15_000);
    return connection;
  }
  const isAnswer = /Request answered.*server\/health/;

  it('have sixteen MiB of complete answers behind one that takes long, and are cut off with more than sixteen MiB', async () => {
    slowMs = 500;
    answerChars = mib;
    const fits = await openUnsent(16);
    await waitFor('all answers', () => statuses(fits).length === 17, 15_000);
    slowMs = 30_000;
    const tooMany = await openUnsent(17);
    await tooMany.ended('the last answer');
    assert.deepEqual(statuses(tooMany), []);
    assert.match(door.log.join('\n'), /A connection is cut off: its client does not read/);
  });

  it('have 64 MiB of complete answers on all connections of the same token, until these have gone', async () => {
    slowMs = 30_000;
    answerChars = mib;
    for (let round = 0; round < 2; round++) {
      const all: RawConnection[] = [];
      for (let count = 0; count < 4; count++) all.push(await openUnsent(15));
      assert.ok(!all.some(({ isEnded }) => isEnded));
      if (round === 0) {
        const more = await openUnsent(15);
        await more.ended('too many answers');
        const other = await openUnsent(15, 'other');
        assert.ok(!other.isEnded);
        other.socket.destroy();
      }
      for (const { socket } of all) socket.destroy();
      await waitFor('them to be gone', () => door.transport.connections().open === 0);
    }
  });

  const events = (): string => `GET /events HTTP/1.1\r\nHost: ${door.url.host}\r\nAuthorization: Bearer guest\r\n\r\n`;
  for (const [name, headers] of [
    ['a call', {}],
    ['a WebSocket', upgradeHeaders],
  ] as const) {
    it(`end an event stream, which says why, where ${name} comes behind it, and are not made`, async () => {
      const connection = await open();
      connection.socket.write(events());
      await waitFor('the stream', () => connection.received.includes('the stream begins'));
      connection.socket.write(call('server/capabilities', headers).repeat(3));
      await connection.ended('the end of the stream');
      assert.match(
        connection.received,
        /event: closed\ndata: {"error":"InvalidRequest","message":"GET \/events was ended/,
      );
      assert.deepEqual([statuses(connection), calls], [['200'], 0]);
    });
  }

  it('are answered behind an event stream that came in one piece with them, which is refused', async () => {
    slowMs = 0;
    const connection = await open();
    connection.socket.write(events() + call('server/capabilities'));
    await waitFor('the answers', () => statuses(connection).length === 2);
    assert.deepEqual(statuses(connection), ['400', '200']);
    assert.match(connection.received, /"error":"InvalidRequest"/);
  });

  it('may have a body of exactly four MiB, and not a byte more', async () => {
    const [fits, tooLong] = [await open(), await open()];
    fits.socket.write(call('server/health', {}, '{}'.padEnd(4 * mib)));
    tooLong.socket.write(call('server/health', {}, '{}'.padEnd(4 * mib + 1)));
    await waitFor('the answers', () => statuses(fits).length === 1 && statuses(tooLong).length === 1);
    assert.deepEqual([statuses(fits), statuses(tooLong)], [['200'], ['413']]);
  });

  it('hold 32 MiB of bodies of one guest that do not come to their end, and no more', async () => {
    const Host = patient.url.host;
    const all: RawConnection[] = [];
    const begun = call('server/health', { Host, 'Content-Length': String(4 * mib) }, 'x'.repeat(3.9 * mib));
    const isRefused = (one: RawConnection): boolean => statuses(one)[0] === '429';
    for (let count = 0; count < 12; count++) {
      const connection = await open(patient);
      all.push(connection);
      await new Promise((resolve) => connection.socket.write(begun, resolve));
    }
    // Eight of them have room.
    await waitFor('the refusals', () => all.filter(isRefused).length >= 4);
    assert.equal(all.filter(isRefused).length, 4);
    assert.match(all.find(isRefused)?.received ?? '', /"error":"ResourceLimit"/);
    const other = await open(patient);
    other.socket.write(call('server/health', { Host, Authorization: 'Bearer other' }));
    await waitFor('the answer to another one', () => statuses(other)[0] === '200');
    for (const { socket } of all) socket.destroy();
    await waitFor('them to be gone', () => patient.transport.connections().open === 1);
    const again = await open(patient);
    again.socket.write(call('server/health', { Host }, '{}'.padEnd(4 * mib)));
    await waitFor('the answer', () => statuses(again)[0] === '200');
  });
});
