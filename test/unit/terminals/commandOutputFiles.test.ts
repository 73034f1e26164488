import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import type { TerminalId } from '../../../server/protocol/terminal.ts';
import { CommandOutputFiles } from '../../../server/src/terminals/commands/commandOutputFiles.ts';
import { CommandRecording } from '../../../server/src/terminals/commands/commandRecording.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { recordingLogger } from '../../support/recordingLogger.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';

const idOf = (number: number): TerminalId => number.toString(16).padStart(32, '0') as TerminalId;

describe('The files with the outputs of commands', () => {
  let parent: ReturnType<typeof temporaryFolder>;
  let folder: string;
  let clock: FakeClock;
  beforeEach(() => {
    parent = temporaryFolder();
    folder = path.join(parent.path, 'output');
    clock = new FakeClock(Date.now());
  });
  afterEach(() => parent.remove());

  const store = (bounds = { totalBytes: 1_000, keepMs: 60_000 }): CommandOutputFiles =>
    new CommandOutputFiles({ folder, clock, logger: recordingLogger().logger, bounds });

  function leave(number: number, bytes: number, ageMs: number): void {
    mkdirSync(folder, { recursive: true });
    const file = path.join(folder, idOf(number));
    writeFileSync(file, Buffer.alloc(bytes));
    utimesSync(file, (clock.now() - ageMs) / 1_000, (clock.now() - ageMs) / 1_000);
  }

  it('go when they are too old, and the oldest when they are too many', async () => {
    leave(1, 400, 1_000);
    leave(2, 400, 2_000);
    leave(3, 400, 3_000);
    leave(4, 1, 70_000);
    const files = store();
    files.sweep();
    await files.settled();
    assert.deepEqual(readdirSync(folder).sort(), [idOf(1), idOf(2)]);
  });

  it('stay while their command runs', async () => {
    const files = store({ totalBytes: 10, keepMs: 60_000 });
    const file = await files.openForWriting(idOf(1), null);
    await files.settled();
    files.sweep();
    await files.settled();
    assert.equal(existsSync(path.join(folder, idOf(1))), true);
    await file.close();
    files.release(idOf(1));
    await files.settled();
    assert.equal(existsSync(path.join(folder, idOf(1))), false);
  });

  it('stay while the server of another window writes them, and go once that is dead', async () => {
    const small = { totalBytes: 10, keepMs: 60_000 };
    const writer = await store().openForWriting(idOf(1), null);
    const others = store(small);
    others.sweep();
    await others.settled();
    assert.equal(existsSync(path.join(folder, idOf(1))), true, 'it is being written by a living process');
    const ended = spawnSync(process.execPath, ['-e', '']).pid;
    await writer.beginWriting({ pid: ended, startedAt: '' });
    others.sweep();
    await others.settled();
    assert.equal(existsSync(path.join(folder, idOf(1))), false);
    await writer.close();
  });

  it('are no trouble where there is no folder yet', async () => {
    const files = store();
    files.sweep();
    await files.settled();
    assert.equal(await files.open(idOf(1)), undefined);
  });

  describe('in a recording', () => {
    const record = (files: CommandOutputFiles, logger = recordingLogger().logger): CommandRecording =>
      new CommandRecording({ id: idOf(7), conversationId: 'conversation-1', maxKeptBytes: 1_000, files, logger });
    const large = { totalBytes: 1e9, keepMs: 60_000 };

    it('are written only once the output is long, and then hold all of it', async () => {
      const files = store(large);
      const recording = record(files);
      await recording.add(0, Buffer.alloc(40_000, 'a'));
      assert.equal(existsSync(folder), false);
      assert.equal(recording.hasFile, false);
      await recording.add(40_000, Buffer.alloc(40_000, 'b'));
      await recording.add(80_000, Buffer.alloc(40_000, 'c'));
      await recording.finish({ exitCode: 0, signal: null, durationMs: 1 });
      const source = await recording.source();
      const [head, tail] = [await source.read(0, 50_000), await source.read(79_999, 2)];
      assert.equal(Buffer.from(head.data).toString(), 'a'.repeat(40_000) + 'b'.repeat(10_000));
      assert.equal(Buffer.from(tail.data).toString(), 'bc');
      assert.deepEqual(
        [source.endOffset, source.exit?.exitCode, source.conversationId],
        [120_000, 0, 'conversation-1'],
      );
      await source.close();
    });

    it('that were removed are told to be no longer kept, and not taken for empty ones', async () => {
      const files = store(large);
      const recording = record(files);
      await recording.add(0, Buffer.alloc(60_000, 'a'));
      await recording.finish({ exitCode: 0, signal: null, durationMs: 1 });
      rmSync(path.join(folder, idOf(7)));
      await assert.rejects(recording.source(), { reason: 'NotFound', message: /no longer kept/ });
    });

    it('are gone on with by the next server, which gives the same start and end', async () => {
      const before = record(store(large));
      for (let at = 0; at < 200_000; at += 1_000) await before.add(at, Buffer.alloc(1_000, `${(at / 1_000) % 10}`));
      await before.close();
      const next = record(store(large));
      await next.resume();
      assert.equal(next.endOffset, 200_000);
      assert.deepEqual(next.kept(), before.kept());
      await next.add(200_000, Buffer.from('the end'));
      await next.finish({ exitCode: 0, signal: null, durationMs: null });
      assert.match(next.kept().text, /the end$/);
    });

    it('cost nothing but themselves when the disk fails', async () => {
      writeFileSync(folder, 'no folder');
      const { logger, lines } = recordingLogger();
      const recording = record(store(large), logger);
      for (let at = 0; at < 200_000; at += 10_000) await recording.add(at, Buffer.alloc(10_000, 'x'));
      await recording.finish({ exitCode: 0, signal: null, durationMs: 1 });
      assert.equal(recording.hasFile, false);
      assert.equal(recording.kept().omittedBytes, 199_000);
      assert.equal(lines.filter((line) => line.includes('could not be written')).length, 1);
      const source = await recording.source();
      assert.match(Buffer.from((await source.read(0, 2_000)).data).toString(), /^x{500}\n.*left out.*\nx{500}$/);
    });
  });
});
