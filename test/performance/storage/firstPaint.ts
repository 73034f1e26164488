import { mkdirSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import * as path from 'node:path';
import { buildProduct } from '../../../scripts/build.ts';
import type { ConversationId, SessionUpdate } from '../../../server/protocol/sessionEvents.ts';
import { withModels } from '../../support/conversationScript.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { WebviewHarness, type OpenView } from '../../support/webviewHarness.ts';
import { WindowServer } from '../../support/windowServer.ts';
import { turnUpdates, writeConversations } from '../../support/writtenConversations.ts';
import { inTurn, summarize } from '../statistics.ts';
import type { Comparison } from './comparison.ts';

const manyEvents = 10_000;
const fewEvents = 20;
const eventsOfTurn = 10;

interface Opening {
  /** From the command to open it until the frame is drawn in which its newest answer stands. */
  readonly paintedMs: number;
  /** For how long the process between server and page could do nothing else, at most. */
  readonly blockedMs: number;
}

/**
 * Opening a conversation that nobody has open: the real server, forked as the extension does it, and the real panel in a
 * browser. This process stands where the extension host stands. The peer is the same with a short conversation.
 */
export async function measureFirstPaint(rounds: number): Promise<Comparison[]> {
  await buildProduct({ minify: true });
  const folder = temporaryFolder();
  const dataFolder = path.join(folder.path, 'data');
  mkdirSync(dataFolder, { mode: 0o700 });
  // A conversation for each round and the uncounted first one, so that each is opened from the disk.
  const write = (events: number): ConversationId[] =>
    writeConversations(
      dataFolder,
      folder.path,
      Array.from({ length: rounds + 1 }, () => ({ updates: conversation(events), at: Date.now() - 86_400_000 })),
    ).ids;
  const [long, short] = [write(manyEvents), write(fewEvents)];
  const harness = await WebviewHarness.start();
  const server = await WindowServer.start(dataFolder);
  try {
    const view = await harness.open('agentPanel', {
      prepare: (host) => {
        withModels(host)
          .answer('session/attach', (params) => server.call('session/attach', params))
          .answer('session/detach', (params) => server.call('session/detach', params));
      },
    });
    await view.page.getByRole('button', { name: 'Model: gpt-5' }).waitFor();
    const blocked = { ours: [] as number[], bare: [] as number[] };
    const measure = async (ids: ConversationId[], blocks: number[]): Promise<number> => {
      const id = ids.pop();
      if (id === undefined) throw new Error('There are fewer conversations than rounds.');
      const { paintedMs, blockedMs } = await open(view, id);
      blocks.push(blockedMs);
      return paintedMs;
    };
    const painted = await inTurn(
      rounds,
      () => measure(long, blocked.ours),
      () => measure(short, blocked.bare),
    );
    const base = { unit: 'ms', peer: `one of ${fewEvents} events` } as const;
    const what = `conversation of ${manyEvents.toLocaleString('en')} events`;
    return [
      {
        ...base,
        what: `${what}, first paint`,
        ours: summarize(painted.ours),
        bare: summarize(painted.bare),
        targetMost: 300,
      },
      {
        ...base,
        what: `${what}, relaying process blocked at most`,
        // Without the first ones, as above.
        ours: summarize(blocked.ours.slice(1)),
        bare: summarize(blocked.bare.slice(1)),
        targetMost: 50,
      },
    ];
  } finally {
    await server.kill();
    await harness.closeViews();
    await harness.dispose();
    folder.remove();
  }
}

async function open({ page, host }: OpenView, sessionId: ConversationId): Promise<Opening> {
  // Waits in the page, which knows best when it has drawn something.
  const painting = page.evaluate(async () => {
    const opened = Promise.withResolvers<number>();
    const onMessage = ({ data }: MessageEvent<{ kind?: unknown }>): void => {
      if (data.kind === 'do') opened.resolve(performance.now());
    };
    window.addEventListener('message', onMessage, { capture: true });
    const openedAt = await opened.promise;
    window.removeEventListener('message', onMessage, { capture: true });
    const nextFrame = (): Promise<number> => new Promise((resolve) => requestAnimationFrame(resolve));
    // The former conversation goes first.
    while (document.querySelector('.agentMessage') !== null) await nextFrame();
    while (document.querySelector('.agentMessage') === null) await nextFrame();
    // That callback ran before its frame was drawn; a message gets its turn after it.
    const { port1, port2 } = new MessageChannel();
    const drawn = new Promise((resolve) => (port1.onmessage = resolve));
    await nextFrame();
    port2.postMessage(undefined);
    await drawn;
    return performance.now() - openedAt;
  });
  const delays = monitorEventLoopDelay({ resolution: 1 });
  delays.enable();
  await host.send({ kind: 'do', what: 'openConversation', sessionId });
  const paintedMs = await painting;
  delays.disable();
  return { paintedMs, blockedMs: delays.max / 1e6 };
}

function conversation(events: number): SessionUpdate[] {
  return Array.from({ length: events / eventsOfTurn }, (_, index) => turn(index)).flat();
}

/** A question, what the agent did, and an answer with a list and some code. */
function turn(index: number): SessionUpdate[] {
  const [started, question, ...rest] = turnUpdates({
    id: `t${index}`,
    question: `What does the parser do with header number ${index}, and why?`,
    answer: `It keeps **header ${index}** as it is:\n\n- \`name\` in small letters\n- \`value\` without spaces\n\n\`\`\`ts\nkeep(${index});\n\`\`\`\n`,
    command: `npm test -- --grep header${index}`,
    file: `src/headers/header${index}.ts`,
    tokens: { inputTokens: 1_000, outputTokens: 100 },
  });
  const ended = (toolCallId: string): SessionUpdate => ({
    sessionUpdate: 'tool_call_update',
    toolCallId,
    status: 'completed',
    content: [{ type: 'content', content: { type: 'text', text: `line of output ${index}\n`.repeat(12) } }],
    rawOutput: { exitCode: 0, durationMs: 1_234 },
  });
  const thought: SessionUpdate = {
    sessionUpdate: 'agent_thought_chunk',
    messageId: `t${index}n`,
    content: { type: 'text', text: 'The person asks about one header. I look at it first.' },
  };
  const updates = [
    started,
    question,
    thought,
    ...rest.slice(0, 2),
    ended(`t${index}c`),
    ended(`t${index}f`),
    ...rest.slice(2),
  ];
  return updates.filter((update) => update !== undefined);
}
