import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { projectFolder } from '../../scripts/project.ts';

/** The machine of this run, in words. */
export function describeMachine(): string {
  const processors = os.cpus();
  const memory = `${Math.round(os.totalmem() / 2 ** 30)} GiB`;
  return `${processors.length} × ${processors[0]?.model.trim() ?? 'unknown'}, ${memory}, ${process.platform}, Node ${process.versions.node}`;
}

/** Writes `docs/reports/<name>.md` and the same as data beside it. */
export async function writeReportFiles(name: string, lines: readonly string[], json: string): Promise<void> {
  const folder = path.join(projectFolder, 'docs', 'reports');
  await fs.mkdir(folder, { recursive: true });
  await fs.writeFile(path.join(folder, `${name}.md`), lines.join('\n'));
  await fs.writeFile(path.join(folder, `${name}.json`), `${json}\n`);
}
