import assert from 'node:assert/strict';
import { explainModelFailure } from '../../../server/src/providers/modelFailure.ts';

/** Looks like no provider's key, so that only who knows it can keep it back. */
const apiKey = 'plainWordsThatAreAKey0123456789';
const endpoint = {
  provider: 'openai',
  name: 'OpenAI',
  baseUrl: 'http://127.0.0.1:9/v1',
  chatBaseUrl: 'http://127.0.0.1:9/v1',
  apiKey,
  isDefaultAddress: false,
} as const;

/** An endpoint's refusal that quotes what it was sent, as the AI SDK throws it. */
function quoting(status: number, before: string): Error {
  const message = `${before}${apiKey}`;
  return Object.assign(new Error(message, { cause: new Error(`inner ${message}`) }), {
    statusCode: status,
    responseBody: JSON.stringify({ error: { message } }),
  });
}

describe('The explanation of a model call that failed', () => {
  for (const status of [400, 401, 403, 404, 429, 500]) {
    it(`with ${status} has nothing of the key in what is shown and what is logged, whatever the endpoint quotes`, () => {
      // The excerpt ends within the key where that begins late.
      for (const before of ['You sent ', 'x'.repeat(285)]) {
        const { error } = explainModelFailure(quoting(status, before), endpoint, 'small', false);
        const logged = [error.message, error.stack, error.cause, (error.cause as Error | undefined)?.cause]
          .map((part) => (part instanceof Error ? `${part.message} ${part.stack ?? ''}` : String(part)))
          .join('\n');
        assert.equal(logged.includes('plainWords'), false, logged);
      }
    });
  }
});
