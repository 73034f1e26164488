import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import * as path from 'node:path';
import type { Page } from 'playwright-core';
import { AttackersPages } from '../../support/attacks/webPages.ts';
import { HttpServer } from '../../support/httpServer.ts';
import { endPtyHostsOf, ptyHostsOf } from '../../support/ptyHostOf.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';

/** What a page saw of an answer: its status, or that the browser kept it back. */
type Seen = string;

/** What a page asks `fetch` for, as it can be handed to the browser. */
interface PageRequest {
  readonly method?: string;
  readonly mode?: RequestMode;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/**
 * Local servers of other agents that any page could call, each attacked from a page in a real browser. None of it may have
 * an effect or be readable; and that the requests did arrive is seen in the audit log.
 */
describe('Published incidents of local servers that web pages could use', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  const marker = path.join(folder.path, 'made-by-a-page');
  const command = JSON.stringify({ command: `touch '${marker}'`, cwd: folder.path });
  let server: HttpServer;
  let pages: AttackersPages;

  before(async () => {
    server = await HttpServer.start(folder.path, ['--log-level', 'off']);
    pages = await AttackersPages.start();
  });
  afterEach(async () => {
    assert.equal(existsSync(marker), false, 'a page ran a command');
    const { body } = await server.call('terminal/list', {});
    assert.deepEqual(body['terminals'], [], 'a page made a terminal');
  });
  after(async () => {
    await pages.close();
    await server.stop();
    endPtyHostsOf(folder.path);
    await waitFor('the pty host to end', () => ptyHostsOf(folder.path).length === 0);
    folder.remove();
  });

  /** Waits until the audit log tells of `count` more refusals since `since`, so that nothing was refused by the browser alone. */
  async function refusals(since: number, count: number): Promise<void> {
    await waitFor(`${count} refusals`, async () => (await refusedSoFar()) - since >= count);
  }
  /** Refused because of Host, Origin or token, as the server counts them. */
  async function refusedSoFar(): Promise<number> {
    const headers = { authorization: `Bearer ${server.token}` };
    const text = await (await fetch(`${server.url.origin}/metrics`, { headers })).text();
    const counts = text.matchAll(/^ai_dev_assistant_door_refusals_total\{reason="\w+"\} (\d+)$/gm);
    return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
  }

  function fetchFrom(page: Page, url: string, init: PageRequest): Promise<Seen> {
    return page.evaluate(
      ({ address, options }) =>
        fetch(address, options).then(
          (answer) => `${answer.status} ${answer.type}`,
          () => 'kept back',
        ),
      { address: url, options: init },
    );
  }

  /** How a WebSocket that a page opens ends, and what it has brought. */
  function webSocketFrom(page: Page, url: string, subprotocols: readonly string[]): Promise<Seen> {
    return page.evaluate(
      ({ address, names }) =>
        new Promise<string>((resolve) => {
          const socket = new WebSocket(address, [...names]);
          socket.onopen = () => resolve('opened');
          socket.onmessage = () => resolve('told something');
          socket.onclose = ({ code }) => resolve(`closed ${code}`);
        }),
      { address: url, names: subprotocols },
    );
  }

  it('CVE-2026-22812: a page runs no command and reads no answer with whatever it may send without asking', async () => {
    const page = await pages.visit('evil.example');
    const before = await refusedSoFar();
    const url = `${server.url.origin}/api/terminal/run`;
    const body = command;
    assert.equal(await fetchFrom(page, url, { method: 'POST', mode: 'no-cors', body }), 'kept back');
    const json = { 'content-type': 'application/json' };
    assert.equal(await fetchFrom(page, url, { method: 'POST', headers: json, body }), 'kept back');
    const guessed = { ...json, authorization: 'Bearer guessed' };
    assert.equal(await fetchFrom(page, url, { method: 'POST', headers: guessed, body }), 'kept back');
    assert.equal(await fetchFrom(page, `${server.url.origin}/health`, {}), 'kept back');
    // A form whose only field makes its text JSON, as a page may send it without asking.
    await page.evaluate(
      ({ action, text }) => {
        const form = document.createElement('form');
        Object.assign(form, { method: 'POST', action, enctype: 'text/plain', target: 'hidden' });
        const field = document.createElement('input');
        Object.assign(field, { name: text.slice(0, -1), value: '' });
        form.append(field);
        const frame = document.createElement('iframe');
        frame.name = 'hidden';
        document.body.append(frame, form);
        form.submit();
      },
      { action: url, text: command },
    );
    await refusals(before, 5);
  });

  it('CVE-2026-22812: another program of this machine gets nothing without the token', async () => {
    for (const method of ['terminal/run', 'terminal/create', 'terminal/list', 'session/list', 'server/info']) {
      const headers = { authorization: null };
      const answer = await server.send({ path: `/api/${method}`, body: command, headers });
      assert.equal(answer.status === 401 || answer.status === 429, true, `${method}: ${answer.status}`);
    }
  });

  it('CVE-2026-44211: a page opens no WebSocket, whether it shows no token, a guessed one or the right one', async () => {
    const page = await pages.visit('evil.example');
    const before = await refusedSoFar();
    const protocols = [[], ['ai-dev-assistant.v1'], ['ai-dev-assistant.v1', 'bearer.guessed']];
    for (const subprotocols of [...protocols, ['ai-dev-assistant.v1', `bearer.${server.token}`]]) {
      const url = `ws://127.0.0.1:${server.url.port}/ws`;
      assert.equal(await webSocketFrom(page, url, subprotocols), 'closed 1006');
    }
    await refusals(before, 4);
  });

  it('CVE-2026-59723: a page of another server of this machine opens no WebSocket either', async () => {
    const before = await refusedSoFar();
    for (const host of ['127.0.0.1', 'localhost']) {
      const page = await pages.visit(host);
      for (const target of ['127.0.0.1', 'localhost']) {
        for (const where of ['ws', 'browser', '']) {
          const url = `ws://${target}:${server.url.port}/${where}`;
          assert.equal(await webSocketFrom(page, url, ['ai-dev-assistant.v1']), 'closed 1006', `${host} to ${url}`);
        }
      }
    }
    await refusals(before, 12);
  });

  it('CVE-2025-52882: a page that tries the ports of this machine is told nothing that says who answers', async () => {
    const page = await pages.visit('evil.example');
    const before = await refusedSoFar();
    const ours = Number(server.url.port);
    const seen = new Map<string, Seen[]>();
    for (const [what, port] of [
      ['ours', ours],
      ['a stranger', pages.port],
    ] as const) {
      const results: Seen[] = [];
      for (const subprotocols of [[], ['mcp'], ['ai-dev-assistant.v1']])
        results.push(await webSocketFrom(page, `ws://127.0.0.1:${port}/`, subprotocols));
      for (const where of ['', 'health', 'api', 'openapi.json', 'events'])
        results.push(await fetchFrom(page, `http://127.0.0.1:${port}/${where}`, {}));
      seen.set(what, results);
    }
    assert.deepEqual(seen.get('ours'), seen.get('a stranger'), 'it looks as any other server does');
    await refusals(before, 8);
  });

  it('CVE-2025-49596: a page has no effect with a plain GET, a picture, an event stream or the address 0.0.0.0', async () => {
    const page = await pages.visit('evil.example');
    const before = await refusedSoFar();
    const query = `command=touch&args=${encodeURIComponent(marker)}&transportType=stdio`;
    for (const host of ['127.0.0.1', 'localhost', '0.0.0.0']) {
      for (const where of ['sse', 'events', 'api/terminal/run', 'api/terminal/create', 'ws']) {
        const url = `http://${host}:${server.url.port}/${where}?${query}`;
        // A browser may refuse 0.0.0.0 by itself; what it lets through is answered nothing either.
        const [fetched, streamed, shown] = await page.evaluate(async (address) => {
          const ended = (target: EventTarget) =>
            new Promise<string>((resolve) => {
              target.addEventListener('error', () => resolve('failed'));
              for (const kind of ['open', 'message', 'load']) target.addEventListener(kind, () => resolve(kind));
            });
          const picture = new Image();
          picture.src = address;
          const stream = new EventSource(address);
          const results = await Promise.all([
            fetch(address).then(
              (answer) => answer.type,
              () => 'failed',
            ),
            ended(stream),
            ended(picture),
          ]);
          stream.close();
          return results;
        }, url);
        assert.deepEqual([fetched, streamed, shown], ['failed', 'failed', 'failed'], url);
      }
    }
    await refusals(before, 30);
  });

  it('CVE-2025-49596: a page whose name was made to lead to this machine reads and does nothing', async () => {
    const page = await pages.visitRebound(server.url.port);
    const before = await refusedSoFar();
    const json = { 'content-type': 'application/json', authorization: `Bearer ${server.token}` };
    // The same origin for the browser, so that it lets the page read the answer: only the name in Host gives it away.
    assert.equal(
      await fetchFrom(page, '/api/terminal/run', { method: 'POST', headers: json, body: command }),
      '421 basic',
    );
    assert.equal(await fetchFrom(page, '/health', {}), '421 basic');
    assert.equal(await fetchFrom(page, '/events', { headers: json }), '421 basic');
    const url = `ws://rebound.example:${server.url.port}/ws`;
    assert.equal(await webSocketFrom(page, url, ['ai-dev-assistant.v1', `bearer.${server.token}`]), 'closed 1006');
    await refusals(before, 4);
  });
});
