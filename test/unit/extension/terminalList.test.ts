import * as assert from 'node:assert/strict';
import { TerminalList } from '../../../extension/src/terminals/terminalList.ts';
import type { TerminalId, TerminalInfo } from '../../../server/protocol/terminal.ts';
import { terminalInfo } from '../../support/conversationScript.ts';
import { settle } from './fakeClock.ts';
import { memoryLog } from './scriptedServer.ts';

const idOf = (digit: string): TerminalId => digit.repeat(32) as TerminalId;
const terminal = (digit: string, createdAt: number, changes: Partial<TerminalInfo> = {}): TerminalInfo => ({
  ...terminalInfo(changes),
  sessionId: idOf(digit),
  createdAt,
});

/** The server's end of the list, whose answers come when the test says so. */
class ServerEnd {
  readonly answers: PromiseWithResolvers<{ terminals: TerminalInfo[] }>[] = [];
  private readonly listeners = new Map<string, Set<(value: never) => void>>();

  readonly client = {
    request: () => {
      const answer = Promise.withResolvers<{ terminals: TerminalInfo[] }>();
      this.answers.push(answer);
      return answer.promise;
    },
    onNewServer: (listener: (value: never) => void) => this.listen('newServer', listener),
    onNotification: (method: string, listener: (value: never) => void) => this.listen(method, listener),
  } as unknown as ConstructorParameters<typeof TerminalList>[0]['client'];

  get listenerCount(): number {
    return [...this.listeners.values()].reduce((sum, { size }) => sum + size, 0);
  }

  newServer(): void {
    this.fire('newServer', 1);
  }

  changed(sessionId: TerminalId, info: TerminalInfo | null): void {
    this.fire('terminal/changed', { sessionId, terminal: info });
  }

  private fire(name: string, value: unknown): void {
    for (const listener of this.listeners.get(name) ?? []) listener(value as never);
  }

  private listen(name: string, listener: (value: never) => void) {
    const listeners = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, listeners.add(listener));
    return { dispose: () => listeners.delete(listener) };
  }
}

describe('The list of all terminals', () => {
  let server: ServerEnd;
  let list: TerminalList;
  let changes: number;
  const names = (): string[] => list.all.map(({ name }) => name);

  beforeEach(() => {
    server = new ServerEnd();
    list = new TerminalList({ client: server.client, log: memoryLog() });
    changes = 0;
    list.onChanged(() => (changes += 1));
  });

  afterEach(() => {
    list.dispose();
    assert.equal(server.listenerCount, 0, 'a listener is left');
  });

  it('has them in the order in which they were started, and is complete once a server has told', async () => {
    server.newServer();
    assert.equal(list.isComplete, false);
    server.answers[0]!.resolve({ terminals: [terminal('b', 2, { name: 'b' }), terminal('a', 1, { name: 'a' })] });
    await settle();
    assert.deepEqual(names(), ['a', 'b']);
    assert.equal(list.isComplete, true);
    assert.equal(changes, 1);
  });

  it('follows what comes, changes and goes', async () => {
    server.newServer();
    server.answers[0]!.resolve({ terminals: [terminal('a', 1, { name: 'a' })] });
    await settle();
    server.changed(idOf('b'), terminal('b', 2, { name: 'b' }));
    server.changed(idOf('a'), terminal('a', 1, { name: 'renamed' }));
    assert.deepEqual(names(), ['renamed', 'b']);
    server.changed(idOf('a'), null);
    assert.deepEqual(names(), ['b']);
    assert.equal(list.get(idOf('b'))?.name, 'b');
    assert.equal(changes, 4);
  });

  it('believes what is told while a list is on its way more than that list', async () => {
    server.newServer();
    server.changed(idOf('b'), terminal('b', 2, { name: 'b' }));
    server.changed(idOf('a'), null);
    server.answers[0]!.resolve({ terminals: [terminal('a', 1, { name: 'a' }), terminal('c', 3, { name: 'c' })] });
    await settle();
    assert.deepEqual(names(), ['b', 'c']);
  });

  it('takes the list of the latest server, and keeps what it knows while there is none', async () => {
    server.newServer();
    server.answers[0]!.resolve({ terminals: [terminal('a', 1, { name: 'a' })] });
    await settle();
    server.newServer();
    assert.deepEqual(names(), ['a']);
    server.newServer();
    server.answers[2]!.resolve({ terminals: [terminal('c', 3, { name: 'new' })] });
    await settle();
    server.answers[1]!.resolve({ terminals: [terminal('a', 1, { name: 'stale' })] });
    await settle();
    assert.deepEqual(names(), ['new']);
  });
});
