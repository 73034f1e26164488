/** What parts told the audit log, for tests whose subject is not the log. With a `refusal` it is the log whose disk is full. */
export class RecordedAudit {
  readonly events: {
    readonly kind: string;
    readonly outcome?: string;
    readonly details: Readonly<Record<string, unknown>>;
  }[] = [];
  refusal: Error | undefined;

  record(event: RecordedAudit['events'][number]): Promise<void> {
    this.events.push(event);
    return this.refusal ? Promise.reject(this.refusal) : Promise.resolve();
  }

  tell(event: RecordedAudit['events'][number]): void {
    this.events.push(event);
  }
}
