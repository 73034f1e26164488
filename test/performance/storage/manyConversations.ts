import { randomUUID } from 'node:crypto';
import { turnUpdates, writeConversations } from '../../support/writtenConversations.ts';

/** How many words there are. */
export const wordCount = 20_000;

/** Writes conversations of two turns each, a minute apart, about the folder itself. */
export function writeManyConversations(folder: string, count: number): void {
  const now = Date.now();
  const texts = Array.from({ length: 2_000 }, () => Array.from({ length: 60 }, () => word(skewed())).join(' '));
  const text = (): string => texts[Math.floor(Math.random() * texts.length)] ?? '';
  for (let start = 0; start < count; start += 500) {
    const conversations = Array.from({ length: Math.min(500, count - start) }, (_, index) => {
      const at = now - (count - start - index) * 60_000;
      const turn = (id: string) =>
        turnUpdates({
          id,
          question: text(),
          answer: `${text()} ${text()}`,
          command: `npm run ${word(skewed())}`,
          file: `src/${word(skewed())}/${word(skewed())}.ts`,
          tokens: { inputTokens: 1_000, outputTokens: 100 },
        });
      return { id: randomUUID(), at, modifiedAt: at, updates: [...turn('a'), ...turn('b')] };
    });
    writeConversations(folder, folder, conversations);
  }
}

/** Words that look like words; those with a small number occur often. */
export function word(number: number): string {
  return `${((number * 7_919) % 100_003).toString(36)}${(number % 36).toString(36)}x`;
}

function skewed(): number {
  return Math.floor(Math.random() ** 3 * wordCount);
}
