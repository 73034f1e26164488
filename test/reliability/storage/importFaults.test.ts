import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import * as path from 'node:path';
import type { ConversationId } from '../../../server/protocol/sessionEvents.ts';
import { turnUpdates } from '../../support/writtenConversations.ts';
import { openFilesUnder } from '../../support/openFiles.ts';
import { ExchangeWorld } from '../../unit/storage/exchange/exchangeWorld.ts';
import { FailingFileSystem, faultKinds } from './failingFileSystem.ts';
import { bootedAs, lucks, RecordingFileSystem } from './recordingFileSystem.ts';

describe('an import on a disk of which the n-th operation fails', function () {
  this.timeout(120_000);
  let content: string;
  before(async () => {
    const world = new ExchangeWorld();
    content = await world.exported(
      world.write(turnUpdates({ id: 'a', question: 'Why?', answer: 'x'.repeat(300_000) })),
    );
    await world.dispose();
  });

  for (const kind of faultKinds) {
    it(`is there whole or not at all (${kind}), and the next one works`, async () => {
      let failures = 0;
      for (let at = 1; ; at += 1) {
        const failing = new FailingFileSystem(at, kind);
        const world = new ExchangeWorld({ fileSystem: () => failing.fileSystem });
        const error = await world.import(content).then(
          () => undefined,
          (reason: unknown) => reason as Error,
        );
        const wasReached = failing.operations >= at;
        if (error !== undefined) {
          failures += 1;
          assert.match(error.message, /^Could not import the conversation \(E\w+\)\. \w/);
        }
        const journals = world.files().filter((name) => name.endsWith('.journal'));
        if (error === undefined) assert.equal(journals.length, 1, `at operation ${at}`);
        for (const name of journals) {
          const id = name.split('/').at(-1)?.replace('.journal', '') as never;
          assert.deepEqual(updatesOf(await world.eventsOf(id)), updatesIn(content), `at operation ${at}`);
        }
        // The disk goes on well from then on, unless the operation is still to come.
        if (wasReached) await world.import(content);
        await world.exchange.dispose();
        assert.deepEqual(openFilesUnder(world.fixture.dataFolder), []);
        await world.dispose();
        if (!wasReached) break;
      }
      assert.ok(failures > (kind === 'unseen' ? 0 : 5), `${failures} failures`);
    });
  }

  for (const [name, luck] of Object.entries(lucks)) {
    it(`is there whole or not at all when the power goes, and whole once it was told so, if ${name}`, async () => {
      let [whole, none] = [0, 0];
      for (let at = 1; ; at += 1) {
        let disk: RecordingFileSystem | undefined;
        const world = new ExchangeWorld({
          fileSystem: (root) => (disk = new RecordingFileSystem(root, { at, kind: 'powerLoss' })),
        });
        const answer = await world.import(content).catch(() => undefined);
        assert.ok(disk !== undefined);
        const survivors = path.join(world.fixture.folder, 'survivors');
        disk.writeSurvivors(survivors, luck);
        const wasOff = disk.isOff;
        await world.exchange.dispose();
        const store = world.fixture.store({ dataFolder: path.join(survivors, 'data'), processes: bootedAs('after') });
        const found = await store.list([world.fixture.folder]);
        if (answer !== undefined) assert.deepEqual(found.map(idOf), [answer.sessionId], `at operation ${at}`);
        for (const { conversationId } of found) {
          const journal = await store.open(conversationId);
          assert.deepEqual(journal.damage, []);
          assert.deepEqual(updatesOf(journal.events()), updatesIn(content));
        }
        if (found.length === 0) none += 1;
        else whole += 1;
        await store.dispose();
        rmSync(survivors, { recursive: true });
        await world.dispose();
        if (!wasOff) break;
      }
      assert.ok(none > 5 && whole > 0, `${none} without it, ${whole} with it`);
    });
  }
});

function idOf({ conversationId }: { readonly conversationId: ConversationId }): ConversationId {
  return conversationId;
}

function updatesOf(events: readonly { readonly update: unknown }[]): unknown[] {
  return events.map(({ update }) => update);
}

function updatesIn(document: string): unknown[] {
  const { events } = JSON.parse(document) as { events: readonly { readonly update: unknown }[] };
  return updatesOf(events);
}
