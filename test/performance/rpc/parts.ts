import type { Measured } from '../partsReport.ts';
import { pairedRow, type Row, type Target } from '../reportRows.ts';
import { measureDoors, measureJsonRpc, type DoorCall, type FiguresByLoad, type JsonRpcFigures } from './calls.ts';
import { measureConnectionMemory } from './connectionMemory.ts';
import { measureFanOut } from './fanOut.ts';
import type { CallFigures } from './rounds.ts';
import { startIpc, startStdio } from './subject.ts';

export interface PartOptions {
  readonly rounds: number;
}

/** Every part of the report, by the name under which it can be run alone. */
export const parts: Readonly<Record<string, (options: PartOptions) => Promise<Measured>>> = {
  ipc,
  stdio,
  doors,
  fanOut,
  memory,
};

const loadNames = {
  idle: 'idle',
  busy: '20 busy terminals',
  flooding: '20 flooding terminals',
} as const satisfies Record<keyof FiguresByLoad, string>;

/** What a call has to reach by percentile, in milliseconds. */
const latencyTargets = { p50: { atMost: 2 }, p95: { atMost: 10 }, p99: { atMost: 25 } } as const;
const rateTarget: Target = { atLeast: 3_000 };
const mostOverhead: Target = { atMostRatio: 1.2 };

async function ipc({ rounds }: PartOptions): Promise<Measured> {
  const raw = await measureJsonRpc(startIpc, ['busy', 'flooding'], rounds);
  return { rows: jsonRpcRows('IPC', raw, latencyTargets), raw };
}

async function stdio({ rounds }: PartOptions): Promise<Measured> {
  const raw = await measureJsonRpc(startStdio, ['flooding'], rounds);
  return { rows: jsonRpcRows('stdio', raw), raw };
}

function jsonRpcRows(channel: string, raw: JsonRpcFigures, targets: LatencyTargets = {}): Row[] {
  const what = `${channel}; peer: bare vscode-jsonrpc`;
  return [
    ...callRows(what, raw.byLoad, targets),
    pairedRow(`${what}, idle, on one processor: overhead of the router, p50`, 'ms', raw.onOneProcessor, mostOverhead),
  ];
}

const doorNames: Readonly<Record<DoorCall, string>> = {
  webSocket: 'WebSocket; peer: bare ws that echoes',
  http: 'HTTP; peer: bare node:http',
  health: 'GET /health; peer: bare node:http',
};

async function doors({ rounds }: PartOptions): Promise<Measured> {
  const raw = await measureDoors(rounds);
  return {
    rows: (['webSocket', 'http', 'health'] as const).flatMap((call) => callRows(doorNames[call], raw[call])),
    raw,
  };
}

type LatencyTargets = Partial<Record<'p50' | 'p95' | 'p99', Target>>;

function callRows(what: string, byLoad: FiguresByLoad, targets: LatencyTargets = {}): Row[] {
  return Object.entries(byLoad).flatMap(([load, figures]) =>
    rowsOfLoad(what, load as keyof FiguresByLoad, figures, targets),
  );
}

function rowsOfLoad(what: string, load: keyof FiguresByLoad, figures: CallFigures, targets: LatencyTargets): Row[] {
  const name = `${what}, ${loadNames[load]}`;
  const isIdle = load === 'idle';
  const rows = (['p50', 'p95', 'p99'] as const).map((percent) =>
    pairedRow(`${name}, ${percent}`, 'ms', figures[percent], isIdle ? {} : targets[percent]),
  );
  rows.push(pairedRow(`${name}, 64 under way`, 'a second', figures.perSecond, isIdle ? rateTarget : {}));
  // Under load most of the server's time goes into the terminals.
  if (isIdle && figures.processorMicroseconds.ours.length > 0) {
    rows.push(pairedRow(`${name}, processor time of the server for a call`, 'µs', figures.processorMicroseconds));
  }
  return rows;
}

const crowds = [100, 1_000] as const;

async function fanOut({ rounds }: PartOptions): Promise<Measured> {
  const rows: Row[] = [];
  const raw: Record<string, unknown> = {};
  for (const clients of crowds) {
    const figures = await measureFanOut(clients, rounds);
    raw[clients] = figures;
    const target: Target = clients === 100 ? { atMostRatio: 2 } : {};
    for (const news of ['terminal output', 'notification'] as const) {
      const what = `${news} of 200 B to ${clients.toLocaleString('en')} WebSockets; peer: bare ws that sends it on`;
      rows.push(pairedRow(`${what}; from the first client to the last`, 'ms', figures[news].spread, target));
      rows.push(pairedRow(`${what}; from the sender to the last`, 'ms', figures[news].whole));
    }
  }
  return { rows, raw };
}

async function memory({ rounds }: PartOptions): Promise<Measured> {
  const raw = await measureConnectionMemory(Math.min(rounds, 3));
  if (!raw) return { rows: [], raw: 'Linux only' };
  const kilobytes = { ours: raw.ours.map((bytes) => bytes / 1_000), bare: raw.bare.map((bytes) => bytes / 1_000) };
  return { rows: [pairedRow('memory of one of 1,000 WebSockets; peer: bare ws', 'kB', kilobytes)], raw };
}
