import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { before, describe, it } from 'mocha';
import { hostTarget, vsixFile } from '../../../scripts/vsix.ts';
import { readZipEntries, type ZipEntry } from '../../support/zipEntries.ts';

const maxBytes = 3_000_000;

describe('the packed VSIX', () => {
  let archive: Buffer;
  let entries: ZipEntry[];
  const has = (name: string) => entries.some((entry) => entry.name === `extension/${name}`);

  before(() => {
    const file = vsixFile();
    assert.ok(existsSync(file), `${file} is missing: run "npm run package" first`);
    archive = readFileSync(file);
    entries = readZipEntries(archive);
  });

  it('is at most 3 MB', () => {
    assert.ok(archive.length <= maxBytes, `it has ${archive.length} bytes`);
  });

  it('holds every bundle of the product', () => {
    const bundles = [
      'extension',
      'languageClient',
      'server',
      'parentWatchdog',
      'screenWorker',
      'indexWorker',
      'ptyHost',
      'webview/agentPanel',
      'webview/terminalPanel',
    ];
    assert.deepEqual(
      bundles.filter((bundle) => !has(`dist/${bundle}.js`)),
      [],
    );
  });

  it('holds the database of the index beside its thread', () => {
    assert.ok(has('dist/sql-wasm.wasm'));
  });

  it('holds nothing of development', () => {
    const development =
      /\.(ts|tsx|map|pdb|c|cc|h|gyp)$|\.test\.js$|\/(scripts|test|src|docs|\.github)\/|tsconfig|eslint/;
    assert.deepEqual(
      entries.map(({ name }) => name).filter((name) => development.test(name)),
      [],
    );
  });

  it('holds the native part of the terminal library for this platform alone', () => {
    const native = entries.map(({ name }) => name).filter((name) => name.endsWith('.node'));
    const expected = process.platform === 'linux' ? 'build/Release/pty.node' : `prebuilds/${hostTarget()}/`;
    assert.ok(native.length > 0);
    assert.deepEqual(
      native.filter((name) => !name.startsWith(`extension/node_modules/node-pty/${expected}`)),
      [],
    );
  });

  it('keeps programs executable', function () {
    const programs = entries.filter(({ name }) => /\/(ptyExec|spawn-helper)$/.test(name));
    if (process.platform === 'win32') return this.skip();
    assert.ok(programs.length > 0, 'there is a program to start terminals with');
    for (const { name, mode } of programs) assert.equal(mode & 0o111, 0o111, `${name} has mode ${mode.toString(8)}`);
  });
});
