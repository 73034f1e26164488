import * as assert from 'node:assert/strict';
import type { SessionEvent, SessionUpdate } from '../../../server/protocol/sessionEvents.ts';
import { compactTurn } from '../../../server/src/agents/compactEvents.ts';
import type { ConversationJournal } from '../../../server/src/storage/conversationJournal.ts';
import { agent, turnEnded, turnStarted } from '../../support/conversationScript.ts';

/** Compacts after every few events, so that a short test meets it often. */
export const compactingSoon = { compactTurn, compactionLimits: { minGrowthBytes: 1, minEvents: 6 } };

/**
 * What a journal was given, and what was acknowledged. Each event of an answer carries a word of its own, so that it can
 * be found again wherever a compaction has put it.
 */
export class TokenAccount {
  private readonly tried: string[] = [];
  private readonly acknowledged: string[] = [];
  private lastSequence = 0;
  private turns = 0;

  get acknowledgedCount(): number {
    return this.acknowledged.length;
  }

  /** Appends so many words, and the end of the turn with the beginning of the next. Rejects as the journal does. */
  async append(journal: ConversationJournal, words: number, endsTurn = false): Promise<void> {
    const tokens = Array.from({ length: words }, () => this.nextToken());
    const updates: SessionUpdate[] = tokens.map((token) => agent(`${token} `, `answer ${this.turns}`));
    if (endsTurn) updates.push(turnEnded('end_turn'), turnStarted(`turn ${(this.turns += 1)}`));
    const events = await journal.append(updates);
    this.acknowledged.push(...tokens);
    const first = events[0]?.sequence ?? 0;
    assert.ok(first > this.lastSequence, `number ${first} was given again`);
    this.lastSequence = events.at(-1)?.sequence ?? this.lastSequence;
  }

  /** Everything acknowledged is there, in order and once, and nothing is there that was never tried. */
  check(events: readonly SessionEvent[], when: string): void {
    const found = tokensOf(events);
    const present = new Set(found);
    assert.equal(present.size, found.length, `${when}: something is there twice`);
    assert.deepEqual(
      this.acknowledged.filter((token) => !present.has(token)),
      [],
      `${when}: something acknowledged is missing`,
    );
    assert.deepEqual(
      found,
      this.tried.filter((token) => present.has(token)),
      `${when}: something is there that was not tried, or in another order`,
    );
    assert.ok((events.at(-1)?.sequence ?? 0) >= this.lastSequence - 1, when);
  }

  private nextToken(): string {
    const token = `word${this.tried.length}`;
    this.tried.push(token);
    return token;
  }
}

function tokensOf(events: readonly SessionEvent[]): string[] {
  return events.flatMap(({ update }) =>
    update.sessionUpdate === 'agent_message_chunk' && update.content.type === 'text'
      ? (update.content.text.match(/word\d+/g) ?? [])
      : [],
  );
}
