import assert from 'node:assert/strict';
import { CodedError } from '../../../server/protocol/errors.ts';
import type { ConversationSummary, UnsavedEnd } from '../../../server/protocol/session.ts';
import {
  agent,
  attached,
  eventsOf,
  sessionId,
  turnEnded,
  turnStarted,
  user,
} from '../../support/conversationScript.ts';
import { composer, sendUpdates } from '../../support/panelConversation.ts';
import type { OpenView } from '../../support/webviewHarness.ts';
import { webviewSuite } from '../../support/webviewSuite.ts';

const full = 'Could not save the conversation (ENOSPC). The disk is full. Free some space and try again.';
const unsavedEnd: UnsavedEnd = {
  turnId: 'turn1',
  stopReason: 'failed',
  error: { reason: 'Unavailable', message: full },
};

describe('the agent panel on a full disk', function () {
  const views = webviewSuite(this);

  const working = ({ page }: OpenView) => page.getByText('Working…');
  const summary = (changes: Partial<ConversationSummary>): ConversationSummary => ({
    ...{ sessionId, title: 'Run the tests', cwd: '/project', createdAt: 0, updatedAt: 0, access: 'write' as const },
    running: true,
    ...changes,
  });

  /** A turn has begun, and its end cannot be written. */
  async function openRunning(options: { theme?: 'dark' | 'light' } = {}): Promise<OpenView> {
    const view = await views.openConversation([user('Run the tests'), turnStarted(), agent('I shall.')], {
      ...options,
      running: true,
    });
    await working(view).waitFor();
    return view;
  }

  for (const theme of ['dark', 'light'] as const) {
    it(`shows the reason and a way to go on where a turn ended and no event can say so (${theme})`, async () => {
      const view = await openRunning({ theme });
      await view.host.notify('session/changed', { sessionId, session: summary({ running: false, unsavedEnd }) });
      await view.page.locator('.turnEnd.error', { hasText: full }).waitFor();
      await working(view).waitFor({ state: 'hidden' });
      await view.page.getByRole('button', { name: 'Continue', exact: true }).waitFor();
      await view.screenshot(`agentPanelFullDisk-${theme}`);
    });
  }

  it('gives the warning above a narrow conversation its whole width', async () => {
    const view = await views.openConversation([user('Run the tests')], {
      widthPx: 260,
      prepare: (host) => host.prepareContext({ serverState: 'degraded', serverMessage: full }),
    });
    const text = view.page.locator('.banner.warning > span', { hasText: full });
    await text.getByRole('button', { name: 'Show log' }).waitFor();
    assert.ok((await text.boundingBox())!.width > 200, 'nothing stands beside the text');
  });

  it('has no other title while a conversation is being loaded', async () => {
    const view = await views.openConversation([], {
      prepare: (host) => host.answer('session/attach', () => new Promise(() => undefined)),
    });
    await view.page.locator('h1', { hasText: 'Loading the conversation…' }).waitFor();
  });

  it('takes the next prompt, and gives it back with the reason as long as the disk is full', async () => {
    const view = await openRunning();
    const events = eventsOf([user('Run the tests'), turnStarted(), agent('I shall.')]);
    view.host
      .answer('session/attach', () => attached(events, { unsavedEnd, isSnapshot: false, events: [] }))
      .answer('session/prompt', () => Promise.reject(new CodedError('Unavailable', full)));
    await view.host.notify('session/changed', { sessionId, session: summary({ running: false, unsavedEnd }) });
    await composer(view).fill('And now?');
    await composer(view).press('Enter');
    await view.page.locator('.notice', { hasText: `Your message was not sent: ${full}` }).waitFor();
    assert.equal(await composer(view).inputValue(), 'And now?');
    assert.equal(await view.page.locator('.turnEnd').count(), 1);
  });

  it('knows the end of a turn from an attach, too', async () => {
    const events = eventsOf([user('Run the tests'), turnStarted(), agent('I shall.')]);
    const view = await views.openConversation([], {
      prepare: (host) => host.answer('session/attach', () => attached(events, { unsavedEnd })),
    });
    await view.page.locator('.turnEnd.error', { hasText: full }).waitFor();
  });

  it('puts what is written once there is room in the place of that', async () => {
    const view = await openRunning();
    await view.host.notify('session/changed', { sessionId, session: summary({ running: false, unsavedEnd }) });
    await view.page.locator('.turnEnd.error', { hasText: full }).waitFor();
    await sendUpdates(view.host, [turnEnded('end_turn')], 4);
    await view.page.locator('.turnEnd').waitFor({ state: 'detached' });
  });

  it('says so where an answer is complete and only its end is not saved, and offers nothing to continue', async () => {
    const view = await openRunning();
    const end = { ...unsavedEnd, stopReason: 'end_turn' as const };
    await view.host.notify('session/changed', { sessionId, session: summary({ running: false, unsavedEnd: end }) });
    await view.page.locator('.turnEnd.error', { hasText: full }).waitFor();
    assert.equal(await view.page.getByRole('button', { name: 'Continue', exact: true }).count(), 0);
  });

  it('says that a turn was stopped, and that this is not saved', async () => {
    const view = await openRunning();
    const end = { ...unsavedEnd, stopReason: 'cancelled' as const };
    await view.host.notify('session/changed', { sessionId, session: summary({ running: false, unsavedEnd: end }) });
    await view.page.locator('.turnEnd.error', { hasText: `Stopped by you. ${full}` }).waitFor();
  });
});
