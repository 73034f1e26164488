import { z } from 'zod';
import { request } from './declaration.ts';
import { byteOffset, terminalId, waitsForInput } from './terminal.ts';

const dayMs = 24 * 60 * 60 * 1000;

/** Whether a command has ended. */
export const commandStatus = z.enum(['running', 'exited']);

/** How a command ended: `exitCode` null and `signal` set where a signal did, both unset where its end was not seen. */
const end = {
  exitCode: z.int().nullable().optional(),
  signal: z.int().optional(),
};

/** Commands that run to their end, beside the interactive terminals of `terminal.ts`. */
export const command = {
  'terminal/run': request({
    summary:
      'Runs one command line as a process of its own and answers when it has ended. Cancelling the request, or going ' +
      'away, stops it: SIGINT, then SIGTERM, then SIGKILL, with pauses.',
    params: z.strictObject({
      /** For bash, or sh where there is no bash; on Windows for PowerShell. */
      command: z.string().min(1).max(32_768),
      /** Absolute path of a folder; the first workspace folder, else the home folder, if left out. */
      cwd: z.string().min(1).max(4096).optional(),
      /** Added to, or with null removed from, the environment of the person's own shell. */
      env: z.record(z.string().max(1024), z.string().max(131_072).nullable()).optional(),
      /** After which it is stopped: 10 minutes if left out, or no limit where it starts in the background. */
      timeoutMs: z.int().min(1_000).max(dayMs).optional(),
      /** Answers a second after it has started. It goes on as a terminal in the list. */
      background: z.boolean().default(false),
      /** Of more output the middle is left out. */
      maxOutputChars: z.int().min(1_000).max(1_000_000).default(48_000),
      name: z.string().min(1).max(200).optional(),
    }),
    result: z.object({
      sessionId: terminalId,
      /** `running`: it went on in the background. */
      status: commandStatus,
      ...end,
      /** Plain text, without escape sequences. */
      output: z.string(),
      /** Bytes that were left out of the middle. */
      omittedBytes: z.int().min(0),
      /** For `terminal/readOutput`, also after the terminal is gone; set where not all of the output is here. */
      outputId: terminalId.optional(),
      durationMs: z.number().min(0),
      timedOut: z.boolean(),
      waitsForInput: waitsForInput.optional(),
    }),
    errors: ['InvalidCwd', 'InvalidEnvironment', 'InvalidShell', 'ResourceLimit'],
    scope: 'terminal',
    limit: 'terminal',
    // Its own limit ends a command; this is the last resort.
    timeoutMs: dayMs + 60_000,
  }),
  'terminal/background': request({
    summary:
      'Lets a command of this server go on in the background: whoever waits for it is answered with what it has ' +
      'printed so far, and it has no time limit any more.',
    params: z.strictObject({ sessionId: terminalId }),
    result: z.object({}),
    errors: ['NotFound'],
    scope: 'terminal',
  }),
  'terminal/readOutput': request({
    summary:
      'Reads output back as plain text: all that is kept of a command (`outputId`, or `sessionId` of one that runs), or ' +
      'what is still kept of any terminal (`sessionId`).',
    params: z
      .strictObject({
        sessionId: terminalId.optional(),
        outputId: terminalId.optional(),
        /** Where to begin; the start if both are left out. */
        fromOffset: byteOffset.optional(),
        /** Counts from 1, in what is kept. */
        fromLine: z.int().min(1).optional(),
        toOffset: byteOffset.optional(),
        maxBytes: z.int().min(1).max(1_048_576).default(65_536),
      })
      .refine(({ sessionId, outputId }) => (sessionId === undefined) !== (outputId === undefined), {
        error: 'expected either sessionId or outputId',
      })
      .refine(({ fromOffset, fromLine }) => fromOffset === undefined || fromLine === undefined, {
        error: 'expected either fromOffset or fromLine',
      }),
    result: z.object({
      text: z.string(),
      /** Where `text` begins; after what was asked for where bytes are not kept. */
      fromOffset: byteOffset,
      /** Where to go on. */
      nextOffset: byteOffset,
      /** Length of the output so far. */
      endOffset: byteOffset,
      /** Bytes between the offset asked for and `nextOffset` that are not kept. */
      omittedBytes: z.int().min(0),
      status: commandStatus,
      ...end,
    }),
    errors: ['NotFound'],
    scope: 'read',
    timeoutMs: 30_000,
  }),
} as const;
