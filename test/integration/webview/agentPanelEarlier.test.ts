import assert from 'node:assert/strict';
import { CodedError } from '../../../server/protocol/errors.ts';
import { sessionId, withModels } from '../../support/conversationScript.ts';
import { eventually } from '../../support/eventually.ts';
import { answerInPages, shortTurns } from '../../support/pagedConversation.ts';
import type { ScriptedHost } from '../../support/scriptedHost.ts';
import type { OpenView, ViewOptions } from '../../support/webviewHarness.ts';
import { webviewSuite } from '../../support/webviewSuite.ts';

const turns = 400;

describe('Earlier messages in the agent panel', function () {
  const views = webviewSuite(this);

  async function openPaged(prepare: (host: ScriptedHost) => void, options: ViewOptions = {}): Promise<OpenView> {
    const view = await views.open('agentPanel', {
      state: { sessionId, draft: '', chosenModel: null },
      ...options,
      prepare: (host) => prepare(withModels(host)),
    });
    await view.page.getByText(`question ${turns - 1}`, { exact: true }).waitFor();
    await eventually('the end is in view', () => isAtEnd(view));
    return view;
  }

  const scroller = ({ page }: OpenView) => page.locator('.conversationScroll');
  const isAtEnd = (view: OpenView) =>
    scroller(view).evaluate((element) => element.scrollHeight - element.clientHeight - element.scrollTop < 32);
  const questions = ({ page }: OpenView) =>
    page.locator('.userMessage').evaluateAll((all) => all.map((each) => Number(each.textContent.split(' ')[1])));
  const button = ({ page }: OpenView, name = 'Show earlier messages') => page.getByRole('button', { name });

  /** Starts to note in each frame where an entry stands; the function answered gives the notes. */
  async function follow(view: OpenView, text: string): Promise<() => Promise<number[]>> {
    await view.page.getByText(text, { exact: true }).evaluate((element) => {
      const tops: number[] = [];
      Object.assign(window, { tops });
      const note = (): void => {
        tops.push(element.getBoundingClientRect().top);
        requestAnimationFrame(note);
      };
      note();
    });
    return () => view.page.evaluate(() => (window as unknown as { tops: number[] }).tops);
  }

  it('are loaded when somebody scrolls to the top, and put above what they read without moving it', async () => {
    const gate = Promise.withResolvers<undefined>();
    const view = await openPaged((host) => answerInPages(host, shortTurns(turns), { gate: () => gate.promise }));
    assert.deepEqual((await questions(view))[0], turns - 30);
    await scroller(view).hover();
    await view.page.mouse.wheel(0, -100_000);
    await button(view, 'Loading earlier messages…').waitFor();
    await view.host.waitForRequest('session/events');
    const first = `question ${turns - 30}`;
    await eventually(
      'the first question is in view',
      async () => (await scroller(view).evaluate((e) => e.scrollTop)) === 0,
    );
    const tops = await follow(view, first);
    gate.resolve(undefined);
    await eventually('earlier ones are there', async () => ((await questions(view))[0] ?? turns) < turns - 30);
    await eventually('some frames were drawn', async () => (await tops()).length > 30);
    const all = await tops();
    assert.ok(Math.max(...all) - Math.min(...all) <= 2, `it stood between ${Math.min(...all)} and ${Math.max(...all)}`);
    await view.page.getByText(/^\d+ earlier entries were loaded\.$/).waitFor({ state: 'attached' });
  });

  it('come up to the very first one, in order and each once, with few entries in the page all the while', async () => {
    const view = await openPaged((host) => answerInPages(host, shortTurns(turns)));
    const seen = new Set<number>();
    let most = 0;
    await scroller(view).hover();
    await eventually(
      'the beginning',
      async () => {
        await view.page.mouse.wheel(0, -1_500);
        const shown = await questions(view);
        assert.deepEqual(
          shown,
          Array.from(shown, (_, index) => (shown[0] ?? 0) + index),
        );
        for (const each of shown) seen.add(each);
        most = Math.max(most, await view.page.locator('.entry').count());
        return shown[0] === 0 && (await scroller(view).evaluate((element) => element.scrollTop)) === 0;
      },
      40_000,
    );
    assert.equal(seen.size, turns);
    assert.ok(most <= 400, `${most} entries were in the page`);
    assert.equal(await button(view).count(), 0);
    const requests = view.host.received.requests.filter(({ method }) => method === 'session/events');
    assert.ok(requests.length < 20, `${requests.length} requests`);

    await eventually(
      'the end again',
      async () => {
        await view.page.mouse.wheel(0, 3_000);
        return (await questions(view)).at(-1) === turns - 1 && (await isAtEnd(view));
      },
      40_000,
    );
    await eventually('it follows the end', async () => (await button(view, 'Jump to latest').count()) === 0);
    assert.ok((await view.page.locator('.entry').count()) <= 200);
  });

  it('leave everything in its place but for what was scrolled, frame by frame, on the way up and down again', async () => {
    const view = await openPaged((host) => answerInPages(host, shortTurns(turns)));
    const stepPx = 60;
    const unexpectedPx = (direction: 1 | -1) =>
      scroller(view).evaluate(async (element, step) => {
        const frame = (): Promise<number> => new Promise((resolve) => requestAnimationFrame(resolve));
        const moves: number[] = [];
        for (let count = 0; count < 130; count++) {
          const { left, top, width, height } = element.getBoundingClientRect();
          const entry = document.elementsFromPoint(left + width / 2, top + height / 2).find((e) => e.closest('.entry'));
          const read = entry?.closest('.entry');
          const roomPx = step < 0 ? element.scrollTop : element.scrollHeight - element.clientHeight - element.scrollTop;
          const before = read?.getBoundingClientRect().top ?? 0;
          element.scrollTop += step;
          await frame();
          await frame();
          // At an edge, and between two entries, there is nothing to compare.
          if (read == null || !read.isConnected || roomPx < Math.abs(step)) continue;
          moves.push(read.getBoundingClientRect().top - before + step);
        }
        return { count: moves.length, most: Math.max(...moves.map(Math.abs)) };
      }, direction * stepPx);
    for (const direction of [-1, 1] as const) {
      const { count, most } = await unexpectedPx(direction);
      assert.ok(count > 60, `${count} moves were looked at`);
      // Half a line: browsers round, and entries are as high as they are only once they were drawn.
      assert.ok(most < 10, `something moved by ${most} px by itself`);
    }
    assert.ok(view.host.received.requests.filter(({ method }) => method === 'session/events').length > 0);
  });

  it('can be asked for by the keyboard, which keeps its place, and say why they could not be loaded', async () => {
    let failures = 1;
    const gate = (): Promise<void> =>
      failures-- > 0
        ? Promise.reject(new CodedError('Unavailable', 'Could not read the conversation (EIO).'))
        : Promise.resolve();
    const view = await openPaged((host) => answerInPages(host, shortTurns(turns), { gate }));
    const focused = () => view.page.evaluate(() => document.activeElement?.textContent ?? '');
    // Scrolling there would ask for them too.
    await button(view).evaluate((element) => (element as HTMLElement).focus({ preventScroll: true }));
    await view.page.keyboard.press('Enter');
    await view.page.getByRole('alert').getByText('Earlier messages could not be loaded: Could not read').waitFor();
    assert.equal(await focused(), 'Retry');
    assert.ok(
      await button(view, 'Retry').evaluate((element) => element.getBoundingClientRect().top > 0),
      'the failure is in view',
    );
    await view.page.keyboard.press('Enter');
    await eventually('they are there', async () => ((await questions(view))[0] ?? turns) < turns - 30);
    assert.equal(await view.page.getByRole('alert').count(), 0);
    await eventually(
      'all of them',
      async () => {
        if ((await button(view).count()) > 0) await view.page.keyboard.press('Enter');
        return (await questions(view))[0] === 0 && (await button(view).count()) === 0;
      },
      40_000,
    );
    const hasFocus = await scroller(view).evaluate((element) => document.activeElement === element);
    assert.ok(hasFocus, 'the keyboard is where the messages are');
  });

  for (const theme of ['dark', 'light'] as const) {
    it(`look right while they are loaded, after a failure and when they are there, in the ${theme} theme`, async () => {
      const steps = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
      let asked = 0;
      const view = await openPaged(
        (host) => answerInPages(host, shortTurns(turns), { gate: () => steps[asked++]?.promise ?? Promise.resolve() }),
        { theme },
      );
      await view.screenshot(`earlier-end-${theme}`);
      await scroller(view).evaluate((element) => element.scrollTo(0, 0));
      await button(view, 'Loading earlier messages…').waitFor();
      await view.screenshot(`earlier-loading-${theme}`);
      steps[0]?.reject(
        new CodedError('Unavailable', 'Could not read the conversation (EIO). The disk reports an error.'),
      );
      await button(view, 'Retry').waitFor();
      await view.screenshot(`earlier-failed-${theme}`);
      await button(view, 'Retry').click();
      await button(view, 'Loading earlier messages…').waitFor();
      steps[1]?.resolve(undefined);
      await eventually('they are there', async () => ((await questions(view))[0] ?? turns) < turns - 30);
      await view.screenshot(`earlier-loaded-${theme}`);
    });
  }
});
