import { readFileSync } from 'node:fs';
import { failureText, type Totals } from '../../scripts/totals.ts';

/** The environment variable that tells the extension host into which file to report. */
export const resultFileVariable = 'AI_DEV_ASSISTANT_TEST_RESULTS';

/** One event of a run inside the extension host. */
export type ResultLine =
  | { readonly kind: 'passed'; readonly title: string; readonly durationMs: number }
  | { readonly kind: 'skipped'; readonly title: string }
  | { readonly kind: 'failed'; readonly title: string; readonly message: string }
  | { readonly kind: 'crashed'; readonly message: string }
  | { readonly kind: 'end' };

/** Follows the file into which the extension host reports, and shows each test as it ends. */
export class ResultFile {
  readonly file: string;
  private shown = 0;

  constructor(file: string) {
    this.file = file;
  }

  /** Prints what has been reported since the last call. */
  showNews(): void {
    const lines = this.read();
    for (const line of lines.slice(this.shown)) console.log(describe(line));
    this.shown = lines.length;
  }

  /** Sums the run up. A run that broke off counts as one more failure: what it did not test did not pass. */
  totals(): Totals {
    const lines = this.read();
    const count = (kind: ResultLine['kind']) => lines.filter((line) => line.kind === kind).length;
    const brokenOff = count('end') === 0 || (count('passed') === 0 && count('failed') === 0) ? 1 : 0;
    return {
      passed: count('passed'),
      failed: count('failed') + brokenOff,
      skipped: count('skipped'),
      failures: [
        ...lines.flatMap((line) => (line.kind === 'failed' ? [failureText(line.title, line.message)] : [])),
        ...(brokenOff > 0 ? ['The run inside VS Code broke off'] : []),
      ],
    };
  }

  private read(): ResultLine[] {
    let text: string;
    try {
      text = readFileSync(this.file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    return whole
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as ResultLine);
  }
}

function describe(line: ResultLine): string {
  switch (line.kind) {
    case 'passed':
      return `  ✔ ${line.title} (${line.durationMs} ms)`;
    case 'skipped':
      return `  - ${line.title}`;
    case 'failed':
      return `  ✖ ${line.title}\n${indent(line.message)}`;
    case 'crashed':
      return `  ✖ the run broke off\n${indent(line.message)}`;
    case 'end':
      return '';
  }
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '      ');
}
