import { createContext, Script, type Context } from 'node:vm';
import { CodedError } from '../../protocol/errors.ts';

/** What one file may take. An expression can be made to run for years; here it is interrupted. */
const maxMsPerFile = 1_000;

interface LineMatch {
  /** Counts from 1. */
  readonly line: number;
  readonly text: string;
}

/**
 * A function that finds the matching lines of a text, at most `maxMatches`. Without a capital letter in `query` case
 * does not count (ripgrep's `--smart-case`). The function throws `TimedOut` where an expression takes too long; making
 * it throws `InvalidParams` where the expression is none.
 */
export function createLineMatcher(query: string, isRegex: boolean, maxMatches: number): (text: string) => LineMatch[] {
  const ignoresCase = query.toLowerCase() === query;
  if (!isRegex) {
    return (text) => {
      const isMatch = (line: string): boolean => (ignoresCase ? line.toLowerCase() : line).includes(query);
      return linesOf(text)
        .map((line, index) => ({ line: index + 1, text: line }))
        .filter((candidate) => isMatch(candidate.text))
        .slice(0, maxMatches);
    };
  }
  const expression = compile(query, ignoresCase);
  // A script with a time limit is the only way to interrupt a regular expression; it sees nothing but these values.
  const context = createContext(
    { expression, maxMatches, lines: [] as string[] },
    { codeGeneration: { strings: false, wasm: false } },
  );
  const script = new Script(`(() => {
    const found = [];
    for (let i = 0; i < lines.length && found.length < maxMatches; i++) if (expression.test(lines[i])) found.push(i);
    return found;
  })()`);
  return (text) => {
    const lines = linesOf(text);
    context['lines'] = lines;
    const indexes = runLimited(script, context);
    return indexes.map((index) => ({ line: index + 1, text: lines[index] ?? '' }));
  };
}

function compile(query: string, ignoresCase: boolean): RegExp {
  try {
    return new RegExp(query, ignoresCase ? 'i' : '');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : 'not an expression';
    throw new CodedError('InvalidParams', `The expression cannot be used: ${why}`, { cause });
  }
}

function runLimited(script: Script, context: Context): number[] {
  try {
    return script.runInContext(context, { timeout: maxMsPerFile }) as number[];
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw cause;
    throw new CodedError(
      'TimedOut',
      'The expression takes too long on one of the files. Search for something simpler.',
      {
        cause,
      },
    );
  }
}

function linesOf(text: string): string[] {
  return text.split(/\r?\n/);
}
