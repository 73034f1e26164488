import type { ContentBlock } from '../../protocol/sessionEvents.ts';

const maxTitleChars = 80;

/** A conversation's title, from the first line that its first prompt has; empty if that has no text. */
export function titleOf(blocks: readonly ContentBlock[]): string {
  for (const block of blocks) {
    if (block.type !== 'text') continue;
    const line = block.text
      .split('\n')
      .map((candidate) => candidate.replace(/[\p{C}\s]+/gu, ' ').trim())
      .find((candidate) => candidate.length > 0);
    if (line === undefined) continue;
    const characters = Array.from(line);
    return characters.length <= maxTitleChars ? line : `${characters.slice(0, maxTitleChars - 1).join('')}…`;
  }
  return '';
}
