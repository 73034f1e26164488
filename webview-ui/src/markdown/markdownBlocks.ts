import { Lexer } from 'marked';

/**
 * Splits Markdown that grows at its end into top-level blocks (a paragraph, a list, a fenced code block). Blocks that
 * can no longer change are kept, so each addition costs only as much as the last blocks are long.
 */
export class MarkdownBlocks {
  private text = '';
  private settled: string[] = [];
  private settledChars = 0;

  /** The source of each block of `text`. Text that does not begin with the former text is split afresh. */
  update(text: string): readonly string[] {
    if (!text.startsWith(this.text)) {
      this.settled = [];
      this.settledChars = 0;
    }
    this.text = text;
    const blocks = splitBlocks(text.slice(this.settledChars));
    // The last block may go on, and a blank line after it does not yet end a list: the last two stay open.
    const closed = blocks.slice(0, Math.max(0, blocks.length - 2));
    const open = blocks.slice(closed.length);
    for (const block of closed) {
      this.settled.push(block);
      this.settledChars += block.length;
    }
    return [...this.settled, ...open];
  }
}

/** Every character of `text` is in exactly one block, so that lengths add up. Blank lines belong to the block before. */
function splitBlocks(text: string): string[] {
  const blocks: string[] = [];
  let consumedChars = 0;
  for (const token of new Lexer({ gfm: true }).blockTokens(text, [])) {
    // The lexer normalizes line ends and tabs, so its pieces are measured in the text itself where they can be found.
    const start = text.startsWith(token.raw, consumedChars) ? consumedChars : -1;
    if (start === -1) return [...blocks, text.slice(consumedChars)];
    consumedChars += token.raw.length;
    const before = token.type === 'space' ? blocks.pop() : undefined;
    blocks.push((before ?? '') + token.raw);
  }
  if (consumedChars < text.length) blocks.push(text.slice(consumedChars));
  return blocks;
}
