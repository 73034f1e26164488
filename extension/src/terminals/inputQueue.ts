/** A paste of a megabyte is one call: it is sent in pieces that the contract takes. */
const chunkChars = 524_288;
/** More than this waiting means that nobody reads it. */
const maxQueuedChars = 8_388_608;

/** Sends what a person types, in order, one request at a time; what is typed meanwhile goes with the next. */
export class InputQueue {
  private readonly send: (data: string) => Promise<unknown>;
  private readonly onFailed: (error: unknown) => void;
  private queued = '';
  private isSending = false;

  /** `onFailed` is told when input was lost, with the reason, or with undefined if too much was waiting. */
  constructor(send: (data: string) => Promise<unknown>, onFailed: (error: unknown) => void) {
    this.send = send;
    this.onFailed = onFailed;
  }

  push(data: string): void {
    if (this.queued.length + data.length > maxQueuedChars) {
      this.onFailed(undefined);
      return;
    }
    this.queued += data;
    if (!this.isSending) void this.sendAll();
  }

  /** Forgets what has not been sent. */
  clear(): void {
    this.queued = '';
  }

  private async sendAll(): Promise<void> {
    this.isSending = true;
    while (this.queued !== '') {
      const end = chunkEnd(this.queued);
      const chunk = this.queued.slice(0, end);
      this.queued = this.queued.slice(end);
      try {
        await this.send(chunk);
      } catch (error) {
        this.clear();
        this.onFailed(error);
      }
    }
    this.isSending = false;
  }
}

/** Where to cut, such that no character of two code units is torn. */
function chunkEnd(text: string): number {
  if (text.length <= chunkChars) return text.length;
  const last = text.charCodeAt(chunkChars - 1);
  const isHighSurrogate = last >= 0xd800 && last <= 0xdbff;
  return isHighSurrogate ? chunkChars - 1 : chunkChars;
}
