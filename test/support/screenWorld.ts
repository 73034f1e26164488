import assert from 'node:assert/strict';
import type { ParamsOf, ServerNotification } from '../../server/protocol/contract.ts';
import type { TerminalId, TerminalScreenData } from '../../server/protocol/terminal.ts';
import { systemClock } from '../../server/src/base/clock.ts';
import type { Client } from '../../server/src/base/handlers.ts';
import { SettingsService } from '../../server/src/settings/settingsService.ts';
import { LastScreens } from '../../server/src/terminals/screens/lastScreens.ts';
import { ScreenCheckpoints } from '../../server/src/terminals/screens/screenCheckpoints.ts';
import { screenText } from '../../server/src/terminals/screens/screenText.ts';
import { Screens } from '../../server/src/terminals/screens/screens.ts';
import { ScreenTerminal } from '../../server/src/terminals/screens/screenTerminal.ts';
import { ScreenThread } from '../../server/src/terminals/screens/screenThread.ts';
import { TerminalService } from '../../server/src/terminals/terminalService.ts';
import { TerminalSnapshots } from '../../server/src/terminals/screens/terminalSnapshots.ts';
import { TerminalViewers } from '../../server/src/terminals/terminalViewers.ts';
import { builtBundle, PtyHostWorld, untilOutputStands } from './ptyHostWorld.ts';
import { recordingLogger } from './recordingLogger.ts';
import { shellParts } from './shellParts.ts';
import { stateOf } from './screenStates.ts';
import { TestClient } from './testClient.ts';
import { waitFor } from './waitFor.ts';

/** Everything of the server that has to do with screens, on a real pty host and a real worker. */
export class ScreenWorld {
  readonly terminals: TerminalService;
  readonly viewers: TerminalViewers;
  readonly snapshots: TerminalSnapshots;
  readonly ptyHost: PtyHostWorld;
  readonly logLines: string[];
  private readonly settings: SettingsService;
  private readonly thread: ScreenThread;
  private readonly parts: ReturnType<typeof shellParts>;
  private readonly checkpoints: ScreenCheckpoints;
  private readonly watching: ScreenViewer[] = [];
  private readonly portsBefore = openPorts();

  /** `workerFile`: another worker than the real one. */
  static async open(workerFile?: string): Promise<ScreenWorld> {
    return new ScreenWorld(await PtyHostWorld.open(), workerFile ?? (await builtBundle('screenWorker')));
  }

  private constructor(ptyHost: PtyHostWorld, workerFile: string) {
    const { logger, lines } = recordingLogger();
    const base = { clock: systemClock, logger };
    this.logLines = lines;
    this.ptyHost = ptyHost;
    this.settings = new SettingsService(logger);
    this.thread = new ScreenThread({ ...base, workerFile });
    const { settings } = this;
    const screens = new Screens(this.thread);
    const lastScreens = new LastScreens(this.thread);
    this.checkpoints = new ScreenCheckpoints({ ...base, screens, settings });
    const environment = { PATH: process.env['PATH'], HOME: ptyHost.dataFolder, SHELL: '/bin/bash' };
    this.parts = shellParts({ dataFolder: ptyHost.dataFolder, environment, logger });
    this.terminals = new TerminalService({
      ...base,
      host: ptyHost.launcher(),
      settings,
      workspace: { folders: [] },
      ...this.parts,
      environment,
      onHost: (host) => this.checkpoints.serve(host),
    });
    this.viewers = new TerminalViewers({ ...base, terminals: this.terminals, screens, lastScreens, settings });
    this.snapshots = new TerminalSnapshots(this.terminals, screens, lastScreens);
  }

  /** Starts `sh -c SCRIPT` in a terminal. */
  async run(script: string, size = { cols: 80, rows: 24 }): Promise<TerminalId> {
    const env = { TERM: 'xterm-256color', LC_ALL: 'C.UTF-8' };
    const params = { shell: '/bin/sh', args: ['-c', script], env, cwd: this.ptyHost.dataFolder, ...size };
    return (await this.terminals.create(params)).sessionId;
  }

  async write(sessionId: TerminalId, data: string): Promise<void> {
    await this.terminals.write(sessionId, data);
  }

  viewer(sessionId: TerminalId): ScreenViewer {
    const viewer = new ScreenViewer(this.viewers, sessionId);
    this.watching.push(viewer);
    return viewer;
  }

  /** Waits until the viewer has shown everything that was produced, and nothing more comes. */
  async settled(sessionId: TerminalId, viewer: ScreenViewer): Promise<void> {
    const produced = await untilOutputStands(await this.terminals.host(), sessionId);
    await waitFor('the viewer to have everything', () => viewer.offset === produced);
  }

