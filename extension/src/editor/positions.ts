import * as vscode from 'vscode';
import type { ResultOf } from '../../../server/protocol/contract.ts';

type FileLocation = ResultOf<'editor/definition'>['locations'][number];
type WireRange = FileLocation['range'];

/** Lines and characters count from 0 on both sides, characters as UTF-16 code units. */
export function fromRange(range: vscode.Range): WireRange {
  const { start, end } = range;
  return {
    start: { line: start.line, character: start.character },
    end: { line: end.line, character: end.character },
  };
}

export function toRange({ start, end }: WireRange): vscode.Range {
  return new vscode.Range(start.line, start.character, end.line, end.character);
}

/** A place in a file on disk; nothing for other documents, which the server could not read. */
export function fromLocation(uri: vscode.Uri, range: vscode.Range): FileLocation | undefined {
  return uri.scheme === 'file' ? { path: uri.fsPath, range: fromRange(range) } : undefined;
}
