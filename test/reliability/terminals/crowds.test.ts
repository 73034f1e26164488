import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { childrenOf, endPtyHostsOf, ptyHostsOf } from '../../support/ptyHostOf.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';
import { WindowServer } from '../../support/windowServer.ts';

describe('Many terminals and many windows', function () {
  this.timeout(120_000);
  const folder = temporaryFolder();
  const windows: WindowServer[] = [];

  afterEach(async () => {
    await Promise.all(windows.splice(0).map((window) => window.kill()));
    endPtyHostsOf(folder.path);
    await waitFor('the pty host to end', () => ptyHostsOf(folder.path).length === 0);
  });
  after(() => folder.remove());

  async function openWindow(): Promise<WindowServer> {
    const window = await WindowServer.start(folder.path);
    windows.push(window);
    return window;
  }

  /** What `window` is sent of each terminal, as text; everything is acknowledged at once. */
  function collect(window: WindowServer): Map<string, string> {
    const texts = new Map<string, string>();
    window.onNotification = ({ method, params }) => {
      if (method !== 'terminal/output') return;
      const { sessionId, offset, data } = params;
      const bytes = data as Uint8Array;
      texts.set(sessionId, (texts.get(sessionId) ?? '') + Buffer.from(bytes).toString());
      window.notify('terminal/acknowledge', { sessionId, offset: offset + bytes.length });
    };
    return texts;
  }

  it('are a hundred terminals at once, each with its own output and input, and not one more', async () => {
    const window = await openWindow();
    const texts = collect(window);
    const script = 'read line; seq 1 2000; echo "$line"; read end';
    const create = () => window.call('terminal/create', { shell: '/bin/sh', args: ['-c', script] });
    const created = await Promise.all(Array.from({ length: 100 }, create));
    const ids = created.map(({ sessionId }) => sessionId);
    await assert.rejects(create(), { reason: 'ResourceLimit' });
    const [host] = ptyHostsOf(folder.path);
    assert.ok(host !== undefined);
    assert.deepEqual(
      childrenOf(host),
      created.map(({ pid }) => pid).sort((one, other) => one - other),
    );
    await Promise.all(ids.map((sessionId) => window.call('terminal/attach', { sessionId })));
    await Promise.all(ids.map((sessionId, n) => window.call('terminal/write', { sessionId, data: `mine is ${n}\r` })));
    const numbers = Array.from({ length: 2_000 }, (_, index) => `${index + 1}\r\n`).join('');
    const expected = (n: number): string => `mine is ${n}\r\n${numbers}mine is ${n}\r\n`;
    await waitFor(
      'the output of all',
      () => ids.every((id, n) => texts.get(id)?.length === expected(n).length),
      60_000,
    );
    for (const [n, id] of ids.entries()) assert.ok(texts.get(id) === expected(n), `terminal ${n}`);
    // Rings of 100 terminals that are not full take what was printed, not what might be.
    assert.ok(residentMebibytes(host) < 250, `the host takes ${residentMebibytes(host)} MiB`);
    await Promise.all(ids.map((sessionId) => window.call('terminal/close', { sessionId })));
    assert.deepEqual((await window.call('terminal/list', {})).terminals, []);
    await waitFor('every shell to be gone', () => childrenOf(host).length === 0);
  });

  it('are twenty windows that start at once on one host, see the same terminals, and outlive each other', async () => {
    await Promise.all(Array.from({ length: 20 }, openWindow));
    const script = 'read line; echo "got $line"; read line; echo "got $line"; read end';
    const params = { shell: '/bin/sh', args: ['-c', script] };
    // The first call of each window finds the host, or starts it: this is the race.
    const created = await Promise.all(windows.map((window) => window.call('terminal/create', params)));
    // A host that came too late for the lock may still be ending; that all share one shows below.
    await waitFor('one host', () => ptyHostsOf(folder.path).length === 1);
    const ids = created.map(({ sessionId }) => sessionId);
    for (const window of windows) {
      const { terminals } = await window.call('terminal/list', {});
      assert.deepEqual(new Set(terminals.map(({ sessionId }) => sessionId)), new Set(ids));
    }
    const shared = ids[0]!;
    const texts = windows.map(collect);
    await Promise.all(windows.map((window) => window.call('terminal/attach', { sessionId: shared })));
    await windows[7]?.call('terminal/write', { sessionId: shared, data: 'hello\r' });
    const all = 'hello\r\ngot hello\r\n';
    await waitFor('every window to show it', () => texts.every((own) => own.get(shared) === all));
    const [first, ...others] = windows;
    await Promise.all(others.slice(0, 10).map((window) => window.kill()));
    await first?.call('terminal/write', { sessionId: shared, data: 'again\r' });
    const alive = windows.filter((window) => !window.hasExited).map((window) => texts[windows.indexOf(window)]);
    await waitFor('the others to go on', () =>
      alive.every((own) => own?.get(shared) === `${all}again\r\ngot again\r\n`),
    );
    const { terminals } = (await first?.call('terminal/list', {})) ?? { terminals: [] };
    assert.ok(isDeepStrictEqual(new Set(terminals.map(({ sessionId }) => sessionId)), new Set(ids)));
    assert.ok(terminals.every(({ status }) => status === 'active'));
    assert.equal(ptyHostsOf(folder.path).length, 1);
  });
});

function residentMebibytes(pid: number): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Math.round(Number(kibibytes) / 1024);
}
