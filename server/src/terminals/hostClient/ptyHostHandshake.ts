import { createNonce, createProof, isNonceOrProof, isSameProof } from '../../ptyProtocol/authentication.ts';
import { isPtyErrorCode } from '../../ptyProtocol/errors.ts';
import { decodeControl, encodeControl, frameType, type FrameDecoder } from '../../ptyProtocol/frames.ts';
import { handshakeTimeoutMs, ptyProtocolVersion } from '../../ptyProtocol/limits.ts';
import type { PtyHandshake } from '../../ptyProtocol/messages.ts';
import type { HostSocket } from './hostSocket.ts';
import { fromPtyHost, unavailable } from './ptyHostErrors.ts';

/** Who the host is: the same `instanceId` means that no session was lost in between. */
export type PtyHostIdentity = PtyHandshake['welcome']['welcome'] & {
  /** What it can do beyond the first release of its version; see `ptyProtocolRevision`. */
  readonly revision: number;
};

/** What the client proves itself with, and the wish it leaves with the host. */
export interface HandshakeOptions {
  readonly token: Uint8Array;
  /** After so many hours without any client, idle shells end; undefined: as others wish. */
  readonly keepAliveHours: number | undefined;
}

/** A host that insists on a wish is told the default of the setting. */
const defaultKeepAliveHours = 24;

type Message = Readonly<Record<string, unknown>>;

/**
 * The client's half of the handshake. The host has to prove first that it knows the token, so that nothing is ever
 * shown to a process that only stands at the host's address. Bytes after the welcome stay in `decoder`.
 */
export function performHandshake(
  wire: HostSocket,
  decoder: FrameDecoder,
  options: HandshakeOptions,
): Promise<PtyHostIdentity> {
  const nonce = createNonce();
  const { socket } = wire;
  return new Promise((resolve, reject) => {
    let revision: number | undefined;
    const settle = (finish: () => void) => {
      clearTimeout(limit);
      wire.take = () => undefined;
      socket.off('close', onClose);
      finish();
    };
    const step = (message: Message): PtyHostIdentity | undefined => {
      if (isObject(message['refused'])) throw refusal(message['refused']);
      if (revision !== undefined) return { ...readWelcome(message['welcome']), revision };
      const challenged = checkChallenge(message['challenge'], nonce, options.token);
      ({ revision } = challenged);
      const keepAliveHours = options.keepAliveHours ?? (revision >= 1 ? undefined : defaultKeepAliveHours);
      socket.write(encodeControl({ proof: { proof: challenged.proof, keepAliveHours } }));
      return undefined;
    };
    const onData = (chunk: Buffer) => {
      try {
        // What follows the welcome stays in the decoder.
        decoder.push(Buffer.from(chunk));
        for (let frame = decoder.next(); frame; frame = decoder.next()) {
          if (frame.type !== frameType.control) throw unavailable('The pty host spoke out of turn; it may be a fake.');
          const identity = step(decodeControl(frame.body));
          if (identity) {
            settle(() => resolve(identity));
            return;
          }
        }
      } catch (error) {
        settle(() => reject(error instanceof Error ? error : new Error(String(error))));
      }
    };
    const onClose = () => settle(() => reject(unavailable('The pty host hung up during the handshake.')));
    const limit = setTimeout(() => {
      settle(() => reject(unavailable(`The pty host did not finish its handshake within ${handshakeTimeoutMs} ms.`)));
    }, handshakeTimeoutMs);
    wire.take = onData;
    socket.on('close', onClose);
    socket.write(encodeControl({ hello: { protocolVersion: ptyProtocolVersion, nonce } }));
  });
}

/** The answer to a genuine host, and what it can do. */
function checkChallenge(
  challenge: unknown,
  clientNonce: string,
  token: Uint8Array,
): { proof: string; revision: number } {
  if (!isObject(challenge)) throw unavailable('The pty host sent no challenge; it may be a fake.');
  const { protocolVersion, revision, nonce, proof } = challenge;
  if (protocolVersion !== ptyProtocolVersion) {
    throw unavailable(
      `The pty host speaks version ${String(protocolVersion)} of its protocol, this server version ${ptyProtocolVersion}.`,
    );
  }
  const nonces = { client: clientNonce, host: String(nonce) };
  if (!isNonceOrProof(nonce) || !isNonceOrProof(proof) || !isSameProof(createProof(token, 'host', nonces), proof)) {
    throw unavailable(
      "The process at the pty host's address does not know the token of this data folder; it is a fake.",
    );
  }
  return {
    proof: createProof(token, 'client', nonces),
    revision: Number.isSafeInteger(revision) ? Number(revision) : 0,
  };
}

function readWelcome(welcome: unknown): Omit<PtyHostIdentity, 'revision'> {
  if (!isObject(welcome)) throw unavailable('The pty host sent no welcome.');
  const { instanceId, pid, startedAtMs } = welcome;
  if (typeof instanceId !== 'string' || typeof pid !== 'number' || typeof startedAtMs !== 'number') {
    throw unavailable('The pty host sent a welcome that cannot be understood.');
  }
  return { instanceId, pid, startedAtMs };
}

function refusal(refused: Message): Error {
  const { code, message } = refused;
  return fromPtyHost(
    isPtyErrorCode(code) ? code : 'Internal',
    `The pty host refused the connection: ${String(message)}`,
  );
}

function isObject(value: unknown): value is Message {
  return typeof value === 'object' && value !== null;
}
