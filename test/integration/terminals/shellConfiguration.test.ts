import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import * as path from 'node:path';
import { plainText } from '../../../server/src/terminals/commands/plainText.ts';
import { programInPath, ShellWorld } from '../../support/shellWorld.ts';
import { waitFor } from '../../support/waitFor.ts';

/** Terminal output without sequences that only terminals read. */
function visible(text: string): string {
  return plainText(text);
}

describe('A shell with the person’s own configuration', function () {
  this.timeout(60_000);
  let world: ShellWorld;

  before(async () => {
    world = await ShellWorld.open();
  });
  beforeEach(() => world.clearHome());
  after(() => world.close());

  /** Types each line once the one before has ended; gives the command lines and exit codes that were told. */
  async function report(shell: string, lines: readonly string[], params: { args?: string[] } = {}) {
    const typed = await world.start(shell, params);
    const told: [string, number | null][] = [];
    for (const line of lines) {
      await typed.untilPrompt(told.length + 1);
      const { commandLine, exitCode } = await typed.run(line);
      told.push([commandLine, exitCode]);
    }
    await typed.untilPrompt(lines.length + 1);
    const { text } = typed.viewer;
    await typed.close();
    return { told, text };
  }

  describe('in bash', () => {
    it('tells repeated and hidden commands although the history leaves them out', async () => {
      world.writeHome('.bashrc', 'HISTCONTROL=ignoreboth\n');
      const lines = [
        'echo a',
        'echo a',
        ' echo hidden',
        'echo a',
        '(exit 3)',
        '(exit 3)',
        'trap -p DEBUG',
        'echo "$HISTCONTROL"',
      ];
      const { told, text } = await report('bash', lines);
      assert.deepEqual(told, [
        ['echo a', 0],
        ['echo a', 0],
        ['echo hidden', 0],
        ['echo a', 0],
        ['(exit 3)', 3],
        ['(exit 3)', 3],
        ['trap -p DEBUG', 0],
        ['echo "$HISTCONTROL"', 0],
      ]);
      assert.match(visible(text), /^ignoreboth$/m);
      assert.doesNotMatch(visible(text), /trap --/);
    });

    it('keeps a DEBUG trap of theirs', async () => {
      world.writeHome('.bashrc', `HISTCONTROL=ignoreboth\ntrap 'echo "<$BASH_COMMAND>"' DEBUG\n`);
      const { told, text } = await report('bash', ['echo a; echo b', 'false', 'echo "[$?]"']);
      assert.deepEqual(told, [
        ['echo a; echo b', 0],
        ['false', 1],
        ['echo "[$?]"', 0],
      ]);
      for (const line of ['<echo a>', 'a', '<echo b>', 'b', '<false>', '[1]']) {
        assert.ok(visible(text).split('\n').includes(line), line);
      }
    });

    it('runs PROMPT_COMMAND as a string, with the exit code that it expects', async () => {
      world.writeHome('.bashrc', `PROMPT_COMMAND='echo "was:$?" # told'\nPS1='<$?>'\n`);
      const { told, text } = await report('bash', ['(exit 5)']);
      assert.deepEqual(told, [['(exit 5)', 5]]);
      assert.match(visible(text), /^was:5\n<5>$/m);
    });

    it('runs PROMPT_COMMAND as an array, and has prompts that are made anew each time', async () => {
      const prompt = `made() { PS1="[$?]> "; }\nPROMPT_COMMAND=('made' 'echo second')\n`;
      world.writeHome('.bashrc', `set -a\nset -u\n${prompt}alias builtin=nothing printf=nothing local=nothing\n`);
      const { told, text } = await report('bash', [
        '(exit 6)',
        'env | grep -c __ada',
        'set -e',
        'true',
        'set -x',
        'true',
      ]);
      assert.deepEqual(
        told.map(([, exitCode]) => exitCode),
        [6, 1, 0, 0, 0, 0],
      );
      assert.match(visible(text), /second\n\[6\]> env/);
    });

    it('works the way of older bashes, where PS0 cannot be used', async () => {
      world.writeHome('.bashrc', `shopt -u promptvars\ntrap 'echo "<$BASH_COMMAND>"' DEBUG\n`);
      const { told, text } = await report('bash', ['echo a; echo b', 'for i in 1; do false; done', 'trap -p DEBUG']);
      assert.deepEqual(told, [
        ['echo a; echo b', 0],
        ['for i in 1; do false; done', 1],
        ['trap -p DEBUG', 0],
      ]);
      assert.match(visible(text), /<echo a>\na\n<echo b>\nb/);
      assert.match(visible(text), /^trap -- 'echo "<\$BASH_COMMAND>"' DEBUG$/m);
    });

    it('reads the files of a login shell where it is to be one', async () => {
      world.writeHome('.bash_profile', 'FROM=profile\n');
      world.writeHome('.profile', 'FROM=other\n');
      world.writeHome('.bashrc', 'FROM=rc\n');
      assert.match(visible((await report('bash', ['echo "=$FROM="'], { args: ['-l'] })).text), /^=profile=$/m);
      assert.match(visible((await report('bash', ['echo "=$FROM="'])).text), /^=rc=$/m);
    });

    it('leaves shells alone that inherit an exported PROMPT_COMMAND, and bash in its own place', async () => {
      world.writeHome('.bashrc', 'export PROMPT_COMMAND="echo told:\\$?" PS0=""\n');
      const typed = await world.start('bash');
      await typed.type('exec bash --norc\r');
      await typed.type('(exit 4)\r');
      await waitFor('the exit code', () => typed.viewer.text.includes('told:4'));
      assert.doesNotMatch(typed.viewer.text, /not found/);
      const [replaced, ...others] = await typed.commands();
      assert.deepEqual(others, []);
      assert.deepEqual(
        [replaced?.commandLine, replaced?.exitCode, replaced?.durationMs],
        ['exec bash --norc', null, 0],
      );
      await typed.close();
    });

    it('does nothing where PROMPT_COMMAND must not be changed', async () => {
      world.writeHome('.bashrc', "readonly PROMPT_COMMAND=true\nPS1='mine> '\n");
      const typed = await world.startPlain('bash');
      await typed.type('echo pl""ain\r');
      await waitFor('the output', () => typed.viewer.text.includes('plain'));
      assert.doesNotMatch(typed.viewer.text, /readonly|633;/);
      await typed.close();
    });
  });

  describe('in zsh', () => {
    before(function () {
      if (programInPath('zsh') === undefined) this.skip();
    });

    it('reads each of their files once, in zsh’s order, from the folder they choose', async () => {
      for (const name of ['.zprofile', '.zshrc', '.zlogin']) {
        world.writeHome(`own/${name}`, `order+=${name}:${name === '.zshrc' ? '$ZDOTDIR' : ''}\n`);
      }
      world.writeHome('.zshenv', 'order=.zshenv:; export ZDOTDIR=$HOME/own\n');
      const { text } = await report('zsh', ['echo "=$order="', 'echo "in:$ZDOTDIR"'], { args: ['-l'] });
      const own = path.join(world.home, 'own');
      assert.ok(visible(text).includes(`=.zshenv:.zprofile:.zshrc:${own}.zlogin:=`), visible(text));
      assert.ok(visible(text).includes(`in:${own}`));
    });

    it('gives back ZDOTDIR as it was, set or not', async () => {
      assert.match(visible((await report('zsh', ['echo "${ZDOTDIR-unset}"'])).text), /^unset$/m);
      mkdirSync(path.join(world.home, 'dots'));
      world.writeHome('dots/.zshrc', 'FROM=dots\n');
      const typed = await world.start('zsh', { env: { ZDOTDIR: path.join(world.home, 'dots') } });
      await typed.run('echo "$FROM:$ZDOTDIR"');
      assert.ok(visible(typed.viewer.text).includes(`dots:${world.home}/dots`));
      await typed.close();
    });

    it('keeps hooks and the mark of an unfinished line, which is no part of the output', async () => {
      const rc = `setopt allexport\nprecmd() { print "status:$?" }\npreexec() { print "runs:$1" }\nPROMPT='%?> '\n`;
      world.writeHome('.zshrc', rc);
      const typed = await world.start('zsh');
      const ended = await typed.run('printf unfinished; (exit 9)');
      assert.equal(ended.exitCode, 9);
      assert.equal(visible(typed.outputOf(ended)), 'unfinished');
      const env = await typed.run('env | grep -c __ada; echo "${PROMPT_EOL_MARK+set}"');
      assert.match(visible(typed.outputOf(env)), /^0\n/);
      await typed.untilPrompt(3);
      assert.match(visible(typed.viewer.text), /runs:printf unfinished/);
      assert.match(visible(typed.viewer.text), /^9> /m);
      await typed.close();
    });
  });

  it('is a plain shell in sh, which no script of ours is for', async () => {
    const typed = await world.startPlain('sh');
    await typed.type('echo pl""ain; exit 3\r');
    const exited = await waitFor('the exit', () => typed.viewer.exited);
    assert.equal(exited.exitCode, 3);
    assert.equal((await typed.info()).hasShellIntegration, false);
    assert.equal((await typed.info()).currentFolder, world.home);
    await typed.close();
  });

  // Not a shell of every system: the scripts for it are tried where it is.
  it('reports from PowerShell as from the others', async function () {
    if (programInPath('pwsh') === undefined) this.skip();
    const { told, text } = await report('pwsh', ['echo "one; two"', 'sh -c "exit 3"', 'cd /', 'Get-ChildItem env:']);
    assert.deepEqual(told.slice(0, 3), [
      ['echo "one; two"', 0],
      ['sh -c "exit 3"', 3],
      ['cd /', 0],
    ]);
    assert.doesNotMatch(visible(text), /AI_DEV_ASSISTANT/);
  });
});
