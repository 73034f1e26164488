import assert from 'node:assert/strict';
import type { ConversationSummary } from '../../../server/protocol/session.ts';
import type { ConversationId } from '../../../server/protocol/sessionEvents.ts';
import {
  agent,
  attached,
  eventsOf,
  richUpdates,
  sessionId,
  turnEnded,
  turnStarted,
  user,
  withModels,
} from '../../support/conversationScript.ts';
import { eventually } from '../../support/eventually.ts';
import type { OpenView } from '../../support/webviewHarness.ts';
import { webviewSuite } from '../../support/webviewSuite.ts';

const otherId = 'conversation-2' as ConversationId;

function summary(id: ConversationId, title: string): ConversationSummary {
  return { sessionId: id, title, cwd: '/project', createdAt: 0, updatedAt: 0, access: 'write', running: false };
}

describe("the agent panel's controls", function () {
  const views = webviewSuite(this);

  const composer = ({ page }: OpenView) => page.getByLabel('Message to the agent');

  describe('the composer', () => {
    it('takes several lines, sends with Enter, and recalls the last prompt', async () => {
      const view = await views.open('agentPanel', {
        state: { sessionId, draft: '', chosenModel: null },
        prepare: (host) =>
          withModels(host)
            .answer('session/attach', () => attached([]))
            .answer('session/prompt', () => ({ stopReason: 'end_turn' })),
      });
      await composer(view).pressSequentially('one');
      const heightPx = (await composer(view).boundingBox())!.height;
      await composer(view).press('Shift+Enter');
      await composer(view).pressSequentially('two');
      await eventually('a higher input', async () => (await composer(view).boundingBox())!.height > heightPx);
      await composer(view).press('Enter');
      const { prompt } = await view.host.waitForRequest('session/prompt');
      assert.deepEqual(prompt, [{ type: 'text', text: 'one\ntwo' }]);
      assert.equal(await composer(view).inputValue(), '');
      await composer(view).press('ArrowUp');
      assert.equal(await composer(view).inputValue(), 'one\ntwo');
    });

    it('ends the running turn with Escape', async () => {
      const view = await views.open('agentPanel', {
        state: { sessionId, draft: '', chosenModel: null },
        prepare: (host) =>
          withModels(host).answer('session/attach', () =>
            attached(eventsOf([user('go'), turnStarted(), agent('thinking aloud')]), { running: true }),
          ),
      });
      await view.page.getByText('thinking aloud').waitFor();
      await composer(view).press('Escape');
      assert.deepEqual(await view.host.waitForNotification('session/cancel'), { sessionId });
    });

    it('keeps its draft and its conversation over a reload', async () => {
      const view = await views.open('agentPanel', {
        state: { sessionId, draft: 'half a thought', chosenModel: null },
        prepare: (host) => withModels(host).answer('session/attach', () => attached(eventsOf([user('restored')]))),
      });
      await view.page.getByText('restored').waitFor();
      assert.equal(await composer(view).inputValue(), 'half a thought');
      await composer(view).fill('a whole thought');
      await eventually('the state is written', async () => {
        const state = (await view.readState()) as { draft: string; sessionId: string };
        return state.draft === 'a whole thought' && state.sessionId === sessionId;
      });
    });

    it('says why it takes nothing: read only, no folder', async () => {
      const readOnly = await views.open('agentPanel', {
        state: { sessionId, draft: '', chosenModel: null },
        prepare: (host) =>
          withModels(host).answer('session/attach', () => attached(eventsOf([user('theirs')]), { access: 'read' })),
      });
      await readOnly.page.getByText('Another window holds this conversation').first().waitFor();
      assert.equal(await composer(readOnly).isDisabled(), true);
      await readOnly.host.notify('session/changed', { sessionId, session: summary(sessionId, 'theirs') });
      await eventually('the conversation is ours', async () => !(await composer(readOnly).isDisabled()));

      const noFolder = await views.open('agentPanel', {
        prepare: (host) => withModels(host).prepareContext({ workspaceFolder: null }),
      });
      await noFolder.page.getByText('Open a folder to start').waitFor();
      assert.equal(await composer(noFolder).isDisabled(), true);
    });

    it('says that an untrusted folder is not changed, and leads to where it is trusted', async () => {
      const view = await views.open('agentPanel', {
        prepare: (host) => withModels(host).prepareContext({ trusted: false }),
      });
      await view.page.getByText('This folder is not trusted').waitFor();
      assert.equal(await composer(view).isDisabled(), false);
      await view.page.getByRole('button', { name: 'Manage trust' }).click();
      assert.deepEqual(await view.host.waitForAction(), { action: 'manageTrust' });
    });
  });

  it('helps to connect a model where none can be reached, and goes on once there is one', async () => {
    const view = await views.open('agentPanel', {
      prepare: (host) =>
        withModels(host)
          .answer('model/list', () => ({ models: [], defaultModel: null }))
          .answer('model/status', () => ({
            providers: [
              { id: 'openai', name: 'OpenAI', status: 'needsKey', message: 'Set a key.' },
              { id: 'openai-compatible', name: 'Compatible endpoint', status: 'needsEndpoint' },
            ],
          })),
    });
    await view.page.getByRole('heading', { name: 'Connect a model' }).waitFor();
    await view.page.getByRole('button', { name: 'Set API key' }).click();
    assert.deepEqual(await view.host.waitForAction(), { action: 'runCommand', command: 'setApiKey' });
    await view.page.getByRole('listitem').filter({ hasText: 'Compatible' }).getByRole('button').click();
    await eventually('the second action', () => view.host.received.actions.length === 2);
    assert.deepEqual(view.host.received.actions[1], {
      action: 'openSetting',
      key: 'providers.openaiCompatible.baseUrl',
    });
    withModels(view.host);
    await view.host.notify('model/changed', {});
    await view.page.getByRole('button', { name: 'Model: gpt-5' }).waitFor();
    await view.page.getByText('What shall we work on?').waitFor();
  });

  it('opens another conversation from the list, and deletes one only after a question', async () => {
    const view = await views.open('agentPanel', {
      state: { sessionId, draft: '', chosenModel: null },
      prepare: (host) =>
        withModels(host)
          .answer('session/list', () => ({ sessions: [summary(sessionId, 'First'), summary(otherId, 'Second')] }))
          .answer('session/attach', (params) => {
            const isOther = params.sessionId === otherId;
            const events = eventsOf([user(isOther ? 'second text' : 'first text')]);
            return attached(events, isOther ? { sessionId: otherId, title: 'Second' } : { title: 'First' });
          })
          .answer('session/delete', () => ({})),
    });
    await view.page.getByText('first text').waitFor();
    await view.page.getByRole('button', { name: 'Conversations' }).click();
    await view.page.getByRole('option', { name: 'Second' }).waitFor();
    await view.page.keyboard.press('ArrowDown');
    await view.page.keyboard.press('Enter');
    await view.page.getByText('second text').waitFor();
    assert.deepEqual(await view.host.waitForRequest('session/detach'), { sessionId });

    await view.page.getByRole('button', { name: 'Conversations' }).click();
    await view.page.getByRole('option', { name: 'Second' }).waitFor();
    await view.page.keyboard.press('Delete');
    await view.page.getByText('Delete “Second”?').waitFor();
    await eventually('the focus on the safe answer', () =>
      view.page.evaluate(() => document.activeElement?.textContent === 'Keep'),
    );
    assert.equal(
      view.host.received.requests.some(({ method }) => method === 'session/delete'),
      false,
    );
    await view.page.getByRole('button', { name: 'Delete', exact: true }).click();
    assert.deepEqual(await view.host.waitForRequest('session/delete'), { sessionId: otherId });
    await view.page.getByText('What shall we work on?').waitFor();
    await view.page.keyboard.press('Escape');
  });

  it('does what commands ask of it', async () => {
    const view = await views.open('agentPanel', {
      state: { sessionId, draft: 'My question', chosenModel: null },
      prepare: (host) =>
        withModels(host)
          .answer('session/attach', () => attached(eventsOf([user('go'), turnStarted(), turnEnded('cancelled')])))
          .answer('session/continue', () => ({ stopReason: 'end_turn' })),
    });
    await view.page.getByText('Stopped by you.').waitFor();
    await view.host.send({ kind: 'do', what: 'insertPrompt', text: 'Selected code' });
    await eventually('the text', async () => (await composer(view).inputValue()) === 'My question\nSelected code');
    await view.host.send({ kind: 'do', what: 'continueTurn' });
    await view.host.waitForRequest('session/continue');
    await view.host.send({ kind: 'do', what: 'newSession' });
    await view.page.getByText('What shall we work on?').waitFor();
    await view.page.getByRole('button', { name: 'New conversation' }).focus();
    await view.host.send({ kind: 'do', what: 'focusInput' });
    await eventually('the focus', () =>
      view.page.evaluate(() => document.activeElement?.classList.contains('composerInput') === true),
    );
  });

  it('says when its conversation is gone, and starts a new one', async () => {
    const view = await views.open('agentPanel', {
      state: { sessionId, draft: '', chosenModel: null },
      prepare: (host) => withModels(host).answer('session/attach', () => attached(eventsOf([user('mine')]))),
    });
    await view.page.getByText('mine').waitFor();
    await view.host.notify('session/changed', { sessionId, session: null });
    await view.page.getByText('What shall we work on?').waitFor();
    await eventually('it is forgotten', async () => {
      return ((await view.readState()) as { sessionId: string | null }).sessionId === null;
    });
  });

  describe('where nothing is known of a former life of the view', () => {
    const open = (latest: Partial<ConversationSummary>) =>
      views.open('agentPanel', {
        prepare: (host) =>
          withModels(host)
            .answer('session/list', () => ({ sessions: [{ ...summary(otherId, 'The last one'), ...latest }] }))
            .answer('session/attach', () => attached(eventsOf([user('where were we')]))),
      });

    it('goes on with the conversation that was used last', async () => {
      const view = await open({});
      await view.page.getByText('where were we').waitFor();
    });

    it('begins a new one where another window holds the last', async () => {
      const view = await open({ access: 'read' });
      await view.page.getByText('What shall we work on?').waitFor();
      assert.equal(await view.page.getByText('where were we').count(), 0);
    });
  });

  it('speaks the language that the extension host gives it', async () => {
    const view = await views.open('agentPanel', {
      prepare: (host) => withModels(host).prepareContext({ strings: { 'empty.title': 'Woran arbeiten wir?' } }),
    });
    await view.page.getByText('Woran arbeiten wir?').waitFor();
    await view.page.getByRole('button', { name: 'New conversation' }).waitFor();
  });

  for (const theme of ['dark', 'light', 'highContrast'] as const) {
    it(`fits narrow and wide panels in the ${theme} theme`, async () => {
      for (const widthPx of [260, 700]) {
        const view = await views.open('agentPanel', {
          theme,
          widthPx,
          heightPx: 1200,
          state: { sessionId, draft: '', chosenModel: null },
          prepare: (host) => withModels(host).answer('session/attach', () => attached(eventsOf(richUpdates))),
        });
        await view.page.getByText('The lexer itself is fine').waitFor();
        await view.screenshot(`agentPanel-${theme}-${widthPx}`);
        const overflowing = await view.page.evaluate(() =>
          [...document.querySelectorAll('.panel, .header, .conversationScroll, .entry, .composer, .composerBar')]
            .filter((element) => element.scrollWidth > element.clientWidth + 1)
            .map((element) => element.className),
        );
        assert.deepEqual(overflowing, []);
      }
    });
  }

  it('can be worked by keyboard alone: every control is reached by Tab and shows its focus', async () => {
    const view = await views.open('agentPanel', {
      prepare: (host) => withModels(host),
    });
    await view.page.getByRole('button', { name: 'Model: gpt-5' }).waitFor();
    await composer(view).fill('text');
    await view.page.getByRole('button', { name: 'Conversations' }).focus();
    const reached: string[] = [];
    for (let step = 0; step < 7; step++) {
      await view.page.keyboard.press('Tab');
      const focused = await view.page.evaluate(() => {
        const element = document.activeElement as HTMLElement;
        const box = element.closest('.composerBox');
        const hasOutline = getComputedStyle(element).outlineStyle !== 'none';
        // The input has no outline of its own: the box around it takes the colour of the focus.
        const hasBorder = box !== null && getComputedStyle(box).borderTopColor === 'rgb(0, 120, 212)';
        const isVisible = hasOutline || (element.tagName === 'TEXTAREA' && hasBorder);
        return { name: element.getAttribute('aria-label') ?? element.textContent, isVisible };
      });
      assert.ok(focused.isVisible, focused.name);
      reached.push(focused.name);
    }
    assert.deepEqual(reached.slice(4), ['Message to the agent', 'Model: gpt-5', 'Send (Enter)']);
  });
});
