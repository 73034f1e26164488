/** Ids of requests that were sent and are not answered yet. */
export class OpenRequests {
  private readonly ids = new Set<string>();
  private readonly max: number;

  /** Beyond `max` the oldest is forgotten. */
  constructor(max: number) {
    this.max = max;
  }

  /** False where one of that id is under way: `7` and `"7"` are the same to the library. */
  begin(id: string | number): boolean {
    const key = String(id);
    if (this.ids.has(key)) return false;
    this.ids.add(key);
    const [oldest] = this.ids;
    if (this.ids.size > this.max && oldest !== undefined) this.ids.delete(oldest);
    return true;
  }

  /** Whether one of that id was under way; from now on none is. */
  end(id: unknown): boolean {
    return this.ids.delete(String(id));
  }
}
