import assert from 'node:assert/strict';
import { findInputPrompt } from '../../../server/src/terminals/commands/inputPrompt.ts';

describe('What a program seems to wait for', () => {
  const asking = {
    password: [
      '[sudo] password for bob: ',
      "Enter passphrase for key '/home/bob/.ssh/id_ed25519': ",
      'Password:',
      '\x1b[1mEnter your PIN:\x1b[0m ',
      'Retype new password: ',
      'first line\r\nPasswort für bob: ',
      'Enter PEM pass phrase: ',
      'GitHub one-time code: ',
    ],
    confirmation: [
      'Do you want to continue? [Y/n] ',
      'Overwrite existing file? (y/N)',
      'Are you sure you want to continue connecting (yes/no/[fingerprint])? ',
      'Proceed ([y]/n)? ',
      "rm: remove regular file 'x'? (y|n) ",
      'Press any key to continue . . .',
      'Press ENTER to continue',
      'Ok to proceed? (y) ',
      'Need to install the following packages: create-x\nPress RETURN to go on\n',
    ],
    text: [
      'Type a word: ',
      '>>> ',
      'mysql> ',
      '(gdb) ',
      '1) one\n2) two\n#? ',
      '? What is your project named? \x1b[2m›\x1b[22m ',
      'package name: (demo) ',
      'Choice [1-3]: ',
      '(END)',
      ':',
      '--More--(42%)',
    ],
  } as const;
  for (const [kind, prompts] of Object.entries(asking)) {
    for (const prompt of prompts) {
      it(`is ${kind} after ${JSON.stringify(prompt)}`, () => {
        assert.equal(findInputPrompt(prompt)?.kind, kind);
      });
    }
  }

  const silent = [
    '',
    'Compiling 14 files',
    'Compiling...',
    'Downloading: 42%',
    'Listening on http://127.0.0.1:3000\n',
    'Local:   http://localhost:5173/\n',
    'is this a question?\nNo, it was an echo of one.\n',
    'warning: unused variable:\n',
    'building target > out\n',
    'Progress: 12% ',
    'the password was wrong\n',
    '3 passing (2s)\n\n',
  ];
  for (const output of silent) {
    it(`is nothing after ${JSON.stringify(output)}`, () => assert.equal(findInputPrompt(output), undefined));
  }

  it('names the line that asks, without colours and not longer than 200 characters', () => {
    assert.deepEqual(findInputPrompt('log\n\x1b[31m  Name: \x1b[0m'), { kind: 'text', prompt: 'Name:' });
    assert.equal(findInputPrompt(`${'long '.repeat(200)}: `)?.prompt.length, 200);
  });

  it('looks at the end only, however long the output is', () => {
    const startedAt = performance.now();
    findInputPrompt('password '.repeat(1_000_000));
    findInputPrompt('? '.repeat(1_000_000));
    findInputPrompt('(['.repeat(1_000_000));
    assert.ok(performance.now() - startedAt < 1_000);
  });
});
