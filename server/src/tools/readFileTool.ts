import { z } from 'zod';
import { defineTool, textContent } from './tool.ts';

/** About 12,000 tokens: enough for a file, too little to fill a context window. */
const maxChars = 48_000;
const maxLineChars = 2_000;

const input = z.object({
  path: z.string().min(1).max(4096).describe("Path of the file, relative to the conversation's folder or absolute."),
  startLine: z.int().min(1).optional().describe('First line to read, counting from 1.'),
  endLine: z.int().min(1).optional().describe('Last line to read.'),
});

/** Reads a text file, with line numbers. */
export const readFileTool = defineTool({
  name: 'read_file',
  kind: 'read',
  description:
    'Reads a text file, unsaved changes in the editor included. Each line comes with its number and a tab before it. ' +
    'Long files come in parts: go on with startLine.',
  input,
  title: ({ path, startLine, endLine }) => ({
    title: startLine || endLine ? `Read ${path} (${startLine ?? 1}–${endLine ?? 'end'})` : `Read ${path}`,
    locations: [{ path, ...(startLine && { line: startLine }) }],
  }),
  async run({ path, startLine = 1, endLine }, access) {
    const lines = (await access.readText(path)).split(/\r?\n/);
    // A text that ends with a line feed has no further, empty line.
    if (lines.length > 1 && lines.at(-1) === '') lines.pop();
    if (startLine > lines.length) {
      return { status: 'failed', content: [textContent(`${path} has only ${lines.length} lines.`)] };
    }
    const last = Math.min(endLine ?? lines.length, lines.length);
    const { text, shownTo } = numberLines(lines, startLine, last);
    const isWhole = startLine === 1 && shownTo === lines.length;
    return {
      status: 'completed',
      content: [textContent(text)],
      ...(!isWhole && { noteForModel: `(Lines ${startLine} to ${shownTo} of ${lines.length}.)` }),
    };
  },
});

function numberLines(lines: readonly string[], from: number, to: number): { text: string; shownTo: number } {
  const numbered: string[] = [];
  let chars = 0;
  for (let number = from; number <= to; number++) {
    const line = lines[number - 1] ?? '';
    const cut = line.length <= maxLineChars ? line : `${line.slice(0, maxLineChars)}… (${line.length} characters)`;
    const entry = `${number}\t${cut}`;
    if (chars + entry.length > maxChars) break;
    chars += entry.length + 1;
    numbered.push(entry);
  }
  return { text: numbered.join('\n'), shownTo: from + numbered.length - 1 };
}
