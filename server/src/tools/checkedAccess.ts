import * as path from 'node:path';
import { CodedError } from '../../protocol/errors.ts';
import type { TerminalId, WaitsForInput } from '../../protocol/terminal.ts';
import type { FileList, FileSearch, TextMatches } from './fileSearch.ts';
import type {
  AuditTrail,
  CommandEnd,
  CommandLines,
  CommandOutcome,
  CommandRunner,
  Decision,
  Effect,
  FileReader,
  PolicyGate,
} from './ports.ts';
import type { ToolCallContext } from './toolCallContext.ts';

/** Characters of a command's output that a model gets at once. */
export const maxOutputChars = 48_000;

/** What tools have in reach, joined in the composition root. */
export interface ToolPorts {
  readonly policy: PolicyGate;
  readonly audit: AuditTrail;
  readonly files: FileReader;
  readonly search: FileSearch;
  readonly commands: CommandRunner;
}

/**
 * The only way from a tool to files and processes. Every method asks the policy gate first, and the person where the
 * gate says so; there is nothing in here that works without. Made anew for each call. A refusal is a `PolicyDenied`
 * whose message is for the model and the person.
 */
export class CheckedAccess {
  // Not even code that goes round the types finds in a tool's access what stands behind the gate.
  readonly #ports: ToolPorts;
  readonly #context: ToolCallContext;

  constructor(ports: ToolPorts, context: ToolCallContext) {
    this.#ports = ports;
    this.#context = context;
  }