  /** Someone who attaches now sees the same as one who was there from the start. */
  async assertSameScreen(sessionId: TerminalId, reference: ScreenViewer): Promise<ScreenViewer> {
    await this.settled(sessionId, reference);
    const late = await this.viewer(sessionId).attach();
    assert.equal(late.screens.length, 1);
    await this.settled(sessionId, late);
    assert.deepEqual(await late.state(), await reference.state());
    return late;
  }

  async text(sessionId: TerminalId): Promise<string> {
    return (await this.snapshots.take({ sessionId, scrollbackLines: 0 }, AbortSignal.timeout(20_000))).text;
  }

  /** Ends everything, and makes sure that nothing is left. */
  async close(): Promise<void> {
    for (const viewer of this.watching) viewer.close();
    for (const { client } of this.watching) assert.equal(client.closeListenerCount, 0, 'a listener is left');
    for (const part of [this.viewers, this.checkpoints, this.thread, this.terminals, this.parts, this.settings])
      part.dispose();
    await this.ptyHost.close();
    await waitFor('the worker to end', () => openPorts() <= this.portsBefore);
  }
}

/** Ways to worker threads that are open. */
function openPorts(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length;
}

/** A client that keeps a terminal of its own, as xterm.js would show it, and checks that no byte comes twice or is missing. */
export class ScreenViewer {
  readonly client: Client & TestClient;
  readonly screens: TerminalScreenData[] = [];
  readonly gaps: (readonly [number, number])[] = [];
  exitCode: number | null | undefined;
  /** Every other notification, by its name. */
  readonly told: ServerNotification[] = [];
  offset = 0;
  /** Gives no credit where false. */
  isAcknowledging = true;
  private readonly viewers: TerminalViewers;
  private readonly sessionId: TerminalId;
  private terminal: ScreenTerminal | undefined;
  private drawn: Promise<void> = Promise.resolve();

  constructor(viewers: TerminalViewers, sessionId: TerminalId) {
    this.viewers = viewers;
    this.sessionId = sessionId;
    const client = new TestClient();
    client.notify = (method, params) => this.notified(method, params);
    this.client = client;
  }

  async attach(fromOffset?: number): Promise<this> {
    const answer = await this.viewers.attach(
      this.client,
      { sessionId: this.sessionId, fromOffset, canAnswer: true },
      AbortSignal.timeout(20_000),
    );
    const { terminal, screen } = answer;
    if (fromOffset !== answer.fromOffset) this.offset = answer.fromOffset;
    if (screen) this.show(screen);
    else this.terminal ??= new ScreenTerminal(terminal, 5_000);
    return this;
  }

  detach(): void {
    this.viewers.detach(this.client, this.sessionId);
  }

  giveCredit(): void {
    this.isAcknowledging = true;
    this.viewers.acknowledge(this.client, this.sessionId, this.offset);
  }

  resize(size: { cols: number; rows: number }): void {
    this.drawn = this.drawn.then(() => this.terminal?.resize(size));
  }

  async state(): Promise<Record<string, unknown>> {
    await this.drawn;
    assert.ok(this.terminal);
    return stateOf(this.terminal);
  }

  /** What it shows, as plain text. */
  async text(): Promise<string> {
    await this.drawn;
    return this.terminal ? screenText(this.terminal, 0) : '';
  }

  close(): void {
    this.client.close();
    this.terminal?.dispose();
  }

  private notified(method: ServerNotification, notified: unknown): void {
    if (method === 'terminal/output') {
      const { offset, data } = notified as ParamsOf<'terminal/output'>;
      assert.equal(offset, this.offset, 'a byte is missing, or came twice');
      assert.ok(data instanceof Uint8Array);
      this.offset += data.length;
      const bytes = Uint8Array.from(data);
      this.drawn = this.drawn.then(() => this.terminal?.write(bytes));
      if (this.isAcknowledging) this.viewers.acknowledge(this.client, this.sessionId, this.offset);
    } else if (method === 'terminal/gap') {
      const { fromOffset, toOffset, screen } = notified as ParamsOf<'terminal/gap'>;
      assert.equal(fromOffset, this.offset);
      this.gaps.push([fromOffset, toOffset]);
      this.offset = toOffset;
      if (screen) this.show(screen);
    } else if (method === 'terminal/exited') {
      this.exitCode = (notified as ParamsOf<'terminal/exited'>).exitCode;
    } else {
      this.told.push(method);
    }
  }

  private show(screen: TerminalScreenData): void {
    const { data } = screen;
    assert.ok(data instanceof Uint8Array);
    this.screens.push(screen);
    this.drawn = this.drawn.then(async () => {
      this.terminal?.dispose();
      this.terminal = new ScreenTerminal(screen, 5_000);
      await this.terminal.write(data);
    });
  }
}
