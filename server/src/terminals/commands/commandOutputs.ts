import type { ParsedParamsOf, ResultOf } from '../../../protocol/contract.ts';
import { CodedError } from '../../../protocol/errors.ts';
import type { TerminalId } from '../../../protocol/terminal.ts';
import type { CommandOutputFiles } from './commandOutputFiles.ts';
import type { CommandRunner } from './commandRunner.ts';
import { offsetOfLine, readPart } from './outputReading.ts';
import { sourceOfBytes, type OutputSource } from './outputSource.ts';
import { decodeMetadata } from '../terminalMetadata.ts';
import type { TerminalService } from '../terminalService.ts';

/** The pty host keeps less than this of a terminal's output; what comes while it is read may be as much again. */
const maxRingBytes = 4_194_304;
const windowBytes = 1_048_576;

/** Finds the output of commands and terminals wherever it is kept: in memory, in a file, at the pty host. */
export class CommandOutputs {
  private readonly terminals: TerminalService;
  private readonly runner: CommandRunner;
  private readonly files: CommandOutputFiles;

  constructor(options: { terminals: TerminalService; runner: CommandRunner; files: CommandOutputFiles }) {
    this.terminals = options.terminals;
    this.runner = options.runner;
    this.files = options.files;
  }

  /** Answers `terminal/readOutput`. */
  async read(
    params: ParsedParamsOf<'terminal/readOutput'>,
    signal: AbortSignal,
  ): Promise<ResultOf<'terminal/readOutput'>> {
    const { sessionId, outputId, fromLine, toOffset = Number.MAX_SAFE_INTEGER, maxBytes } = params;
    const id = sessionId ?? outputId;
    if (id === undefined) throw new CodedError('InvalidParams', 'Name the output by sessionId or outputId.');
    const source = await this.open(id, signal, sessionId !== undefined);
    try {
      const fromOffset =
        fromLine === undefined ? (params.fromOffset ?? 0) : await offsetOfLine(source, fromLine, signal);
      const part = await readPart(source, { fromOffset, toOffset, maxBytes });
      const { exit, endOffset } = source;
      return {
        ...part,
        endOffset,
        status: exit === null ? 'running' : 'exited',
        ...(exit && { exitCode: exit.exitCode }),
        ...(exit?.signal == null ? {} : { signal: exit.signal }),
      };
    } finally {
      await source.close();
    }
  }

  /** The whole output as far as it is kept. The caller closes it. Rejects with `NotFound`. */
  async open(id: TerminalId, signal: AbortSignal, alsoFromRing = true): Promise<OutputSource> {
    const source = (await this.runner.recordingOf(id)?.source()) ?? (await this.files.open(id));
    if (source) return source;
    if (alsoFromRing) return this.fromRing(id, signal);
    throw new CodedError('NotFound', 'No output is kept under that id (any more).', { args: { outputId: id } });
  }

  /** Reads what the pty host still has of a terminal. */
  private async fromRing(sessionId: TerminalId, signal: AbortSignal): Promise<OutputSource> {
    const host = await this.terminals.host();
    const subscription = await host.subscribe({ sessionId, fromOffset: 0, windowBytes }, signal);
    const { session, startOffset } = subscription;
    const target = session.producedBytes;
    const parts: Uint8Array[] = [];
    let at = startOffset;
    let kept = 0;
    try {
      await new Promise<void>((resolve, reject) => {
        const done = (): void => {
          if (at >= target || kept >= maxRingBytes) resolve();
        };
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
        subscription.listen((event) => {
          if (event.kind === 'output') {
            parts.push(Buffer.from(event.data));
            kept += event.data.length;
            at = event.offset + event.data.length;
            subscription.acknowledge(at);
          } else if (event.kind === 'gap') {
            // Whatever was read before it has been overtaken; the part must have no hole.
            parts.length = 0;
            kept = 0;
            at = event.to;
          } else if (event.kind === 'ended') {
            reject(new CodedError('Unavailable', 'The terminal went away while its output was read; try again.'));
          } else resolve();
          done();
        });
        done();
      });
    } finally {
      subscription.dispose();
    }
    const owner = decodeMetadata(session.metadata)?.owner;
    return sourceOfBytes(Buffer.concat(parts), {
      conversationId: owner?.kind === 'agent' ? owner.conversationId : null,
      exit: session.exit && { ...session.exit, durationMs: null },
      startOffset: at - kept,
    });
  }
}
