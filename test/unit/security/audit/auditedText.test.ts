import assert from 'node:assert/strict';
import { auditedDetails, auditedText } from '../../../../server/src/security/audit/auditedText.ts';

describe('What the audit log keeps of a fact', () => {
  it('has five levels at most', () => {
    const nested = (levels: number): unknown => (levels === 0 ? 'end' : { inner: nested(levels - 1) });
    const kept = JSON.stringify(auditedDetails({ fact: nested(50) }, []));
    assert.equal(kept.split('inner').length - 1, 4);
    assert.match(kept, /\(too deep\)/);
    assert.equal(JSON.stringify(auditedDetails({ fact: nested(4) }, [])).includes('end'), true);
  });

  it('has 64 entries of a list or an object, and 16,384 characters in all', () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`key${index}`, 1]));
    assert.equal(Object.keys(auditedDetails(many, [])).length, 64);
    const { list } = auditedDetails({ list: Array.from({ length: 100 }, () => 1) }, []);
    assert.equal((list as unknown[]).length, 64);
    const large = auditedDetails({ list: Array.from({ length: 64 }, () => 'x'.repeat(4_000)) }, []);
    assert.ok(JSON.stringify(large).length < 20_000);
    assert.match(String(large['cut']), /\(\d+ characters\)$/);
  });

  it('loses a secret as a whole, also where the text is cut in the middle of it', () => {
    const secret = 'plainWordsThatAreASecret';
    const kept = auditedText(`${'x'.repeat(4_090)}${secret}`, [secret]);
    assert.equal(kept.includes('plain'), false);
    assert.equal(auditedText('short', []), 'short');
    assert.match(auditedText('x'.repeat(5_000), []), /^x{4096}… \(5000 characters\)$/);
  });
});
