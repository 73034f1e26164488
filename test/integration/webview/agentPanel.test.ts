import assert from 'node:assert/strict';
import { CodedError } from '../../../server/protocol/errors.ts';
import {
  agent,
  attached,
  commandCall,
  commandEnded,
  commandRunning,
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
import { composer, sendUpdates } from '../../support/panelConversation.ts';
import type { OpenView } from '../../support/webviewHarness.ts';
import { webviewSuite } from '../../support/webviewSuite.ts';

describe('the agent panel', function () {
  const views = webviewSuite(this);

  describe('a first prompt', () => {
    it('starts a conversation in the workspace folder and streams the answer', async () => {
      const view = await views.open('agentPanel', {
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
      const view = await views.open('agentPanel', {
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
      const view = await views.openConversation([], {
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
      const view = await views.openConversation([agent(hostile), turnEnded('end_turn')]);
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
      const view = await views.openConversation([agent('[docs](https://example.org/) [main](src/main.ts:7)')]);
      await view.page.getByRole('link', { name: 'docs' }).click();
      assert.deepEqual(await view.host.waitForAction(), { action: 'openLink', url: 'https://example.org/' });
      await view.page.getByRole('link', { name: 'main' }).press('Enter');
      await eventually('the second action', () => view.host.received.actions.length === 2);
      assert.deepEqual(view.host.received.actions[1], { action: 'openFile', path: 'src/main.ts', line: 7 });
    });

    it('copies a code block without its fence', async () => {
      const view = await views.openConversation([agent('```sh\nnpm test\nnpm run lint\n```')]);
      await view.page.getByRole('button', { name: 'Copy code' }).click();
      assert.deepEqual(await view.host.waitForAction(), { action: 'copyText', text: 'npm test\nnpm run lint' });
    });

    it('leaves the blocks that are finished alone while it grows', async () => {
      const view = await views.openConversation(
        [user('go'), turnStarted(), agent('first block\n\nsecond\n\nthird\n\n')],
        {
          running: true,
        },
      );
      await view.page.getByText('first block').evaluate((element) => element.setAttribute('data-mark', 'same'));
      await sendUpdates(view.host, [agent('fourth\n\n'), agent('fifth')], 4);
      await view.page.getByText('fifth').waitFor();
      assert.equal(await view.page.getByText('first block').getAttribute('data-mark'), 'same');
    });
  });

  describe('a question', () => {
    const asking = [user('go'), turnStarted(), commandCall('c1', 'npm test'), permissionAsked('c1', 'npm \u202Etest')];

    function openQuestion(): Promise<OpenView> {
      return views.openConversation(asking, {
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
      const view = await views.openConversation([...asking.slice(0, 3), ask('q1', '/project/packages/core')], {
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
      const view = await views.openConversation(asking.slice(0, 3), { running: true });
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
      const view = await views.openConversation(running.slice(0, 3), {
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
});
