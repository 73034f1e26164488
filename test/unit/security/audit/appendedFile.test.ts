import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import { nodeFileSystem, type OpenFile } from '../../../../server/src/base/fileSystem.ts';
import { AppendedFile } from '../../../../server/src/security/audit/appendedFile.ts';
import { temporaryFolder } from '../../../support/temporaryFolder.ts';

describe('A file of the audit log that is appended to', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let name: string;
  let file: OpenFile;
  /** What the disk was asked to do, in order. */
  let asked: string[];
  let failing: string | undefined;

  beforeEach(async () => {
    folder = temporaryFolder();
    name = path.join(folder.path, 'records');
    asked = [];
    failing = undefined;
    file = recorded(await nodeFileSystem.open(name, 'createNew'));
  });
  afterEach(async () => {
    await file.close();
    folder.remove();
  });

  /** A real file that tells what is asked of it, and fails where it is told to. */
  function recorded(real: OpenFile): OpenFile {
    return new Proxy(real, {
      get(target, key: keyof OpenFile) {
        const method = target[key].bind(target) as (...args: unknown[]) => Promise<unknown>;
        return (...args: unknown[]) => {
          asked.push(key);
          if (key !== failing) return method(...args);
          failing = undefined;
          return Promise.reject(new Error(`The disk refuses to ${key}.`));
        };
      },
    });
  }

  it('has on the disk what is to be durable before it says so, and lets the rest wait', async () => {
    const appended = new AppendedFile(file);
    await appended.append(Buffer.from('one\n'), { durable: true });
    assert.deepEqual(asked, ['write', 'datasync']);
    await appended.append(Buffer.from('two\n'), { durable: false });
    assert.deepEqual(asked, ['write', 'datasync', 'write']);
    assert.equal(readFileSync(name, 'utf8'), 'one\ntwo\n');
  });

  for (const operation of ['write', 'datasync'] as const) {
    it(`has nothing left of what the disk refused to ${operation} once something else is written`, async () => {
      const appended = new AppendedFile(file);
      await appended.append(Buffer.from('one\n'), { durable: true });
      failing = operation;
      await assert.rejects(appended.append(Buffer.from('lost and long\n'), { durable: true }), /refuses/);
      assert.equal(appended.sizeBytes, 4);
      await appended.append(Buffer.from('two\n'), { durable: true });
      assert.equal(readFileSync(name, 'utf8'), 'one\ntwo\n');
      // The cut is durable too, before what comes after it.
      assert.deepEqual(asked.slice(-4), ['truncate', 'datasync', 'write', 'datasync']);
    });
  }
});
