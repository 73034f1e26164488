import * as assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import type { SessionUpdate } from '../../../server/protocol/sessionEvents.ts';
import { eventJson } from '../../../server/src/storage/journalFormat.ts';
import { encodeRecord } from '../../../server/src/storage/recordCodec.ts';
import { agent, turnEnded, turnStarted, user } from '../../support/conversationScript.ts';
import { StorageFixture } from '../../unit/storage/storageFixture.ts';
import { bundleProgram } from './bundledProgram.ts';

/** `npm run test:reliability` asks for a whole GiB. */
const sizeMiB = Number(process.env['STORAGE_LARGE_JOURNAL_MIB'] ?? 300);
/** Far below the size of the journal, and what a server may take. */
const largestPeakMiB = 400;
const pieceChars = 16 * 1024;

describe(`a journal of ${sizeMiB} MiB`, function () {
  this.timeout(60_000 + sizeMiB * 500);
  let fixture: StorageFixture;
  before(() => (fixture = new StorageFixture()));
  after(async () => {
    await fixture.close();
    fixture.remove();
  });

  it('is opened, read back page by page and written to in bounded memory', async () => {
    const { id, file } = await fixture.written([]);
    const last = fill(file);
    assert.ok(fs.statSync(file).size >= sizeMiB * 1024 * 1024);
    const program = await bundleProgram('openingProcess', fixture.folder);
    const { stdout, stderr } = spawnSync(process.execPath, [program, fixture.dataFolder, id], {
      encoding: 'utf8',
      timeout: 60_000 + sizeMiB * 300,
    });
    assert.ok(stdout.startsWith('{'), stderr);
    const seen = JSON.parse(stdout) as Record<string, number | string>;
    console.log(`      opened in ${seen['openedMs']} ms with ${seen['peakMiB']} MiB at most`);
    console.log(
      `      a page of earlier messages took ${seen['slowestPageMs']} ms at most, others waited for ${seen['blockedMs']} ms`,
    );
    assert.ok(Number(seen['reached']) < Number(seen['droppedThrough']), 'pages came from the file');
    assert.equal(seen['oldest'], 1);
    assert.deepEqual([seen['access'], seen['last'], seen['appended']], ['write', last, last + 1]);
    assert.ok(Number(seen['kept']) > 100 && Number(seen['droppedThrough']) > last / 2, stdout);
    assert.ok(Number(seen['peakMiB']) < largestPeakMiB, stdout);
  });
});

/** Appends turns until the file is as long as it is to be; answers the number of the last event. */
function fill(file: string): number {
  const handle = fs.openSync(file, 'a');
  let sequence = 0;
  try {
    for (let sizeBytes = 0, turn = 0; sizeBytes < sizeMiB * 1024 * 1024; turn += 1) {
      const piece = agent('y'.repeat(pieceChars), `answer ${turn}`);
      const question = user(`question ${turn}`);
      const updates: SessionUpdate[] = [
        turnStarted(`turn ${turn}`),
        question,
        ...Array.from({ length: 30 }, () => piece),
        turnEnded('end_turn'),
      ];
      const records = updates.map((update) =>
        encodeRecord(eventJson((sequence += 1), 1_700_000_000_000 + sequence, JSON.stringify(update), 1)),
      );
      sizeBytes += fs.writeSync(handle, Buffer.concat(records));
    }
    return sequence;
  } finally {
    fs.closeSync(handle);
  }
}
