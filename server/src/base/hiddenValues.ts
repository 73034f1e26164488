/** The token of now, and those before it, which are worth nothing any more. */
const maxValues = 16;

/** Secrets that no pattern would find, to be kept out of what is written down. The last 16 are remembered. */
export class HiddenValues {
  private readonly hidden = new Set<string>();

  get values(): readonly string[] {
    return [...this.hidden];
  }

  hide(secret: string): void {
    this.hidden.delete(secret);
    this.hidden.add(secret);
    const [oldest] = this.hidden;
    if (this.hidden.size > maxValues && oldest !== undefined) this.hidden.delete(oldest);
  }
}
