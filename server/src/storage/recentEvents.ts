import type { SessionEvent } from '../../protocol/sessionEvents.ts';

/**
 * Characters of JSON that are kept of a conversation in memory. A snapshot shows 4 MiB of it at most, and the largest
 * context of a model holds some 8 MiB of text: who looks back further reads the file.
 */
export const maxKeptChars = 16 * 1024 * 1024;

/**
 * The newest events of a conversation, as many as have room. Of older ones it keeps what they set for the whole
 * conversation: title, options, usage, and the beginning of a turn that goes on. With `maxChars` left out it keeps all.
 */
export class RecentEvents {
  /** In order; emptied by whoever takes events out. */
  readonly list: SessionEvent[] = [];
  /** Number of the newest event that is no longer kept; 0 if all are. */
  droppedThrough = 0;
  private readonly maxChars: number;
  private readonly chars: number[] = [];
  private total = 0;

  constructor(maxChars = Infinity) {
    this.maxChars = maxChars;
  }

  /** `chars` is the length of its JSON text. */
  add(event: SessionEvent, chars: number): void {
    this.list.push(event);
    if (this.maxChars === Infinity) return;
    this.chars.push(chars);
    this.total += chars;
    if (this.total > this.maxChars) this.drop();
  }

  /** Keeps half of what may be kept, so that this happens seldom, and whole turns, if there is more than one. */
  private drop(): void {
    let count = 0;
    let total = this.total;
    while (total > this.maxChars / 2 && count < this.list.length - 1) total -= this.chars[count++] ?? 0;
    const nextTurn = this.list.findIndex(
      ({ update }, index) => index >= count && update.sessionUpdate === 'turn_started',
    );
    if (nextTurn > 0) count = nextTurn;
    const dropped = this.list.splice(0, count);
    const droppedChars = this.chars.splice(0, count);
    this.droppedThrough = dropped.at(-1)?.sequence ?? this.droppedThrough;
    const settled = lastOfEach(dropped);
    this.list.unshift(...settled.map((index) => dropped[index]).filter((event) => event !== undefined));
    this.chars.unshift(...settled.map((index) => droppedChars[index] ?? 0));
    this.total = this.chars.reduce((sum, each) => sum + each, 0);
  }
}

/** Where the events stand of which only the last of their kind counts, and the beginning of a turn that goes on. */
function lastOfEach(events: readonly SessionEvent[]): number[] {
  const last = new Map<string, number>();
  for (const [index, { update }] of events.entries()) {
    switch (update.sessionUpdate) {
      case 'session_info_update':
      case 'usage_update':
        last.set(update.sessionUpdate, index);
        break;
      case 'config_option_update':
        last.set(`option ${update.configId}`, index);
        break;
      case 'turn_started':
        last.set('turn', index);
        break;
      case 'turn_ended':
        last.delete('turn');
        break;
      default:
        break;
    }
  }
  return [...last.values()].sort((a, b) => a - b);
}
