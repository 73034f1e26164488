import { z } from 'zod';
import { terminalId } from '../../protocol/terminal.ts';
import { endOfCommand } from './commandResult.ts';
import { defineTool, textContent } from './tool.ts';

const input = z.object({ terminalId: terminalId.describe('As run_command gave it.') });

/** Ends a command of the conversation that runs in the background. */
export const stopCommandTool = defineTool({
  name: 'stop_command',
  kind: 'other',
  description: 'Ends a command of this conversation that still runs: politely first, by force if it does not listen.',
  input,
  title: () => ({ title: 'Stop a command' }),
  async run({ terminalId }, access) {
    const { exit } = await access.stopCommand(terminalId);
    if (!exit) return { status: 'failed', content: [textContent('It did not end.')] };
    return { status: 'completed', content: [textContent(`It has ended. ${endOfCommand(exit)}`)] };
  },
});
