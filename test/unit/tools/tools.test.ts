import * as assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { rgPath } from '@vscode/ripgrep';
import { contract } from '../../../server/protocol/contract.ts';
import { conversationId } from '../../../server/protocol/sessionEvents.ts';
import { terminalId } from '../../../server/protocol/terminal.ts';
import { systemClock } from '../../../server/src/base/clock.ts';
import { DiskEditorHost } from '../../../server/src/editorHost/diskEditorHost.ts';
import { PolicyGate } from '../../../server/src/security/policyGate.ts';
import { CheckedAccess } from '../../../server/src/tools/checkedAccess.ts';
import { FileSearch } from '../../../server/src/tools/fileSearch.ts';
import type { CommandOutcome, Effect, EffectPlace } from '../../../server/src/tools/ports.ts';
import { fileListNamespace, FolderLists } from '../../../server/src/tools/folderLists.ts';
import { ToolRegistry, type ToolOutcome } from '../../../server/src/tools/toolRegistry.ts';
import { projectFolder } from '../../../scripts/project.ts';
import { createCache } from '../../support/memoryCache.ts';
import { RecordedAudit } from '../../support/recordedAudit.ts';
import { recordingLogger } from '../../support/recordingLogger.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';

const refuse = (): Promise<never> => Promise.reject(new Error('No command can be run here.'));
const toolsFolder = path.join(projectFolder, 'server/src/tools');

const ended: CommandOutcome = {
  terminalId: terminalId.parse('0'.repeat(32)),
  exit: { exitCode: 0, signal: null },
  cause: 'exited',
  output: '',
  omittedBytes: 0,
  durationMs: 1,
  timedOut: false,
  waitsForInput: undefined,
  typed: [],
};

/** A repository with what tools stumble over. */
function makeWorkspace(root: string): void {
  const write = (file: string, text: string | Uint8Array): void => {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), text);
  };
  mkdirSync(path.join(root, '.git'));
  write('.git/config', 'needle in git\n');
  write('.gitignore', 'ignored/\n*.log\n!keep.log\n');
  write('README.md', '# Needle\nA needle here.\n');
  write('src/main.ts', 'const needle = 1;\nconst other = 2;\n');
  write('src/deep/.gitignore', 'secret-plan.txt\n');
  write('src/deep/secret-plan.txt', 'needle\n');
  write('src/deep/ünïcode name.ts', '// needle ü\n');
  write('.github/workflows/ci.yml', 'run: needle\n');
  write('ignored/a.ts', 'needle\n');
  write('debug.log', 'needle\n');
  write('keep.log', 'needle\n');
  write('.env', 'KEY=needle\n');
  write('certs/server.pem', 'needle\n');
  write('image.bin', new Uint8Array([110, 101, 101, 100, 108, 101, 0, 1, 2, 255]));
  symlinkSync('/etc', path.join(root, 'outside'));
  symlinkSync('.env', path.join(root, 'innocent.txt'));
}

const everyFile = [
  '.github/workflows/ci.yml',
  '.gitignore',
  'README.md',
  'image.bin',
  'keep.log',
  'src/deep/.gitignore',
  'src/deep/ünïcode name.ts',
  'src/main.ts',
];

