interface Flight<V> {
  readonly result: Promise<V>;
  readonly abort: AbortController;
  /** Callers that still wait; one without a signal never leaves. */
  waiting: number;
}

/**
 * One question at a time for each key: who asks for the same meanwhile waits for the same answer. A question is aborted
 * once everybody who waited for it has gone.
 */
export class Flights<V> {
  private readonly flights = new Map<string, Flight<V>>();

  get size(): number {
    return this.flights.size;
  }

  has(key: string): boolean {
    return this.flights.has(key);
  }

  /** Starts the question, or joins it. Rejects with the reason of `signal` as soon as that is aborted. */
  join(key: string, start: (signal: AbortSignal) => Promise<V>, signal?: AbortSignal): Promise<V> {
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    const flight = this.flights.get(key) ?? this.begin(key, start);
    flight.waiting += 1;
    return signal ? this.waitWith(key, flight, signal) : flight.result;
  }

  /** Those who wait get their answers; whoever asks from now on starts anew. */
  forget(): void {
    this.flights.clear();
  }

  /** Aborts every question. */
  dispose(): void {
    for (const flight of this.flights.values()) flight.abort.abort();
    this.flights.clear();
  }

  private begin(key: string, start: (signal: AbortSignal) => Promise<V>): Flight<V> {
    const abort = new AbortController();
    const result = start(abort.signal).finally(() => this.end(key, flight));
    // Whoever waits hears of a failure; with nobody left it concerns nobody.
    result.catch(() => undefined);
    const flight: Flight<V> = { result, abort, waiting: 0 };
    this.flights.set(key, flight);
    return flight;
  }

  private end(key: string, flight: Flight<V>): void {
    if (this.flights.get(key) === flight) this.flights.delete(key);
  }

  private waitWith(key: string, flight: Flight<V>, signal: AbortSignal): Promise<V> {
    return new Promise<V>((resolve, reject) => {
      const leave = (): void => {
        reject(signal.reason as Error);
        flight.waiting -= 1;
        if (flight.waiting > 0) return;
        this.end(key, flight);
        flight.abort.abort(signal.reason);
      };
      const stay = (): void => signal.removeEventListener('abort', leave);
      signal.addEventListener('abort', leave, { once: true });
      flight.result.finally(stay).then(resolve, reject);
    });
  }
}
