import assert from 'node:assert/strict';
import { HostHandshake } from '../../../server/src/ptyHost/hostHandshake.ts';
import { createProof } from '../../../server/src/ptyProtocol/authentication.ts';
import { PtyProtocolError } from '../../../server/src/ptyProtocol/errors.ts';

const token = Buffer.alloc(32, 7);
const nonce = 'a'.repeat(64);

/** Says hello, and gives how the host answers a proof with these fields beside it. */
function shakeHands(fields: object): { challenge: Record<string, unknown>; answer: object } {
  const handshake = new HostHandshake(() => token);
  const challenged = handshake.take({ hello: { protocolVersion: 1, nonce } });
  assert.ok('challenge' in challenged);
  const { challenge } = challenged;
  const proof = createProof(token, 'client', { client: nonce, host: challenge.nonce });
  return { challenge, answer: handshake.take({ proof: { proof, ...fields } }) };
}

describe('The handshake of the pty host', () => {
  it('says what the host can do where clients of the first release pass over it', () => {
    const { challenge } = shakeHands({});
    assert.deepEqual(Object.keys(challenge).sort(), ['nonce', 'proof', 'protocolVersion', 'revision']);
    assert.deepEqual([challenge['protocolVersion'], challenge['revision']], [1, 1]);
  });

  it('takes a wish as clients of the first release state it, and none', () => {
    assert.deepEqual(shakeHands({ keepAliveHours: 3 }).answer, { keepAliveHours: 3 });
    assert.deepEqual(shakeHands({}).answer, { keepAliveHours: undefined });
  });

  it('refuses a wish that is none', () => {
    for (const keepAliveHours of [-1, 169, null, '1', {}]) {
      assert.throws(
        () => shakeHands({ keepAliveHours }),
        (error) => error instanceof PtyProtocolError && error.code === 'InvalidParams',
      );
    }
  });
});
