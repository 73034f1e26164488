import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { copyFileSync, cpSync, renameSync, rmSync } from 'node:fs';
import fc from 'fast-check';
import { hashOf } from '../../../../server/src/security/audit/auditRecord.ts';
import { AuditFixture, command } from './auditFixture.ts';

describe('An audit log that was tampered with', () => {
  let audit: AuditFixture;
  let file: string;

  beforeEach(async () => {
    audit = new AuditFixture();
    [file = ''] = await audit.written(5);
  });

  afterEach(() => audit.remove());

  async function firstBad() {
    const { isIntact, firstBad: bad } = await audit.verify();
    assert.equal(isIntact, bad === undefined);
    return bad;
  }

  const rewrite = (name: string, change: (lines: string[]) => string[]): void =>
    audit.write(
      name,
      change(audit.linesOf(name))
        .map((line) => `${line}\n`)
        .join(''),
    );

  it('was intact before', async () => {
    const verdict = await audit.verify();
    assert.equal(verdict.isIntact, true);
    // Opened, five commands, closed.
    assert.equal(verdict.records, 7);
    assert.deepEqual(verdict.notes, []);
    assert.equal(verdict.keys.length, 1);
  });

  it('is no longer verified when nobody waits for that', async () => {
    const nobody = new Error('Nobody waits');
    const aborted = AbortSignal.abort(nobody);
    await assert.rejects(audit.verify(undefined, aborted), (error) => error === nobody);
  });

  it('is found out by an edited record, and names it', async () => {
    rewrite(file, (lines) => lines.map((line) => line.replace('echo 2', 'echo 9')));
    const bad = await firstBad();
    assert.equal(bad?.file, file);
    // The edited line is the fourth; its hash is missed by the fifth, or by the anchor at once.
    assert.equal(bad.line, 4);
    assert.equal(bad.reason, 'contradictsAnchor');
  });

  it('is found out by records in another order', async () => {
    rewrite(file, ([first = '', second = '', third = '', ...rest]) => [first, third, second, ...rest]);
    assert.equal((await firstBad())?.line, 2);
  });

  it('is found out by a record that was taken out, and by one that was put in', async () => {
    const whole = audit.read(file);
    rewrite(file, (lines) => lines.toSpliced(3, 1));
    assert.deepEqual([(await firstBad())?.line, (await firstBad())?.reason], [4, 'brokenLink']);
    audit.write(file, whole);
    rewrite(file, (lines) => lines.toSpliced(3, 0, lines[2] ?? ''));
    assert.deepEqual([(await firstBad())?.line, (await firstBad())?.reason], [4, 'brokenLink']);
  });

  it('is found out by a chain that is whole but shorter, wherever it was cut', async () => {
    const lines = audit.linesOf(file);
    for (let kept = 1; kept < lines.length; kept += 1) {
      audit.write(
        file,
        lines
          .slice(0, kept)
          .map((line) => `${line}\n`)
          .join(''),
      );
      const bad = await firstBad();
      assert.deepEqual([bad?.reason, bad?.line], ['truncated', kept + 1], `${kept} lines`);
    }
    audit.write(file, '');
    assert.equal((await firstBad())?.reason, 'truncated');
  });

  it('is found out by a chain made anew from the first edit on, since its heads were signed', async () => {
    const lines = audit.linesOf(file);
    let previous = '';
    const forged = lines.map((line, index) => {
      const record = JSON.parse(line.replace('echo 1', 'echo innocent')) as Record<string, unknown>;
      const made = index === 0 ? line : JSON.stringify({ ...record, previous });
      previous = hashOf(made);
      return made;
    });
    audit.write(file, forged.map((line) => `${line}\n`).join(''));
    const bad = await firstBad();
    assert.deepEqual([bad?.line, bad?.reason], [3, 'contradictsAnchor']);
  });

  it('is found out where its anchors were cut, edited or taken away', async () => {
    const anchors = `anchors/${file}`;
    const whole = audit.read(anchors);
    rewrite(anchors, (lines) => lines.toSpliced(2, 1));
    assert.deepEqual([(await firstBad())?.file, (await firstBad())?.reason], [anchors, 'brokenLink']);
    audit.write(anchors, whole.toString().replace('"sequence":2', '"sequence":3'));
    assert.equal((await firstBad())?.reason, 'badSignature');
    audit.write(anchors, '');
    assert.equal((await firstBad())?.reason, 'truncated');
    rmSync(audit.path(anchors));
    assert.equal((await firstBad())?.reason, 'truncated');
  });

  it('is found out where chain and anchors were cut together, once a later chain has seen them', async () => {
    await audit.written(1);
    for (const name of [file, `anchors/${file}`]) rewrite(name, (lines) => lines.slice(0, 3));
    const bad = await firstBad();
    assert.deepEqual([bad?.file, bad?.reason], [file, 'truncated']);
  });

  it('is found out where a server that goes on for long lost its end, however many chains began before and since', async () => {
    const long = audit.server();
    await long.record(command('echo first'));
    const name = audit.chains().at(-1) ?? '';
    for (let count = 0; count < 20; count += 1) await audit.written(1);
    for (const text of ['evidence', 'more']) await long.record(command(`echo ${text}`));
    for (let count = 0; count < 20; count += 1) await audit.written(1);
    assert.equal(await firstBad(), undefined);
    for (const one of [name, `anchors/${name}`]) rewrite(one, (lines) => lines.slice(0, -1));
    const bad = await firstBad();
    assert.deepEqual([bad?.file, bad?.reason], [name, 'truncated']);
  });

  it('is found out where a whole chain was taken away that a later one has seen', async () => {
    await audit.written(1);
    rmSync(audit.path(file));
    assert.equal((await firstBad())?.reason, 'missing');
    rmSync(audit.path(`anchors/${file}`));
    assert.deepEqual([(await firstBad())?.file, (await firstBad())?.reason], [file, 'missing']);
  });

  it('is found out by a splice of two chains', async () => {
    const [other = ''] = await audit.written(5);
    const tail = audit.linesOf(other).slice(3);
    rewrite(file, (lines) => [...lines.slice(0, 3), ...tail]);
    assert.deepEqual([(await firstBad())?.line, (await firstBad())?.reason], [4, 'brokenLink']);
  });

  it('is found out by an old chain that is played again under another name', async () => {
    const copy = file.replace(/-\d{12}-/, '-aaaaaaaaaaaa-');
    copyFileSync(audit.path(file), audit.path(copy));
    copyFileSync(audit.path(`anchors/${file}`), audit.path(`anchors/${copy}`));
    const bad = await firstBad();
    assert.deepEqual([bad?.file, bad?.line, bad?.reason], [copy, 1, 'foreign']);
  });

  it('is found out by an older state of the same chain that is played again', async () => {
    const service = audit.server();
    await service.record(command('echo before'));
    const running = audit.chains().at(-1) ?? '';
    const older = audit.read(running);
    await service.record(command('echo after'));
    await service.dispose();
    audit.write(running, older);
    assert.equal((await firstBad())?.reason, 'truncated');
  });

  it('is found out by records added behind the end', async () => {
    const lines = audit.linesOf(file);
    const last = lines.at(-1) ?? '';
    const record = JSON.parse(last) as { sequence: number };
    const added = JSON.stringify({ ...record, sequence: record.sequence + 1, previous: hashOf(last) });
    audit.write(file, [...lines, added].map((line) => `${line}\n`).join(''));
    const bad = await firstBad();
    assert.deepEqual([bad?.line, bad?.reason], [8, 'addedAfterEnd']);
  });

  it('is found out by a chain with another key, even one whose public key was put beside', async () => {
    const stranger = new AuditFixture();
    const own = [...(await audit.verify()).keys];
    const [foreign = ''] = await stranger.written(2);
    for (const name of [foreign, `anchors/${foreign}`]) copyFileSync(stranger.path(name), audit.path(name));
    const bad = await firstBad();
    assert.deepEqual([bad?.file, bad?.reason], [foreign, 'unknownKey']);
    cpSync(stranger.path('publicKeys'), audit.path('publicKeys'), { recursive: true });
    // Whoever can write here can put a key here. The verdict names it, and a person who pins the own key finds out.
    assert.equal((await audit.verify()).keys.length, 2);
    const opening = JSON.parse(audit.linesOf(file)[0] ?? '') as { details: { publicKey: string } };
    const pinned = await audit.verify([opening.details.publicKey]);
    assert.deepEqual([pinned.firstBad?.file, pinned.firstBad?.reason], [foreign, 'unknownKey']);
    assert.equal(own.length, 1);
    await stranger.remove();
  });

  it('is found out by anchors that another key has signed', async () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    rewrite(`anchors/${file}`, (lines) =>
      lines.map((line) => {
        const { signature: _old, ...facts } = JSON.parse(line) as Record<string, unknown>;
        const signature = sign(null, Buffer.from(JSON.stringify(facts)), privateKey).toString('base64');
        return JSON.stringify({ ...facts, signature });
      }),
    );
    assert.equal((await firstBad())?.reason, 'badSignature');
  });

  it('is found out by a part of a chain that was taken out between two others', async () => {
    const parts = await audit.written(30, { maxFileBytes: 2_000 });
    assert.ok(parts.length >= 4);
    assert.equal(await firstBad(), undefined);
    const [, , third = ''] = parts;
    rmSync(audit.path(third));
    rmSync(audit.path(`anchors/${third}`));
    const bad = await firstBad();
    assert.equal(bad?.reason, 'missing');
    // The last part has no later one, but the one before it says that there was.
    const last = parts.at(-1) ?? '';
    rmSync(audit.path(last));
    rmSync(audit.path(`anchors/${last}`));
    const { problems } = await audit.verify();
    assert.ok(problems.some((problem) => problem.file === parts.at(-2) && problem.reason === 'missing'));
  });

  it('is found out where a record that nothing has signed says that a file was deleted', async () => {
    const later = audit.server();
    await later.record(command('echo later'));
    const running = audit.chains().at(-1) ?? '';
    const lines = audit.linesOf(running);
    const last = lines.at(-1) ?? '';
    const { sequence, at } = JSON.parse(last) as { sequence: number; at: string };
    const details = { before: Date.now(), reason: 'person', files: [{ file, sequence: 7, head: hashOf('') }] };
    const forged = { sequence: sequence + 1, at, kind: 'audit.deleted', actor: {}, details, previous: hashOf(last) };
    audit.write(running, [...lines, JSON.stringify(forged)].map((line) => `${line}\n`).join(''));
    const verdict = await audit.verify();
    assert.deepEqual([verdict.isIntact, verdict.notes], [true, [{ file: running, kind: 'unsigned', count: 1 }]]);
    rmSync(audit.path(file));
    rmSync(audit.path(`anchors/${file}`));
    assert.deepEqual([(await firstBad())?.file, (await firstBad())?.reason], [file, 'missing']);
  });

  it('is found out by a file that was renamed to what is no name of a chain', async () => {
    renameSync(audit.path(file), audit.path('old.jsonl'));
    assert.ok((await audit.verify()).problems.some((problem) => problem.file === 'old.jsonl'));
  });

  it('is found out whichever byte is changed, and to whatever', async () => {
    const parts = await audit.written(12, { maxFileBytes: 2_500 });
    const names = [file, ...parts].flatMap((name) => [name, `anchors/${name}`]);
    const originals = new Map(names.map((name) => [name, audit.read(name)]));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...names),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        async (name, at, change) => {
          const original = originals.get(name) ?? Buffer.alloc(0);
          const changed = Buffer.from(original);
          const place = at % changed.byteLength;
          changed.writeUInt8(changed.readUInt8(place) ^ change, place);
          audit.write(name, changed);
          const { isIntact } = await audit.verify();
          audit.write(name, original);
          assert.equal(isIntact, false, `byte ${place} of ${name}`);
        },
      ),
      { numRuns: 400 },
    );
    assert.equal(await firstBad(), undefined);
  });

  it('is found out by any edit: bytes taken out, put in, moved, lines doubled or dropped', async () => {
    const names = [file, `anchors/${file}`];
    const originals = new Map(names.map((name) => [name, audit.read(name)]));
    const edit = fc.oneof(
      fc.record({ kind: fc.constant('remove' as const), at: fc.nat(), length: fc.integer({ min: 1, max: 400 }) }),
      fc.record({ kind: fc.constant('insert' as const), at: fc.nat(), length: fc.integer({ min: 1, max: 40 }) }),
      fc.record({ kind: fc.constant('swap' as const), at: fc.nat(), length: fc.nat() }),
      fc.record({ kind: fc.constant('double' as const), at: fc.nat(), length: fc.nat() }),
    );
    const apply = (original: Buffer, { kind, at, length }: { kind: string; at: number; length: number }): Buffer => {
      const place = at % original.byteLength;
      if (kind === 'remove') return Buffer.concat([original.subarray(0, place), original.subarray(place + length)]);
      if (kind === 'insert') {
        const inserted = Buffer.alloc(length, original.subarray(length % original.byteLength));
        return Buffer.concat([original.subarray(0, place), inserted, original.subarray(place)]);
      }
      const lines = original.toString('latin1').split('\n').slice(0, -1);
      const one = at % lines.length;
      const other = length % lines.length;
      const line = lines[one] ?? '';
      const next =
        kind === 'double' ? lines.toSpliced(one, 0, line) : lines.with(one, lines[other] ?? '').with(other, line);
      return Buffer.from(next.map((text) => `${text}\n`).join(''), 'latin1');
    };
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...names), edit, async (name, change) => {
        const original = originals.get(name) ?? Buffer.alloc(0);
        const changed = apply(original, change);
        fc.pre(!changed.equals(original));
        audit.write(name, changed);
        const { isIntact } = await audit.verify();
        audit.write(name, original);
        assert.equal(isIntact, false);
      }),
      { numRuns: 300 },
    );
  });
});