describe('Tools', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let root: string;
  let checked: Effect[];
  let audit: RecordedAudit;
  let place: EffectPlace;
  /** What the person says when asked. */
  let answer: () => boolean;
  let runCommand: () => Promise<CommandOutcome>;
  /** Where commands would have been run. */
  let ranIn: string[];
  const cache = createCache();
  const { logger } = recordingLogger();
  const fileLists = cache.namespace(fileListNamespace);
  let lists: FolderLists;
  /** The editor's, if it has one. */
  let ripgrepPath: string | undefined;
  const oldPath = process.env['PATH'];

  before(() => {
    folder = temporaryFolder();
    root = path.join(folder.path, 'repository');
    mkdirSync(root);
    makeWorkspace(root);
  });

  after(async () => {
    await cache.close();
    folder.remove();
  });

  beforeEach(() => {
    checked = [];
    ranIn = [];
    ripgrepPath = undefined;
    place = { cwd: root, workspaceFolders: [root], trusted: true };
    answer = () => false;
    runCommand = refuse;
    audit = new RecordedAudit();
    lists = new FolderLists({ cache: fileLists, clock: systemClock, logger });
  });

  afterEach(() => {
    lists.dispose();
    process.env['PATH'] = oldPath;
  });

  async function run(toolName: string, input: unknown, signal = new AbortController().signal): Promise<ToolOutcome> {
    const gate = new PolicyGate({ ownFolder: path.join(folder.path, 'data'), logger });
    const registry = new ToolRegistry(
      {
        policy: {
          check: (effect, place) => {
            checked.push(effect);
            return gate.check(effect, place);
          },
        },
        audit,
        files: new DiskEditorHost(),
        search: new FileSearch(() => ripgrepPath, lists, logger),
        commands: {
          run: (request) => (ranIn.push(request.cwd), runCommand()),
          read: refuse,
          stop: refuse,
          takeUp: refuse,
        },
      },
      logger,
    );
    return registry.run({
      toolName,
      input,
      conversationId: conversationId.parse('conversation-1'),
      toolCallId: 'call',
      place: () => place,
      commandCwd: root,
      ask: () => Promise.resolve(answer()),
      onProgress: () => undefined,
      signal,
    });
  }

  function textOf({ content }: ToolOutcome): string {
    return content
      .map((part) => (part.type === 'content' && part.content.type === 'text' ? part.content.text : ''))
      .join('');
  }

  describe('read_file', () => {
    it('numbers the lines and gives the part that was asked for', async () => {
      assert.equal(
        textOf(await run('read_file', { path: 'src/main.ts' })),
        '1\tconst needle = 1;\n2\tconst other = 2;',
      );
      const part = await run('read_file', { path: 'src/main.ts', startLine: 2, endLine: 9 });
      assert.equal(textOf(part), '2\tconst other = 2;');
      assert.equal(part.noteForModel, '(Lines 2 to 2 of 2.)');
      assert.equal((await run('read_file', { path: 'src/main.ts', startLine: 3 })).status, 'failed');
    });

    it('cuts long files and long lines, and says where to go on', async () => {
      writeFileSync(path.join(root, 'long.txt'), `${'x'.repeat(5_000)}\n${'line\n'.repeat(20_000)}`);
      try {
        const outcome = await run('read_file', { path: 'long.txt' });
        const text = textOf(outcome);
        assert.ok(text.length <= 48_000);
        assert.match(text.split('\n')[0] ?? '', /^1\tx{2000}… \(5000 characters\)$/);
        const shownTo = Number(/to (\d+) of 20001/.exec(outcome.noteForModel ?? '')?.[1]);
        assert.equal(shownTo, text.split('\n').length);
        const next = await run('read_file', { path: 'long.txt', startLine: shownTo + 1 });
        assert.match(textOf(next), new RegExp(`^${shownTo + 1}\tline\n`));
      } finally {
        writeFileSync(path.join(root, 'long.txt'), '');
      }
    });

    it('refuses secrets, also behind another name, what is outside, and what is no text', async () => {
      for (const file of [
        '.env',
        'innocent.txt',
        'outside/passwd',
        '../../etc/passwd',
        '/etc/passwd',
        'certs/server.pem',
        'image.bin',
        'src',
        'nothing.txt',
      ]) {
        const outcome = await run('read_file', { path: file });
        assert.equal(outcome.status, 'failed', file);
        assert.doesNotMatch(textOf(outcome), /needle|root:/, file);
        assert.ok(textOf(outcome).length > 10, file);
      }
    });
  });

  for (const kind of ['ripgrep', 'built-in walk'] as const) {
    describe(`with the ${kind}`, () => {
      beforeEach(() => {
        if (kind === 'built-in walk') process.env['PATH'] = '/nonexistent';
        else ripgrepPath = rgPath;
      });

      it('list files as git sees them, without secrets', async () => {
        const outcome = await run('list_files', {});
        const files = textOf(outcome)
          .split('\n')
          .filter((file) => file !== 'long.txt');
        assert.deepEqual(files.sort(), [...everyFile].sort());
      });

      it('list what a pattern names, in a folder', async () => {
        assert.equal(textOf(await run('list_files', { pattern: '*.ts' })), 'src/deep/ünïcode name.ts\nsrc/main.ts');
        assert.equal(textOf(await run('list_files', { pattern: 'src/*.ts' })), 'src/main.ts');
        assert.equal(
          textOf(await run('list_files', { path: 'src', pattern: '**/deep/*.ts' })),
          'src/deep/ünïcode name.ts',
        );
        assert.equal(textOf(await run('list_files', { pattern: '*.py' })), 'No files.');
        assert.equal((await run('list_files', { path: 'outside' })).status, 'failed');
        assert.equal((await run('list_files', { path: 'no-such-folder' })).status, 'failed');
      });

      it('find lines, and none in files that may not be read', async () => {
        const found = textOf(await run('search', { query: 'needle' }))
          .split('\n')
          .sort();
        assert.deepEqual(found, [
          '.github/workflows/ci.yml:1: run: needle',
          'README.md:1: # Needle',
          'README.md:2: A needle here.',
          'keep.log:1: needle',
          'src/deep/ünïcode name.ts:1: // needle ü',
          'src/main.ts:1: const needle = 1;',
        ]);
      });

      it('mind capitals only where the query has some, and take plain text as it is', async () => {
        assert.equal(textOf(await run('search', { query: 'Needle' })), 'README.md:1: # Needle');
        assert.equal(textOf(await run('search', { query: 'const .* =' })), 'Nothing found.');
        assert.equal(textOf(await run('search', { query: '--regexp' })), 'Nothing found.');
      });

      it('search by expressions, in one file too', async () => {
        const expected = 'src/main.ts:1: const needle = 1;\nsrc/main.ts:2: const other = 2;';
        assert.equal(textOf(await run('search', { query: 'const \\w+ = \\d', regex: true })), expected);
        assert.equal(textOf(await run('search', { query: '^const', regex: true, path: 'src/main.ts' })), expected);
        const bad = await run('search', { query: '(', regex: true });
        assert.equal(bad.status, 'failed');
        assert.match(textOf(bad), /expression cannot be used/);
      });

      it('survive an expression that would run for years', async () => {
        writeFileSync(path.join(root, 'long.txt'), `${'a'.repeat(40)}!\n`);
        try {
          const startedAt = performance.now();
          await run('search', { query: '^(a+)+$', regex: true });
          assert.ok(performance.now() - startedAt < 10_000);
        } finally {
          writeFileSync(path.join(root, 'long.txt'), '');
        }
      });

      it('go on where a folder cannot be read', async function () {
        if (process.getuid?.() === 0) this.skip();
        mkdirSync(path.join(root, 'closed'), { mode: 0 });
        try {
          assert.equal((await run('list_files', {})).status, 'completed');
        } finally {
          chmodSync(path.join(root, 'closed'), 0o700);
        }
      });

      it('give at most 200 lines and say that there are more', async () => {
        writeFileSync(path.join(root, 'long.txt'), 'many\n'.repeat(150));
        writeFileSync(path.join(root, 'keep.log'), 'many\n'.repeat(150));
        try {
          const outcome = await run('search', { query: 'many' });
          assert.equal(textOf(outcome).split('\n').length, 200);
          assert.match(outcome.noteForModel ?? '', /There are more/);
        } finally {
          writeFileSync(path.join(root, 'long.txt'), '');
          writeFileSync(path.join(root, 'keep.log'), 'needle\n');
        }
      });

      it('stop at once when the call is cancelled', async () => {
        await assert.rejects(run('search', { query: 'needle' }, AbortSignal.abort(new Error('stopped'))), /stopped/);
        const controller = new AbortController();
        const running = run('list_files', {}, controller.signal);
        controller.abort(new Error('stopped'));
        await assert.rejects(running, /stopped/);
      });
    });
  }

  it('ask the gate about every file whose lines are shown', async () => {
    const shown = textOf(await run('search', { query: 'needle' }))
      .split('\n')
      .map((line) => path.join(root, line.split(':', 1)[0] ?? ''));
    const asked = new Set(checked.map((effect) => ('path' in effect ? effect.path : '')));
    assert.ok(shown.length > 0);
    for (const file of shown) assert.ok(asked.has(file), file);
  });

  it('mark what was refused, and keep what only the model is told from the person who rejected it', async () => {
    const rejected = await run('run_command', { command: 'touch made' });
    assert.deepEqual([rejected.status, rejected.content, rejected.rawOutput], ['failed', [], { refused: true }]);
    assert.match(rejected.noteForModel ?? '', /did not allow this/);
    const denied = await run('read_file', { path: '.env' });
    assert.deepEqual([denied.status, denied.noteForModel, denied.rawOutput], ['failed', undefined, { refused: true }]);
    const missing = await run('read_file', { path: 'nothing.txt' });
    assert.deepEqual([missing.status, missing.rawOutput], ['failed', undefined]);
  });

  it('take null for what a model leaves out, and say what is wrong with other input', async () => {
    assert.equal((await run('read_file', { path: 'README.md', startLine: null })).status, 'completed');
    for (const input of [null, 'README.md', [], {}, { path: 5 }, { path: 'a', startLine: 0 }]) {
      const outcome = await run('read_file', input);
      assert.equal(outcome.isMistake, true);
      assert.match(textOf(outcome), /does not fit read_file/);
    }
  });

  describe('that need a yes', () => {
    const outcomes = (): string[] => audit.events.map(({ outcome = '' }) => outcome);

    it('run where the person was told that they would', async () => {
      answer = () => true;
      await run('run_command', { command: 'true', cwd: 'src' });
      assert.deepEqual(ranIn, [path.join(root, 'src')]);
      assert.deepEqual(outcomes(), ['allowedByPerson']);
    });

    it('do nothing where the trust was withdrawn while the person thought about it', async () => {
      answer = () => {
        place = { ...place, trusted: false };
        return true;
      };
      const outcome = await run('run_command', { command: 'true' });
      assert.match(textOf(outcome), /not trusted/);
      assert.deepEqual(outcome.rawOutput, { refused: true });
      assert.deepEqual([ranIn, outcomes()], [[], ['allowedByPerson', 'denied']]);
    });

    it('do nothing where their folder was closed or leads elsewhere by the time of the answer', async () => {
      const link = path.join(root, 'here');
      symlinkSync(path.join(root, 'src'), link);
      try {
        answer = () => {
          rmSync(link);
          symlinkSync(path.join(root, 'ignored'), link);
          return true;
        };
        assert.match(textOf(await run('run_command', { command: 'true', cwd: 'here' })), /leads elsewhere/);
      } finally {
        rmSync(link);
      }
      answer = () => {
        place = { ...place, workspaceFolders: [path.join(root, 'src')] };
        return true;
      };
      assert.match(textOf(await run('run_command', { command: 'true' })), /outside the workspace/);
      assert.deepEqual(ranIn, []);
    });
  });

  it('go on inside the workspace, wherever a command has ended', async () => {
    answer = () => true;
    for (const [cwdAfter, next] of [
      [path.join(root, 'src'), path.join(root, 'src')],
      ['/etc', root],
      [path.join(root, 'outside'), root],
    ] as const) {
      runCommand = () => Promise.resolve({ ...ended, cwdAfter });
      assert.equal((await run('run_command', { command: 'cd' })).commandCwd, next, cwdAfter);
    }
  });

  it('have nothing in reach of what the server may do', async () => {
    for (const method of Object.keys(contract)) {
      const outcome = await run(method, {});
      assert.deepEqual([outcome.status, outcome.isMistake], ['failed', true], method);
      assert.match(textOf(outcome), /There is no tool/);
    }
    const nothing = {} as never;
    const access = new CheckedAccess(nothing, nothing);
    assert.deepEqual(Reflect.ownKeys(access), [], 'what it works with cannot be taken out of it');
    // Who adds to these gives agents a new right, which the policy gate must know.
    assert.deepEqual(Reflect.ownKeys(CheckedAccess.prototype).sort(), [
      'constructor',
      'displayPath',
      'listFiles',
      'readOutput',
      'readText',
      'runCommand',
      'searchFiles',
      'stopCommand',
    ]);
  });

  it('have neither a file system nor processes in reach but through the checked access', () => {
    const modules = readdirSync(toolsFolder).filter(
      (file) => file.endsWith('Tool.ts') || ['tool.ts', 'commandResult.ts'].includes(file),
    );
    assert.ok(modules.length >= 5);
    const allowed =
      /^(zod|node:path|\.\/(tool|toolCallContext|ports|checkedAccess|commandResult)\.ts|\.\.\/\.\.\/protocol\/\w+\.ts)$/;
    for (const file of modules) {
      const source = readFileSync(path.join(toolsFolder, file), 'utf8');
      const imports = [...source.matchAll(/from '([^']+)'|import\('([^']+)'\)/g)].map(
        (match) => match[1] ?? match[2] ?? '',
      );
      for (const imported of imports) assert.match(imported, allowed, `${file} imports ${imported}`);
      assert.doesNotMatch(source, /\brequire\(|process\.(binding|getBuiltinModule)|\bfetch\(/, file);
    }
    // Whoever could hand a tool something else is named here.
    const makers = readdirSync(toolsFolder).filter((file) =>
      readFileSync(path.join(toolsFolder, file), 'utf8').includes('new CheckedAccess('),
    );
    assert.deepEqual(makers, ['toolRegistry.ts']);
  });
});
