import assert from 'node:assert/strict';
import type { ConversationSummary } from '../../../server/protocol/session.ts';
import type { ConversationId } from '../../../server/protocol/sessionEvents.ts';
import { agent, attached, eventsOf, turnEnded, turnStarted, user } from '../../support/conversationScript.ts';
import type { OpenView } from '../../support/webviewHarness.ts';
import { webviewSuite } from '../../support/webviewSuite.ts';

describe('the agent panel and a conversation that is damaged', function () {
  const views = webviewSuite(this);

  const banner = ({ page }: OpenView) => page.locator('.banner.warning');

  function openDamaged(
    unreadable: { places: number; mark: string },
    options: { theme?: 'dark' | 'light'; state?: unknown } = {},
  ): Promise<OpenView> {
    const events = eventsOf([user('Run the tests'), turnStarted(), agent('They pass.'), turnEnded('end_turn')]);
    return views.openConversation([], {
      ...options,
      widthPx: 300,
      prepare: (host) => host.answer('session/attach', () => attached(events, { unreadable })),
    });
  }

  for (const theme of ['dark', 'light'] as const) {
    it(`says that a part is missing, and offers a backup and the log (${theme})`, async () => {
      const view = await openDamaged({ places: 1, mark: '1-400-90' }, { theme });
      await banner(view).getByText('Part of this conversation could not be read (1 place)').waitFor();
      await view.screenshot(`agentPanelDamage-${theme}`);
      await view.page.getByRole('button', { name: 'Restore backup…' }).click();
      assert.deepEqual(await view.host.waitForAction(), { action: 'runCommand', command: 'restoreBackup' });
    });
  }

  it('does not say so again once that was dismissed, unless more is damaged', async () => {
    const view = await openDamaged({ places: 2, mark: '2-400-90' });
    await banner(view).getByText('could not be read (2 places)').waitFor();
    await banner(view).getByRole('button', { name: 'Dismiss' }).click();
    await banner(view).waitFor({ state: 'detached' });
    const state = await view.readState();
    const again = await openDamaged({ places: 2, mark: '2-400-90' }, { state });
    await again.page.getByText('They pass.').waitFor();
    assert.equal(await banner(again).count(), 0);
    const worse = await openDamaged({ places: 3, mark: '3-800-90' }, { state });
    await banner(worse).getByText('could not be read (3 places)').waitFor();
  });

  it('marks what cannot be read, and what was imported, in the list of conversations', async () => {
    const summary = (id: string, changes: Partial<ConversationSummary>): ConversationSummary => ({
      ...{ sessionId: id as ConversationId, title: id, cwd: '/project', createdAt: 0, updatedAt: 0 },
      ...{ access: 'write', running: false },
      ...changes,
    });
    const view = await views.openConversation([], {
      prepare: (host) =>
        host.answer('session/list', () => ({
          sessions: [
            summary('damaged-1', { access: 'read', unopenable: 'Its beginning is damaged.' }),
            summary('imported-1', { importedAt: 1 }),
          ],
        })),
    });
    await view.page.getByRole('button', { name: 'Conversations' }).click();
    await view.page.getByRole('option', { name: /damaged-1.*cannot be read/s }).waitFor();
    await view.page.getByRole('option', { name: /imported-1.*imported/s }).waitFor();
    assert.equal(await view.page.getByText('open in another window').count(), 0);
    await view.screenshot('agentPanelDamage-list');
  });

  it('tells of the damaged end of a file, not of a restart', async () => {
    const message = 'The end of this turn is missing.';
    const updates = [user('Run'), turnStarted(), turnEnded('interrupted', { reason: 'Unavailable', message })];
    const view = await views.openConversation(updates);
    await view.page.locator('.turnEnd', { hasText: message }).waitFor();
    assert.equal(await view.page.getByText('server stopped').count(), 0);
  });
});
