import { createNonce, createProof, isNonceOrProof, isSameProof } from '../ptyProtocol/authentication.ts';
import { PtyProtocolError } from '../ptyProtocol/errors.ts';
import { maxKeepAliveHours, ptyProtocolRevision, ptyProtocolVersion } from '../ptyProtocol/limits.ts';
import type { PtyHandshake } from '../ptyProtocol/messages.ts';

type Message = Readonly<Record<string, unknown>>;

/**
 * The host's half of the handshake: it proves itself first, and lets nobody in who cannot do the same. It knows nothing
 * of sockets: messages go in, the answers come out.
 */
export class HostHandshake {
  private readonly readToken: () => Uint8Array | undefined;
  private token: Uint8Array = new Uint8Array();
  private nonces: { readonly client: string; readonly host: string } | undefined;

  constructor(readToken: () => Uint8Array | undefined) {
    this.readToken = readToken;
  }

  /** Takes the next message of the client: the challenge to answer with, or what the proven client wishes. */
  take(message: Message): PtyHandshake['challenge'] | { readonly keepAliveHours: number | undefined } {
    return this.nonces ? this.takeProof(message, this.nonces) : this.takeHello(message);
  }

  private takeHello(message: Message): PtyHandshake['challenge'] {
    const { protocolVersion, nonce } = readPart(message, 'hello');
    if (protocolVersion !== ptyProtocolVersion) {
      throw new PtyProtocolError(
        'VersionMismatch',
        `This pty host speaks version ${ptyProtocolVersion} of the protocol, the client version ${String(protocolVersion)}.`,
      );
    }
    if (!isNonceOrProof(nonce)) throw new PtyProtocolError('ProtocolViolation', 'The hello holds no nonce.');
    const token = this.readToken();
    if (!token) throw new PtyProtocolError('Unauthenticated', 'The token file is missing; connect again to make one.');
    this.token = token;
    this.nonces = { client: nonce, host: createNonce() };
    const proof = createProof(this.token, 'host', this.nonces);
    const what = { protocolVersion: ptyProtocolVersion, revision: ptyProtocolRevision };
    return { challenge: { ...what, nonce: this.nonces.host, proof } };
  }

  private takeProof(message: Message, nonces: { client: string; host: string }) {
    const { proof, keepAliveHours } = readPart(message, 'proof');
    if (!isNonceOrProof(proof) || !isSameProof(createProof(this.token, 'client', nonces), proof)) {
      throw new PtyProtocolError('Unauthenticated', 'The client does not know the token of this data folder.');
    }
    if (keepAliveHours === undefined) return { keepAliveHours };
    if (typeof keepAliveHours !== 'number' || !(keepAliveHours >= 0 && keepAliveHours <= maxKeepAliveHours)) {
      throw new PtyProtocolError('InvalidParams', `keepAliveHours must be a number from 0 to ${maxKeepAliveHours}.`);
    }
    return { keepAliveHours };
  }
}

function readPart(message: Message, name: string): Message {
  const part = message[name];
  if (typeof part === 'object' && part !== null) return part as Message;
  throw new PtyProtocolError('ProtocolViolation', `The handshake expects "${name}" here.`);
}
