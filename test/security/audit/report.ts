import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { guardCanaries } from '../canaries/guardCanaries.ts';
import type { Finding } from './findings.ts';
import type { Incident } from './incidents.ts';

/** Everything that stands in the report. */
export interface AuditReport {
  readonly findings: readonly Finding[];
  /** Left out where the tests of the incidents were not run. */
  readonly incidents?: readonly Incident[];
}

/** Writes `security-audit.md` and `.json` into `folder`. What they hold is the same at each run that comes to the same. */
export async function writeReport(folder: string, report: AuditReport): Promise<void> {
  const guards = guardCanaries.map(({ file, guard, tests }) => ({ file, guard: oneLine(guard), foundBy: tests }));
  await fs.mkdir(folder, { recursive: true });
  await fs.writeFile(
    path.join(folder, 'security-audit.json'),
    `${JSON.stringify({ ...report, guards }, undefined, 2)}\n`,
  );
  await fs.writeFile(path.join(folder, 'security-audit.md'), renderReport(report, guards));
}

/** How many rows came to what, as one line. */
export function renderTotals(findings: readonly Finding[]): string {
  const count = (verdict: Finding['verdict']) => findings.filter((finding) => finding.verdict === verdict).length;
  const reported = count('reported');
  return (
    `${count('held')} attacks held off, ${count('let through')} let through, ${count('not judged')} not judged` +
    (reported > 0 ? `, ${reported} reported` : '')
  );
}

function renderReport(
  { findings, incidents }: AuditReport,
  guards: readonly { file: string; guard: string; foundBy: string }[],
): string {
  const groups = Map.groupBy(findings, ({ group }) => group);
  return [
    '# Security audit',
    'Written by `npm run security:audit`, which starts the built server on a data folder of its own and attacks it from outside. Each row is one',
    'attack: what was tried, what had to happen, what happened. `PORT` stands for the port that the server listens on.',
    '',
    `**${renderTotals(findings)}.**`,
    ...[...groups].flatMap(([group, rows]) => [
      '',
      `## ${group}`,
      '| attack | had to be | was | verdict |',
      '|---|---|---|---|',
      ...rows.map(({ attack, expected, found, verdict }) => row(attack, expected, found, verdict)),
    ]),
    ...(incidents ? renderIncidents(incidents) : []),
    '',
    '## Guards and their canaries',
    'Each guard is taken out in a copy of the sources, one at a time, and then a test must fail: `test/security/guardCanaries.test.ts`',
    'sees to it.',
    '',
    '| guard | in | found missing by |',
    '|---|---|---|',
    ...guards.map(({ guard, file, foundBy }) => row(`\`\` ${guard} \`\``, file, foundBy)),
    '',
  ].join('\n');
}

function renderIncidents(incidents: readonly Incident[]): string[] {
  return [
    '',
    '## Published incidents',
    'Attacks by which other programs of this kind were broken, made here in the tests of `test/security/incidents`.',
    '',
    '| number | what must not happen | test |',
    '|---|---|---|',
    ...incidents.map(({ number, test, passed }) => row(number, test, passed ? 'passed' : '**failed**')),
  ];
}

function row(...cells: readonly string[]): string {
  return `| ${cells.map((cell) => oneLine(cell).replaceAll('|', '\\|')).join(' | ')} |`;
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ');
}
