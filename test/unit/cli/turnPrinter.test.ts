import * as assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import type { SessionUpdate } from '../../../server/protocol/sessionEvents.ts';
import { TerminalOutput } from '../../../server/src/cli/terminalOutput.ts';
import { createTurnPrinter } from '../../../server/src/cli/turnPrinter.ts';

describe('what a turn prints on the command line', () => {
  function printed(...updates: SessionUpdate[]): { out: string; err: string } {
    const [stdout, stderr] = [new PassThrough({ encoding: 'utf8' }), new PassThrough({ encoding: 'utf8' })];
    const print = createTurnPrinter(new TerminalOutput({ stdout, stderr }), false);
    updates.forEach((update, index) => print({ sequence: index + 1, at: 1, update }));
    return { out: String(stdout.read() ?? ''), err: String(stderr.read() ?? '') };
  }

  it('moves no cursor, reorders no line and hides no text, whatever the model says', () => {
    const hostile = '\x1b]0;title\x07a\x1b[2Jb\rc\x9b31md\u202ee\u2066f\u{e0041}g\x08';
    const { out, err } = printed(
      {
        sessionUpdate: 'tool_call',
        toolCallId: 'call',
        title: `run ${hostile}`,
        kind: 'execute',
        status: 'pending',
        rawInput: {},
      },
      { sessionUpdate: 'agent_message_chunk', messageId: 'm', content: { type: 'text', text: `${hostile}\n\tä 𝄞 👩‍💻` } },
    );
    assert.equal(out, 'abcdefg\n\tä 𝄞 👩‍💻');
    assert.equal(err, '• run abcdefg\n');
  });
});
