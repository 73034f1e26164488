import assert from 'node:assert/strict';
import {
  agent,
  attached,
  commandCall,
  commandRunning,
  eventsOf,
  permissionAsked,
  sessionId,
  terminalInfo,
  turnEnded,
  turnStarted,
  user,
  withModels,
} from '../../support/conversationScript.ts';
import { eventually } from '../../support/eventually.ts';
import type { ScriptedHost } from '../../support/scriptedHost.ts';
import type { OpenView } from '../../support/webviewHarness.ts';
import { webviewSuite } from '../../support/webviewSuite.ts';
import type { SessionUpdate } from '../../../server/protocol/sessionEvents.ts';

const composer = ({ page }: OpenView) => page.getByLabel('Message to the agent');

function promptBoxHasFocus({ page }: OpenView): Promise<void> {
  return eventually('the prompt box has the focus', () =>
    page.evaluate(() => document.activeElement?.classList.contains('composerInput') === true),
  );
}

function cancelCount({ host }: OpenView): number {
  return host.received.notifications.filter(({ method }) => method === 'session/cancel').length;
}

async function sendUpdates({ host }: OpenView, updates: readonly SessionUpdate[], firstSequence: number) {
  for (const event of eventsOf(updates, firstSequence)) await host.notify('session/update', { sessionId, ...event });
}