  /** The text of a file, unsaved changes included. */
  async readText(file: string): Promise<string> {
    const real = await this.#pass({ kind: 'readFile', path: this.#resolve(file) });
    return (await this.#ports.files.readText(real, this.#context.signal)).text;
  }

  /** Files below a folder, without those that may not be read. */
  async listFiles(request: { folder: string; pattern: string | undefined; limit: number }): Promise<FileList> {
    const root = await this.#pass({ kind: 'listFiles', path: this.#resolve(request.folder) });
    return this.#ports.search.list({ ...request, root, isAllowed: this.#mayRead, signal: this.#context.signal });
  }

  /** Lines that match, without those of files that may not be read. */
  async searchFiles(request: { folder: string; query: string; isRegex: boolean; limit: number }): Promise<TextMatches> {
    const root = await this.#pass({ kind: 'searchFiles', path: this.#resolve(request.folder) });
    return this.#ports.search.search({ ...request, root, isAllowed: this.#mayRead, signal: this.#context.signal });
  }

  /** Runs a command in a terminal that the person sees. */
  async runCommand(request: {
    commandLine: string;
    cwd: string | undefined;
    timeoutMs: number | null;
    background: boolean;
    onStarted(terminalId: TerminalId): void;
    onWaitsForInput(waits: WaitsForInput | undefined): void;
  }): Promise<Omit<CommandOutcome, 'cwdAfter'> & { readonly cwdAfter: string | undefined }> {
    const context = this.#context;
    const ports = this.#ports;
    const cwd = request.cwd === undefined ? context.commandCwd : this.#resolve(request.cwd);
    const realCwd = await this.#pass({ kind: 'runCommand', commandLine: request.commandLine, cwd });
    context.signal.throwIfAborted();
    const outcome = await ports.commands.run({
      conversationId: context.conversationId,
      toolCallId: context.toolCallId,
      commandLine: request.commandLine,
      cwd: realCwd,
      timeoutMs: request.timeoutMs,
      background: request.background,
      maxOutputChars,
      signal: context.signal,
      onStarted: (terminalId) => request.onStarted(terminalId),
      onWaitsForInput: (waits) => request.onWaitsForInput(waits),
    });
    return { ...outcome, cwdAfter: await this.#folderToKeep(outcome.cwdAfter) };
  }

  /** Lines that a command of this conversation has printed; the last ones where no `startLine` is given. */
  async readOutput(
    terminalId: TerminalId,
    where: { readonly startLine?: number; readonly endLine?: number },
  ): Promise<CommandLines> {
    await this.#pass({ kind: 'readOutput', terminalId });
    const { conversationId, signal } = this.#context;
    return this.#ports.commands.read({ conversationId, terminalId, signal }, { ...where, maxChars: maxOutputChars });
  }

  /** Stops a command of this conversation. */
  async stopCommand(terminalId: TerminalId): Promise<{ readonly exit: CommandEnd | null }> {
    await this.#pass({ kind: 'stopCommand', terminalId });
    const { conversationId, signal } = this.#context;
    return this.#ports.commands.stop({ conversationId, terminalId, signal });
  }

  /** A command may end anywhere; the next one starts there only if that is still inside the workspace. */
  async #folderToKeep(folder: string | undefined): Promise<string | undefined> {
    if (folder === undefined) return undefined;
    const decision = await this.#ports.policy.check({ kind: 'listFiles', path: folder }, this.#context.place());
    return decision.outcome === 'allow' ? decision.path : this.#context.place().cwd;
  }

  /** A path as people and models like it: relative to the conversation's folder where it is inside. */
  displayPath(file: string): string {
    const relative = path.relative(this.#context.place().cwd, file);
    return relative.startsWith('..') || path.isAbsolute(relative) ? file : relative || '.';
  }

  #resolve(file: string): string {
    return path.resolve(this.#context.place().cwd, file);
  }

  readonly #mayRead = async (file: string): Promise<boolean> => {
    const decision = await this.#ports.policy.check({ kind: 'readFile', path: file }, this.#context.place());
    return decision.outcome === 'allow';
  };

  #record(effect: Effect, outcome: string, facts: Readonly<Record<string, unknown>>): Promise<void> {
    const { conversationId, toolCallId } = this.#context;
    return this.#ports.audit.record({
      kind: 'permission.decided',
      outcome,
      agent: { conversationId, toolCallId },
      details: { effect, ...facts },
    });
  }

  /** The gate. Gives the real path to use from here on, or throws. */
  async #pass(effect: Effect): Promise<string> {
    this.#context.signal.throwIfAborted();
    const decision = await this.#judge(effect);
    if (decision.outcome === 'allow') {
      await this.#record(effect, 'allowed', { path: decision.path });
      return decision.path;
    }
    // The exact effect is the key: what was allowed for one command line says nothing about another, nor for one folder.
    const key = JSON.stringify([effect, decision.path]);
    const where = effect.kind === 'runCommand' ? { cwd: decision.path } : {};
    const allowed = await this.#context.ask({ detail: decision.detail, ...where, key });
    await this.#record(effect, allowed ? 'allowedByPerson' : 'deniedByPerson', { path: decision.path });
    if (!allowed) {
      throw new CodedError(
        'PolicyDenied',
        'The person did not allow this. Do not try it again in another way; ask them.',
        { args: { by: 'person' } },
      );
    }
    await this.#judgeAgain(effect, decision.path);
    return decision.path;
  }

  /** What the gate allows, or asks about. What it denies is recorded and thrown. */
  async #judge(effect: Effect): Promise<Exclude<Decision, { outcome: 'deny' }>> {
    const decision = await this.#ports.policy.check(effect, this.#context.place());
    if (decision.outcome === 'deny') throw await this.#denied(effect, decision.message);
    return decision;
  }

  /** An answer may take hours, in which the trust can be withdrawn, and a link can come to lead elsewhere. */
  async #judgeAgain(effect: Effect, shownPath: string): Promise<void> {
    const { path: real } = await this.#judge(effect);
    if (real === shownPath) return;
    throw await this.#denied(effect, 'Its folder leads elsewhere than when the person was asked. Try again.');
  }

  async #denied(effect: Effect, why: string): Promise<CodedError> {
    await this.#record(effect, 'denied', { why });
    return new CodedError('PolicyDenied', why);
  }
}
