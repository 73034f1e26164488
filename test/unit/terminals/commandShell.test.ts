import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createCommandShell, type PreparedCommand } from '../../../server/src/terminals/commands/commandShell.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';

describe('the shell of a conversation', () => {
  const folder = temporaryFolder();
  after(() => folder.remove());

  /** Leaves variables and a folder as the command's shell does at its end. */
  function leave({ args }: PreparedCommand, variables: string): void {
    const [, , , , , variablesFile = '', folderFile = ''] = args;
    writeFileSync(variablesFile, variables);
    writeFileSync(folderFile, `/${variables}\n`);
  }

  it('takes over what the command left that began last, however many end at once and in whatever order', async function () {
    if (process.platform === 'win32') this.skip();
    const shell = await createCommandShell(folder.path, process.env);
    for (let round = 0; round < 100; round++) {
      const commands = Array.from({ length: 4 }, () => shell.prepare('true'));
      commands.forEach((command, index) => leave(command, `${round}.${index}`));
      const carried = commands[0]?.args[4] ?? '';
      const folders = await Promise.all(commands.map((command) => command.carryOver()));
      assert.deepEqual(
        folders,
        [0, 1, 2, 3].map((index) => `/${round}.${index}`),
      );
      assert.equal(readFileSync(carried, 'utf8'), `${round}.3`);
    }
    await shell.dispose();
  });
});
