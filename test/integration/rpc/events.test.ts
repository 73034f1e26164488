import assert from 'node:assert/strict';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import * as http from 'node:http';
import { HttpServer } from '../../support/httpServer.ts';
import { endPtyHostsOf, ptyHostsOf } from '../../support/ptyHostOf.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';

interface StreamedEvent {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: Record<string, unknown>;
}

/** Reads `GET /events` as the standard says. */
class EventReader {
  readonly events: StreamedEvent[] = [];
  /** What is said to nobody in particular: that the stream is alive. */
  readonly comments: string[] = [];
  hasEnded = false;
  private readonly request: http.ClientRequest;

  private constructor(request: http.ClientRequest, response: http.IncomingMessage) {
    this.request = request;
    let rest = '';
    response.on('data', (chunk: Buffer) => {
      const parts = (rest + chunk.toString()).split('\n\n');
      rest = parts.pop() ?? '';
      for (const part of parts) {
        if (part.startsWith(':')) this.comments.push(part);
        else this.events.push(parse(part));
      }
    });
    response.on('close', () => (this.hasEnded = true));
    response.on('error', () => undefined);
  }

  static async open(server: HttpServer, query: string, headers: Record<string, string> = {}): Promise<EventReader> {
    const request = http.get(`${server.url.origin}/events${query}`, {
      agent: false,
      headers: { authorization: `Bearer ${server.token}`, ...headers },
    });
    request.on('error', () => undefined);
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    assert.equal(response.statusCode, 200);
    assert.equal(response.headers['content-type'], 'text/event-stream; charset=utf-8');
    return new EventReader(request, response);
  }

  of(event: string): StreamedEvent[] {
    return this.events.filter((one) => one.event === event);
  }

  close(): void {
    this.request.destroy();
  }
}

function parse(text: string): StreamedEvent {
  const fields = new Map(
    text.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  );
  return {
    event: fields.get('event') ?? '',
    id: fields.get('id'),
    data: JSON.parse(fields.get('data') ?? '{}') as Record<string, unknown>,
  };
}

