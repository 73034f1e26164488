import { z } from 'zod';
import { defineTool, textContent } from './tool.ts';

const maxMatches = 200;
const maxLineChars = 300;

const input = z.object({
  query: z.string().min(1).max(1_000).describe('Text to find. Without a capital letter in it, case does not count.'),
  path: z
    .string()
    .min(1)
    .max(4096)
    .optional()
    .describe("Folder or file to search; the conversation's folder if left out."),
  regex: z.boolean().optional().describe('True if the query is a regular expression; else it is plain text.'),
});

/** Finds lines in files, honouring .gitignore. */
export const searchTool = defineTool({
  name: 'search',
  kind: 'search',
  description:
    `Finds lines in the files on disk, at most ${maxMatches}, without files that .gitignore names. ` +
    'Each comes as path:line: text.',
  input,
  title: ({ query, path }) => ({ title: path ? `Search for "${query}" in ${path}` : `Search for "${query}"` }),
  async run({ query, path = '.', regex = false }, access) {
    const { matches, isPartial } = await access.searchFiles({ folder: path, query, isRegex: regex, limit: maxMatches });
    const lines = matches.map(({ file, line, text }) => {
      const cut = text.length <= maxLineChars ? text : `${text.slice(0, maxLineChars)}…`;
      return `${access.displayPath(file)}:${line}: ${cut}`;
    });
    return {
      status: 'completed',
      content: [textContent(lines.length > 0 ? lines.join('\n') : 'Nothing found.')],
      ...(isPartial && {
        noteForModel: '(There are more, or there was no time to see all. Search for something narrower.)',
      }),
    };
  },
});
