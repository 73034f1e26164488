import assert from 'node:assert/strict';
import { CodedError } from '../../../server/protocol/errors.ts';
import { terminalId, terminalInfo } from '../../support/conversationScript.ts';
import { eventually } from '../../support/eventually.ts';
import type { ScriptedHost } from '../../support/scriptedHost.ts';
import { WebviewHarness, type OpenView } from '../../support/webviewHarness.ts';

describe('the terminal panel', function () {
  this.timeout(60_000);
  let harness: WebviewHarness;

  before(async () => {
    harness = await WebviewHarness.start();
  });
  afterEach(() => harness.closeViews());
  after(() => harness.dispose());

  async function openTerminal(prepare: (host: ScriptedHost) => void = () => undefined): Promise<OpenView> {
    const view = await harness.open('terminalPanel', {
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
