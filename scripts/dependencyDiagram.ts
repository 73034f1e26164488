import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { cruise, type ICruiseResult } from 'dependency-cruiser';
import { projectFolder } from './project.ts';

/** The page that holds the diagram, relative to the repository. */
export const diagramPage = 'docs/architecture.md';
const start = '<!-- dependency diagram: written by "npm run docs" -->';
const end = '<!-- end of the dependency diagram -->';

/** The ground that nearly every folder stands on: lines to these would hide all others. */
const ground: ReadonlySet<string> = new Set(['server/protocol', 'server/base', 'extension/base']);

/**
 * Draws which folders of the product import which, as a Mermaid flow chart. Drawn from what the sources import, type
 * imports included, with each folder as one node, so that a line appears or goes only with a new relation.
 */
export async function drawDependencies(): Promise<string> {
  const result = await cruise(
    ['extension', 'server', 'webview-ui'],
    {
      baseDir: projectFolder,
      doNotFollow: { path: ['node_modules'] },
      tsPreCompilationDeps: true,
      includeOnly: { path: ['^(extension|server|webview-ui)/'] },
    },
    { extensions: ['.ts', '.tsx', '.json'] },
  );
  const { modules } = result.output as ICruiseResult;
  const nodes = new Set<string>();
  const lines = new Set<string>();
  for (const module of modules) {
    const from = folderOf(module.source);
    for (const { resolved } of module.dependencies) {
      const to = folderOf(resolved);
      if (!from || !to || from === to || ground.has(to)) continue;
      for (const folder of [from, to]) nodes.add(`  ${identifier(folder)}["${folder}"]`);
      lines.add(`  ${identifier(from)} --> ${identifier(to)}`);
    }
  }
  return ['```mermaid', 'flowchart LR', ...[...nodes].sort(), ...[...lines].sort(), '```'].join('\n');
}

/** The page with the diagram put between its markers. */
export function withDiagram(page: string, diagram: string): string {
  const [before, rest] = splitAt(page, start);
  const [, after] = splitAt(rest, end);
  return `${before}${start}\n${diagram}\n${end}${after}`;
}

/** Reads the page, and what it would be with the diagram of today. */
export async function renderDiagramPage(): Promise<{ file: string; current: string; expected: string }> {
  const file = path.join(projectFolder, diagramPage);
  const current = await fs.readFile(file, 'utf8');
  return { file, current, expected: withDiagram(current, await drawDependencies()) };
}

function splitAt(text: string, marker: string): [string, string] {
  const at = text.indexOf(marker);
  if (at < 0) throw new Error(`${diagramPage} lacks the line ${marker}: put it back, the diagram belongs there.`);
  return [text.slice(0, at), text.slice(at + marker.length)];
}

/** `server/src/rpc/router.ts` belongs to `server/rpc`; a file that stands at the top of a side to that side's root. */
function folderOf(file: string): string | undefined {
  const match =
    /^(extension|server|webview-ui)\/(?:src\/)?(?:([^/]+)\/)?[^/]+$|^(extension|server|webview-ui)\/(?:src\/)?([^/]+)\//.exec(
      file,
    );
  if (!match) return undefined;
  const side = match[1] ?? match[3] ?? '';
  const folder = match[2] ?? match[4];
  return folder ? `${side}/${folder}` : side;
}

function identifier(folder: string): string {
  return folder.replaceAll(/[^A-Za-z]/g, '_');
}
