import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** Bounds of the buckets in seconds: from what a call over a socket takes to what a person waits for. */
const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60];

/** How a request ended: `ok`, or the reason of its error. */
export interface MeasuredRequest {
  readonly method: string;
  readonly outcome: string;
  readonly ms: number;
}

/**
 * The numbers of one server, for Prometheus and what else reads its text format. Labels are names of the contract only, so that
 * no stranger can make them many.
 */
export class ServerMetrics {
  private readonly registry = new Registry();
  private readonly requests: Counter<'method' | 'outcome'>;
  private readonly seconds: Histogram<'method'>;
  private readonly refusals: Counter<'reason'>;

  constructor(connections: () => Readonly<Record<string, number>>) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    const prefix = 'ai_dev_assistant';
    this.requests = new Counter({
      name: `${prefix}_requests_total`,
      help: 'Requests answered, by method and by how they ended.',
      labelNames: ['method', 'outcome'],
      registers,
    });
    this.seconds = new Histogram({
      name: `${prefix}_request_seconds`,
      help: 'Time from a request to its answer.',
      labelNames: ['method'],
      buckets: secondsBuckets,
      registers,
    });
    this.refusals = new Counter({
      name: `${prefix}_door_refusals_total`,
      help: 'Connections and calls that were not let in, by reason.',
      labelNames: ['reason'],
      registers,
    });
    new Gauge({
      name: `${prefix}_connections`,
      help: 'Connections that are open now, by kind.',
      labelNames: ['kind'],
      registers,
      collect() {
        for (const [kind, count] of Object.entries(connections())) this.set({ kind }, count);
      },
    });
  }

  /** A request was answered. */
  answered({ method, outcome, ms }: MeasuredRequest): void {
    this.requests.inc({ method, outcome });
    this.seconds.observe({ method }, ms / 1_000);
  }

  /** Somebody was not let in. */
  refused(reason: string): void {
    this.refusals.inc({ reason });
  }

  async text(): Promise<{ contentType: string; text: string }> {
    return { contentType: this.registry.contentType, text: await this.registry.metrics() };
  }
}
