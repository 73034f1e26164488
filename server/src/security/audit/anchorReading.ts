import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import type { OpenFile } from '../../base/fileSystem.ts';
import { anchor, anchorLine, hashOf, maxLineBytes, signedText, type Anchor } from './auditRecord.ts';
import { parseJson } from './chainEnds.ts';
import { readLines } from './fileLines.ts';
import type { ProblemReason } from './verification.ts';

/** Something that is wrong with the anchor in `line`. */
export class BadAnchor extends Error {
  readonly line: number;
  readonly reason: ProblemReason;

  constructor(line: number, reason: ProblemReason, message: string) {
    super(message);
    this.line = line;
    this.reason = reason;
  }
}

/** Reads the anchors of one file in order, each with its signature and its link checked. */
export class AnchorReader {
  /** Bytes behind the last whole anchor. */
  tornBytes = 0;
  private readonly lines: AsyncGenerator<{ bytes: Buffer; number: number; isWhole: boolean }>;
  private readonly name: string;
  private readonly key: KeyObject;
  private previous: string;
  private sequence = 0;

  constructor(
    file: Pick<OpenFile, 'read'>,
    options: {
      readonly name: string;
      readonly end: number;
      /** SubjectPublicKeyInfo in base64. */
      readonly publicKey: string;
      /** Hash of the file's first record, which the first anchor names. */
      readonly firstRecord: string;
    },
  ) {
    this.lines = readLines(file, { end: options.end, maxBytes: maxLineBytes });
    this.name = options.name;
    this.key = createPublicKey({ key: Buffer.from(options.publicKey, 'base64'), format: 'der', type: 'spki' });
    this.previous = options.firstRecord;
  }

  /** The next anchor, or undefined at the end. Rejects with `BadAnchor`. */
  async next(): Promise<Anchor | undefined> {
    const { value, done } = (await this.lines.next()) as IteratorResult<
      { bytes: Buffer; number: number; isWhole: boolean },
      undefined
    >;
    if (done === true) return undefined;
    const { bytes, number, isWhole } = value;
    if (!isWhole) {
      this.tornBytes = bytes.byteLength;
      return undefined;
    }
    const parsed = anchor.safeParse(parseJson(bytes)).data;
    const line = parsed && anchorLine(parsed, parsed.signature);
    if (!parsed || line === undefined || !bytes.equals(Buffer.from(line))) {
      throw new BadAnchor(number, 'unreadable', 'This anchor is not as the program writes them.');
    }
    this.check(parsed, number);
    this.previous = hashOf(line);
    this.sequence = parsed.sequence;
    return parsed;
  }

  private check(one: Anchor, number: number): void {
    const signature = Buffer.from(one.signature, 'base64');
    const isSigned = verify(null, Buffer.from(signedText(one)), this.key, signature);
    if (!isSigned || signature.toString('base64') !== one.signature) {
      throw new BadAnchor(number, 'badSignature', 'The signature of this anchor is not that of the key of its chain.');
    }
    if (one.file !== this.name) throw new BadAnchor(number, 'foreign', `This anchor belongs to ${one.file}.`);
    if (one.previous !== this.previous || one.sequence < this.sequence) {
      throw new BadAnchor(number, 'brokenLink', 'This anchor does not go on from the one before it.');
    }
  }
}
