import assert from 'node:assert/strict';
import {
  attached,
  commandCall,
  eventsOf,
  permissionAsked,
  sessionId,
  terminalId,
  terminalInfo,
  turnEnded,
  turnStarted,
  user,
  withModels,
} from '../../support/conversationScript.ts';
import type { ThemeName } from '../../support/webviewThemes.ts';
import { eventually } from '../../support/eventually.ts';
import type { OpenView } from '../../support/webviewHarness.ts';
import { webviewSuite } from '../../support/webviewSuite.ts';
import type { SessionUpdate } from '../../../server/protocol/sessionEvents.ts';

const sentenceForModel = 'The person did not allow this. Do not try it again in another way; ask them.';

function update(changes: object): SessionUpdate {
  return { sessionUpdate: 'tool_call_update', toolCallId: 'c1', ...changes };
}

const text = (value: string) => [{ type: 'content' as const, content: { type: 'text' as const, text: value } }];

describe('the card of a tool call', function () {
  const views = webviewSuite(this);

  async function openCall(updates: readonly SessionUpdate[], running = false): Promise<OpenView> {
    const events = eventsOf([user('go'), turnStarted(), commandCall('c1', 'npm test'), ...updates]);
    const view = await views.open('agentPanel', {
      state: { sessionId, draft: '', chosenModel: null },
      prepare: (host) => withModels(host).answer('session/attach', () => attached(events, { running })),
    });
    await view.page.locator('.command').waitFor();
    return view;
  }

  for (const [how, rawOutput] of [
    ['left with an exit code that is not 0', { exitCode: 1, durationMs: 2000 }],
    ['was ended by a signal', { exitCode: null, signal: 9, durationMs: 2000 }],
  ] as const) {
    it(`shows in the colour of errors that a command ${how}, although the call was completed`, async () => {
      const { page } = await openCall([
        update({ status: 'in_progress' }),
        update({ status: 'completed', content: text('1 failing'), rawOutput }),
        turnEnded('end_turn'),
      ]);
      const status = page.locator('.command .toolStatus');
      assert.match((await status.textContent())!, /2\.0 s.*failed/);
      const [statusColour, errorColour] = await status.evaluate((element) => {
        const probe = element.appendChild(document.createElement('span'));
        probe.style.color = 'var(--vscode-errorForeground)';
        return [getComputedStyle(element.querySelector('.icon')!).color, getComputedStyle(probe).color];
      });
      assert.equal(statusColour, errorColour);
      assert.equal(await page.locator('.command .outcome.failed').count(), 1);
    });
  }

  it('shows a tick for a command that ended well', async () => {
    const { page } = await openCall([update({ status: 'completed', rawOutput: { exitCode: 0, durationMs: 2000 } })]);
    assert.match((await page.locator('.command .toolStatus').textContent())!, /done/);
    assert.equal(await page.locator('.command .failed').count(), 0);
  });

  it('waits quietly for permission, and spins once it has it', async () => {
    const asked = [update({ status: 'in_progress' }), permissionAsked('c1', 'npm test')];
    const view = await openCall(asked, true);
    assert.equal(await view.page.locator('.command .toolStatus').textContent(), 'waiting');
    assert.equal(await view.page.locator('.iconSpin').count(), 0);
    const [event] = eventsOf([{ sessionUpdate: 'permission_answered', requestId: 'q1', optionId: 'allow' }], 6);
    await view.host.notify('session/update', { sessionId, ...event! });
    await view.page.locator('.command .toolStatus', { hasText: 'running' }).waitFor();
    assert.equal(await view.page.locator('.command .iconSpin').count(), 1);
  });

  it('says that a rejected call did not run, and not what the model is told', async () => {
    const { page } = await openCall([
      update({ status: 'in_progress' }),
      permissionAsked('c1', 'npm test'),
      { sessionUpdate: 'permission_answered', requestId: 'q1', optionId: 'deny' },
      update({ status: 'failed', content: text(sentenceForModel) }),
      turnEnded('end_turn'),
    ]);
    assert.match((await page.locator('.command .toolStatus').textContent())!, /^\P{Letter}*Not run$/u);
    assert.equal(await page.locator('.command .failed').count(), 0);
    assert.equal(await page.getByText(sentenceForModel).count(), 0);
    assert.equal(await page.getByText('No output').count(), 0);
  });

  it('says why the rules refused a call', async () => {
    const { page } = await openCall([
      update({ status: 'in_progress' }),
      update({ status: 'failed', content: text('This folder is not trusted.'), rawOutput: { refused: true } }),
      turnEnded('end_turn'),
    ]);
    assert.match((await page.locator('.command .toolStatus').textContent())!, /^\P{Letter}*Not run$/u);
    await page.locator('.command').getByText('This folder is not trusted.').waitFor();
  });

  describe('of a command that runs', () => {
    const running = [
      update({ status: 'in_progress', content: [{ type: 'terminal', terminalId }] }),
      update({ rawOutput: { waitsForInput: { kind: 'password', prompt: 'Password:' } } }),
    ];

    async function openRunning(theme: ThemeName = 'dark'): Promise<OpenView> {
      const events = eventsOf([user('go'), turnStarted(), commandCall('c1', 'sudo make install'), ...running]);
      const view = await views.open('agentPanel', {
        theme,
        state: { sessionId, draft: '', chosenModel: null },
        prepare: (host) =>
          withModels(host)
            .answer('session/attach', () => attached(events, { running: true }))
            .answer('terminal/attach', () => ({ terminal: terminalInfo(), fromOffset: 0 }))
            .answer('terminal/detach', () => ({}))
            .answer('terminal/background', () => ({})),
      });
      await view.page.locator('.command .waitsForInput').waitFor();
      return view;
    }

    for (const theme of ['dark', 'light'] as const) {
      it(`says that it waits for input, and offers to let it go on (${theme})`, async () => {
        const view = await openRunning(theme);
        const { page, host } = view;
        assert.match((await page.locator('.waitsForInput').textContent())!, /Waits for your input/);
        assert.equal(await page.locator('.waitsForInput span[title]').getAttribute('title'), 'Password:');
        await view.screenshot(`command-waits-${theme}`);
        await page.getByText('Show terminal').click();
        await page.getByText('Continue in background').click();
        assert.deepEqual(await host.waitForRequest('terminal/background'), { sessionId: terminalId });
        assert.deepEqual(host.received.actions, [{ action: 'showTerminal', terminalId }]);
      });
    }

    it('stops saying so when it goes on, and says when it runs in the background', async () => {
      const view = await openRunning();
      const { page, host } = view;
      const next = eventsOf(
        [
          update({ rawOutput: {} }),
          update({
            status: 'completed',
            content: [{ type: 'terminal', terminalId }, ...text('listening on 3000')],
            rawOutput: { running: true },
          }),
          update({ rawOutput: { exitCode: 1, durationMs: 5000 } }),
        ],
        6,
      );
      await host.notify('session/update', { sessionId, ...next[0]! });
      await page.locator('.waitsForInput', { hasText: 'Waits' }).waitFor({ state: 'detached' });
      await host.notify('session/update', { sessionId, ...next[1]! });
      await page.locator('.command .toolStatus', { hasText: 'in the background' }).waitFor();
      await page.locator('.command').getByText('listening on 3000').waitFor();
      await page.locator('.outputCaption', { hasText: 'Output until it went to the background' }).waitFor();
      await page.setViewportSize({ width: 280, height: 700 });
      const [line, badge] = [page.locator('.commandLine'), page.locator('.command .toolStatus')];
      const isBelow = async () => (await badge.boundingBox())!.y >= bottomOf(await line.boundingBox());
      await eventually('the badge below the command', isBelow);
      assert.ok((await line.boundingBox())!.width > 150, 'the command has the line to itself');
      await page.setViewportSize({ width: 700, height: 700 });
      await eventually('the badge beside the command', async () => !(await isBelow()));
      await page.setViewportSize({ width: 280, height: 700 });
      assert.equal(await page.getByText('Continue in background').count(), 0);
      await view.screenshot('command-background');
      await host.notify('session/update', { sessionId, ...next[2]! });
      await page.locator('.command .outcome.failed', { hasText: 'exit code 1' }).waitFor();
      assert.equal(await page.getByText('Show terminal').count(), 0);
      assert.equal(await page.locator('.outputCaption').count(), 0);
    });

    it('says where the output ends of a command that goes on although its server stopped', async () => {
      const { page, host } = await openRunning();
      const interrupted = update({
        status: 'completed',
        content: [{ type: 'terminal', terminalId }, ...text('half of it')],
        rawOutput: { running: true, isInterrupted: true },
      });
      await host.notify('session/update', { sessionId, ...eventsOf([interrupted], 6)[0]! });
      await page.locator('.outputCaption', { hasText: 'Output until the server stopped' }).waitFor();
    });
  });
});

function bottomOf(box: { y: number; height: number } | null): number {
  assert.ok(box);
  return box.y + box.height;
}
