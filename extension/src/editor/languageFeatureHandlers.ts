import * as vscode from 'vscode';
import type { ResultOf } from '../../../server/protocol/contract.ts';
import type { EditorHandlers } from './editorHandler.ts';
import { fromLocation, fromRange } from './positions.ts';

type FeatureMethods = 'editor/diagnostics' | 'editor/definition' | 'editor/references' | 'editor/symbols';
type SymbolInfo = ResultOf<'editor/symbols'>['symbols'][number];

/** An answer with more entries than this helps nobody and would be long on its way. */
const maxEntries = 2_000;
const severities = ['error', 'warning', 'information', 'hint'] as const;

/** What the language extensions of this window know. */
export function createLanguageFeatureHandlers(): Pick<EditorHandlers, FeatureMethods> {
  return {
    'editor/diagnostics': ({ path }) => Promise.resolve({ diagnostics: listDiagnostics(path) }),
    'editor/definition': async ({ path, position }) => ({
      locations: await locations('vscode.executeDefinitionProvider', path, position),
    }),
    'editor/references': async ({ path, position }) => ({
      locations: await locations('vscode.executeReferenceProvider', path, position),
    }),
    'editor/symbols': async ({ path, query }) => ({
      symbols: (path === undefined ? await workspaceSymbols(query ?? '') : await fileSymbols(path, query)).slice(
        0,
        maxEntries,
      ),
    }),
  };
}

function listDiagnostics(path: string | undefined): ResultOf<'editor/diagnostics'>['diagnostics'] {
  const all: readonly (readonly [vscode.Uri, readonly vscode.Diagnostic[]])[] =
    path === undefined
      ? vscode.languages.getDiagnostics()
      : [[vscode.Uri.file(path), vscode.languages.getDiagnostics(vscode.Uri.file(path))]];
  return all
    .filter(([uri]) => uri.scheme === 'file')
    .flatMap(([uri, diagnostics]) =>
      diagnostics.map((diagnostic) => ({
        path: uri.fsPath,
        range: fromRange(diagnostic.range),
        severity: severities[diagnostic.severity],
        message: diagnostic.message,
        ...(diagnostic.source !== undefined && { source: diagnostic.source }),
      })),
    )
    .slice(0, maxEntries);
}

async function locations(command: string, path: string, position: { line: number; character: number }) {
  const found = await vscode.commands.executeCommand<(vscode.Location | vscode.LocationLink)[] | undefined>(
    command,
    vscode.Uri.file(path),
    new vscode.Position(position.line, position.character),
  );
  return (found ?? [])
    .flatMap((place) =>
      'targetUri' in place
        ? (fromLocation(place.targetUri, place.targetSelectionRange ?? place.targetRange) ?? [])
        : (fromLocation(place.uri, place.range) ?? []),
    )
    .slice(0, maxEntries);
}

async function workspaceSymbols(query: string): Promise<SymbolInfo[]> {
  const found = await vscode.commands.executeCommand<vscode.SymbolInformation[] | undefined>(
    'vscode.executeWorkspaceSymbolProvider',
    query,
  );
  return (found ?? []).flatMap((symbol) => fromSymbolInformation(symbol) ?? []);
}

async function fileSymbols(path: string, query: string | undefined): Promise<SymbolInfo[]> {
  const uri = vscode.Uri.file(path);
  const found = await vscode.commands.executeCommand<(vscode.DocumentSymbol | vscode.SymbolInformation)[] | undefined>(
    'vscode.executeDocumentSymbolProvider',
    uri,
  );
  const symbols = (found ?? []).flatMap((symbol) =>
    'children' in symbol ? fromDocumentSymbol(uri.fsPath, symbol) : (fromSymbolInformation(symbol) ?? []),
  );
  const wanted = query?.toLowerCase();
  return wanted === undefined ? symbols : symbols.filter(({ name }) => name.toLowerCase().includes(wanted));
}

function fromSymbolInformation(symbol: vscode.SymbolInformation): SymbolInfo | undefined {
  const location = fromLocation(symbol.location.uri, symbol.location.range);
  const container = symbol.containerName === '' ? {} : { container: symbol.containerName };
  return location && { name: symbol.name, kind: kindName(symbol.kind), ...container, ...location };
}

function fromDocumentSymbol(path: string, symbol: vscode.DocumentSymbol, container?: string): SymbolInfo[] {
  const own: SymbolInfo = {
    name: symbol.name,
    kind: kindName(symbol.kind),
    ...(container !== undefined && { container }),
    path,
    range: fromRange(symbol.range),
  };
  return [own, ...symbol.children.flatMap((child) => fromDocumentSymbol(path, child, symbol.name))];
}

function kindName(kind: vscode.SymbolKind): string {
  return vscode.SymbolKind[kind].toLowerCase();
}
