/**
 * Text from the clipboard without the control characters that nobody sees when they copy it: an ESC in it could end the
 * bracket around the paste, and the rest would be run line by line.
 */
export function harmlessPaste(text: string): string {
  // eslint-disable-next-line no-control-regex -- these are the characters that a terminal would obey
  return text.replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/g, '');
}
