import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, rmSync, writeFileSync } from 'node:fs';
import { TlsFiles } from '../../../server/src/security/door/tlsFiles.ts';
import { createCertificate, type TestCertificate } from '../../support/certificate.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { recordingLogger } from '../../support/recordingLogger.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';

const names = ['DNS:box.example', 'IP:192.0.2.7', 'IP:fd00::2'];

describe('The certificate of a listener', () => {
  const folder = temporaryFolder();
  let first: TestCertificate;
  let second: TestCertificate;
  let clock: FakeClock;
  let lines: string[];
  let files: TlsFiles | undefined;

  before(() => {
    first = createCertificate(folder.path, 'first', names);
    second = createCertificate(folder.path, 'second', names);
  });
  afterEach(() => {
    files?.dispose();
    assert.equal(clock.pending, 0);
  });
  after(() => folder.remove());

  /** Opens a copy of the first one, as somebody reads it who comes so many milliseconds from now. */
  async function open(hosts: readonly string[], laterMs = 0): Promise<{ certFile: string; keyFile: string }> {
    const copy = { certFile: `${first.certFile}.copy`, keyFile: `${first.keyFile}.copy` };
    copyFileSync(first.certFile, copy.certFile);
    copyFileSync(first.keyFile, copy.keyFile);
    clock = new FakeClock(Date.now() + laterMs);
    const recording = recordingLogger();
    lines = recording.lines;
    files = await TlsFiles.open({ ...copy, hosts, clock, logger: recording.logger });
    return copy;
  }

  it('is taken without a word where it is for all names that are served', async () => {
    await open(['box.example', '192.0.2.7', '[fd00::2]']);
    assert.equal(files?.identity.cert, first.cert);
    assert.deepEqual(lines, []);
  });

  it('is taken with a warning for each name that it is not for, and where it has ended', async () => {
    await open(['other.example', 'box.example', '192.0.2.8'], 3 * 24 * 3_600_000);
    assert.equal(lines.length, 3);
    assert.match(lines[0] ?? '', /^warn The certificate has ended/);
    assert.match(lines[1] ?? '', /^warn .*not for a name.*host=other\.example$/);
    assert.match(lines[2] ?? '', /^warn .*not for a name.*host=192\.0\.2\.8$/);
  });

  it('is exchanged within five seconds, and stays while the files cannot be used, which is said once', async () => {
    const copy = await open(['box.example']);
    const changes: string[] = [];
    files?.onChanged(({ cert }) => changes.push(cert));
    copyFileSync(second.certFile, copy.certFile);
    clock.advance(5_000);
    await waitFor('the reason', () => lines.length > 0);
    assert.match(lines[0] ?? '', /^warn The former certificate goes on.*is not that of the certificate/);
    for (let look = 0; look < 3; look++) {
      await waitFor('the next look to be due', () => clock.pending === 1);
      clock.advance(5_000);
    }
    await waitFor('the next look to be due', () => clock.pending === 1);
    assert.deepEqual([lines.length, changes, files?.identity.cert], [1, [], first.cert]);
    rmSync(copy.keyFile);
    clock.advance(5_000);
    await waitFor('the reason', () => lines.some((line) => line.includes('ENOENT')));
    await waitFor('the next look to be due', () => clock.pending === 1);
    copyFileSync(second.keyFile, copy.keyFile);
    clock.advance(4_999);
    assert.deepEqual(changes, []);
    clock.advance(1);
    await waitFor('the new one', () => changes.length > 0);
    assert.deepEqual([changes, files?.identity.cert], [[second.cert], second.cert]);
    await waitFor('the next look to be due', () => clock.pending === 1);
  });

  it('is not taken with a key that others can read', async function () {
    if (process.platform === 'win32') this.skip();
    const copy = await open(['box.example']);
    const { logger } = recordingLogger();
    for (const mode of [0o640, 0o604]) {
      chmodSync(copy.keyFile, mode);
      const again = TlsFiles.open({ ...copy, hosts: [], clock, logger });
      await assert.rejects(again, { reason: 'InvalidParams', message: /chmod 600/ }, mode.toString(8));
    }
  });

  it('is not taken from files that are too large', async () => {
    const copy = await open(['box.example']);
    writeFileSync(copy.certFile, Buffer.alloc(1024 * 1024 + 1));
    const { logger } = recordingLogger();
    const again = TlsFiles.open({ ...copy, hosts: [], clock, logger });
    await assert.rejects(again, { reason: 'InvalidParams', message: /too large/ });
  });
});
