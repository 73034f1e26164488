import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { PersonTerminal } from '../../support/personTerminal.ts';
import { endPtyHostsOf, ptyHostsOf } from '../../support/ptyHostOf.ts';
import { serverBundle, serverEnvironment, StdioServer } from '../../support/stdioServer.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';

interface Listed {
  readonly sessionId: string;
  readonly status: string;
  readonly cols: number;
  readonly rows: number;
  readonly name: string;
}

const detachKey = '\x1c';

describe('ai-dev-assistant terminals', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  const env = serverEnvironment(folder.path);
  let server: StdioServer;
  const people: PersonTerminal[] = [];

  before(async () => {
    server = new StdioServer(folder.path);
    await server.initialize({ settings: { 'limits.terminalPerSecond': 1_000 } });
  });
  afterEach(async () => {
    for (const person of people.splice(0)) await person.close();
    for (const { sessionId } of await terminals()) await server.result('terminal/close', { sessionId });
  });
  after(async () => {
    await server.stop();
    endPtyHostsOf(folder.path);
    await waitFor('the pty host to end', () => ptyHostsOf(folder.path).length === 0);
    folder.remove();
  });

  async function terminals(): Promise<Listed[]> {
    return (await server.result('terminal/list', {}))['terminals'] as Listed[];
  }

  async function sizeOf(sessionId: string): Promise<string> {
    const found = (await terminals()).find((terminal) => terminal.sessionId === sessionId);
    return `${found?.cols}x${found?.rows}`;
  }

  async function snapshot(sessionId: string): Promise<string> {
    return (await server.result('terminal/snapshot', { sessionId }))['text'] as string;
  }

  /** A shell that says `ready>`, or `script` in its place. */
  async function create(script?: string, more: object = {}): Promise<string> {
    const args = script === undefined ? ['-i'] : ['-c', script];
    const params = { shell: '/bin/sh', args, env: { PS1: 'ready> ', ENV: null }, ...more };
    return (await server.result('terminal/create', params))['sessionId'] as string;
  }

  function call(...args: string[]) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [serverBundle, 'terminals', ...args], {
      env,
      encoding: 'utf8',
      timeout: 20_000,
    });
    return { code: status, out: stdout, err: stderr };
  }

  function sit(file: string, args: readonly string[], size: { cols?: number; rows?: number } = {}): PersonTerminal {
    const person = new PersonTerminal({ file, args, env, ...size });
    people.push(person);
    return person;
  }

  /** `terminals attach` in a terminal of its own. */
  function attach(id: string, args: readonly string[] = [], size: { cols?: number; rows?: number } = {}) {
    return sit(process.execPath, [serverBundle, 'terminals', 'attach', id, ...args], size);
  }

  /** A person's shell, in colours and with scrollback, that attaches when Enter is pressed and then says the exit code. */
  async function shellThatAttaches(id: string) {
    const script =
      `seq 1 40; printf '\\033[31;1mred\\033[0m \\033[7minverse\\033[0m\\nhere'; read go; ` +
      `"$0" "$1" terminals attach "$2"; printf 'code=%s.' $?; read go`;
    const person = sit('/bin/sh', ['-c', script, process.execPath, serverBundle, id]);
    await person.shows('here');
    const before = await person.state();
    person.type('\r');
    return { person, before };
  }

  /** Asserts that `person` has again what was there before, below which the shell goes on. */
  async function assertAsBefore(person: PersonTerminal, before: Awaited<ReturnType<PersonTerminal['state']>>) {
    await person.shows('code=');
    const after = await person.state();
    const kept = before.lines.findLastIndex((line) => line !== '') + 1;
    assert.deepEqual(after.lines.slice(0, kept), before.lines.slice(0, kept));
    const { buffer, modes, cursorVisible } = before;
    assert.deepEqual([after.buffer, after.modes, after.cursorVisible], [buffer, modes, cursorVisible]);
    return after.lines.slice(kept).filter((line) => line !== '');
  }

  describe('list', () => {
    it('starts no pty host where none runs', () => {
      const other = temporaryFolder();
      const dataFolder = path.join(other.path, 'data');
      assert.deepEqual(call('list', '--data-dir', dataFolder), { code: 0, out: 'No terminal is open.\n', err: '' });
      assert.deepEqual(call('list', '--json', '--data-dir', dataFolder).out, '{"terminals":[]}\n');
      const { code, err } = call('kill', 'abc', '--data-dir', dataFolder);
      assert.equal(code, 1);
      assert.match(err, /There is no terminal "abc"; no terminal is open\./);
      assert.ok(!existsSync(path.join(dataFolder, 'ptyHost')));
      assert.deepEqual(ptyHostsOf(dataFolder), []);
      other.remove();
    });

    it('shows every terminal in a table, with nothing in it that could move the cursor', async () => {
      const first = await create(undefined, { name: 'one\x1b[2J', cwd: '/usr', cols: 100, rows: 30 });
      const second = await create('exit 7', { name: 'two' });
      await waitFor('the exit', async () => (await terminals()).some(({ status }) => status === 'exited'));
      const { out, code } = call('list');
      assert.equal(code, 0);
      const [head, one, two] = out.split('\n');
      assert.match(head ?? '', /^ID +STATE +SIZE +AGE +OWNER +NAME +FOLDER +COMMAND$/);
      assert.match(one ?? '', new RegExp(`^${first.slice(0, 8)} +running +100x30 +\\d+s +you +one␛\\[2J +/usr$`));
      assert.match(two ?? '', new RegExp(`^${second.slice(0, 8)} +exit 7 +80x24 +\\d+s +you +two`));
    });

    it('prints the answer of terminal/list for scripts', async () => {
      await create();
      const expected = await server.result('terminal/list', {});
      assert.deepEqual(Object.keys(JSON.parse(call('list', '--json').out) as object), Object.keys(expected));
      const ids = (answer: unknown) => (answer as { terminals: Listed[] }).terminals.map(({ sessionId }) => sessionId);
      assert.deepEqual(ids(JSON.parse(call('list', '--json').out)), ids(expected));
    });
  });

  describe('an id', () => {
    it('may be as short as it is unique', async () => {
      const id = await create('exit 9');
      const { code, out } = call('kill', id.slice(0, 1).toUpperCase());
      assert.deepEqual([code, out], [0, `Closed ${id.slice(0, 8)} "sh".\n`]);
      assert.deepEqual(await terminals(), []);
    });

    it('is refused when several terminals begin with it, when none does, and when it is empty', async () => {
      const ids: string[] = [];
      // With 17 ids at least two of them begin with the same digit.
      for (let count = 0; count < 17; count++) ids.push(await create('sleep 60'));
      const digit = ids.map((id) => id.slice(0, 1)).find((one, index, all) => all.indexOf(one) !== index) ?? '';
      const refused = call('kill', digit);
      assert.equal(refused.code, 1);
      assert.match(refused.err, /begins the ids of \d+ terminals\. Give more of the id\./);
      for (const id of ['xyz', '', '0'.repeat(32)]) {
        const { code, err } = call('kill', id);
        assert.equal(code, 1);
        assert.match(err, /There is no terminal .*"ai-dev-assistant terminals list" shows which are\./);
      }
      assert.equal((await terminals()).length, 17);
    });
  });

  describe('attach', () => {
    it('shows the terminal, takes what is typed, and leaves it running at the detach key', async () => {
      const id = await create();
      const person = attach(id.slice(0, 12));
      await person.shows('ready>');
      person.type('echo $((40+2))\r');
      await person.shows(/^42$/m);
      person.type(detachKey);
      assert.equal(await person.exited, 0);
      assert.match(person.raw, /\[detached from [0-9a-f]{8} "sh", which goes on\]/);
      const again = attach(id);
      await again.shows(/^42$/m);
      again.type('exit\r');
      assert.equal(await again.exited, 0);
    });

    it('takes another detach key, and then passes Ctrl-\\ on', async () => {
      const id = await create('trap "echo quit came" QUIT; echo begun; while :; do sleep 0.05; done');
      const person = attach(id, ['--detach-key', 'ctrl-]']);
      await person.shows('begun');
      person.type(detachKey);
      await person.shows('quit came');
      person.type('\x1d');
      assert.equal(await person.exited, 0);
    });

    it('takes keys that are not ASCII, and a paste of 200 kB, in order and whole', async () => {
      const file = path.join(folder.path, 'pasted');
      const lines = Array.from({ length: 10_000 }, (_, index) => `line ${String(index).padStart(14, '0')}\r`);
      const text = `grüße 漢字😀${lines.join('')}`;
      const id = await create(`stty raw -echo; echo begun; head -c ${Buffer.byteLength(text)} > '${file}'`);
      const person = attach(id);
      await person.shows('begun');
      person.type(text);
      assert.equal(await person.exited, 0);
      assert.ok(readFileSync(file, 'utf8') === text);
    });

    it('gives the terminal the size of the own one, follows it, and gives the old size back', async () => {
      const id = await create(undefined, { cols: 70, rows: 20 });
      const person = attach(id, [], { cols: 90, rows: 31 });
      await person.shows('ready>');
      person.type('stty size\r');
      await person.shows('31 90');
      for (let step = 0; step < 30; step++) person.resize(60 + step, 15 + step);
      person.resize(101, 29);
      await waitFor('the size', async () => (await sizeOf(id)) === '101x29');
      person.type('clear; stty size\r');
      await person.shows('29 101');
      person.type(detachKey);
      await person.exited;
      assert.equal(await sizeOf(id), '70x20');
    });

    it('ends with the exit code of the program, or with 128 and the signal that ended it', async () => {
      const codes: [string, number, RegExp][] = [
        ['read go; exit 0', 0, /ended with exit code 0\]/],
        ['read go; exit 42', 42, /ended with exit code 42\]/],
        ['read go; kill -TERM $$', 143, /was ended by signal 15\]/],
      ];
      for (const [script, expected, message] of codes) {
        const person = attach(await create(`echo begun; ${script}`));
        await person.shows('begun');
        person.type('\r');
        assert.equal(await person.exited, expected);
        assert.match(person.raw, message);
      }
    });

    it('passes on no key and no size with --read-only, and can be left', async () => {
      const id = await create(undefined, { cols: 100, rows: 30 });
      const watcher = attach(id, ['--read-only'], { cols: 120, rows: 40 });
      await watcher.shows('ready>');
      watcher.type('exit 3\r');
      watcher.resize(110, 35);
      const writer = attach(id, [], { cols: 100, rows: 30 });
      await writer.shows('ready>');
      writer.type('echo from the other\r');
      await watcher.shows(/^from the other$/m);
      assert.equal(await sizeOf(id), '100x30');
      watcher.type(detachKey);
      assert.equal(await watcher.exited, 0);
      assert.doesNotMatch(writer.text(), /exit 3/);
    });

    it('ends when the terminal is killed from elsewhere', async () => {
      const id = await create();
      const person = attach(id);
      await person.shows('ready>');
      assert.equal(call('kill', id).code, 0);
      assert.notEqual(await person.exited, 0);
      assert.match(person.raw, /is gone: it was closed elsewhere\]|was ended by signal/);
    });

    it('can be left in the middle of a flood, which then goes on', async () => {
      const id = await create('yes "all work and no play"');
      const person = attach(id);
      await person.shows('all work and no play\nall work');
      person.type(detachKey);
      assert.equal(await person.exited, 0);
      assert.equal((await terminals()).find(({ sessionId }) => sessionId === id)?.status, 'active');
    });

    it('shows one vim in two places at once, and takes keys from both', async () => {
      const id = await create('exec vim -N -u NONE -i NONE -n', { cols: 80, rows: 24 });
      const [one, two] = [attach(id), attach(id)];
      await one.shows('~\n~\n~\n~');
      await two.shows('~\n~\n~\n~');
      one.type('ione ');
      await two.shows('-- INSERT --');
      two.type('two');
      await one.shows('one two');
      await two.shows('one two');
      await waitFor('both to show the same', () => one.text() === two.text());
      assert.deepEqual(one.cursor(), two.cursor());
      one.type(detachKey);
      assert.equal(await one.exited, 0);
      two.type('\x1b:q!\r');
      assert.equal(await two.exited, 0);
    });

    it('shows the screen as it is: colours, lines above that were wrapped, cursor, and modes', async () => {
      const wrapped = 'x'.repeat(170);
      const id = await create(
        `echo ${wrapped}; printf '\\033[31;1mred\\033[0m plain\\n\\033[?1000;1006h\\033[5;10Hhere'; read go`,
      );
      await waitFor('the output', async () => (await snapshot(id)).includes('here'));
      const person = attach(id);
      await person.shows('here');
      await person.shows(/^red plain$/m);
      const { modes, looks } = await person.state();
      assert.equal((modes as { mouseTrackingMode: string }).mouseTrackingMode, 'vt200');
      assert.deepEqual(person.cursor(), { row: 4, col: 13 });
      assert.ok(
        looks.some((line) => line.startsWith('red plain 0:1/')),
        looks.join('\n'),
      );
      assert.deepEqual(person.screen().slice(0, 3), ['x'.repeat(80), 'x'.repeat(80), 'x'.repeat(10)]);
    });

    it('shows again what was below a full-screen program when that ends', async () => {
      const id = await create();
      const person = attach(id);
      await person.shows('ready>');
      person.type('echo below it all\r');
      await person.shows(/^below it all$/m);
      person.type('vim -N -u NONE -i NONE -n\r');
      await person.shows('~\n~\n~\n~');
      assert.doesNotMatch(person.text(), /below it all/);
      person.type(':q!\r');
      await person.shows(/^below it all$/m);
      assert.doesNotMatch(person.text(), /~\n~/);
      person.type('echo and on\r');
      await person.shows(/^and on$/m);
      // Ten programs one after another that come and go at once.
      person.type('for i in 1 2 3 4 5 6 7 8 9 10; do printf "\\033[?1049hX\\033[?1049l"; done; echo still here\r');
      await person.shows(/^still here$/m);
      await person.shows(/^below it all$/m);
    });

    it('shows less in the size that the own terminal has now', async () => {
      const file = path.join(folder.path, 'numbered');
      writeFileSync(file, Array.from({ length: 200 }, (_, index) => `number ${index + 1}\n`).join(''));
      const id = await create(`exec less '${file}'`, { cols: 60, rows: 10 });
      const person = attach(id, [], { cols: 80, rows: 24 });
      await person.shows(/^number 23\n/m);
      person.resize(80, 12);
      await person.shows(/^number 11\n(?!number 12)/m);
      person.type(' ');
      await person.shows(/^number 22\n/m);
      person.resize(100, 40);
      await person.shows(/^number 50\n/m);
      person.type('q');
      assert.equal(await person.exited, 0);
    });

    it('needs a terminal to show it in', async () => {
      const { code, err } = call('attach', await create());
      assert.equal(code, 1);
      assert.match(err, /stdin and stdout must be a terminal/);
    });
  });

  describe("the person's terminal", () => {
    const nasty =
      `printf '\\033]0;stolen title\\007\\033[?1049h\\033[?1000;1002;1003;1006h\\033[?2004h\\033[?1h\\033=\\033[?25l` +
      `\\033[?1004h\\033[4h\\033[?6h\\033[?7l\\033[5;10r\\033[4 q\\033[41;1m\\033(0\\033]11;#102030\\007\\033[3J\\033c` +
      `\\033[?1049h\\033[?1049l\\033[?47h\\033[?47l\\033[?1000h\\033[?25l\\033[?1h\\033[?2004h\\033[8;10;20t\\033]133;A\\007` +
      `begun\\033]0;unfinished'; `;

    const ends: [string, (person: PersonTerminal, id: string) => void | Promise<void>, RegExp][] = [
      ['the detach key', (person) => person.type(detachKey), /detached from .*code=0\./],
      ['the end of the program', (_person, id) => void call('kill', id), /code=1(29|43)?\./],
      ['SIGTERM', (person) => killAttached(person, 'SIGTERM'), /detached from .* by SIGTERM\].*code=143\./],
      ['SIGHUP', (person) => killAttached(person, 'SIGHUP'), /detached from .* by SIGHUP\].*code=129\./],
    ];
    for (const [what, end, said] of ends) {
      it(`is as it was after ${what}, whatever the program did to it`, async () => {
        const id = await create(`${nasty} while :; do sleep 1; done`);
        const { person, before } = await shellThatAttaches(id);
        await person.shows('begun');
        await end(person, id);
        assert.match((await assertAsBefore(person, before)).join(''), said);
      });
    }

    it('is as it was after the pty host was killed, and the message says so', async () => {
      const id = await create(`${nasty} while :; do sleep 1; done`);
      const { person, before } = await shellThatAttaches(id);
      await person.shows('begun');
      for (const pid of ptyHostsOf(folder.path)) process.kill(pid, 'SIGKILL');
      const said = (await assertAsBefore(person, before)).join('');
      assert.match(said, /is gone: .*\].*code=1\./);
    });

    /** Signals the attaching process, which is the child of the person's shell. */
    function killAttached(person: PersonTerminal, signal: NodeJS.Signals): void {
      const { stdout } = spawnSync('ps', ['-o', 'pid=', '--ppid', String(person.pty.pid)], { encoding: 'utf8' });
      process.kill(Number(stdout.trim()), signal);
    }
  });
});
