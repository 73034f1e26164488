import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { Workbench } from '../support/workbench.ts';

/** What a person waits for in a real workbench, in milliseconds; one value a round. */
export interface WorkbenchTimes {
  /** Our own `activate`, from its first to its last line. */
  readonly activation: number[];
  /** From the start of the first server, once the window is up, until it is ready; loading the client included. */
  readonly coldStart: number[];
  /** The same after the window was reloaded. */
  readonly warmStart: number[];
  /** From `kill -9` of the server to the next one that is ready. */
  readonly recovery: number[];
}

const serverProcess = /dist[/\\]server\.js lsp/;

/** Opens workbenches, kills their servers once, reloads them, and reads the times out of the extension's own log. */
export async function measureWorkbench(rounds: number): Promise<WorkbenchTimes> {
  const times: WorkbenchTimes = { activation: [], coldStart: [], warmStart: [], recovery: [] };
  for (let round = 0; round < rounds; round++) {
    const workbench = await Workbench.start({ name: `performance-${round}` });
    try {
      const [first] = await windowsReady(workbench, 1, 1);
      times.recovery.push(await measureRecovery(workbench));
      await workbench.reload();
      const second = (await windowsReady(workbench, 2, 1)).at(-1);
      for (const window of [first, second]) times.activation.push(...activations(window ?? []));
      times.coldStart.push(...starts(first ?? []).slice(0, 1));
      times.warmStart.push(...starts(second ?? []).slice(0, 1));
    } finally {
      await workbench.dispose();
    }
  }
  return times;
}

async function measureRecovery(workbench: Workbench): Promise<number> {
  const [server] = workbench.processes(serverProcess);
  if (!server) throw new Error('There is no server to kill');
  const killedAt = Date.now();
  process.kill(server.pid, 'SIGKILL');
  const [window] = await windowsReady(workbench, 1, 2);
  return timeOf(window?.filter(isReady)[1] ?? '') - killedAt;
}

/** Waits until the newest of `windows` windows has had `servers` servers ready, and gives each window's log lines. */
function windowsReady(workbench: Workbench, windows: number, servers: number): Promise<string[][]> {
  return workbench.until('a server that is ready', async () => {
    const logs = await windowLogs(workbench);
    return logs.length >= windows && (logs.at(-1) ?? []).filter(isReady).length >= servers && logs;
  });
}

function activations(lines: readonly string[]): number[] {
  return lines.flatMap((line) => {
    const match = /Activated in ([\d.]+) ms/.exec(line);
    return match ? [Number(match[1])] : [];
  });
}

/** The extension says how long a start took; the times of its first lines are those at which VS Code wrote them down. */
function starts(lines: readonly string[]): number[] {
  return lines.flatMap((line) => {
    const match = /The server is ready after (\d+) ms/.exec(line);
    return match ? [Number(match[1])] : [];
  });
}

const isReady = (line: string): boolean => line.includes('The server is ready');

/** `2026-01-31 12:34:56.789 [info] …`, in local time. */
function timeOf(line: string): number {
  return new Date(line.slice(0, 23).replace(' ', 'T')).getTime();
}

/** The lines of the extension's output channel, as VS Code keeps them: a file for each window, the oldest first. */
async function windowLogs(workbench: Workbench): Promise<string[][]> {
  const root = path.dirname(workbench.dataFolder);
  const names = (await fs.readdir(root, { recursive: true })).filter((name) =>
    name.endsWith('AI Development Assistant.log'),
  );
  const texts = await Promise.all(names.map((name) => fs.readFile(path.join(root, name), 'utf8')));
  const logs = texts.map((text) => text.split('\n').filter((line) => /^\d{4}-/.test(line)));
  return logs.filter((lines) => lines.length > 0).sort((a, b) => timeOf(a[0] ?? '') - timeOf(b[0] ?? ''));
}
