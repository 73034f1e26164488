import assert from 'node:assert/strict';
import type { HostToView, ViewToHost } from '../../../server/protocol/panelBridge.ts';
import { Bridge } from '../../../webview-ui/src/bridge/bridge.ts';
import type { Disposable } from '../../../webview-ui/src/bridge/disposable.ts';
import { TerminalAttachment } from '../../../webview-ui/src/terminal/terminalAttachment.ts';
import type { TerminalScreen, TerminalSize } from '../../../webview-ui/src/terminal/terminalScreen.ts';
import type { TerminalSearch } from '../../../webview-ui/src/terminal/terminalSearch.ts';
import { terminalId, terminalInfo } from '../../support/conversationScript.ts';
import { eventually } from '../../support/eventually.ts';

/** A screen that draws when the test says so. */
class SlowScreen implements TerminalScreen {
  text = '';
  isReplaying = true;
  readonly waiting: { readonly data: Uint8Array; drawn: () => void }[] = [];
  readonly notices: string[] = [];
  sizes: TerminalSize[] = [];
  private input: ((data: string) => void) | null = null;

  write(data: Uint8Array, drawn: () => void): void {
    this.waiting.push({ data, drawn });
  }

  replace({ data, size }: { data: Uint8Array; size: TerminalSize }, drawn: () => void): void {
    this.waiting.push({
      data,
      drawn: () => {
        this.sizes.push(size);
        this.text = Buffer.from(data).toString();
        drawn();
      },
    });
  }

  /** Draws everything that waits. */
  draw(): void {
    for (const { data, drawn } of this.waiting.splice(0)) {
      this.text += Buffer.from(data).toString();
      drawn();
    }
  }

  showNotice(text: string): void {
    this.notices.push(text);
  }

  setReplaying(isReplaying: boolean): void {
    this.isReplaying = isReplaying;
  }

  setAnswering(): void {
    assert.fail('nothing here says who answers');
  }

  paste(): void {
    assert.fail('nothing here pastes');
  }

  readonly takesPasteWhole = false;

  get search(): TerminalSearch {
    return assert.fail('nothing here finds');
  }

  resize(): void {
    assert.fail('nothing here changes the size');
  }

  fit(): TerminalSize | null {
    return null;
  }

  focus(): void {
    assert.fail('nothing here takes the focus');
  }

  onInput(listener: (data: string) => void): Disposable {
    this.input = listener;
    return {
      dispose: () => {
        this.input = null;
      },
    };
  }

  dispose(): void {
    this.input = null;
  }

  type(data: string): void {
    this.input?.(data);
  }

  get isListened(): boolean {
    return this.input !== null;
  }
}

