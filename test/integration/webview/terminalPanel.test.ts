import assert from 'node:assert/strict';
import { CodedError } from '../../../server/protocol/errors.ts';
import { terminalId, terminalInfo } from '../../support/conversationScript.ts';
import { eventually } from '../../support/eventually.ts';
import type { ScriptedHost } from '../../support/scriptedHost.ts';
import type { OpenView } from '../../support/webviewHarness.ts';
import { webviewSuite } from '../../support/webviewSuite.ts';
import type { ThemeName } from '../../support/webviewThemes.ts';

describe('the terminal panel', function () {
  const views = webviewSuite(this);

  async function openTerminal(
    prepare: (host: ScriptedHost) => void = () => undefined,
    theme: ThemeName = 'dark',
  ): Promise<OpenView> {
    const view = await views.open('terminalPanel', {
      theme,
      widthPx: 700,
      heightPx: 300,
      prepare: (host) => {
        host
          .prepareContext({ terminalId })
          .answer('terminal/attach', () => ({ terminal: terminalInfo(), fromOffset: 0 }))
          .answer('terminal/resize', () => ({}))
          .answer('terminal/write', () => ({}));
        prepare(host);
      },
    });
    await view.host.waitForRequest('terminal/attach');
    return view;
  }

  const screen = ({ page }: OpenView) => page.locator('.xterm-rows');

  it('fills the view and tells the size, again when the view changes', async () => {
    const view = await openTerminal();
    const first = await view.host.waitForRequest('terminal/resize');
    assert.ok(first.cols > 80 && first.rows > 10, JSON.stringify(first));
    await view.page.setViewportSize({ width: 350, height: 300 });
    const second = await view.host.waitForRequest('terminal/resize', 2);
    assert.ok(second.cols < first.cols && second.rows === first.rows, JSON.stringify(second));
  });

  it('shows output with its colours, and sends what is typed in order', async () => {
    const view = await openTerminal();
    await view.host.sendOutput(terminalId, 0, 'user$ \u001b[31mred\u001b[0m ');
    await screen(view).getByText('red').waitFor();
    await view.page.keyboard.type('ls -l');
    await view.page.keyboard.press('Enter');
    await eventually('all of the input', () => {
      const writes = view.host.received.requests.filter(({ method }) => method === 'terminal/write');
      return writes.map(({ params }) => (params as { data: string }).data).join('') === 'ls -l\r';
    });
    await view.screenshot('terminalPanel');
  });

  it('takes bytes that cut a character in two', async () => {
    const view = await openTerminal();
    const bytes = Buffer.from('a € b');
    await view.host.sendOutput(terminalId, 0, bytes.subarray(0, 3));
    await view.host.sendOutput(terminalId, 3, bytes.subarray(3));
    await screen(view).getByText('a € b').waitFor();
  });

  it('goes on behind a server restart without repeating a byte', async () => {
    const view = await openTerminal();
    await view.host.sendOutput(terminalId, 0, 'before ');
    await screen(view).getByText('before').waitFor();
    await view.host.setContext({ serverState: 'restarting' });
    await view.page.getByText('The server is restarting').waitFor();
    view.host.answer('terminal/attach', () => ({ terminal: terminalInfo({ producedBytes: 12 }), fromOffset: 7 }));
    await view.host.setContext({ serverState: 'recovered', serverGeneration: 2 });
    assert.deepEqual(await view.host.waitForRequest('terminal/attach', 2), { sessionId: terminalId, fromOffset: 7 });
    await view.host.sendOutput(terminalId, 0, 'before after');
    await screen(view).getByText('before after').waitFor();
    assert.equal(await view.page.getByText('The server is restarting').count(), 0);
  });

  it("answers a program's questions once, and not those of the history", async () => {
    const view = await openTerminal((host) =>
      host.answer('terminal/attach', () => ({ terminal: terminalInfo({ producedBytes: 11 }), fromOffset: 0 })),
    );
    await view.host.sendOutput(terminalId, 0, '\u001b[6nold \u001b[c');
    await screen(view).getByText('old').waitFor();
    await view.host.sendOutput(terminalId, 11, 'new\u001b[6n');
    const { data } = await view.host.waitForRequest('terminal/write');
    assert.equal(data, '\u001b[1;8R');
  });

  it('shows how the program ended', async () => {
    const view = await openTerminal();
    await view.host.sendOutput(terminalId, 0, 'last words');
    await view.host.notify('terminal/exited', { sessionId: terminalId, exitCode: 3 });
    await screen(view).getByText('[exited with code 3]').waitFor();
    await view.page.keyboard.type('x');
    await screen(view).getByText('last words').waitFor();
    assert.equal(
      view.host.received.requests.some(({ method }) => method === 'terminal/write'),
      false,
    );
  });

  it('says when it was closed elsewhere, and knows its terminal after a reload of the window', async () => {
    const view = await openTerminal();
    assert.deepEqual(await view.readState(), { terminalId });
    await view.host.sendOutput(terminalId, 0, 'text');
    await screen(view).getByText('text').waitFor();
    await view.host.notify('terminal/changed', { sessionId: terminalId, terminal: null });
    await screen(view).getByText('[this terminal was closed]').waitFor();
  });

  it('says why it cannot be attached, and tries again when asked', async () => {
    const view = await openTerminal((host) =>
      host.answer('terminal/attach', () => {
        throw new CodedError('NotFound', 'This terminal no longer exists.');
      }),
    );
    await view.page.getByText('This terminal no longer exists.').waitFor();
    view.host.answer('terminal/attach', () => ({ terminal: terminalInfo(), fromOffset: 0 }));
    await view.page.getByRole('button', { name: 'Attach again' }).click();
    await view.host.waitForRequest('terminal/attach', 2);
    await view.host.sendOutput(terminalId, 0, 'here again');
    await screen(view).getByText('here again').waitFor();
  });

  it('copies the selection', async () => {
    const view = await openTerminal();
    await view.host.sendOutput(terminalId, 0, 'copy-this-word');
    const word = await screen(view).getByText('copy-this-word').boundingBox();
    await view.page.mouse.dblclick(word!.x + 20, word!.y + 5);
    await view.page.keyboard.press('Control+Shift+C');
    const action = await view.host.waitForAction();
    assert.ok(action.action === 'copyText');
    assert.match(action.text, /copy/);
  });

  it('leaves the answers to another view that shows the terminal, as long as there is one', async () => {
    const view = await openTerminal((host) => host.prepareContext({ answersQueries: false }));
    await view.host.sendOutput(terminalId, 0, 'first\u001b[6n');
    await screen(view).getByText('first').waitFor();
    await view.host.setContext({ answersQueries: true });
    // The context comes before the output, and both are taken in order.
    await view.host.sendOutput(terminalId, 9, ' second\u001b[6n');
    const { data } = await view.host.waitForRequest('terminal/write');
    assert.equal(data, '\u001b[1;13R');
  });

  it('copies a selection with Ctrl+C, which is the program’s again without one', async () => {
    const view = await openTerminal();
    await view.host.sendOutput(terminalId, 0, 'copy-this-word');
    const word = await screen(view).getByText('copy-this-word').boundingBox();
    await view.page.mouse.dblclick(word!.x + 20, word!.y + 5);
    await view.page.keyboard.press('Control+c');
    const action = await view.host.waitForAction();
    assert.ok(action.action === 'copyText');
    await view.page.keyboard.press('Control+c');
    assert.equal((await view.host.waitForRequest('terminal/write')).data, '\u0003');
  });

  it('lets a program of now write the clipboard, and none read it', async () => {
    const view = await openTerminal((host) =>
      host.answer('terminal/attach', () => ({ terminal: terminalInfo({ producedBytes: 16 }), fromOffset: 0 })),
    );
    const write = (text: string) => `\u001b]52;c;${Buffer.from(text).toString('base64')}\u0007`;
    await view.host.sendOutput(terminalId, 0, write('old'));
    await view.host.sendOutput(terminalId, write('old').length, `${write('grüße')}\u001b]52;c;?\u0007end`);
    await screen(view).getByText('end').waitFor();
    await eventually('the text that was written', () => view.host.received.actions.length > 0);
    assert.deepEqual(view.host.received.actions, [{ action: 'copyText', text: 'grüße' }]);
    assert.deepEqual(
      view.host.received.requests.filter(({ method }) => method === 'terminal/write'),
      [],
    );
  });

  it('opens a link on Ctrl+click, through the extension', async () => {
    const view = await openTerminal();
    await view.host.sendOutput(terminalId, 0, 'see https://example.com/a?b=1 and more');
    const line = await screen(view).getByText('https://example.com').boundingBox();
    const place = { x: line!.x + line!.width / 3, y: line!.y + 5 };
    await view.page.mouse.move(place.x - 2, place.y);
    await view.page.mouse.click(place.x, place.y);
    assert.deepEqual(view.host.received.actions, []);
    await view.page.keyboard.down('Control');
    await view.page.mouse.click(place.x, place.y);
    await view.page.keyboard.up('Control');
    assert.deepEqual(await view.host.waitForAction(), { action: 'openLink', url: 'https://example.com/a?b=1' });
  });

  it('finds text, counts it and goes from match to match by the keyboard', async () => {
    const view = await openTerminal();
    await view.host.sendOutput(terminalId, 0, 'an apple\r\nan Apple pie\r\nno pear\r\n');
    await screen(view).getByText('no pear').waitFor();
    await view.page.keyboard.press('Control+f');
    const input = view.page.getByRole('textbox', { name: 'Find', exact: true });
    await input.waitFor();
    await view.page.keyboard.type('apple');
    const results = view.page.locator('.findResults');
    await results.getByText('2 of 2').waitFor();
    await view.page.keyboard.press('Enter');
    await results.getByText('1 of 2').waitFor();
    await view.screenshot('terminalPanel-find');
    await view.page.getByRole('button', { name: 'Match case' }).click();

    await results.getByText('1 of 1').waitFor();
    await input.fill('apple(');
    await view.page.getByRole('button', { name: 'Use regular expression' }).click();
    await input.fill('grape');
    await results.getByText('No results').waitFor();
    await view.page.keyboard.press('Escape');
    await view.page.locator('.findWidget').waitFor({ state: 'detached' });
    await view.page.keyboard.type('x');
    assert.equal((await view.host.waitForRequest('terminal/write')).data, 'x');
  });

  for (const theme of ['dark', 'light', 'highContrast'] as const) {
    it(`asks before it pastes lines that a program would run one by one (${theme})`, async () => {
      const view = await openTerminal(undefined, theme);
      await view.page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
      await view.page.evaluate((text) => navigator.clipboard.writeText(text), 'cd /project\nrm -rf build\n');
      await view.page.keyboard.press('Control+Shift+v');
      await view.page.getByRole('alertdialog').getByText('Paste 2 lines?').waitFor();
      await view.screenshot(`terminalPanel-paste-${theme}`);
      assert.equal(
        view.host.received.requests.some(({ method }) => method === 'terminal/write'),
        false,
      );
      await view.page.keyboard.press('Tab');
      await view.page.keyboard.press('Enter');
      assert.equal((await view.host.waitForRequest('terminal/write')).data, 'cd /project rm -rf build');
    });
  }

  it('pastes at once what the program takes as a whole, also with the right button', async () => {
    const view = await openTerminal();
    await view.page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await view.host.sendOutput(terminalId, 0, '\u001b[?2004hready');
    await screen(view).getByText('ready').waitFor();
    await view.page.evaluate((text) => navigator.clipboard.writeText(text), 'one\ntwo');
    await view.page.locator('.xterm-screen').click({ button: 'right' });
    assert.equal((await view.host.waitForRequest('terminal/write')).data, '\u001b[200~one\rtwo\u001b[201~');
  });

  it('gives what people see as one character the room that it takes', async () => {
    const view = await openTerminal();
    await view.host.sendOutput(terminalId, 0, '👩‍👩‍👧é\u001b[6n');
    assert.equal((await view.host.waitForRequest('terminal/write')).data, '\u001b[1;4R');
  });

  it('acknowledges a flood as it is drawn, to the last byte', async () => {
    const view = await openTerminal();
    const piece = `${'x'.repeat(78)}\r\n`.repeat(2000);
    for (let index = 0; index < 6; index++) await view.host.sendOutput(terminalId, index * piece.length, piece);
    await eventually('the last acknowledgement', () => {
      const last = view.host.received.notifications.at(-1)?.params as { offset: number } | undefined;
      return last?.offset === 6 * piece.length;
    });
  });
});
