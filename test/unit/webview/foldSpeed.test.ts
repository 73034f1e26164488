import assert from 'node:assert/strict';
import type { SessionUpdate } from '../../../server/protocol/sessionEvents.ts';
import { emptyView } from '../../../webview-ui/src/agentPanel/state/conversationView.ts';
import { foldEvents } from '../../../webview-ui/src/agentPanel/state/foldEvents.ts';
import { agent, commandCall, commandEnded, commandRunning, eventsOf, user } from '../../support/conversationScript.ts';

describe('the fold of a long conversation', () => {
  it('folds 10,000 events, whole and in small batches, into the same view', () => {
    const updates: SessionUpdate[] = [];
    while (updates.length < 10_000) {
      const number = updates.length;
      updates.push(user('question', `u${number}`));
      for (let chunk = 0; chunk < 16; chunk++) updates.push(agent('some words of an answer ', `a${number}`));
      updates.push(commandCall(`c${number}`, 'ls'), commandRunning(`c${number}`), commandEnded(`c${number}`, 'out'));
    }
    const events = eventsOf(updates);
    const startedAt = performance.now();
    const whole = foldEvents(emptyView, events).view;
    console.log(`      folded ${events.length} events in ${(performance.now() - startedAt).toFixed(0)} ms`);
    let view = emptyView;
    for (let first = 0; first < events.length; first += 50)
      view = foldEvents(view, events.slice(first, first + 50)).view;
    assert.deepEqual(view, whole);
    assert.equal(whole.items.length, 1500);
  });
});
