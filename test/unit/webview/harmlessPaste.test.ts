import assert from 'node:assert/strict';
import { harmlessPaste } from '../../../webview-ui/src/terminal/harmlessPaste.ts';

describe('Text that is pasted into a terminal', () => {
  it('cannot end the bracket around it, nor send any other control sequence', () => {
    assert.equal(harmlessPaste('ls\x1b[201~\nrm -rf x\n'), 'ls[201~\nrm -rf x\n');
    assert.equal(harmlessPaste('a\x9b201~b\x03c\x7fd\x00e'), 'a201~bcde');
  });

  it('keeps its lines, its tabs and every letter', () => {
    const text = 'one\ttwo\r\ngrüße 漢字 👍🏽 e\u0301\n';
    assert.equal(harmlessPaste(text), text);
  });
});
