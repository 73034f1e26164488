/** Where no client has ever said how long. */
const defaultHours = 24;

/**
 * For how long idle shells are kept once nobody is connected: the longest wish of those who are, or were last. Who has no
 * wish, such as a command line that only looks, changes nothing.
 */
export class KeepAliveWishes<Client> {
  private readonly wishes = new Map<Client, number>();
  private lastHours = defaultHours;

  get hours(): number {
    return this.lastHours;
  }

  /** Notes what a connected client wishes; undefined: nothing. */
  set(client: Client, hours: number | undefined): void {
    if (hours === undefined) this.wishes.delete(client);
    else this.wishes.set(client, hours);
    this.update();
  }

  /** The client has gone. The wish of the last one holds on. */
  delete(client: Client): void {
    this.wishes.delete(client);
    this.update();
  }

  private update(): void {
    if (this.wishes.size > 0) this.lastHours = Math.max(...this.wishes.values());
  }
}
