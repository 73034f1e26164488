/** Characters that JSON allows as they are and that could change what a terminal or an editor shows, or hide in it. */
const unseen = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\u{e0000}-\u{e007f}]/gu;

/** `value` as JSON on one line that means the same, with what a person would not see, or a terminal would obey, escaped. */
export function visibleJson(value: object): string {
  return JSON.stringify(value).replace(unseen, (character) =>
    Array.from({ length: character.length }, (_, at) => `\\u${hex(character.charCodeAt(at))}`).join(''),
  );
}

function hex(unit: number): string {
  return unit.toString(16).padStart(4, '0');
}
