import { GlobPattern, type PathSegment, type StepBudget } from './globPattern.ts';

interface Rule {
  readonly pattern: GlobPattern;
  readonly isNegated: boolean;
  readonly isForFolders: boolean;
}

/** Lines as in `.gitignore`. What ripgrep could not make a pattern of is passed over, as it does. */
export class IgnoreRules {
  private readonly rules: readonly Rule[];

  constructor(text: string) {
    const lines = text.replace(/^\u{feff}/u, '').split('\n');
    // The last that matches counts.
    this.rules = lines.flatMap((line) => parseRule(line) ?? []).reverse();
  }

  /** What they say of a path below their folder; undefined where they say nothing, or the steps are spent. */
  verdict(path: readonly PathSegment[], isFolder: boolean, steps: StepBudget): 'ignored' | 'unignored' | undefined {
    for (const { pattern, isNegated, isForFolders } of this.rules) {
      if (isForFolders && !isFolder) continue;
      if (pattern.matches(path, steps)) return isNegated ? 'unignored' : 'ignored';
    }
    return undefined;
  }
}

/** The pattern of what one such line is about: files that match, and those in folders that do. Undefined if none are. */
export function chosenBy(line: string): GlobPattern | undefined {
  const rule = parseRule(line);
  return rule && !rule.isNegated ? rule.pattern.below(!rule.isForFolders) : undefined;
}

/** Undefined for a blank line, a comment, and what is no pattern. */
function parseRule(line: string): Rule | undefined {
  if (line.startsWith('#')) return undefined;
  const trimmed = line.endsWith('\\ ') ? line : line.trimEnd();
  const isNegated = trimmed.startsWith('!');
  const whole = isNegated ? trimmed.slice(1) : trimmed;
  const isForFolders = whole.endsWith('/');
  const path = isForFolders ? whole.slice(0, -1) : whole;
  const isAtItsFolder = path.includes('/');
  const bare = path.startsWith('/') ? path.slice(1) : path;
  const pattern = bare === '' ? undefined : GlobPattern.parse(isAtItsFolder ? bare : `**/${bare}`);
  return pattern && { pattern, isNegated, isForFolders };
}
