import assert from 'node:assert/strict';
import { CodedError } from '../../../server/protocol/errors.ts';
import {
  agent,
  attached,
  commandCall,
  commandEnded,
  commandRunning,
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
import { eventually } from '../../support/eventually.ts';
import type { ScriptedHost } from '../../support/scriptedHost.ts';
import { WebviewHarness, type OpenView, type ViewOptions } from '../../support/webviewHarness.ts';
import type { SessionUpdate } from '../../../server/protocol/sessionEvents.ts';

describe('the agent panel', function () {
  this.timeout(60_000);
  let harness: WebviewHarness;

  before(async () => {
    harness = await WebviewHarness.start();
  });
  afterEach(() => harness.closeViews());
  after(() => harness.dispose());

  /** The panel with a conversation of these updates, followed by what `more` sends. */
  function openConversation(updates: readonly SessionUpdate[], options: ViewOptions & { running?: boolean } = {}) {
    return harness.open('agentPanel', {
      state: { sessionId, draft: '', chosenModel: null },
      ...options,
      prepare: (host) => {
        withModels(host).answer('session/attach', () =>
          attached(eventsOf(updates), { running: options.running ?? false }),
        );
        options.prepare?.(host);
      },
    });
  }

  async function sendUpdates(host: ScriptedHost, updates: readonly SessionUpdate[], firstSequence: number) {
    for (const event of eventsOf(updates, firstSequence)) await host.notify('session/update', { sessionId, ...event });
  }

  const composer = ({ page }: OpenView) => page.getByLabel('Message to the agent');

  describe('a first prompt', () => {
    it('starts a conversation in the workspace folder and streams the answer', async () => {
      const view = await harness.open('agentPanel', {
        prepare: (host) =>
          withModels(host)
            .answer('session/new', () => ({ sessionId, configOptions: [] }))
            .answer('session/attach', () => attached([]))
            .answer('session/prompt', () => new Promise(() => undefined)),
      });
      await view.page.getByRole('button', { name: 'Model: gpt-5' }).waitFor();
      await composer(view).fill('Run the tests');
      await composer(view).press('Enter');
      assert.deepEqual(await view.host.waitForRequest('session/new'), { cwd: '/project', mcpServers: [] });
      assert.deepEqual(await view.host.waitForRequest('session/prompt'), {
        sessionId,
        prompt: [{ type: 'text', text: 'Run the tests' }],
      });
      await view.page.locator('.userMessage.pending', { hasText: 'Run the tests' }).waitFor();
      await sendUpdates(view.host, [user('Run the tests'), turnStarted(), agent('**Two** '), agent('fail.')], 1);
      await view.page.locator('.agentMessage', { hasText: 'Two fail.' }).waitFor();
      assert.equal(await view.page.locator('.agentMessage strong').textContent(), 'Two');
      assert.equal(await view.page.locator('.userMessage').count(), 1);
      await view.page.getByRole('button', { name: 'Stop the agent (Escape)' }).click();
      assert.deepEqual(await view.host.waitForNotification('session/cancel'), { sessionId });
      await sendUpdates(view.host, [turnEnded('cancelled')], 5);
      await view.page.getByText('Stopped by you.').waitFor();
    });

    it('goes to the model that was picked with the keyboard before', async () => {
      const view = await harness.open('agentPanel', {
        prepare: (host) =>
          withModels(host)
            .answer('session/new', () => ({ sessionId, configOptions: [] }))
            .answer('session/attach', () => attached([]))
            .answer('session/set_config_option', () => ({ configOptions: [] }))
            .answer('session/prompt', () => ({ stopReason: 'end_turn' })),
      });
      await view.page.getByRole('button', { name: 'Model: gpt-5' }).focus();
      await view.page.keyboard.press('Enter');
      await view.page.getByLabel('Search models').waitFor();
      await view.page.keyboard.type('ollama');
      await view.page.getByRole('option', { name: 'qwen3-coder' }).waitFor();
      await view.page.keyboard.press('Enter');
      await view.page.getByRole('button', { name: 'Model: qwen3-coder' }).waitFor();
      await composer(view).fill('Hello');
      await composer(view).press('Enter');
      assert.deepEqual(await view.host.waitForRequest('session/set_config_option'), {
        sessionId,
        configId: 'model',
        value: 'ollama/qwen3-coder',
      });
      await view.host.waitForRequest('session/prompt');
    });

    it('that is refused comes back into the composer with the reason', async () => {
      const view = await openConversation([], {
        prepare: (host) =>
          host.answer('session/prompt', () => {
            throw new CodedError('Conflict', 'A turn is already running.');
          }),
      });
      await composer(view).fill('Hello');
      await composer(view).press('Enter');
      await view.page.getByText('Your message was not sent: A turn is already running.').waitFor();
      assert.equal(await composer(view).inputValue(), 'Hello');
      assert.equal(await view.page.locator('.userMessage').count(), 0);
    });
  });

  describe('an answer', () => {
    it('can smuggle in no script, picture, frame or command', async () => {
      const hostile = [
        '<script>document.title = "owned"</script>',
        '<img src=x onerror="document.title=\'owned\'">',
        '<iframe src="https://evil.example"></iframe><svg onload="document.title=1"></svg>',
        '![tracker](https://evil.example/pixel.png)',
        '[command](command:workbench.action.quit) [js](javascript:document.title=1) [data](data:text/html,x)',
        '<a href="command:x" onclick="document.title=2">html link</a>',
        '`code <b>` and\n\n```html\n<script>alert(1)</script>\n```',
      ].join('\n\n');
      const view = await openConversation([agent(hostile), turnEnded('end_turn')]);
      await view.page.getByText('alert(1)').waitFor();
      const title = await view.page.title();
      const found = await view.page.locator('.markdown').evaluate((root) => ({
        tags: [...new Set([...root.querySelectorAll('*')].map((element) => element.tagName.toLowerCase()))],
        handlers: [...root.querySelectorAll('*')].filter((element) =>
          element.getAttributeNames().some((name) => name.startsWith('on') || name === 'href' || name === 'src'),
        ).length,
        links: [...root.querySelectorAll('.link')].map((element) => element.textContent),
      }));
      assert.equal(title, '');
      for (const tag of ['script', 'img', 'iframe', 'svg', 'style', 'object'])
        assert.equal(found.tags.includes(tag), false, tag);
      assert.equal(found.handlers, 0);
      assert.deepEqual(found.links, ['Image: tracker']);
    });

    it('opens web links in the browser and file links in the editor, by mouse and by key', async () => {
      const view = await openConversation([agent('[docs](https://example.org/) [main](src/main.ts:7)')]);
      await view.page.getByRole('link', { name: 'docs' }).click();
      assert.deepEqual(await view.host.waitForAction(), { action: 'openLink', url: 'https://example.org/' });
      await view.page.getByRole('link', { name: 'main' }).press('Enter');
      await eventually('the second action', () => view.host.received.actions.length === 2);
      assert.deepEqual(view.host.received.actions[1], { action: 'openFile', path: 'src/main.ts', line: 7 });
    });

    it('copies a code block without its fence', async () => {
      const view = await openConversation([agent('```sh\nnpm test\nnpm run lint\n```')]);
      await view.page.getByRole('button', { name: 'Copy code' }).click();
      assert.deepEqual(await view.host.waitForAction(), { action: 'copyText', text: 'npm test\nnpm run lint' });
    });

    it('leaves the blocks that are finished alone while it grows', async () => {
      const view = await openConversation([user('go'), turnStarted(), agent('first block\n\nsecond\n\nthird\n\n')], {
        running: true,
      });
      await view.page.getByText('first block').evaluate((element) => element.setAttribute('data-mark', 'same'));
      await sendUpdates(view.host, [agent('fourth\n\n'), agent('fifth')], 4);
      await view.page.getByText('fifth').waitFor();
      assert.equal(await view.page.getByText('first block').getAttribute('data-mark'), 'same');
    });
  });

  describe('a question', () => {
    const asking = [user('go'), turnStarted(), commandCall('c1', 'npm test'), permissionAsked('c1', 'npm \u202Etest')];

    function openQuestion(): Promise<OpenView> {
      return openConversation(asking, {
        running: true,
        prepare: (host) => host.answer('session/answer_permission', () => ({})),
      });
    }

    it('takes the focus, reveals hidden characters and is answered by its number', async () => {
      const view = await openQuestion();
      await view.page.getByText('npm ⟨U+202E⟩test').waitFor();
      await eventually('the card has the focus', () =>
        view.page.evaluate(() => document.activeElement?.classList.contains('permission') === true),
      );
      await view.page.keyboard.press('Enter');
      await view.page.keyboard.press('Space');
      assert.equal(
        view.host.received.requests.some(({ method }) => method === 'session/answer_permission'),
        false,
      );
      await view.page.keyboard.press('3');
      const answer = await view.host.waitForRequest('session/answer_permission');
      assert.deepEqual(answer, { sessionId, requestId: 'q1', optionId: 'deny' });
      await sendUpdates(view.host, [{ sessionUpdate: 'permission_answered', requestId: 'q1', optionId: 'deny' }], 5);
      await view.page.getByText('You chose: Reject').waitFor();
      assert.equal(await view.page.locator('.permission button').count(), 0);
    });

    it('says in which folder a command would run unless that is the workspace, and answers in the person’s language', async () => {
      const ask = (requestId: string, cwd: string) => ({ ...permissionAsked('c1', 'npm test', requestId), cwd });
      const view = await openConversation([...asking.slice(0, 3), ask('q1', '/project/packages/core')], {
        running: true,
      });
      await view.page.getByText('in packages/core', { exact: true }).waitFor();
      await view.host.setContext({
        strings: { 'permission.allowOnce': 'Erlauben', 'permission.folder': 'in: {folder}' },
      });
      await view.page.getByRole('button', { name: /^Erlauben/ }).waitFor();
      await view.page.getByText('in: packages/core', { exact: true }).waitFor();
      await sendUpdates(view.host, [{ ...ask('q2', '/project'), detail: 'npm run lint' }], 5);
      await view.page.getByText('npm run lint').waitFor();
      assert.equal(await view.page.locator('.permissionFolder').count(), 0);
    });

    it('is allowed once by the chord from the composer', async () => {
      const view = await openQuestion();
      await composer(view).focus();
      await composer(view).press('Control+Enter');
      const answer = await view.host.waitForRequest('session/answer_permission');
      assert.deepEqual(answer, { sessionId, requestId: 'q1', optionId: 'allow' });
    });

    it('does not take the focus from somebody who is writing', async () => {
      const view = await openConversation(asking.slice(0, 3), { running: true });
      await composer(view).fill('I am writ');
      await sendUpdates(view.host, asking.slice(3), 4);
      await view.page.getByText('The agent asks for permission').waitFor();
      await view.page.keyboard.type('ing');
      assert.equal(await composer(view).inputValue(), 'I am writing');
    });
  });

  describe('a command', () => {
    const running = [user('go'), turnStarted(), commandCall('c1', 'npm test'), commandRunning('c1')];

    it('shows its terminal live, takes what is typed, and then its output and exit code', async () => {
      const scripts: string[] = [];
      const view = await openConversation(running.slice(0, 3), {
        running: true,
        prepare: (host) =>
          host
            .answer('terminal/attach', () => ({ terminal: terminalInfo(), fromOffset: 0 }))
            .answer('terminal/detach', () => ({}))
            .answer('terminal/write', () => ({})),
      });
      view.page.on('request', (request) => scripts.push(request.url()));
      await view.page.getByText('npm test').first().waitFor();
      assert.equal(scripts.length, 0, 'xterm is not loaded before it is needed');
      await sendUpdates(view.host, running.slice(3), 4);
      await view.host.waitForRequest('terminal/attach');
      assert.ok(scripts.some((url) => url.includes('xtermScreen')));
      await view.host.sendOutput(terminalId, 0, 'Continue? ');
      await view.page.locator('.xterm-rows', { hasText: 'Continue?' }).waitFor();
      assert.deepEqual(await view.host.waitForNotification('terminal/acknowledge'), {
        sessionId: terminalId,
        offset: 10,
      });
      await view.page.locator('.xterm-screen').click();
      await view.page.keyboard.type('y');
      assert.deepEqual(await view.host.waitForRequest('terminal/write'), { sessionId: terminalId, data: 'y' });
      const output = Array.from({ length: 30 }, (_, line) => `line ${line}`).join('\n');
      await sendUpdates(view.host, [commandEnded('c1', output, 2)], 5);
      await view.page.getByText('exit code 2').waitFor();
      await view.host.waitForRequest('terminal/detach');
      assert.equal(await view.page.locator('.xterm').count(), 0);
      assert.equal(await view.page.getByText('line 3\n').count(), 0);
      await view.page.getByRole('button', { name: 'Show all 30 lines' }).click();
      assert.equal(await view.page.locator('.output').textContent(), output);
    });
  });

  describe('when the server is restarted', () => {
    it('keeps the conversation, attaches from the last event, and offers to continue', async () => {
      const updates = [user('go'), turnStarted(), agent('half an ans')];
      const view = await openConversation(updates, {
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
      const view = await openConversation([user('go'), turnEnded('end_turn')], {
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
      const view = await openConversation([user('old question')]);
      await view.page.getByText('old question').waitFor();
      view.host.answer('session/attach', () => attached(eventsOf([user('compacted')], 7)));
      await view.host.setContext({ serverGeneration: 2 });
      await view.page.getByText('compacted').waitFor();
      assert.equal(await view.page.getByText('old question').count(), 0);
    });

    it('attaches again where an event is missing, and shows every event once', async () => {
      const updates = [user('go'), turnStarted(), agent('one '), agent('two '), agent('three')];
      const view = await openConversation(updates.slice(0, 3), { running: true });
      await view.page.getByText('one').waitFor();
      view.host.answer('session/attach', () =>
        attached(eventsOf(updates.slice(3), 4), { isSnapshot: false, running: true }),
      );
      await sendUpdates(view.host, updates.slice(4), 5);
      await view.page.getByText('one two three').waitFor();
      assert.deepEqual(await view.host.waitForRequest('session/attach', 2), { sessionId, fromSequence: 3 });
    });

    it('says why it has stopped, and how to go on', async () => {
      const view = await openConversation([user('go')]);
      await view.host.setContext({ serverState: 'stopped', serverMessage: 'It crashed five times.' });
      await view.page.getByText('It crashed five times.').waitFor();
      await view.page.getByRole('button', { name: 'Restart server' }).click();
      assert.deepEqual(await view.host.waitForAction(), { action: 'runCommand', command: 'restartServer' });
    });
  });

  it('offers to continue a turn that failed and says what happened', async () => {
    const message = 'The model endpoint refused the connection. Start it, or pick another model.';
    const view = await openConversation(
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
    const view = await openConversation([], {
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
    await view.page.getByRole('button', { name: 'Show 200 earlier entries' }).click();
    await eventually('earlier entries', async () => (await view.page.locator('.entry').count()) === 400);
    await view.page.getByRole('button', { name: 'Jump to latest' }).click();
    await eventually('the end is in view', isAtEnd);
    await eventually('the page is light again', async () => (await view.page.locator('.entry').count()) === 200);
  });

  it('follows the end of an answer unless the person has scrolled up', async () => {
    const lines = (from: number) => Array.from({ length: 40 }, (_, line) => `line ${from + line}\n\n`).join('');
    const view = await openConversation([user('go'), turnStarted(), agent(lines(0))], { running: true, heightPx: 500 });
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