describe('a terminal attached to a screen', () => {
  let posted: ViewToHost[];
  let send: (message: HostToView) => void;
  let bridge: Bridge;
  let screen: SlowScreen;
  let attachment: TerminalAttachment;
  let failures: string[];
  let attached: number;

  beforeEach(() => {
    posted = [];
    failures = [];
    screen = new SlowScreen();
    bridge = new Bridge({
      post: (message) => posted.push(message),
      onMessage: (listener) => {
        send = listener;
        return { dispose: () => (send = () => undefined) };
      },
      readState: () => undefined,
      writeState: () => undefined,
    });
    context('ready', 1);
    attached = 0;
    attachment = new TerminalAttachment(bridge, terminalId, screen, {
      attached: () => attached++,
      changed: () => undefined,
      failed: (message) => failures.push(message),
      exited: () => undefined,
    });
  });

  afterEach(() => {
    attachment.dispose();
    bridge.dispose();
    assert.equal(screen.isListened, false);
    assert.equal(bridge.pendingCount, 0);
  });

  function context(serverState: 'ready' | 'restarting', serverGeneration: number): void {
    send({ kind: 'context', serverState, serverGeneration, workspaceFolder: null, trusted: true, strings: {} });
  }

  function requests(method: string) {
    return posted.filter((message) => message.kind === 'request').filter((message) => message.method === method);
  }

  /** Waits for the attach number `count`, checks where it starts, and answers it. */
  async function answerAttach(
    count: number,
    expectedOffset: number | undefined,
    answer: { fromOffset: number; producedBytes: number; screen?: { data: Uint8Array; cols: number; rows: number } },
  ) {
    await eventually(`attach ${count}`, () => requests('terminal/attach').length >= count);
    const { id, params } = requests('terminal/attach')[count - 1]!;
    assert.equal((params as { fromOffset?: number }).fromOffset, expectedOffset);
    const { producedBytes, ...result } = answer;
    send({ kind: 'response', id, result: { terminal: terminalInfo({ producedBytes }), ...result } });
    await new Promise(setImmediate);
  }

  function output(offset: number, text: string, sessionId: string = terminalId): void {
    const data = new TextEncoder().encode(text).buffer;
    send({ kind: 'notification', method: 'terminal/output', params: { sessionId, offset, data } });
  }

  const acknowledged = () =>
    posted.flatMap((message) =>
      message.kind === 'notification' ? [(message.params as { offset: number }).offset] : [],
    );

  it('acknowledges output only once it has been drawn', async () => {
    await answerAttach(1, undefined, { fromOffset: 0, producedBytes: 0 });
    output(0, 'hello ');
    output(6, 'world');
    assert.deepEqual(acknowledged(), []);
    assert.equal(attachment.pendingBytes, 11);
    screen.draw();
    assert.equal(screen.text, 'hello world');
    assert.deepEqual(acknowledged(), [6, 11]);
  });

  it('shows the screen in the size that it was laid out for before any output, and before the view may resize it', async () => {
    const data = Buffer.from('the screen');
    await answerAttach(1, undefined, { fromOffset: 500, producedBytes: 500, screen: { data, cols: 90, rows: 30 } });
    assert.equal(attached, 0);
    screen.draw();
    assert.equal(screen.text, 'the screen');
    assert.deepEqual(screen.sizes, [{ cols: 90, rows: 30 }]);
    assert.equal(attached, 1);
  });

  it('shows a screen in place of what it has missed', async () => {
    await answerAttach(1, undefined, { fromOffset: 0, producedBytes: 0 });
    const gap = { sessionId: terminalId, fromOffset: 0, toOffset: 700 };
    const data = Buffer.from('after the gap');
    send({ kind: 'notification', method: 'terminal/gap', params: { ...gap, screen: { data, cols: 80, rows: 24 } } });
    screen.draw();
    assert.equal(screen.text, 'after the gap');
    assert.deepEqual(screen.notices, []);
    const acknowledged = posted.findLast((m) => m.kind === 'notification');
    assert.deepEqual(acknowledged?.params, { sessionId: terminalId, offset: 700 });
  });

  it('ignores output of other terminals, and output that was sent before it was attached', async () => {
    output(0, 'early');
    await answerAttach(1, undefined, { fromOffset: 0, producedBytes: 0 });
    output(0, 'other', 'terminal-2');
    output(0, 'mine');
    screen.draw();
    assert.equal(screen.text, 'mine');
  });

  it('attaches from the last byte at a new server process and shows no byte twice', async () => {
    await answerAttach(1, undefined, { fromOffset: 0, producedBytes: 0 });
    output(0, 'hello ');
    context('restarting', 1);
    context('ready', 2);
    await answerAttach(2, 6, { fromOffset: 6, producedBytes: 11 });
    output(0, 'hello wor');
    output(6, 'world');
    screen.draw();
    assert.equal(screen.text, 'hello world');
  });

  it('says how much is missing where the server no longer keeps it, and goes on behind it', async () => {
    await answerAttach(1, undefined, { fromOffset: 0, producedBytes: 0 });
    output(0, 'old');
    context('ready', 2);
    await answerAttach(2, 3, { fromOffset: 1003, producedBytes: 1006 });
    send({
      kind: 'notification',
      method: 'terminal/gap',
      params: { sessionId: terminalId, fromOffset: 3, toOffset: 1003 },
    });
    output(1003, 'new');
    screen.draw();
    assert.equal(screen.text, 'oldnew');
    assert.deepEqual(screen.notices, ['[1000 bytes of output are no longer kept]']);
    assert.equal(acknowledged().at(-1), 1006);
  });

  it('asks again for bytes that did not arrive, and gives up where that does not help', async () => {
    await answerAttach(1, undefined, { fromOffset: 0, producedBytes: 0 });
    for (let attempt = 2; attempt <= 5; attempt++) {
      output(100, 'far away');
      await answerAttach(attempt, 0, { fromOffset: 0, producedBytes: 108 });
    }
    output(100, 'far away');
    assert.equal(requests('terminal/attach').length, 5);
    assert.equal(failures.length, 1);
  });

  it('takes in no more than its limit while the screen is slow, and fetches the rest afterwards', async () => {
    await answerAttach(1, undefined, { fromOffset: 0, producedBytes: 0 });
    const piece = 'x'.repeat(262_144);
    for (let index = 0; index < 8; index++) output(index * piece.length, piece);
    assert.equal(attachment.pendingBytes, 5 * piece.length);
    screen.draw();
    await answerAttach(2, 5 * piece.length, { fromOffset: 5 * piece.length, producedBytes: 8 * piece.length });
    output(5 * piece.length, piece);
    screen.draw();
    assert.equal(screen.text.length, 6 * piece.length);
  });

  it('tells the screen which output is history, to the byte', async () => {
    await answerAttach(1, undefined, { fromOffset: 0, producedBytes: 4 });
    output(0, 'oldnew');
    assert.equal(screen.isReplaying, true);
    screen.waiting[0]!.drawn();
    assert.equal(screen.isReplaying, false);
    assert.deepEqual(
      screen.waiting.map(({ data }) => Buffer.from(data).toString()),
      ['old' + 'n', 'ew'],
    );
    screen.waiting.shift();
    screen.draw();
  });

  it('sends input in order, one write at a time, and a long paste in pieces', async () => {
    await answerAttach(1, undefined, { fromOffset: 0, producedBytes: 0 });
    screen.type('a');
    screen.type('b');
    screen.type('c');
    screen.type('y'.repeat(600_000));
    let written = '';
    for (let count = 1; written.length < 600_003; count++) {
      await eventually('the next write', () => requests('terminal/write').length === count);
      const { id, params } = requests('terminal/write')[count - 1]!;
      const { data } = params as { data: string };
      assert.ok(data.length <= 262_144);
      written += data;
      send({ kind: 'response', id, result: {} });
    }
    assert.equal(written, `abc${'y'.repeat(600_000)}`);
    assert.equal(requests('terminal/write').length <= 5, true);
  });

  it('drops input that follows a failed write and says so', async () => {
    await answerAttach(1, undefined, { fromOffset: 0, producedBytes: 0 });
    screen.type('rm ');
    screen.type('-rf build\r');
    const { id } = requests('terminal/write')[0]!;
    send({ kind: 'response', id, error: { reason: 'Unavailable', message: 'The server is away.' } });
    await eventually('a notice', () => screen.notices.length === 1);
    assert.match(screen.notices[0]!, /The server is away\./);
    assert.equal(requests('terminal/write').length, 1);
  });

  it('shows the exit after the last byte and takes no input after it', async () => {
    await answerAttach(1, undefined, { fromOffset: 0, producedBytes: 0 });
    output(0, 'bye');
    send({ kind: 'notification', method: 'terminal/exited', params: { sessionId: terminalId, exitCode: 3 } });
    screen.type('more');
    assert.deepEqual(screen.notices, ['[exited with code 3]']);
    assert.equal(requests('terminal/write').length, 0);
  });
});
