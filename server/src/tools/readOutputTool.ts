import { z } from 'zod';
import { terminalId } from '../../protocol/terminal.ts';
import { endOfCommand } from './commandResult.ts';
import { defineTool, textContent } from './tool.ts';

const input = z.object({
  terminalId: terminalId.describe('As run_command gave it.'),
  startLine: z.int().min(1).optional().describe('First line wanted, counting from 1; the last lines if left out.'),
  endLine: z.int().min(1).optional().describe('Last line wanted.'),
});

/** Reads back what a command of the conversation has printed, whether it runs or has ended. */
export const readOutputTool = defineTool({
  name: 'read_output',
  kind: 'read',
  description:
    'Reads what a command of this conversation has printed, also while it runs in the background: its last lines, or ' +
    'those that are asked for. Says whether it still runs, its exit code, and whether it seems to wait for input.',
  input,
  title: ({ startLine, endLine }) => {
    if (startLine === undefined) return { title: 'Output of a command' };
    return { title: `Output of a command, lines ${startLine} to ${endLine ?? 'the end'}` };
  },
  async run({ terminalId, startLine, endLine }, access) {
    const range = { ...(startLine !== undefined && { startLine }), ...(endLine !== undefined && { endLine }) };
    const read = await access.readOutput(terminalId, range);
    const { lines, lineCount, exit, waitsForInput } = read;
    const last = read.startLine + lines.length - 1;
    const notes = [
      lines.length > 0 ? `Lines ${read.startLine} to ${last} of ${lineCount}.` : `There are ${lineCount} lines.`,
      ...(read.isCut ? ['Not all of them fit; ask for fewer.'] : []),
      exit ? endOfCommand(exit) : 'It still runs.',
      ...(waitsForInput ? [`It seems to wait for input: ${JSON.stringify(waitsForInput.prompt)}.`] : []),
    ];
    return {
      status: 'completed',
      content: [textContent(lines.join('\n'))],
      noteForModel: `(${notes.join(' ')})`,
    };
  },
});
