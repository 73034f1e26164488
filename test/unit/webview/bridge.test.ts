import assert from 'node:assert/strict';
import { CodedError } from '../../../server/protocol/errors.ts';
import type { HostToView, ServerState, ViewToHost } from '../../../server/protocol/panelBridge.ts';
import { Bridge } from '../../../webview-ui/src/bridge/bridge.ts';
import type { Host } from '../../../webview-ui/src/bridge/host.ts';

/** The extension host's end of a bridge, in memory. */
class HostEnd implements Host {
  readonly posted: ViewToHost[] = [];
  readonly listeners = new Set<(message: HostToView) => void>();
  private state: unknown;

  post(message: ViewToHost): void {
    this.posted.push(message);
  }

  onMessage(listener: (message: HostToView) => void) {
    this.listeners.add(listener);
    return { dispose: () => void this.listeners.delete(listener) };
  }

  readState(): unknown {
    return this.state;
  }

  writeState(state: unknown): void {
    this.state = state;
  }

  send(message: HostToView): void {
    for (const listener of this.listeners) listener(message);
  }

  context(serverState: ServerState, serverGeneration: number): void {
    this.send({ kind: 'context', serverState, serverGeneration, workspaceFolder: null, trusted: true, strings: {} });
  }

  lastRequestId(): number {
    const request = this.posted.findLast((message) => message.kind === 'request');
    assert.ok(request);
    return request.id;
  }
}

const hasReason = (reason: string) => (error: unknown) => error instanceof CodedError && error.reason === reason;

describe('the bridge of a view', () => {
  let host: HostEnd;
  let bridge: Bridge;

  beforeEach(() => {
    host = new HostEnd();
    bridge = new Bridge(host);
    host.context('ready', 1);
  });

  afterEach(() => {
    bridge.dispose();
    assert.equal(host.listeners.size, 0);
    assert.equal(bridge.pendingCount, 0);
  });

  it('answers a request with the response of its id', async () => {
    const first = bridge.request('session/list', {});
    const firstId = host.lastRequestId();
    const second = bridge.request('terminal/list', {});
    host.send({ kind: 'response', id: host.lastRequestId(), result: { terminals: [] } });
    host.send({ kind: 'response', id: firstId, result: { sessions: [] } });
    assert.deepEqual(await second, { terminals: [] });
    assert.deepEqual(await first, { sessions: [] });
  });

  it('rejects with the reason and the sentence of an error', async () => {
    const request = bridge.request('session/list', {});
    const error = { reason: 'Conflict', message: 'Another window holds it.' } as const;
    host.send({ kind: 'response', id: host.lastRequestId(), error });
    await assert.rejects(request, { reason: 'Conflict', message: 'Another window holds it.' });
  });

  it('rejects after its time limit and tells the host', async () => {
    const request = bridge.request('session/list', {}, { timeoutMs: 5 });
    await assert.rejects(request, hasReason('TimedOut'));
    assert.deepEqual(host.posted.at(-1), { kind: 'cancel', id: host.lastRequestId() });
  });

  it('rejects and tells the host when its signal is aborted', async () => {
    const controller = new AbortController();
    const request = bridge.request('session/list', {}, { signal: controller.signal });
    controller.abort();
    await assert.rejects(request, hasReason('Cancelled'));
    assert.equal(host.posted.at(-1)?.kind, 'cancel');
    await assert.rejects(bridge.request('session/list', {}, { signal: controller.signal }), hasReason('Cancelled'));
  });

  it('ignores an answer that comes too late', async () => {
    const request = bridge.request('session/list', {}, { timeoutMs: 5 });
    await assert.rejects(request, hasReason('TimedOut'));
    host.send({ kind: 'response', id: host.lastRequestId(), result: { sessions: [] } });
  });

  it('rejects what a replaced server process owed', async () => {
    const request = bridge.request('session/list', {});
    host.context('restarting', 1);
    host.context('ready', 2);
    await assert.rejects(request, hasReason('Unavailable'));
  });

  it('keeps a request that was sent while the server was away for its successor', async () => {
    host.context('restarting', 1);
    const request = bridge.request('session/list', {});
    host.context('ready', 2);
    assert.equal(bridge.pendingCount, 1);
    host.send({ kind: 'response', id: host.lastRequestId(), result: { sessions: [] } });
    assert.deepEqual(await request, { sessions: [] });
  });

  it('rejects everything when the server has stopped for good', async () => {
    host.context('restarting', 1);
    const request = bridge.request('session/list', {});
    host.context('stopped', 1);
    await assert.rejects(request, hasReason('Unavailable'));
  });

  it('refuses more requests than it can hold', async () => {
    const pending = Array.from({ length: 256 }, () => bridge.request('session/list', {}));
    await assert.rejects(bridge.request('session/list', {}), hasReason('ResourceLimit'));
    bridge.dispose();
    const results = await Promise.allSettled(pending);
    assert.ok(results.every((result) => result.status === 'rejected'));
  });

  it('passes notifications to the listeners of their method until these are disposed', () => {
    const seen: unknown[] = [];
    const listener = bridge.onNotification('model/changed', (params) => seen.push(params));
    host.send({ kind: 'notification', method: 'model/changed', params: {} });
    host.send({ kind: 'notification', method: 'unknown/method', params: {} });
    listener.dispose();
    host.send({ kind: 'notification', method: 'model/changed', params: {} });
    assert.deepEqual(seen, [{}]);
  });

  it('refuses requests once it is disposed', async () => {
    bridge.dispose();
    await assert.rejects(bridge.request('session/list', {}), hasReason('Unavailable'));
  });
});
