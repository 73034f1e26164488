import type { TerminalId, TerminalInfo } from '../../protocol/terminal.ts';

/** The oldest ones are forgotten. */
const maxLost = 100;

/** The terminals that ran when their pty host died. They stay in the list until they are closed. */
export class LostTerminals {
  private readonly lost = new Map<TerminalId, TerminalInfo>();
  private seen = new Map<TerminalId, TerminalInfo>();
  private instanceId: string | undefined;

  /** A terminal of the present host. */
  see(terminal: TerminalInfo): void {
    this.seen.set(terminal.sessionId, terminal);
  }

  /** All terminals of the present host. */
  seeAll(terminals: readonly TerminalInfo[]): void {
    this.seen = new Map(terminals.map((terminal) => [terminal.sessionId, terminal]));
  }

  /** There is a connection to a host; where it is another one than before, the former one's terminals are lost. */
  connected(instanceId: string): void {
    if (this.instanceId !== undefined && this.instanceId !== instanceId) {
      for (const { waitsForInput: _over, ...terminal } of this.seen.values()) {
        if (terminal.status === 'active') this.lost.set(terminal.sessionId, { ...terminal, status: 'lost' });
      }
      this.seen.clear();
      for (const sessionId of [...this.lost.keys()].slice(0, -maxLost)) this.lost.delete(sessionId);
    }
    this.instanceId = instanceId;
  }

  list(): TerminalInfo[] {
    return [...this.lost.values()];
  }

  get(sessionId: TerminalId): TerminalInfo | undefined {
    return this.lost.get(sessionId);
  }

  /** False where it was not among them. */
  forget(sessionId: TerminalId): boolean {
    return this.lost.delete(sessionId);
  }
}
