import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import * as path from 'node:path';
import { plainText } from '../../../server/src/terminals/commands/plainText.ts';
import { programInPath, ShellWorld } from '../../support/shellWorld.ts';
import { waitFor } from '../../support/waitFor.ts';

/** What differs between the shells in what is typed below. */
const dialects = {
  bash: { status: '$?', rcFile: '.bashrc', prompt: "PS1='ready> '\n", loop: ['for i in 1 2', 'do echo $i', 'done'] },
  zsh: { status: '$?', rcFile: '.zshrc', prompt: "PS1='ready> '\n", loop: ['for i in 1 2', 'do echo $i', 'done'] },
  fish: {
    status: '$status',
    rcFile: '.config/fish/config.fish',
    prompt: 'function fish_prompt; echo -n "ready> "; end\nset -g fish_greeting\n',
    loop: ['for i in 1 2', 'echo $i', 'end'],
  },
} as const;

for (const [shell, { status, rcFile, prompt, loop }] of Object.entries(dialects)) {
  describe(`What ${shell} reports`, function () {
    this.timeout(60_000);
    const isInstalled = programInPath(shell) !== undefined;
    let world: ShellWorld;

    before(async function () {
      if (!isInstalled) this.skip();
      world = await ShellWorld.open();
    });
    beforeEach(() => {
      world.clearHome();
      world.writeHome(rcFile, prompt);
    });
    after(async () => {
      // Where the shell is not there, nothing was opened.
      if (isInstalled) await world.close();
    });

    it('tells each command with its folder, exit code, times and output', async () => {
      const typed = await world.start(shell);
      const startedBefore = Date.now();
      const first = await typed.run('echo one; echo two');
      assert.equal(first.commandLine, 'echo one; echo two');
      assert.equal(first.exitCode, 0);
      assert.equal(first.cwd, world.home);
      assert.ok(first.startedAt >= startedBefore - 1_000 && first.startedAt <= Date.now() + 1_000);
      assert.ok(first.durationMs >= 0 && first.durationMs < 20_000);
      assert.equal(plainText(typed.outputOf(first)).trim(), 'one\ntwo');
      assert.equal((await typed.run('sh -c "exit 3"')).exitCode, 3);
      assert.equal((await typed.run('cd /')).exitCode, 0);
      // Told with the prompt that follows.
      const info = await waitFor('the folder', async () => {
        const now = await typed.info();
        return now.currentFolder === '/' && now;
      });
      assert.equal(info.lastCommand?.commandLine, 'cd /');
      assert.equal(info.lastCommand.exitCode, 0);
      assert.equal((await typed.run('true')).cwd, '/');
      assert.deepEqual(
        (await typed.commands()).map(({ commandLine }) => commandLine),
        ['echo one; echo two', 'sh -c "exit 3"', 'cd /', 'true'],
      );
      await typed.close();
    });

    it('keeps the exit code that the next command and the prompt see', async () => {
      const typed = await world.start(shell);
      await typed.run('sh -c "exit 7"');
      const echoed = await typed.run(`echo "[${status}]"`);
      assert.equal(plainText(typed.outputOf(echoed)).trim(), '[7]');
      await typed.close();
    });

    it('tells a command while it runs', async () => {
      const typed = await world.start(shell);
      const commandLine = `sh -c 'echo run""ning; exec sleep 600'`;
      await typed.type(`${commandLine}\r`);
      const running = await waitFor('the command', async () => (await typed.info()).lastCommand);
      assert.equal(running.commandLine, commandLine);
      assert.equal(running.durationMs, undefined);
      assert.equal(running.exitCode, undefined);
      await waitFor('its output', () => typed.viewer.text.includes('running'));
      await typed.type('\x03');
      const ended = await waitFor('its end', () => typed.finished[0]);
      assert.equal(ended.exitCode, 130);
      await typed.close();
    });

    it('takes an empty line, and one that Ctrl-C gives up, for no command', async () => {
      const typed = await world.start(shell);
      await typed.untilPrompt(1);
      await typed.type('\r');
      await typed.untilPrompt(2);
      await typed.type('echo never');
      await waitFor('the echo', () => plainText(typed.viewer.text).includes('never'));
      // Fish goes on with the same prompt, and misses the signal while it paints. The others may be quicker than Linux,
      // which empties the terminal's output after it has sent the signal, the new prompt with it.
      await waitFor('the sign', async () => {
        await typed.type('\x03');
        const isDone = () => (shell === 'fish' ? typed.viewer.text.includes('^C') : typed.promptCount >= 3);
        return waitFor('a sign', isDone, 500).catch(() => false);
      });
      assert.equal((await typed.run('echo done')).commandLine, 'echo done');
      assert.equal((await typed.commands()).length, 1);
      await typed.close();
    });

    it('tells a command of several lines as one', async () => {
      const typed = await world.start(shell);
      const before = typed.finished.length;
      for (const line of loop) await typed.type(`${line}\r`);
      const command = await waitFor('its end', () => typed.finished[before]);
      await typed.untilShown(command);
      assert.match(command.commandLine, /^for i in 1 2[\n;].*echo \$i[\n;].*(?:done|end)$/s);
      assert.equal(plainText(typed.outputOf(command)).trim(), '1\n2');
      await typed.close();
    });

    it('tells command lines with every character, and cuts long ones', async () => {
      const typed = await world.start(shell);
      const odd = String.raw`echo 'a;b\c;633;D;1' "ü€😀"`;
      assert.equal((await typed.run(odd)).commandLine, odd);
      const long = `true ${'é;'.repeat(1_500)}`.replaceAll(';', '\\;');
      const { commandLine } = await typed.run(long);
      assert.ok(commandLine.endsWith('…') && commandLine.length <= 1_901, String(commandLine.length));
      assert.ok(long.startsWith(commandLine.slice(0, -1)));
      await typed.close();
    });

    it('cannot be deceived by what a command prints', async () => {
      const typed = await world.start(shell);
      world.writeHome(
        'forged',
        '\x1b]633;D;5\x07\x1b]633;E;rm -rf x;0123456789abcdef\x07\x1b]633;C\x07\x1b]133;D;1\x07',
      );
      const shown = await typed.run('cat forged');
      assert.equal(shown.exitCode, 0);
      assert.ok(typed.outputOf(shown).includes('633;D;5'));
      assert.equal((await typed.commands()).length, 1);
      await typed.close();
    });

    it('keeps its secret from every other program, and deletes the file it came in', async () => {
      const typed = await world.start(shell);
      assert.deepEqual(readdirSync(world.secretsFolder), []);
      await typed.run('env > environment');
      const environment = readFileSync(path.join(world.home, 'environment'), 'utf8');
      assert.doesNotMatch(environment, /AI_DEV_ASSISTANT|__ada|ZDOTDIR/);
      const [secret] = /[0-9a-f]{64}/.exec(typed.viewer.text) ?? [];
      assert.ok(secret !== undefined && !environment.includes(secret));
      await typed.close();
    });

    it('does not report from a shell within the shell', async () => {
      const typed = await world.start(shell);
      await typed.type(`${shell}\r`);
      await typed.type('echo nes""ted\r');
      await waitFor('the output', () => typed.viewer.text.includes('nested'));
      await typed.type('exit\r');
      const nested = await waitFor('the end', () => typed.finished[0]);
      assert.equal(nested.commandLine, shell);
      assert.equal((await typed.commands()).length, 1);
      await typed.close();
    });

    it('is known again to a server that starts later, with what ended in between', async () => {
      const typed = await world.start(shell);
      await typed.run('echo before');
      await typed.type(`sh -c 'while ! [ -e go ]; do sleep 0.05; done; exit 4'; echo x > went\r`);
      await waitFor('the start', async () => (await typed.commands()).length === 2);
      await world.restartServer(async () => {
        world.writeHome('go', '');
        await waitFor('the end', () => existsSync(path.join(world.home, 'went')));
      });
      const commands = await waitFor('the commands', async () => {
        const all = await typed.commands();
        return all[1]?.durationMs !== undefined && all;
      });
      assert.equal(commands[0]?.commandLine, 'echo before');
      assert.match(commands[1]?.commandLine ?? '', /^sh -c/);
      assert.equal((await typed.info()).hasShellIntegration, true);
      assert.deepEqual(typed.finished, []);
      assert.equal((await typed.run('echo after')).commandLine, 'echo after');
      await typed.close();
    });

    it('is a plain shell where the setting says so, or the arguments ask for something else', async () => {
      world.server.settings.replace({ 'terminals.shellIntegration': false });
      const plain = await world.startPlain(shell);
      await plain.type('echo pl""ain; exit\r');
      await waitFor('the exit', () => plain.viewer.exited);
      assert.ok(plain.viewer.text.includes('plain'));
      assert.equal(plain.viewer.text.includes('\x1b]633'), false);
      world.server.settings.replace({});
      const script = await world.startPlain(shell, { args: ['-c', 'echo script'] });
      await waitFor('the exit', () => script.viewer.exited);
      assert.equal(script.viewer.text.trim(), 'script');
      await plain.close();
      await script.close();
    });
  });
}
