import * as vscode from 'vscode';
import { CodedError } from '../../../server/protocol/errors.ts';
import type { EditorHandlers } from './editorHandler.ts';
import { toRange } from './positions.ts';

type DocumentMethods = 'editor/readBuffer' | 'editor/applyEdit' | 'editor/open';

/** Texts as the editor has them, and edits that go through it so that undo works. */
export function createDocumentHandlers(): Pick<EditorHandlers, DocumentMethods> {
  return {
    'editor/readBuffer': ({ path }) => {
      const document = openDocument(path);
      return Promise.resolve({ text: document?.getText() ?? null, isDirty: document?.isDirty ?? false });
    },
    'editor/applyEdit': async ({ label, edits, save }) => {
      const change = new vscode.WorkspaceEdit();
      for (const { path, range, newText } of edits) {
        change.replace(vscode.Uri.file(path), toRange(range), newText, { label, needsConfirmation: false });
      }
      const applied = await vscode.workspace.applyEdit(change);
      if (applied && save) await saveAll(new Set(edits.map(({ path }) => path)));
      return { applied };
    },
    'editor/open': async ({ path, range }) => {
      const uri = vscode.Uri.file(path);
      await vscode.window
        .showTextDocument(uri, range ? { selection: toRange(range) } : {})
        .then(undefined, (cause: unknown) => {
          throw new CodedError('NotFound', `${path} cannot be shown in the editor.`, { args: { path }, cause });
        });
      return {};
    },
  };
}

function openDocument(path: string): vscode.TextDocument | undefined {
  const wanted = vscode.Uri.file(path).toString();
  return vscode.workspace.textDocuments.find(({ uri, isClosed }) => !isClosed && uri.toString() === wanted);
}

async function saveAll(paths: ReadonlySet<string>): Promise<void> {
  for (const path of paths) {
    const document = openDocument(path);
    if (document?.isDirty && !(await document.save())) {
      throw new CodedError('Conflict', `${path} was changed in the editor but could not be saved.`, { args: { path } });
    }
  }
}
