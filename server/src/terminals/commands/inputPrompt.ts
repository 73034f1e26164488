import type { WaitsForInput } from '../../../protocol/terminal.ts';
import { plainText } from './plainText.ts';

/** Characters at the end of the output that are looked at; no prompt is longer. */
const maxTailChars = 2_000;
const maxPromptChars = 200;

const secretWords =
  'pass(?:word|wort| ?phrase|code)|\\bpin\\b|verification code|one-time code|\\botp\\b|mot de passe|contrase(?:ñ|n)a|senha|пароль|密码|パスワード';
const password = new RegExp(`(?:${secretWords})[^\\n]{0,120}[:?：]\\s*$`, 'iu');
/** `[y/N]`, `(yes/no/[fingerprint])?`, `y/n:`; whatever is asked, one of two answers is wanted. */
const yesOrNo = /(?:^|[\s([{])\[?(?:y(?:es)?\]?\s*[/|]\s*\[?no?|no?\]?\s*[/|]\s*\[?y(?:es)?)\b[^\n]{0,30}$/i;
const pressKey = /\b(?:press|hit)\s+(?:any key|a key|enter|return|\[?enter\]?|space)\b[^\n]{0,60}$/i;
const goOn =
  /\b(?:continue|proceed|overwrite|replace|are you sure|is this (?:ok|correct)|do you want to|would you like to)\b[^\n]{0,120}\?\s*(?:[([][^)\]]{0,30}[)\]])?\s*:?\s*$/i;
/** A pager that waits for a key. */
const pager = /^(?:--\s?more\s?--.{0,20}|\(END\)|:|lines \d+-\d+.{0,30})$/i;
/** What ends a question, a field to fill in, a menu or the line of an interpreter: `Name: `, `>>> `, `(gdb) `, `#? `. */
const openEnd = /(?:[?:：]\s?|[>❯›»]\s?|\(\w{1,20}\)\s|[\])]:\s?)$/u;
/** A program that says what it is doing, and is not done. */
const progress = /(?:\d\s?%|\.\.\.|…)\s*\S{0,3}\s?$|^\s*(?:https?|file):\/\/\S*$/i;

/**
 * Judges by the end of the output whether a program waits for somebody to type. It is a guess: a program that is silent
 * in the middle of a line which ends like a question counts as asking. Undefined where nothing looks like it.
 */
export function findInputPrompt(output: string): WaitsForInput | undefined {
  const lines = plainText(output.slice(-maxTailChars)).split('\n');
  const rawLine = output.slice(output.lastIndexOf('\n') + 1);
  const line = lines.at(-1) ?? '';
  if (line.trim() === '') return askedAbove(lines);
  const prompt = line.trim().slice(-maxPromptChars);
  if (password.test(line)) return { kind: 'password', prompt };
  if (yesOrNo.test(line) || pressKey.test(line) || goOn.test(line)) return { kind: 'confirmation', prompt };
  if (pager.test(line.trim())) return { kind: 'text', prompt };
  // `plainText` cuts blanks at the end, and whether there is one tells a prompt from a sentence.
  const hasBlank = /\s(?:\x1b\[[\d;?]*[a-zA-Z])*$/.test(rawLine); // eslint-disable-line no-control-regex
  const asWritten = hasBlank ? `${line} ` : line;
  return openEnd.test(asWritten) && !progress.test(asWritten) ? { kind: 'text', prompt } : undefined;
}

/** `pause` and installers end their line before they wait. */
function askedAbove(lines: readonly string[]): WaitsForInput | undefined {
  const above = lines.findLast((line) => line.trim() !== '') ?? '';
  if (!pressKey.test(above) && !yesOrNo.test(above)) return undefined;
  return { kind: 'confirmation', prompt: above.trim().slice(-maxPromptChars) };
}
