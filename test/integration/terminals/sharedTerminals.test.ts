import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import type { TerminalId } from '../../../server/protocol/terminal.ts';
import { endPtyHostsOf, ptyHostsOf } from '../../support/ptyHostOf.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';
import { WindowServer } from '../../support/windowServer.ts';

/** Asks its terminal three things whenever a line comes, and says when it has. */
const askingScript = `stty -echo; echo ready; while read go; do printf 'a\\033[6nb\\033]11;?\\007c\\033[c.asked '; done`;
const questions = 'a\x1b[6nb\x1b]11;?\x07c\x1b[c.asked ';

/** What one window gets of one terminal. */
class Watcher {
  text = '';
  readonly window: WindowServer;
  private readonly sessionId: TerminalId;

  constructor(window: WindowServer, sessionId: TerminalId) {
    this.window = window;
    this.sessionId = sessionId;
    window.onNotification = ({ method, params }) => {
      if (method !== 'terminal/output' || params.sessionId !== sessionId) return;
      assert.ok(params.data instanceof Uint8Array);
      this.text += Buffer.from(params.data).toString('latin1');
      window.notify('terminal/acknowledge', { sessionId, offset: params.offset + params.data.length });
    };
  }

  async attach(canAnswer = true): Promise<this> {
    await this.window.call('terminal/attach', { sessionId: this.sessionId, canAnswer });
    return this;
  }

  /** What it got when the program has asked once more; `asks` makes it ask. */
  async getsAsked(asks: () => Promise<unknown>): Promise<string> {
    this.text = '';
    await asks();
    await waitFor('the program to have asked', () => this.text.includes('.asked '));
    return this.text;
  }
}

describe('A terminal that several windows show', function () {
  this.timeout(30_000);
  const folder = temporaryFolder();
  const windows: WindowServer[] = [];
  let sessionId: TerminalId;

  beforeEach(async () => {
    const window = await open();
    ({ sessionId } = await window.call('terminal/create', { shell: '/bin/sh', args: ['-c', askingScript] }));
  });
  afterEach(async () => {
    await Promise.all(windows.splice(0).map((window) => window.kill()));
    endPtyHostsOf(folder.path);
    await waitFor('the pty host to end', () => ptyHostsOf(folder.path).length === 0);
  });
  after(() => folder.remove());

  async function open(): Promise<WindowServer> {
    const window = await WindowServer.start(folder.path);
    windows.push(window);
    return window;
  }

  async function watcher(canAnswer = true): Promise<Watcher> {
    return new Watcher(await open(), sessionId).attach(canAnswer);
  }

  async function statusOf(window: WindowServer): Promise<string | undefined> {
    return (await window.call('terminal/list', {})).terminals.find((one) => one.sessionId === sessionId)?.status;
  }

  it('is asked in one of them only: the first that can answer, and the next one when that has gone', async () => {
    const [reader, first, second, third] = [await watcher(false), await watcher(), await watcher(), await watcher()];
    const all = [reader, first, second, third];
    const ask = () => third.window.call('terminal/write', { sessionId, data: '\n' });
    const isAsked = async (present: readonly Watcher[]): Promise<boolean[]> => {
      const texts = await Promise.all(
        present.map((one) => one.getsAsked(() => Promise.resolve())).concat(ask().then(() => '')),
      );
      return texts.slice(0, -1).map((text) => {
        assert.equal(text.slice(-questions.length).length, questions.length, 'no byte is missing');
        const shown = text.slice(-questions.length).replaceAll('\0', '');
        assert.equal(
          ['\x1b[6n', '\x1b]11;?\x07', '\x1b[c'].reduce((left, question) => left.replace(question, ''), shown),
          'abc.asked ',
        );
        return text.endsWith(questions);
      });
    };
    assert.deepEqual(await isAsked(all), [false, true, false, false]);
    // Coming back to it, as after a gap, loses nobody's turn.
    await first.attach();
    assert.deepEqual(await isAsked(all), [false, true, false, false]);
    await first.window.call('terminal/detach', { sessionId });
    await waitFor(
      'the second to be asked',
      async () => (await isAsked([reader, second, third])).join() === 'false,true,false',
    );
    await second.window.kill();
    await waitFor('the third to be asked', async () => (await isAsked([reader, third])).join() === 'false,true');
  });

  it('is not ended by a window that lets go of it while another one shows it', async () => {
    const [one, other] = [await watcher(), await watcher(false)];
    assert.deepEqual(await one.window.call('terminal/close', { sessionId, unlessWatched: true }), { closed: false });
    await one.window.call('terminal/detach', { sessionId });
    assert.deepEqual(await one.window.call('terminal/close', { sessionId, unlessWatched: true }), { closed: false });
    assert.equal(await statusOf(other.window), 'active');
    await other.window.kill();
    const closed = () => one.window.call('terminal/close', { sessionId, unlessWatched: true });
    await waitFor('the shell to end with its last viewer', async () => (await closed()).closed);
    assert.equal(await statusOf(one.window), undefined);
  });

  it('is ended by the only one that shows it, also before that has let go, and by whoever wants it ended', async () => {
    const one = await watcher();
    assert.deepEqual(await one.window.call('terminal/close', { sessionId, unlessWatched: true }), { closed: true });
    const { sessionId: second } = await one.window.call('terminal/create', { shell: '/bin/sh' });
    await one.window.call('terminal/attach', { sessionId: second });
    assert.deepEqual(await (await open()).call('terminal/close', { sessionId: second }), { closed: true });
  });
});

describe('An idle shell to which nobody comes back', function () {
  this.timeout(40_000);

  it('is in the list of the next window as ended for that reason', async () => {
    const folder = temporaryFolder();
    const before = await WindowServer.start(folder.path, { settings: { 'terminals.keepAliveHours': 0 } });
    const shell = { shell: '/bin/bash', args: ['--norc', '-i'], name: 'left behind' };
    const { pid } = await before.call('terminal/create', shell);
    await before.kill();
    await waitFor('the shell to end', () => !existsSync(`/proc/${pid}`), 20_000);
    const after = await WindowServer.start(folder.path);
    const { terminals } = await after.call('terminal/list', {});
    assert.deepEqual(
      terminals.map(({ name, status, endedIdle }) => ({ name, status, endedIdle })),
      [{ name: 'left behind', status: 'exited', endedIdle: true }],
    );
    await after.kill();
    endPtyHostsOf(folder.path);
    await waitFor('the pty host to end', () => ptyHostsOf(folder.path).length === 0);
    folder.remove();
  });
});
