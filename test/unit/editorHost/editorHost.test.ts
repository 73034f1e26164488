import * as assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { CodedError } from '../../../server/protocol/errors.ts';
import { AttachedEditorHost } from '../../../server/src/editorHost/attachedEditorHost.ts';
import { DiskEditorHost } from '../../../server/src/editorHost/diskEditorHost.ts';
import type { BufferReader } from '../../../server/src/editorHost/ports.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { openFilesUnder } from '../../support/openFiles.ts';
import { recordingLogger } from '../../support/recordingLogger.ts';

let base: string;
let file: string;
const write = (content: string | Uint8Array): void => fs.writeFileSync(file, content);

beforeEach(() => {
  base = fs.mkdtempSync(path.join(fs.realpathSync(tmpdir()), 'aida editor-'));
  file = path.join(base, 'file ä.txt');
});
afterEach(() => {
  assert.deepEqual(openFilesUnder(base), []);
  fs.rmSync(base, { recursive: true, force: true });
});

describe('disk editor host', () => {
  const disk = new DiskEditorHost({ maxBytes: 1_000 });
  const exact = (text: string): object => ({ text, isLossy: false, fromBuffer: false });

  it('reads UTF-8 with and without a byte order mark, and UTF-16 with one', async () => {
    for (const content of [
      Buffer.from('ä€𝄞\r\n'),
      Buffer.from('\uFEFFä€𝄞\r\n'),
      Buffer.from('\uFEFFä€𝄞\r\n', 'utf16le'),
      Buffer.from('\uFEFFä€𝄞\r\n', 'utf16le').swap16(),
    ]) {
      write(content);
      assert.deepEqual(await disk.readText(file), exact('ä€𝄞\r\n'));
    }
    write('');
    assert.deepEqual(await disk.readText(file), exact(''));
  });

  it('marks text whose bytes are not all valid', async () => {
    write(Buffer.from('caf\xe9', 'latin1'));
    assert.deepEqual(await disk.readText(file), { text: 'caf\uFFFD', isLossy: true, fromBuffer: false });
  });

  it('refuses binary files', async () => {
    write(Buffer.from('PNG\0\x01'));
    await assert.rejects(disk.readText(file), { reason: 'Unsupported', message: /binary/ });
  });

  it('reads up to its limit and no further, whatever size a file claims', async () => {
    write('x'.repeat(1_000));
    assert.equal((await disk.readText(file)).text.length, 1_000);
    write('x'.repeat(1_001));
    await assert.rejects(disk.readText(file), { reason: 'TooLarge', message: /1001 bytes; at most 1000/ });
    if (process.platform === 'linux') {
      assert.equal(fs.statSync('/proc/kallsyms').size, 0);
      await assert.rejects(disk.readText('/proc/kallsyms'), { reason: 'TooLarge' });
    }
  });

  it('refuses folders, pipes, links and missing files, each by name, without waiting', async () => {
    await assert.rejects(disk.readText(base), { reason: 'Unsupported', message: /no regular file/ });
    await assert.rejects(disk.readText(file), { reason: 'NotFound', message: /does not exist/ });
    await assert.rejects(disk.readText(path.join(base, 'a', 'b')), { reason: 'NotFound' });
    execFileSync('mkfifo', [path.join(base, 'pipe')]);
    await assert.rejects(disk.readText(path.join(base, 'pipe')), { reason: 'Unsupported' });
    fs.symlinkSync('/etc/hostname', path.join(base, 'link'));
    await assert.rejects(disk.readText(path.join(base, 'link')), { reason: 'Unsupported' });
    await assert.rejects(disk.readText(file, AbortSignal.abort()), { reason: 'Cancelled' });
  });
});

describe('attached editor host', () => {
  const clock = new FakeClock();
  const { logger, lines } = recordingLogger();
  let asked: AbortSignal | undefined;
  afterEach(() => {
    assert.equal(clock.pending, 0);
    // Whoever answers late is told that nobody waits any more.
    assert.notEqual(asked?.aborted, false);
    asked = undefined;
    lines.length = 0;
  });

  function host(request: BufferReader['request'] | undefined): AttachedEditorHost {
    const editor = request && {
      request: (...[method, params, signal]: Parameters<BufferReader['request']>) => {
        asked = signal;
        return request(method, params, signal);
      },
    };
    return new AttachedEditorHost({ editor: () => editor, disk: new DiskEditorHost(), clock, logger, maxBytes: 1_000 });
  }
  const onDisk = { text: 'on disk', isLossy: false, fromBuffer: false };

  it('prefers the buffer, an empty one too', async () => {
    write('on disk');
    for (const text of ['unsaved', '']) {
      const paths: string[] = [];
      const attached = host((_method, params) => {
        paths.push(params.path);
        return Promise.resolve({ text, isDirty: true });
      });
      assert.deepEqual(await attached.readText(file), { text, fromBuffer: true, isLossy: false });
      assert.deepEqual(paths, [file]);
    }
  });

  it('reads from the disk what no buffer holds, and when no editor is attached', async () => {
    write('on disk');
    assert.deepEqual(await host(() => Promise.resolve({ text: null, isDirty: false })).readText(file), onDisk);
    assert.deepEqual(await host(undefined).readText(file), onDisk);
    assert.deepEqual(lines, []);
  });

  it('reads from the disk when the editor fails, and says so in the log', async () => {
    write('on disk');
    const failing = host(() => Promise.reject(new CodedError('Unavailable', 'gone')));
    assert.deepEqual(await failing.readText(file), onDisk);
    assert.match(lines.join(), /could not give a buffer/);
  });

  it('reads from the disk when the editor never answers', async () => {
    write('on disk');
    const silent = host(() => new Promise(() => undefined));
    const reading = silent.readText(file);
    clock.advance(2_000);
    assert.deepEqual(await reading, onDisk);
    assert.match(lines.join(), /did not answer in time/);
  });

  it('ends at once when the caller cancels', async () => {
    const cancel = new AbortController();
    const reading = host(() => new Promise(() => undefined)).readText(file, cancel.signal);
    cancel.abort();
    await assert.rejects(reading, { reason: 'Cancelled' });
  });

  it('refuses a buffer that is too large', async () => {
    const large = host(() => Promise.resolve({ text: 'ä'.repeat(501), isDirty: false }));
    await assert.rejects(large.readText(file), { reason: 'TooLarge' });
  });
});
