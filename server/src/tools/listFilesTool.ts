import { z } from 'zod';
import { defineTool, textContent } from './tool.ts';

const maxFiles = 1_000;

const input = z.object({
  path: z.string().min(1).max(4096).optional().describe("Folder to list; the conversation's folder if left out."),
  pattern: z.string().min(1).max(500).optional().describe('Glob such as *.ts or src/**/*.test.js.'),
});

/** Lists files, honouring .gitignore. */
export const listFilesTool = defineTool({
  name: 'list_files',
  kind: 'search',
  description:
    `Lists the files below a folder, at most ${maxFiles}, without those that .gitignore names. ` +
    'Use a pattern in a large repository.',
  input,
  title: ({ path = '.', pattern }) => ({ title: pattern ? `List ${pattern} in ${path}` : `List ${path}` }),
  async run({ path = '.', pattern }, access) {
    const { files, isPartial } = await access.listFiles({ folder: path, pattern, limit: maxFiles });
    if (files.length === 0) return { status: 'completed', content: [textContent('No files.')] };
    return {
      status: 'completed',
      content: [textContent(files.map((file) => access.displayPath(file)).join('\n'))],
      ...(isPartial && { noteForModel: '(There are more. Use a pattern or a folder further down.)' }),
    };
  },
});
