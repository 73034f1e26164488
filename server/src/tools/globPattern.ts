/** Bounds the comparisons that are made for one path, by all patterns together. Once it is spent, nothing matches. */
export class StepBudget {
  private left: number;

  constructor(steps: number) {
    this.left = steps;
  }

  get isSpent(): boolean {
    return this.left < 0;
  }

  /** Whether these steps may be taken. */
  take(steps: number): boolean {
    this.left -= steps;
    return this.left >= 0;
  }
}

/** One name of a path. Its characters are code points, and made when they are first asked for. */
export class PathSegment {
  readonly text: string;
  private split: readonly string[] | undefined;

  constructor(text: string) {
    this.text = text;
  }

  get characters(): readonly string[] {
    return (this.split ??= Array.from(this.text));
  }
}

export function segmentsOf(path: string): PathSegment[] {
  return path.split('/').map((name) => new PathSegment(name));
}

/** `[a-z]`: whether a character is one of `ranges`, or of none where it is negated. */
interface CharacterClass {
  readonly isNegated: boolean;
  readonly ranges: readonly (readonly [first: string, last: string])[];
}

/** A character as it is, `any` one, any number of them (`run`), or one of a class. */
type Piece = { readonly literal: string } | 'any' | 'run' | CharacterClass;

/** What one name has to look like: exactly the text, or the pieces. */
type NamePattern = string | readonly Piece[];

const anyFolders = Symbol('**');
const anyName: NamePattern = ['run'];

/**
 * A glob by the rules of `.gitignore`: `*`, `?` and `[…]` within a name, `**` for any number of folders, `\` before what stands
 * for itself. Libraries make a regular expression of it, which a repository can make backtrack for minutes. It is matched in steps of which there are at most as many as the pattern and the path have characters, multiplied.
 */
export class GlobPattern {
  private readonly names: readonly (NamePattern | typeof anyFolders)[];

  private constructor(names: GlobPattern['names']) {
    this.names = names;
  }

  /** Undefined where the text is no pattern: a bracket is not closed, or nothing follows a last `\`. */
  static parse(text: string): GlobPattern | undefined {
    const names: (NamePattern | typeof anyFolders)[] = [];
    for (const part of text.split('/')) {
      const name = part === '**' ? anyFolders : parseName(Array.from(part));
      if (name === undefined) return undefined;
      if (name !== anyFolders || names.at(-1) !== anyFolders) names.push(name);
    }
    // What stands within a folder is meant then, and not the folder.
    if (names.at(-1) === anyFolders) names.push(anyName);
    return new GlobPattern(names);
  }

  /** The same for what is below a folder that matches; `withItself` also for what matches. */
  below(withItself: boolean): GlobPattern {
    return new GlobPattern([...this.names, anyFolders, ...(withItself ? [] : [anyName])]);
  }

  matches(path: readonly PathSegment[], steps: StepBudget): boolean {
    const last = this.names.at(-1);
    const name = path.at(-1);
    // Most patterns fail here already.
    if (last === undefined || name === undefined) return false;
    if (last !== anyFolders && !matchesName(last, name, steps)) return false;
    return matchesInOrder(this.names, path, {
      isWildcard: (name) => name === anyFolders,
      matches: (name, segment) => name !== anyFolders && matchesName(name, segment, steps),
      steps,
    });
  }
}

function matchesName(name: NamePattern, segment: PathSegment, steps: StepBudget): boolean {
  if (typeof name === 'string') return name === segment.text;
  return matchesInOrder(name, segment.characters, {
    isWildcard: (piece) => piece === 'run',
    matches: (piece, character) => matchesPiece(piece, character, steps),
    steps,
  });
}

function matchesPiece(piece: Piece, character: string, steps: StepBudget): boolean {
  if (typeof piece === 'string') return true;
  if ('literal' in piece) return piece.literal === character;
  const { ranges, isNegated } = piece;
  return steps.take(ranges.length) && isNegated !== ranges.some(([from, to]) => from <= character && character <= to);
}

/**
 * Whether `items` match `pattern` one by one, a wildcard standing for any number of them. Where it fails, only the last wildcard is
 * given one item more: whatever the ones before it could take as well, it can take itself.
 */
function matchesInOrder<P, I>(
  pattern: readonly P[],
  items: readonly I[],
  how: { isWildcard(part: P): boolean; matches(part: P, item: I): boolean; readonly steps: StepBudget },
): boolean {
  let [at, itemAt] = [0, 0];
  let retry: { readonly at: number; itemAt: number } | undefined;
  while (itemAt < items.length) {
    if (!how.steps.take(1)) return false;
    const [part, item] = [pattern[at], items[itemAt]];
    if (part !== undefined && how.isWildcard(part)) {
      at += 1;
      retry = { at, itemAt };
    } else if (part !== undefined && item !== undefined && how.matches(part, item)) {
      at += 1;
      itemAt += 1;
    } else if (retry) {
      retry.itemAt += 1;
      ({ at, itemAt } = retry);
    } else return false;
  }
  return pattern.slice(at).every((part) => how.isWildcard(part));
}

function parseName(characters: readonly string[]): NamePattern | undefined {
  const pieces: Piece[] = [];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] ?? '';
    if (character === '[') {
      const found = parseClass(characters, at + 1);
      if (!found) return undefined;
      pieces.push(found.piece);
      at = found.end;
    } else if (character === '\\') {
      at += 1;
      const literal = characters[at];
      if (literal === undefined) return undefined;
      pieces.push({ literal });
    } else if (character === '?') pieces.push('any');
    else if (character !== '*') pieces.push({ literal: character });
    else if (pieces.at(-1) !== 'run') pieces.push('run');
  }
  const literals = pieces.flatMap((piece) => (typeof piece === 'object' && 'literal' in piece ? [piece.literal] : []));
  return literals.length === pieces.length ? literals.join('') : pieces;
}

/** What stands from `start` on behind a bracket; `end` is where it is closed. */
function parseClass(characters: readonly string[], start: number): { piece: CharacterClass; end: number } | undefined {
  const isNegated = characters[start] === '!' || characters[start] === '^';
  const first = isNegated ? start + 1 : start;
  const ranges: [string, string][] = [];
  let at = first;
  /** Steps over a character and what escapes it. */
  const take = (): string | undefined => {
    if (characters[at] === '\\') at += 1;
    return characters[at++];
  };
  while (characters[at] !== ']' || at === first) {
    const from = take();
    if (from === undefined) return undefined;
    const isRange = characters[at] === '-' && characters[at + 1] !== ']';
    if (isRange) at += 1;
    const to = isRange ? take() : from;
    if (to === undefined) return undefined;
    ranges.push([from, to]);
  }
  return { piece: { isNegated, ranges }, end: at };
}