describe('Events over HTTP', () => {
  const folder = temporaryFolder();
  let server: HttpServer;
  const readers: EventReader[] = [];

  before(async () => {
    server = await HttpServer.start(folder.path, ['--log-level', 'off', '--workspace', folder.path]);
  });
  afterEach(() => {
    for (const reader of readers.splice(0)) reader.close();
  });
  after(async () => {
    assert.equal(await server.stop(), 0);
    endPtyHostsOf(folder.path);
    await waitFor('the pty host to end', () => ptyHostsOf(folder.path).length === 0);
    folder.remove();
  });

  async function open(query: string, headers: Record<string, string> = {}): Promise<EventReader> {
    const reader = await EventReader.open(server, query, headers);
    readers.push(reader);
    return reader;
  }
  const result = async (method: string, params: object): Promise<Record<string, unknown>> => {
    const { status, body } = await server.call(method, params);
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  };

  it('give a terminal’s output, all of it, to who reads it', async () => {
    const { sessionId } = await result('terminal/create', { shell: 'sh' });
    const reader = await open(`?terminal=${String(sessionId)}`);
    assert.equal(reader.events[0]?.event ?? 'terminal/attach', 'terminal/attach');
    await result('terminal/write', { sessionId, data: 'seq 1 200000 | tail -c 1000000; echo the-end-is-here\r' });
    const text = (): string =>
      Buffer.concat(
        reader.of('terminal/output').map(({ data }) => Buffer.from(String(data['data']), 'base64')),
      ).toString();
    await waitFor('the end of more than what is sent without an acknowledgement', () =>
      text().includes('\nthe-end-is-here'),
    );
    assert.ok(text().length > 1_000_000);
    await result('terminal/close', { sessionId });
  });

  it('give a conversation’s events with their numbers, from which one goes on', async () => {
    const { sessionId } = await result('session/new', { cwd: folder.path });
    const reader = await open(`?conversation=${String(sessionId)}`);
    for (const title of ['one', 'two', 'three']) await result('conversation/rename', { sessionId, title });
    await waitFor('the events', () => reader.of('session/update').length >= 3);
    const updates = reader.of('session/update');
    for (const { id, data } of updates) assert.equal(id, String(data['sequence']));
    reader.close();
    const second = await open(`?conversation=${String(sessionId)}`, { 'last-event-id': updates.at(-2)?.id ?? '' });
    await waitFor('what was missed', () => second.events.length > 0);
    const { isSnapshot, events } = second.events[0]?.data as { isSnapshot: boolean; events: { sequence: number }[] };
    assert.deepEqual([isSnapshot, events.map(({ sequence }) => String(sequence))], [false, [updates.at(-1)?.id]]);
    assert.equal(second.events[0]?.id, updates.at(-1)?.id, 'who comes again now has missed nothing');
    await result('session/delete', { sessionId });
  });

  it('tell who asks for nothing in particular what everybody is told', async () => {
    const reader = await open('');
    const { sessionId } = await result('terminal/create', { shell: 'sh' });
    await waitFor('the new terminal', () =>
      reader.of('terminal/changed').some(({ data }) => data['sessionId'] === sessionId),
    );
    await result('terminal/close', { sessionId });
  });

  it('begin with a line that says so, before anything has happened', async () => {
    const reader = await open('');
    await waitFor('the first line', () => reader.comments[0] === ': the stream begins');
    assert.deepEqual(reader.events, []);
  });

  it('of a terminal and a conversation come together where both are asked for', async () => {
    const { sessionId: terminal } = await result('terminal/create', { shell: 'sh' });
    const { sessionId: conversation } = await result('session/new', { cwd: folder.path });
    const reader = await open(`?terminal=${String(terminal)}&conversation=${String(conversation)}`);
    await result('terminal/write', { sessionId: terminal, data: 'echo $((40 + 2))\r' });
    await result('conversation/rename', { sessionId: conversation, title: 'one' });
    await waitFor('both', () => reader.of('terminal/output').length > 0 && reader.of('session/update').length > 0);
    assert.deepEqual(
      reader.events.slice(0, 2).map(({ event }) => event),
      ['session/attach', 'terminal/attach'],
    );
    await result('terminal/close', { sessionId: terminal });
    await result('session/delete', { sessionId: conversation });
  });

  it('end when the token is revoked', async () => {
    const { token, tokenId } = await result('security/issue', { name: 'watcher', scope: 'read', hours: 1 });
    const reader = await open('', { authorization: `Bearer ${String(token)}` });
    await result('security/revoke', { tokenId });
    await waitFor('the stream to end', () => reader.hasEnded);
    const { event, data } = reader.events.at(-1) ?? {};
    assert.equal(event, 'closed');
    assert.deepEqual(data, { error: 'Unauthenticated', message: 'The token does not hold any more.' });
  });

  it('answer an error where there is nothing to attach to', async () => {
    const answers = [
      ['?terminal=0123456789abcdef0123456789abcdef', 404],
      ['?terminal=nonsense', 400],
      ['?conversation=01890a5d-ac96-774b-bcce-b302099a8057', 404],
      ['?conversation=nonsense&from=x', 400],
      ['?foo=1', 400],
      ['?terminal=0123456789abcdef0123456789abcdef&Terminal=x', 400],
      ['?terminal=0123456789abcdef0123456789abcdef&terminal=0123456789abcdef0123456789abcdef', 400],
    ] as const;
    for (const [query, status] of answers) {
      const answer = await server.send({ path: `/events${query}`, method: 'GET' });
      assert.deepEqual([query, answer.status], [query, status]);
    }
  });

  it('can be followed with curl', async () => {
    const child: ChildProcess = spawn('curl', [
      '-sN',
      '-H',
      `Authorization: Bearer ${server.token}`,
      `${server.url.origin}/events`,
    ]);
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
    try {
      await waitFor('the first event', async () => {
        const { sessionId } = await result('terminal/create', { shell: 'sh' });
        await result('terminal/close', { sessionId });
        return text.includes('event: terminal/changed\ndata: {');
      });
    } finally {
      child.kill();
      await once(child, 'exit');
    }
  });

  it('stand beside a description of everything in OpenAPI, and numbers for Prometheus', async () => {
    const description = await server.send({ path: '/openapi.json', method: 'GET' });
    const paths = description.body['paths'] as Record<string, object>;
    assert.deepEqual(description.body['servers'], [{ url: server.url.origin }]);
    const headers = { host: `localhost:${server.url.port}` };
    const byName = await server.send({ path: '/openapi.json', method: 'GET', headers });
    assert.deepEqual(byName.body['servers'], [{ url: `http://localhost:${server.url.port}` }]);
    const { methods } = (await server.send({ path: '/api', method: 'GET' })).body as { methods: { method: string }[] };
    for (const { method } of methods) assert.ok(paths[`/api/${method}`], method);
    assert.equal(Object.keys(paths).filter((path) => path.startsWith('/api/')).length, methods.length);
    const metrics = execFileSync('curl', [
      '-s',
      '-H',
      `Authorization: Bearer ${server.token}`,
      `${server.url.origin}/metrics`,
    ]);
    assert.match(
      metrics.toString(),
      /^ai_dev_assistant_requests_total\{method="terminal\/create",outcome="ok"\} \d+$/m,
    );
    assert.match(metrics.toString(), /^ai_dev_assistant_connections\{kind="webSockets"\} 0$/m);
    assert.match(metrics.toString(), /^process_resident_memory_bytes \d+$/m);
    assert.equal(metrics.toString().includes(server.token), false);
  });
});
