import assert from 'node:assert/strict';
import { auditedDetails, auditedText } from '../../../../server/src/security/audit/auditedText.ts';

const none = { known: [] };

describe('What the audit log keeps of a fact', () => {
  it('has five levels at most', () => {
    const nested = (levels: number): unknown => (levels === 0 ? 'end' : { inner: nested(levels - 1) });
    const kept = JSON.stringify(auditedDetails({ fact: nested(50) }, none));
    assert.equal(kept.split('inner').length - 1, 4);
    assert.match(kept, /\(too deep\)/);
    assert.equal(JSON.stringify(auditedDetails({ fact: nested(4) }, none)).includes('end'), true);
  });

  it('has 64 entries of a list or an object, and 16,384 characters in all', () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`key${index}`, 1]));
    assert.equal(Object.keys(auditedDetails(many, none)).length, 64);
    const { list } = auditedDetails({ list: Array.from({ length: 100 }, () => 1) }, none);
    assert.equal((list as unknown[]).length, 64);
    const large = auditedDetails({ list: Array.from({ length: 64 }, () => 'x'.repeat(4_000)) }, none);
    assert.ok(JSON.stringify(large).length < 20_000);
    assert.match(String(large['cut']), /\(\d+ characters\)$/);
  });

  it('loses a secret as a whole, also where the text is cut in the middle of it', () => {
    const secret = 'plainWordsThatAreASecret';
    const kept = auditedText(`${'x'.repeat(4_090)}${secret}`, { known: [secret] });
    assert.equal(kept.includes('plain'), false);
    assert.equal(auditedText('short', none), 'short');
    assert.match(auditedText('x '.repeat(2_500), none), /^(x ){2048}… \(5000 characters\)$/);
  });

  it('loses a secret that nobody knows as a whole where the text is cut in the middle of it', () => {
    const unknown = 'Zq3-_Vt8Lk2Wn5Rb7Yc4Xd9Hf6Gj1Ps0Mo8Ui3Ty5Ea';
    for (let kept = 1; kept < unknown.length; kept++) {
      for (const before of [
        'x '
          .repeat(2_048)
          .slice(0, 4_096 - kept)
          .replace(/.$/, ' '),
        'x'.repeat(4_096 - kept),
      ]) {
        const text = auditedText(`${before}${unknown} and more`, none);
        assert.equal(text.includes(unknown.slice(0, 1)), false, `${kept} characters before the cut`);
        assert.match(text, /^x.*… \(\d+ characters\)$/);
        assert.ok(text.length > 3_900);
      }
    }
    const beside = `${'x '.repeat(2_040)}${'y'.repeat(31)} ${'z'.repeat(40)}`;
    assert.match(auditedText(beside, none), /x y{16}… /, 'a word may be cut');
  });

  it('holds no more than 256 characters of a stranger, and nothing that could be a token', () => {
    const foreign = { known: ['plainWords'], isForeign: true };
    const token = 'Zq3-_Vt8Lk2Wn5Rb7Yc4Xd9Hf6Gj1Ps0Mo8Ui3Ty5Ea';
    assert.equal(auditedText(`/api/${token}/plainWords`, foreign), '/api/[redacted]/[redacted]');
    assert.equal(auditedText('http://evil.example:8080', foreign), 'http://evil.example:8080');
    for (let before = 200; before < 260; before++) {
      for (const text of [`${'x'.repeat(before)}${token}`, `${'/x'.repeat(before / 2)}/${token}`]) {
        const kept = auditedText(`${text}${'/rest'.repeat(100)}`, foreign);
        assert.equal(kept.includes(token.slice(0, 4)), false);
        assert.ok(kept.length < 300);
      }
    }
  });
});
