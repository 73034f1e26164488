import { connect, type Socket } from 'node:net';
import { unavailable } from './ptyHostErrors.ts';

const readBytes = 65_536;

/**
 * A socket to a pty host. All that is read lands in one buffer: with one for each read a flooding terminal would keep
 * the garbage collector busier than anything else, and every other terminal's echo waiting for it.
 */
export class HostSocket {
  readonly socket: Socket;
  /** Gets what has been read; the bytes are valid during the call only. */
  take: (chunk: Buffer) => void = () => undefined;

  /** Rejects with `Unavailable` where nothing listens at `address`. */
  static connect(address: string): Promise<HostSocket> {
    return new Promise((resolve, reject) => {
      const connecting = new HostSocket(address);
      const { socket } = connecting;
      const onError = (error: Error) => {
        socket.destroy();
        reject(unavailable(`No pty host answers at its address (${codeOf(error)})`, error));
      };
      socket.once('error', onError);
      socket.once('connect', () => {
        socket.off('error', onError);
        resolve(connecting);
      });
    });
  }

  private constructor(address: string) {
    const buffer = Buffer.allocUnsafeSlow(readBytes);
    const callback = (count: number): boolean => {
      this.take(buffer.subarray(0, count));
      return true;
    };
    this.socket = connect({ path: address, onread: { buffer, callback } });
  }
}

/** The system's name for what went wrong. Its whole message would show paths. */
export function codeOf(error: NodeJS.ErrnoException): string {
  return error.code ?? error.name;
}
