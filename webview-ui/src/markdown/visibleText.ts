/**
 * Characters that steer how text is shown without being seen: control characters, bidirectional overrides, zero-width
 * characters and Unicode's tag block. With them a command can be made to look like another one.
 */
const hiddenCharacters =
  // eslint-disable-next-line no-control-regex -- these are the characters to find
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

/** Shows each hidden character as its code, such as `⟨U+202E⟩`: for text that a person decides on. */
export function revealHidden(text: string): string {
  return text.replace(/\r\n/g, '\n').replace(hiddenCharacters, (character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
    return `⟨U+${code}⟩`;
  });
}

/** Leaves hidden characters out: for an answer that is only read. */
export function dropHidden(text: string): string {
  return text.replace(/\r\n/g, '\n').replace(hiddenCharacters, '');
}

const escapeSequence =
  // eslint-disable-next-line no-control-regex -- escape sequences begin with a control character
  /\u001b(?:\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[PX^_][^\u001b]*(?:\u001b\\)?|\[[0-?]*[ -/]*[@-~]|[ -/]*[0-~])/g;

/** A terminal's output as plain text: no colours or titles, and of a line that was written over only its last state. */
export function plainTerminalText(text: string): string {
  const lines = text.replace(escapeSequence, '').split('\n');
  return lines.map((line) => dropHidden(lastOverwrite(line))).join('\n');
}

function lastOverwrite(line: string): string {
  const trimmed = line.endsWith('\r') ? line.slice(0, -1) : line;
  const start = trimmed.lastIndexOf('\r');
  return start === -1 ? trimmed : trimmed.slice(start + 1);
}
