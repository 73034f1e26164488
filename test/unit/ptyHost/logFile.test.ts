import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import * as path from 'node:path';
import { createLogFile } from '../../../server/src/ptyHost/logFile.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';

describe('The log file of the pty host', () => {
  const folder = temporaryFolder();
  after(() => folder.remove());

  it('keeps two generations of at most 1 MiB, privately, and the newest line last', () => {
    const file = path.join(folder.path, 'logs', 'pty-host.log');
    const line = 'x'.repeat(8_000);
    for (let index = 0; index < 400; index++) createLogFile(file)('info', `${index} ${line}`);
    assert.deepEqual(readdirSync(path.dirname(file)).sort(), ['pty-host.log', 'pty-host.log.1']);
    for (const name of readdirSync(path.dirname(file))) {
      const stat = statSync(path.join(path.dirname(file), name));
      assert.ok(stat.size <= 1_048_576, `${name} has ${stat.size} bytes`);
      assert.equal(stat.mode & 0o777, 0o600);
    }
    assert.match(readFileSync(file, 'utf8').trimEnd().split('\n').at(-1)!, / info \[\d+\] 399 x/);
  });

  it('gives a line up rather than fail where it cannot be written', () => {
    const write = createLogFile(path.join(folder.path, 'pty-host.log'));
    folder.remove();
    assert.doesNotThrow(() => write('error', 'nobody will read this'));
  });
});
