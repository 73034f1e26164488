import assert from 'node:assert/strict';
import {
  agent,
  attached,
  eventsOf,
  sessionId,
  turnEnded,
  turnStarted,
  user,
} from '../../support/conversationScript.ts';
import { eventually } from '../../support/eventually.ts';
import { composer, sendUpdates } from '../../support/panelConversation.ts';
import { webviewSuite } from '../../support/webviewSuite.ts';

describe('the agent panel, after something broke off and with much to show', function () {
  const views = webviewSuite(this);

  describe('when the server is restarted', () => {
    it('keeps the conversation, attaches from the last event, and offers to continue', async () => {
      const updates = [user('go'), turnStarted(), agent('half an ans')];
      const view = await views.openConversation(updates, {
        running: true,
        prepare: (host) => host.answer('session/continue', () => ({ stopReason: 'end_turn' })),
      });
      await view.page.getByText('half an ans').waitFor();
      await view.host.setContext({ serverState: 'restarting' });
      await view.page.getByText('The server is restarting').waitFor();
      assert.equal(await view.page.getByText('half an ans').count(), 1);
      view.host.answer('session/attach', () =>
        attached(eventsOf([turnEnded('interrupted')], 4), { isSnapshot: false, running: false }),
      );
      await view.host.setContext({ serverState: 'recovered', serverGeneration: 2 });
      assert.deepEqual(await view.host.waitForRequest('session/attach', 2), { sessionId, fromSequence: 3 });
      await view.page.getByRole('button', { name: 'Continue' }).click();
      assert.deepEqual(await view.host.waitForRequest('session/continue'), { sessionId });
      assert.equal(await view.page.getByText('half an ans').count(), 1);
    });

    it('gives a prompt back that the server never received', async () => {
      const view = await views.openConversation([user('go'), turnEnded('end_turn')], {
        prepare: (host) => host.answer('session/prompt', () => new Promise(() => undefined)),
      });
      await composer(view).fill('Second prompt');
      await composer(view).press('Enter');
      await view.host.waitForRequest('session/prompt');
      await view.host.setContext({ serverState: 'restarting' });
      await view.host.setContext({ serverState: 'ready', serverGeneration: 2 });
      await view.page.getByText('Your message was not sent').waitFor();
      assert.equal(await composer(view).inputValue(), 'Second prompt');
    });

    it('starts from a snapshot where the server gives one', async () => {
      const view = await views.openConversation([user('old question')]);
      await view.page.getByText('old question').waitFor();
      view.host.answer('session/attach', () => attached(eventsOf([user('compacted')], 7)));
      await view.host.setContext({ serverGeneration: 2 });
      await view.page.getByText('compacted').waitFor();
      assert.equal(await view.page.getByText('old question').count(), 0);
    });

    it('attaches again where an event is missing, and shows every event once', async () => {
      const updates = [user('go'), turnStarted(), agent('one '), agent('two '), agent('three')];
      const view = await views.openConversation(updates.slice(0, 3), { running: true });
      await view.page.getByText('one').waitFor();
      view.host.answer('session/attach', () =>
        attached(eventsOf(updates.slice(3), 4), { isSnapshot: false, running: true }),
      );
      await sendUpdates(view.host, updates.slice(4), 5);
      await view.page.getByText('one two three').waitFor();
      assert.deepEqual(await view.host.waitForRequest('session/attach', 2), { sessionId, fromSequence: 3 });
    });

    it('says why it has stopped, and how to go on', async () => {
      const view = await views.openConversation([user('go')]);
      await view.host.setContext({ serverState: 'stopped', serverMessage: 'It crashed five times.' });
      await view.page.getByText('It crashed five times.').waitFor();
      await view.page.getByRole('button', { name: 'Restart server' }).click();
      assert.deepEqual(await view.host.waitForAction(), { action: 'runCommand', command: 'restartServer' });
    });
  });

  it('offers to continue a turn that failed and says what happened', async () => {
    const message = 'The model endpoint refused the connection. Start it, or pick another model.';
    const view = await views.openConversation(
      [user('go'), turnStarted(), turnEnded('failed', { reason: 'Unavailable', message })],
      {
        prepare: (host) => host.answer('session/continue', () => ({ stopReason: 'end_turn' })),
      },
    );
    await view.page.getByText(message).waitFor();
    await view.page.getByRole('button', { name: 'Continue' }).click();
    await view.host.waitForRequest('session/continue');
  });

  it('shows the first page quickly and few entries of a very long conversation', async () => {
    const updates = Array.from({ length: 5000 }, (_, index) => [
      user(`question ${index}`, `u${index}`),
      agent(`answer ${index}`, `a${index}`),
    ]).flat();
    const { promise: measured, resolve: startAnswer } = Promise.withResolvers<undefined>();
    const view = await views.openConversation([], {
      prepare: (host) =>
        host.answer('session/attach', async () => {
          await measured;
          return attached(eventsOf(updates));
        }),
    });
    await view.host.waitForRequest('session/attach');
    const paintedMs = view.page.evaluate(async () => {
      const { promise: arrived, resolve } = Promise.withResolvers<number>();
      window.addEventListener('message', () => resolve(performance.now()), { capture: true, once: true });
      const arrivedAt = await arrived;
      while (document.querySelector('.agentMessage') === null) await new Promise(requestAnimationFrame);
      return performance.now() - arrivedAt;
    });
    await view.page.getByRole('button', { name: 'Model: gpt-5' }).waitFor();
    startAnswer(undefined);
    await view.page.getByText('answer 4999').waitFor();
    console.log(`      painted ${updates.length} events in ${(await paintedMs).toFixed(0)} ms`);
    assert.equal(await view.page.locator('.entry').count(), 200);
    const isAtEnd = () =>
      view.page.locator('.conversationScroll').evaluate((e) => e.scrollHeight - e.clientHeight - e.scrollTop < 32);
    await eventually('the end is in view', isAtEnd);
    await view.page.locator('.conversationScroll').evaluate((element) => element.scrollTo(0, 0));
    await view.page.getByRole('button', { name: 'Show earlier messages' }).click();
    await eventually('earlier entries', async () => (await view.page.locator('.entry').count()) === 400);
    await view.page.getByRole('button', { name: 'Jump to latest' }).click();
    await eventually('the end is in view', isAtEnd);
    await eventually('the page is light again', async () => (await view.page.locator('.entry').count()) === 200);
  });

  it('follows the end of an answer unless the person has scrolled up', async () => {
    const lines = (from: number) => Array.from({ length: 40 }, (_, line) => `line ${from + line}\n\n`).join('');
    const view = await views.openConversation([user('go'), turnStarted(), agent(lines(0))], {
      running: true,
      heightPx: 500,
    });
    const scroller = view.page.locator('.conversationScroll');
    const fromEndPx = () => scroller.evaluate((e) => e.scrollHeight - e.clientHeight - e.scrollTop);
    await view.page.getByText('line 39').waitFor();
    await sendUpdates(view.host, [agent(lines(40))], 4);
    await view.page.getByText('line 79').waitFor();
    await eventually('the end is in view', async () => (await fromEndPx()) < 32);
    await scroller.hover();
    await view.page.mouse.wheel(0, -600);
    await view.page.getByRole('button', { name: 'Jump to latest' }).waitFor();
    const topPx = await scroller.evaluate((element) => element.scrollTop);
    await sendUpdates(view.host, [agent(lines(80))], 5);
    await view.page.getByText('line 119').waitFor();
    assert.equal(await scroller.evaluate((element) => element.scrollTop), topPx);
  });
});