describe('the keyboard in the agent panel', function () {
  const views = webviewSuite(this);

  function openRunning(updates: readonly SessionUpdate[], prepare?: (host: ScriptedHost) => void): Promise<OpenView> {
    return views.open('agentPanel', {
      state: { sessionId, draft: '', chosenModel: null },
      prepare: (host) => {
        withModels(host).answer('session/attach', () => attached(eventsOf(updates), { running: true }));
        prepare?.(host);
      },
    });
  }

  const working = [user('go'), turnStarted(), agent('thinking aloud')];
  const asking = [user('go'), turnStarted(), commandCall('c1', 'npm test'), permissionAsked('c1', 'npm test')];

  describe('Escape', () => {
    it('stops the turn wherever the focus is', async () => {
      const view = await openRunning(working);
      await view.page.getByText('thinking aloud').waitFor();
      await view.page.getByRole('button', { name: 'New conversation' }).focus();
      await view.page.keyboard.press('Escape');
      await view.host.waitForNotification('session/cancel');
      await view.page.evaluate(() => (document.activeElement as HTMLElement).blur());
      await view.page.keyboard.press('Escape');
      await eventually('the second cancel', () => cancelCount(view) === 2);
    });

    it('stops the turn while a question waits', async () => {
      const view = await openRunning(asking);
      await view.page.getByText('The agent asks for permission').waitFor();
      await view.page.keyboard.press('Escape');
      assert.deepEqual(await view.host.waitForNotification('session/cancel'), { sessionId });
    });

    it('closes an open menu first, even if the focus has left it', async () => {
      const view = await openRunning(working);
      await view.page.getByRole('button', { name: 'Model: gpt-5' }).click();
      await view.page.getByLabel('Search models').waitFor();
      await view.page.keyboard.press('Escape');
      await view.page.getByLabel('Search models').waitFor({ state: 'detached' });
      await view.page.getByRole('button', { name: 'Model: gpt-5' }).click();
      await view.page.getByLabel('Search models').waitFor();
      await composer(view).focus();
      await view.page.keyboard.press('Escape');
      await view.page.getByLabel('Search models').waitFor({ state: 'detached' });
      assert.equal(cancelCount(view), 0);
      await view.page.keyboard.press('Escape');
      await view.host.waitForNotification('session/cancel');
      assert.equal(cancelCount(view), 1);
    });

    it('goes to the program in a live terminal', async () => {
      const running = [user('go'), turnStarted(), commandCall('c1', 'vi'), commandRunning('c1')];
      const view = await openRunning(running, (host) =>
        host
          .answer('terminal/attach', () => ({ terminal: terminalInfo(), fromOffset: 0 }))
          .answer('terminal/detach', () => ({}))
          .answer('terminal/write', () => ({})),
      );
      await view.page.locator('.xterm-screen').click();
      await view.page.keyboard.press('Escape');
      assert.equal((await view.host.waitForRequest('terminal/write')).data, '\u001B');
      assert.equal(cancelCount(view), 0);
    });
  });

  describe('where no model is chosen', () => {
    async function openUnchosen(): Promise<OpenView> {
      const view = await views.open('agentPanel', {
        prepare: (host) => {
          withModels(host)
            .answer('session/new', () => ({ sessionId, configOptions: [] }))
            .answer('session/attach', () => attached([]))
            .answer('session/set_config_option', () => ({ configOptions: [] }))
            .answer('session/prompt', () => ({ stopReason: 'end_turn' }));
          host.answer('model/list', () => ({
            models: [
              { id: 'openai/gpt-5', name: 'gpt-5', provider: 'OpenAI' },
              { id: 'ollama/qwen3-coder', name: 'qwen3-coder', provider: 'Ollama' },
            ],
            defaultModel: null,
          }));
        },
      });
      await view.page.getByRole('button', { name: 'Model: Pick a model' }).waitFor();
      return view;
    }

    it('Enter asks for one, keeps the text, and sends it after the pick', async () => {
      const view = await openUnchosen();
      await composer(view).fill('Hello');
      await composer(view).press('Enter');
      await view.page.getByLabel('Search models').waitFor();
      await view.page.getByText('Pick a model, and your message is sent.').waitFor();
      assert.equal(await composer(view).inputValue(), 'Hello');
      await view.page.keyboard.type('qwen');
      await view.page.keyboard.press('Enter');
      const { prompt } = await view.host.waitForRequest('session/prompt');
      assert.deepEqual(prompt, [{ type: 'text', text: 'Hello' }]);
      const { value } = await view.host.waitForRequest('session/set_config_option');
      assert.equal(value, 'ollama/qwen3-coder');
      await promptBoxHasFocus(view);
    });

    it('nothing is sent when the picker is closed without a pick, or opened by hand', async () => {
      const view = await openUnchosen();
      await composer(view).fill('Hello');
      await composer(view).press('Enter');
      await view.page.getByLabel('Search models').waitFor();
      await view.page.keyboard.press('Escape');
      await promptBoxHasFocus(view);
      assert.equal(await composer(view).inputValue(), 'Hello');
      await view.page.getByRole('button', { name: 'Model: Pick a model' }).click();
      await view.page.getByRole('option', { name: 'gpt-5' }).click();
      await view.page.getByRole('button', { name: 'Model: gpt-5' }).waitFor();
      await promptBoxHasFocus(view);
      assert.equal(await composer(view).inputValue(), 'Hello');
      await composer(view).press('Enter');
      await view.host.waitForRequest('session/prompt');
      assert.equal(view.host.received.requests.filter(({ method }) => method === 'session/prompt').length, 1);
    });
  });

  it('a suggestion leaves what was typed, and takes the place of another suggestion', async () => {
    const view = await views.open('agentPanel', { prepare: (host) => withModels(host) });
    const suggestions = view.page.locator('.suggestion');
    await suggestions.nth(0).click();
    await suggestions.nth(1).click();
    await promptBoxHasFocus(view);
    const suggested = (await suggestions.nth(1).textContent())!;
    assert.equal(await composer(view).inputValue(), suggested);
    await composer(view).fill('My own words');
    await suggestions.nth(1).click();
    await suggestions.nth(1).click();
    assert.equal(await composer(view).inputValue(), `My own words\n${suggested}`);
  });

  describe('the focus goes to the prompt box', () => {
    const answered: SessionUpdate = { sessionUpdate: 'permission_answered', requestId: 'q1', optionId: 'allow' };

    it('when a question was answered by its number', async () => {
      const view = await openRunning(asking, (host) => host.answer('session/answer_permission', () => ({})));
      await view.page.locator('.permission:focus').waitFor();
      await view.page.keyboard.press('1');
      await view.host.waitForRequest('session/answer_permission');
      await sendUpdates(view, [answered], 5);
      await promptBoxHasFocus(view);
      assert.equal(await composer(view).inputValue(), '');
    });

    it('when a question was answered with the mouse', async () => {
      const view = await openRunning(asking, (host) => host.answer('session/answer_permission', () => ({})));
      await view.page.locator('.permission button').last().click();
      await view.host.waitForRequest('session/answer_permission');
      await sendUpdates(view, [{ ...answered, optionId: 'deny' }], 5);
      await promptBoxHasFocus(view);
    });

    it('when the turn of the stop button has ended, with a draft or without', async () => {
      for (const draft of ['', 'next thing']) {
        const view = await openRunning(working);
        await composer(view).fill(draft);
        await view.page.getByRole('button', { name: 'Stop the agent (Escape)' }).focus();
        await view.page.keyboard.press('Enter');
        await view.host.waitForNotification('session/cancel');
        await sendUpdates(view, [turnEnded('cancelled')], 4);
        await promptBoxHasFocus(view);
        assert.equal(await composer(view).inputValue(), draft);
      }
    });
  });
});
