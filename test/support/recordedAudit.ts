/** What parts told the audit log, for tests whose subject is not the log. With a `refusal` it is the log whose disk is full. */
export class RecordedAudit {
  readonly events: {
    readonly kind: string;
    readonly outcome?: string;
    readonly details: Readonly<Record<string, unknown>>;
  }[] = [];
  refusal: Error | undefined;
  /** What happens while a record is written, which takes as long. */
  meanwhile: (() => Promise<unknown>) | undefined;

  async record(event: RecordedAudit['events'][number]): Promise<void> {
    this.events.push(event);
    await this.meanwhile?.();
    if (this.refusal) throw this.refusal;
  }

  tell(event: RecordedAudit['events'][number]): void {
    this.events.push(event);
  }
}
