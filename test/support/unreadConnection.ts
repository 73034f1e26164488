import { Duplex } from 'node:stream';

/** A connection whose other end has stopped reading: once `isRead` is false not a byte of it is taken. */
export class UnreadConnection extends Duplex {
  isRead = true;

  override _read(): void {
    // The other end says nothing.
  }

  override _write(_bytes: Buffer, _encoding: string, done: () => void): void {
    if (this.isRead) done();
  }
}
