import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import fc from 'fast-check';
import type { ProcessTable } from '../../../server/src/base/processTable.ts';
import type { ConversationJournal } from '../../../server/src/storage/conversationJournal.ts';
import type { JournalStore } from '../../../server/src/storage/journalStore.ts';
import { openFilesUnder } from '../../support/openFiles.ts';
import { StorageFixture } from '../../unit/storage/storageFixture.ts';
import { compactingSoon, TokenAccount } from './tokenJournal.ts';

const runs = Number(process.env['STORAGE_FUZZ_RUNS'] ?? 150);
const windows = 3;

const window = fc.nat({ max: windows - 1 });
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('open' as const), window }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      window,
      words: fc.integer({ min: 1, max: 8 }),
      endsTurn: fc.boolean(),
      /** The next step comes before this one is done. */
      isAwaited: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('close' as const), window }) },
  /** The process counts as dead, its claim stays; the object lives on, as a process that is stopped and goes on later. */
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('death' as const), window }) },
  /** As death, in the middle of a write. */
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('tornDeath' as const), window, bytes: fc.nat({ max: 60 }) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface Window {
  readonly store: JournalStore;
  readonly journal: ConversationJournal;
  readonly name: string;
}

/** Several windows on one conversation, and what has to be true of it. */
class Windows {
  readonly fixture = new StorageFixture();
  private readonly account = new TokenAccount();
  private readonly open = new Map<number, Window>();
  private readonly dead = new Set<string>();
  private readonly stopped: Window[] = [];
  private readonly pending: Promise<void>[] = [];
  private id: ConversationJournal['header']['conversationId'] | undefined;
  private started = 0;

  async begin(): Promise<void> {
    this.id = (await this.fixture.written([])).id;
  }

  async take(step: Step): Promise<void> {
    const current = this.open.get(step.window);
    if (step.kind === 'open' && current === undefined) await this.openIn(step.window);
    if (current === undefined || step.kind === 'open') return;
    if (step.kind === 'append') {
      const appending = this.append(current, step.words, step.endsTurn);
      if (step.isAwaited) await appending;
      else this.pending.push(appending);
      return;
    }
    this.open.delete(step.window);
    if (step.kind === 'close') await current.store.dispose();
    else this.stop(current, step.kind === 'tornDeath' ? step.bytes : 0);
  }

  async end(): Promise<void> {
    await Promise.all(this.pending);
    // Those that were stopped go on, and none of them may have anything acknowledged any more, once another has it.
    for (const window of [...this.open.values(), ...this.stopped]) {
      await this.append(window, 1, true);
      await window.store.dispose();
    }
    const last = await this.start();
    assert.equal(last.journal.access, 'write');
    this.account.check(last.journal.events(), 'in the end');
    await this.account.append(last.journal, 1);
    await last.store.dispose();
    await this.fixture.close();
    assert.deepEqual(openFilesUnder(this.fixture.folder), []);
    const left = fs.readdirSync(this.fixture.conversationFolder());
    assert.deepEqual(
      left.filter((name) => name.includes('.new-')),
      [],
    );
  }

  private async openIn(number: number): Promise<void> {
    const window = await this.start();
    this.open.set(number, window);
    const others = [...this.open.values()].filter((other) => other !== window && other.journal.access === 'write');
    assert.ok(window.journal.access === 'read' || others.length === 0, 'two may write');
    // What another window is just appending is not acknowledged yet, or not told yet.
    if (window.journal.access === 'write') this.account.check(window.journal.events(), 'after opening');
  }

  private async start(): Promise<Window> {
    assert.ok(this.id);
    const name = `window${(this.started += 1)}`;
    const processes: ProcessTable = {
      self: () => Promise.resolve({ pid: this.started, startedAt: name }),
      isAlive: ({ startedAt }) => Promise.resolve(!this.dead.has(startedAt)),
    };
    const store = this.fixture.store({ processes, ...compactingSoon });
    return { store, journal: await store.open(this.id), name };
  }

  private async append({ journal }: Window, words: number, endsTurn: boolean): Promise<void> {
    try {
      await this.account.append(journal, words, endsTurn);
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      assert.equal((error as { reason?: string }).reason, 'Conflict', String(error));
    }
  }

  private stop(window: Window, tornBytes: number): void {
    this.dead.add(window.name);
    this.stopped.push(window);
    if (tornBytes === 0 || window.journal.access === 'read') return;
    const file = path.join(this.fixture.conversationFolder(), `${this.id ?? ''}.journal`);
    fs.appendFileSync(file, `812 0123abcd {"sequence":1,"at":1,"update":{"sessionUpdate"`.slice(0, tornBytes));
  }
}

describe('a conversation between several windows', function () {
  this.timeout(30_000 + runs * 1_000);

  it(`keeps what was acknowledged through ${runs} random sequences of appends, crashes, take-overs, compactions`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const all = new Windows();
        try {
          await all.begin();
          for (const each of steps) await all.take(each);
          await all.end();
        } finally {
          await all.fixture.close();
          all.fixture.remove();
        }
      }),
      { numRuns: runs },
    );
  });
});
