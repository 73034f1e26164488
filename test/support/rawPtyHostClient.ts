import type { Socket } from 'node:net';
import { loadOrCreateToken } from '../../server/src/ptyProtocol/authentication.ts';
import { decodeControl, encodeControl, FrameDecoder, frameType } from '../../server/src/ptyProtocol/frames.ts';
import { hostPaths } from '../../server/src/ptyProtocol/hostRecord.ts';
import { HostSocket } from '../../server/src/terminals/hostClient/hostSocket.ts';
import { performHandshake } from '../../server/src/terminals/hostClient/ptyHostHandshake.ts';
import type { PtyHostWorld } from './ptyHostWorld.ts';
import { waitFor } from './waitFor.ts';

/** A client that says what no decent client would: bytes straight to the host's socket. */
export class RawClient {
  readonly socket: Socket;
  /** Control messages received so far. */
  readonly messages: Readonly<Record<string, unknown>>[] = [];
  isClosed = false;
  private readonly decoder: FrameDecoder;

  /** Connects without a handshake. */
  static async connect(world: PtyHostWorld): Promise<RawClient> {
    return new RawClient(await HostSocket.connect(await world.address()), new FrameDecoder());
  }

  /** Connects and proves itself. */
  static async open(world: PtyHostWorld): Promise<RawClient> {
    const wire = await HostSocket.connect(await world.address());
    // What the handshake misses shows as its failure.
    wire.socket.on('error', () => undefined);
    const token = await loadOrCreateToken(hostPaths(world.dataFolder).tokenFile);
    const decoder = new FrameDecoder();
    await performHandshake(wire, decoder, { token, keepAliveHours: 24 });
    return new RawClient(wire, decoder);
  }

  private constructor(wire: HostSocket, decoder: FrameDecoder) {
    const { socket } = wire;
    this.socket = socket;
    this.decoder = decoder;
    wire.take = (chunk) => this.receive(chunk);
    socket.on('close', () => (this.isClosed = true));
    // The host hangs up on purpose in these tests, maybe while we still write.
    socket.on('error', () => (this.isClosed = true));
  }

  say(message: object): void {
    this.socket.write(encodeControl(message));
  }

  /** The answer to the request with that id. */
  answer(id: number): Promise<Readonly<Record<string, unknown>>> {
    return waitFor(`the answer to request ${id}`, () => this.messages.find((message) => message['id'] === id));
  }

  /** Sends a request and waits for its answer. */
  request(id: number, method: string, params: unknown): Promise<Readonly<Record<string, unknown>>> {
    this.say({ id, method, params });
    return this.answer(id);
  }

  /** Waits until the host has hung up; why it said so. */
  async refusal(): Promise<{ readonly code: string; readonly message: string } | undefined> {
    await waitFor('the host to hang up', () => this.isClosed);
    const refused = this.messages.find((message) => 'refused' in message);
    return refused?.['refused'] as { code: string; message: string } | undefined;
  }

  private receive(chunk: Buffer): void {
    this.decoder.push(chunk);
    for (let frame = this.decoder.next(); frame; frame = this.decoder.next()) {
      if (frame.type === frameType.control) this.messages.push(decodeControl(frame.body));
    }
  }
}
