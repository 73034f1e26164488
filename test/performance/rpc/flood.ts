import type { MessageConnection } from 'vscode-jsonrpc/node';
import type { WebSocketClient } from '../../support/webSocketClient.ts';

/** What terminals are created and watched with, over any transport. */
interface TerminalCalls {
  request(method: string, params: object): Promise<{ readonly sessionId: string }>;
  acknowledge(params: { readonly sessionId: string; readonly offset: number }): void;
  /** Calls `listener` with the end of each piece of output. */
  onOutput(listener: (sessionId: string, end: number) => void): void;
}

/** What twenty terminals do: print a line every 10 ms, as builds and logs do, or print without end. */
export type Load = 'busy' | 'flooding';

const scripts: Readonly<Record<Load, string>> = {
  busy: `while :; do echo "a line of a program that is busy"; sleep 0.01; done`,
  flooding: `exec yes 'a line of a program that prints without end'`,
};
const terminals = 20;
/** As the extension does it. */
const acknowledgeStepBytes = 32_768;

/** Starts the terminals, watches and acknowledges all of them, and gives what ends them once each has printed. */
export async function startLoad(load: Load, calls: TerminalCalls): Promise<() => Promise<void>> {
  const acknowledged = new Map<string, number>();
  const printing = new Map<string, () => void>();
  calls.onOutput((sessionId, offset) => {
    printing.get(sessionId)?.();
    if (offset - (acknowledged.get(sessionId) ?? 0) < acknowledgeStepBytes) return;
    acknowledged.set(sessionId, offset);
    calls.acknowledge({ sessionId, offset });
  });
  const ids: string[] = [];
  for (let started = 0; started < terminals; started += 1) {
    const { sessionId } = await calls.request('terminal/create', { shell: '/bin/sh', args: ['-c', scripts[load]] });
    ids.push(sessionId);
    const prints = new Promise<void>((resolve) => printing.set(sessionId, resolve));
    await calls.request('terminal/attach', { sessionId, fromOffset: 0 });
    await prints;
  }
  return async () => {
    for (const sessionId of ids) await calls.request('terminal/close', { sessionId });
  };
}

export function callsOver(connection: MessageConnection): TerminalCalls {
  return {
    request: (method, params) => connection.sendRequest(method, params),
    acknowledge: (params) => void connection.sendNotification('terminal/acknowledge', params),
    onOutput(listener) {
      connection.onNotification(
        'terminal/output',
        ({ sessionId, offset, data }: { sessionId: string; offset: number; data: Uint8Array | string }) => {
          listener(sessionId, offset + (typeof data === 'string' ? Buffer.byteLength(data, 'base64') : data.length));
        },
      );
    },
  };
}

export function callsOverWebSocket(client: WebSocketClient): TerminalCalls {
  return {
    async request(method, params) {
      const { result, error } = await client.request(method, params);
      if (error) throw new Error(`${method} failed: ${error.message}`);
      return result as { sessionId: string };
    },
    acknowledge: (params) => client.notify('terminal/acknowledge', params),
    onOutput(listener) {
      client.socket.on('message', () => {
        client.notifications.length = 0;
        for (const { sessionId, offset, data } of client.output.splice(0)) listener(sessionId, offset + data.length);
      });
    },
  };
}
