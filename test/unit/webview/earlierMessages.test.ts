import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { SessionUpdate } from '../../../server/protocol/sessionEvents.ts';
import { compactEvents } from '../../../server/src/agents/compactEvents.ts';
import { earlierPage } from '../../../server/src/agents/earlierPage.ts';
import { emptyView } from '../../../webview-ui/src/agentPanel/state/conversationView.ts';
import {
  earlierThan,
  withLoose,
  withoutLoaded,
  withPage,
  type ShownMessages,
} from '../../../webview-ui/src/agentPanel/state/earlierMessages.ts';
import { foldAttached, foldEvents } from '../../../webview-ui/src/agentPanel/state/foldEvents.ts';
import {
  agent,
  commandCall,
  commandEnded,
  commandRunning,
  eventsOf,
  permissionAsked,
  turnEnded,
  turnStarted,
  user,
} from '../../support/conversationScript.ts';
import { slicesBefore } from '../../support/pagedConversation.ts';

/** A turn with commands, of which every third ends only in the turn after it. */
function turn(index: number, commands: number): SessionUpdate[] {
  const id = (command: number) => `t${index}c${command}`;
  const late = index > 0 ? [commandEnded(`t${index - 1}c0`, 'late', index % 2)] : [];
  const steps = Array.from({ length: commands }, (_, command) => [
    agent(`step ${command} `, `t${index}a${command}`),
    agent('of many', `t${index}a${command}`),
    commandCall(id(command), 'npm test'),
    permissionAsked(id(command), 'npm test', `q${id(command)}`),
    { sessionUpdate: 'permission_answered' as const, requestId: `q${id(command)}`, optionId: 'allow' },
    commandRunning(id(command)),
    ...(command === 0 ? [] : [commandEnded(id(command), `output ${command}`)]),
  ]);
  const running: SessionUpdate = { sessionUpdate: 'tool_call_update', toolCallId: id(0), status: 'completed' };
  return [
    turnStarted(`turn${index}`),
    user(`question ${index}`, `u${index}`),
    ...late,
    ...steps.flat(),
    ...(commands > 0 ? [running] : []),
    { sessionUpdate: 'usage_update', used: index, turn: { inputTokens: index, outputTokens: 1 } },
    turnEnded('end_turn'),
  ];
}

const conversations = fc
  .array(fc.integer({ min: 0, max: 6 }), { minLength: 2, maxLength: 10 })
  .map((turns) => eventsOf(turns.flatMap((commands, index) => turn(index, commands))));

describe('earlier messages', () => {
  it('put in front page by page fold to the very view of the whole conversation', async () => {
    const sizes = fc.record({
      live: fc.nat(12),
      maxTurns: fc.integer({ min: 1, max: 3 }),
      maxEvents: fc.integer({ min: 12, max: 40 }),
      limit: fc.integer({ min: 9, max: 40 }),
    });
    await fc.assert(
      fc.asyncProperty(conversations, sizes, async (all, { live, maxTurns, maxEvents, limit }) => {
        const [past, coming] = [all.slice(0, all.length - live), all.slice(all.length - live)];
        const snapshot = compactEvents(past, { maxTurns, maxEvents, maxChars: 1_000_000 });
        const view = foldAttached(emptyView, { ...snapshot, sequence: past.at(-1)?.sequence ?? 0, title: '' });
        let shown: ShownMessages = { view, earlier: earlierThan(view, snapshot) };
        const goOn = (): void => {
          const { view: next, hasHole } = foldEvents(shown.view, coming);
          assert.ok(!hasHole);
          shown = { view: next, earlier: withLoose({ view: next, earlier: shown.earlier }, coming) };
        };
        const loadAll = async (): Promise<void> => {
          while (shown.earlier.hasMore) {
            const { beforeSequence } = shown.earlier;
            shown = withPage(shown, await earlierPage(slicesBefore(past, beforeSequence, 30), beforeSequence, limit));
          }
        };
        const expected = foldEvents(emptyView, all).view;
        await loadAll();
        goOn();
        assert.deepEqual(shown.view.items, expected.items);
        assert.deepEqual(shown.view, expected);
        // Let go of, and loaded once more.
        if (shown.earlier.loadedItems === 0) return;
        shown = withoutLoaded(shown, 0);
        assert.equal(shown.earlier.loadedItems, 0);
        await loadAll();
        assert.deepEqual(shown.view, expected);
      }),
      { numRuns: 300 },
    );
  });

  it('stay loaded at the end while they are few, and are forgotten when they are many', () => {
    const view = foldAttached(emptyView, {
      events: eventsOf([user('latest', 'u0')], 5_001),
      sequence: 5_001,
      title: '',
    });
    const shown = { view, earlier: earlierThan(view, { events: [], hasEarlier: true, earliestSequence: 5_001 }) };
    const page = (count: number) => ({
      events: eventsOf(Array.from({ length: count }, (_, index) => user('earlier', `e${index}`))),
      earliestSequence: 1,
      hasMore: false,
    });
    const few = withPage(shown, page(500));
    assert.equal(withoutLoaded(few).view, few.view);
    const many = withoutLoaded(withPage(shown, page(1_500)));
    assert.deepEqual(many.view.items, view.items);
    assert.deepEqual([many.earlier.beforeSequence, many.earlier.hasMore], [5_001, true]);
  });
});
