import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import type { ConversationId } from '../../../server/protocol/sessionEvents.ts';
import { nodeFileSystem, type FileSystem } from '../../../server/src/base/fileSystem.ts';
import type { ProcessTable } from '../../../server/src/base/processTable.ts';
import { eventually } from '../../support/eventually.ts';
import { openFilesUnder } from '../../support/openFiles.ts';
import { message, sequencesOf, StorageFixture, textsOf } from './storageFixture.ts';
import { recordsOf } from './versionOneReader.ts';

/** Processes that a test starts and ends. */
class Machine {
  readonly dead = new Set<string>();

  process(name: string): ProcessTable {
    return {
      self: () => Promise.resolve({ pid: 1, startedAt: name }),
      isAlive: ({ startedAt }) => Promise.resolve(!this.dead.has(startedAt)),
    };
  }
}

/** A file system that stops at one operation, as a process does that gets SIGSTOP there. */
class StoppingDisk {
  private reached = Promise.withResolvers<undefined>();
  private goOn = Promise.withResolvers<undefined>();
  private at: 'write' | 'datasync' | undefined;

  readonly fileSystem: FileSystem = {
    ...nodeFileSystem,
    open: async (file, mode) => {
      const open = await nodeFileSystem.open(file, mode);
      if (mode !== 'append') return open;
      return {
        ...open,
        write: (data, position) => this.pass('write').then(() => open.write(data, position)),
        datasync: () => open.datasync().then(() => this.pass('datasync')),
      };
    },
  };

  stopAt(operation: 'write' | 'datasync'): void {
    this.at = operation;
  }

  get stopped(): Promise<undefined> {
    return this.reached.promise;
  }

  wake(): void {
    this.at = undefined;
    this.goOn.resolve(undefined);
  }

  private async pass(operation: 'write' | 'datasync'): Promise<void> {
    if (this.at !== operation) return;
    this.reached.resolve(undefined);
    await this.goOn.promise;
  }
}

const lost = { reason: 'Conflict', message: /taken over by another window/ };

describe('the lease on a conversation', () => {
  let fixture: StorageFixture;
  let machine: Machine;
  beforeEach(() => {
    fixture = new StorageFixture();
    machine = new Machine();
  });
  afterEach(async () => {
    await fixture.close();
    assert.deepEqual(openFilesUnder(fixture.folder), []);
    fixture.remove();
  });

  const open = (name: string, id: ConversationId, fileSystem = nodeFileSystem) =>
    fixture.store({ processes: machine.process(name), fileSystem }).open(id);

  it('gets a higher number with every holder that writes, and none from those who only look', async () => {
    const { id, file } = await fixture.written(['one']);
    for (const text of ['two', undefined, 'three']) {
      const store = fixture.store();
      const journal = await store.open(id);
      if (text !== undefined) await journal.append([message(text), message(text)]);
      await store.dispose();
    }
    const epochs = recordsOf(file).flatMap(({ lease, holder }) => (holder === undefined ? [] : [lease]));
    assert.deepEqual(epochs, [1, 2, 3]);
    const journal = await fixture.store().open(id);
    assert.ok(journal.events().every((event) => !('lease' in event)));
  });

  it('is lost when another takes the holder for dead: nothing more is acknowledged, and it can only be read', async () => {
    const { id } = await fixture.written(['one']);
    const former = await open('former', id);
    await former.append([message('two')]);
    let stale = 0;
    former.onStale(() => (stale += 1));
    machine.dead.add('former');
    const next = await open('next', id);
    assert.equal(next.access, 'write');
    await next.append([message('three')]);
    await assert.rejects(former.append([message('late')]), lost);
    await assert.rejects(former.append([message('later')]), lost);
    assert.deepEqual([former.access, former.refusal?.reason, stale], ['read', 'Conflict', 1]);
    await next.append([message('four')]);
    assert.deepEqual(textsOf((await open('reader', id)).events()), ['one', 'two', 'three', 'four']);
  });

  it('keeps what a stopped holder writes behind its successor from counting, and from harming it', async () => {
    const { id, file } = await fixture.written(['one']);
    const disk = new StoppingDisk();
    const former = await open('former', id, disk.fileSystem);
    await former.append([message('two')]);
    disk.stopAt('write');
    const late = former.append([message('late')]);
    await disk.stopped;
    machine.dead.add('former');
    const next = await open('next', id);
    await next.append([message('three')]);
    const refused = assert.rejects(late, lost);
    disk.wake();
    await refused;
    assert.ok(fs.readFileSync(file, 'utf8').includes('late'));
    assert.equal((await next.append([message('four')]))[0]?.sequence, 4);
    const again = await open('reader', id);
    assert.deepEqual(textsOf(again.events()), ['one', 'two', 'three', 'four']);
    assert.deepEqual(sequencesOf(again.events()), [1, 2, 3, 4]);
    assert.deepEqual(again.damage, []);
  });

  it('does not let a stopped holder write over a successor that has not written yet', async () => {
    const { id } = await fixture.written(['one']);
    const disk = new StoppingDisk();
    const former = await open('former', id, disk.fileSystem);
    disk.stopAt('datasync');
    const late = former.append([message('on the disk, not acknowledged')]);
    await disk.stopped;
    machine.dead.add('former');
    const next = await open('next', id);
    const refused = assert.rejects(late, lost);
    disk.wake();
    await refused;
    // It was there when the successor began to read, so it counts, as what a crash leaves behind does.
    assert.equal((await next.append([message('three')]))[0]?.sequence, 3);
    assert.deepEqual(textsOf((await open('reader', id)).events()).length, 3);
  });

  it('is seen as free by a reader once it was given back, and once its holder is dead', async () => {
    const { id } = await fixture.written(['one']);
    for (const end of ['close', 'death'] as const) {
      const holder = await open(`holder ${end}`.replace(' ', ''), id);
      const reader = await open('reader', id);
      assert.equal(reader.access, 'read');
      let free = 0;
      reader.onStale(() => (free += 1));
      if (end === 'close') await holder.close();
      else machine.dead.add('holderdeath');
      await eventually('the reader is told', () => free === 1, 8_000);
      await reader.close();
      const successor = await open('successor', id);
      assert.equal(successor.access, 'write');
      await successor.close();
    }
  }).timeout(20_000);

  it('is not acknowledged to in a folder that was deleted, and a new conversation can begin there', async () => {
    const store = fixture.store();
    const journal = await store.create({ cwd: '/', workspaceFolders: [] });
    await journal.append([message('one')]);
    fs.rmSync(fixture.dataFolder, { recursive: true });
    await assert.rejects(journal.append([message('two')]), { reason: 'Unavailable', message: /removed or moved/ });
    await assert.rejects(journal.append([message('two')]), { reason: 'Unavailable', message: /removed or moved/ });
    const again = await store.create({ cwd: '/', workspaceFolders: [] });
    assert.equal((await again.append([message('anew')])).length, 1);
  });
});
